/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print.c — output in the forms that scripts know: one line a setting, folded at 80 columns, JSON.
 */
#include <stdio.h>

#include "postconf.h"

#include "log/log.h"

/** Columns of a folded line, and the indent of the lines that follow. */
#define COLUMNS 80
#define INDENT  "    "

/** Text that grows word by word, folded when asked. */
struct folder {
	struct buf *out;
	size_t line; /* length of the present line */
	bool fold;
	bool service; /* of master.cf: a column less */
};

static void add_word(struct folder *f, struct str word)
{
	if (f->fold && f->line > strlen(INDENT) && f->line + 1 + word.len + f->service > COLUMNS) {
		buf_puts(f->out, "\n" INDENT);
		f->line = strlen(INDENT);
	} else if (f->line > 0) {
		buf_putc(f->out, ' ');
		f->line++;
	}
	buf_put(f->out, word);
	f->line += word.len;
}

static void add_words(struct folder *f, struct str text)
{
	struct str word;

	while (str_word(&text, " \t\r\n", &word))
		add_word(f, word);
}

static void add_json(struct buf *out, struct str s)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '"' || c == '\\')
			buf_putf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_putf(out, "\\u%04x", c);
		else
			buf_putc(out, (char)c);
	}
	buf_putc(out, '"');
}

static void put_line(const struct buf *line)
{
	if (fwrite(buf_cstr(line), 1, line->len, stdout) != line->len || putchar('\n') < 0)
		log_fatal("write error: %m");
}

static void print_json(struct str name, struct str value)
{
	_cleanup_buf_ struct buf out = BUF_LOCAL(BUF_MEDIUM);

	buf_puts(&out, "{");
	add_json(&out, name);
	buf_puts(&out, ": ");
	add_json(&out, value);
	buf_puts(&out, "}");
	put_line(&out);
}

void print_setting(const struct request *req, struct str name, struct str value)
{
	_cleanup_buf_ struct buf out = BUF_LOCAL(BUF_MEDIUM);
	struct folder f = { .out = &out, .fold = req->fold };

	if (req->json) {
		add_words(&(struct folder){ .out = &out }, value);
		print_json(name, buf_str(&out));
		return;
	}
	if (!req->no_names || req->no_values)
		add_word(&f, name);
	if (!req->no_names && !req->no_values)
		add_word(&f, STR("="));
	if (!req->no_values)
		add_words(&f, value);
	put_line(&out);
}

/** An argument as master.cf needs it: braces around white space, nothing and what starts with '{'. */
static void quoted(struct buf *out, struct str arg)
{
	bool needs = arg.len == 0 || arg.ptr[0] == '{';

	for (size_t i = 0; i < arg.len; i++)
		needs = needs || is_space((unsigned char)arg.ptr[i]);
	buf_putf(out, needs ? "{%.*s}" : "%.*s", STR_ARG(arg));
}

/** name=value without white space around '='; other texts as they are. */
static void tidy_setting(const struct context *x, struct str arg, struct buf *ret)
{
	ptrdiff_t eq = str_chr(arg, '=');
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct why why = { "" };
	struct str text;

	if (eq < 0) {
		buf_put(ret, arg);
		return;
	}
	text = str_trim(str_skip(arg, (size_t)eq + 1));
	if (x->req->expand) {
		if (conf_expand_text(x->conf, text, &value, &why) < 0)
			log_fatal("%s", why.text);
		text = buf_str(&value);
	}
	buf_putf(ret, "%.*s=%.*s", STR_ARG(str_trim(str_head(arg, (size_t)eq))), STR_ARG(text));
}

static void start_line(struct folder *f, struct str word)
{
	buf_puts(f->out, "\n" INDENT);
	buf_put(f->out, word);
	f->line = strlen(INDENT) + word.len;
}

/**
 * Append the arguments.
 *
 * Folded, among the options at the beginning each -o starts a line, and so does what follows it.
 * From the first argument that is no option on lines are filled.
 */
static void add_args(const struct context *x, const struct master_entry *e, struct folder *f)
{
	bool in_options = f->fold, after_setting = false;

	for (size_t i = 0; i < e->args.n; i++) {
		_cleanup_buf_ struct buf word = BUF_LOCAL(BUF_MEDIUM);
		_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
		struct str arg = str_of(e->args.v[i]);
		bool setting = str_eq(arg, STR("-o"));

		quoted(&word, arg);
		if (in_options && (setting || after_setting))
			start_line(f, buf_str(&word));
		else
			add_word(f, buf_str(&word));
		after_setting = setting;
		in_options = in_options && arg.len > 0 && arg.ptr[0] == '-';
		if (!setting || i + 1 == e->args.n)
			continue;
		tidy_setting(x, str_of(e->args.v[++i]), &text);
		buf_clear(&word);
		quoted(&word, buf_str(&text));
		if (in_options) {
			buf_putf(f->out, " %s", buf_cstr(&word));
			f->line += 1 + word.len;
		} else {
			add_word(f, buf_str(&word));
		}
	}
}

void format_command(const struct context *x, const struct master_entry *e, struct buf *ret)
{
	struct folder f = { .out = ret };

	add_word(&f, str_of(e->command));
	add_args(x, e, &f);
}

void print_command(const struct context *x, const struct master_entry *e, struct str name)
{
	const struct request *req = x->req;
	_cleanup_buf_ struct buf out = BUF_LOCAL(BUF_MEDIUM);
	struct folder f = { .out = &out, .fold = req->fold && !req->json, .service = true };

	if (req->json || req->no_values) {
		format_command(x, e, &out);
		print_setting(req, name, buf_str(&out));
		return;
	}
	if (!req->no_names) {
		add_word(&f, name);
		add_word(&f, STR("="));
	}
	add_word(&f, str_of(e->command));
	add_args(x, e, &f);
	put_line(&out);
}

void format_service(const struct context *x, const struct master_entry *e, bool fold,
	struct buf *ret)
{
	/* Where the field after each one starts, unless a longer one pushes it. */
	static const size_t columns[] = { 11, 17, 25, 33, 41, 49, 57 };
	struct folder f = { .out = ret, .fold = fold, .service = true };
	size_t before = ret->len;

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		buf_puts(ret, e->fields[i]);
		do
			buf_putc(ret, ' ');
		while (ret->len - before < columns[i]);
	}
	buf_puts(ret, e->command);
	f.line = ret->len - before;
	add_args(x, e, &f);
}

void print_service(const struct context *x, const struct master_entry *e)
{
	_cleanup_buf_ struct buf out = BUF_LOCAL(BUF_MEDIUM);
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);

	format_service(x, e, x->req->fold && !x->req->json, &out);
	if (x->req->json) {
		buf_putf(&name, "%s/%s", e->fields[0], e->fields[1]);
		print_json(buf_str(&name), buf_str(&out));
	} else {
		put_line(&out);
	}
}
