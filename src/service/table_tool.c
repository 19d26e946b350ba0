/* SPDX-License-Identifier: Apache-2.0 */
/* service/table_tool.c — options, queries, removals, listings; see table_tool.h. */
#include "service/table_tool.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/mem.h"
#include "log/log.h"
#include "service/derive.h"
#include "service/table_settings.h"

/* Longest key that is read from standard input. */
#define KEY_MAX_LEN ((size_t)16 * 1024 * 1024)

/* JSON text of a string: RFC 8259 section 7. */
static void put_json(struct buf *b, struct str s)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '"' || c == '\\')
			buf_putf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_putf(b, "\\u%04x", c);
		else
			buf_putc(b, (char)c);
	}
	buf_putc(b, '"');
}

static void print_pair(const struct table_tool *t, struct str key, struct str value)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(SIZE_MAX / 2);

	if (t->opt.json) {
		buf_putc(&b, '{');
		put_json(&b, key);
		buf_puts(&b, ": ");
		put_json(&b, value);
		buf_putc(&b, '}');
	} else {
		buf_put(&b, key);
		buf_puts(&b, t->kind->middle);
		buf_put(&b, value);
	}
	buf_putc(&b, '\n');
	if (fwrite(b.ptr, 1, b.len, stdout) != b.len)
		log_fatal("write standard output: %s", strerror(errno));
}

/* With -F values are stored in base64. */
static void decode_value(const struct table_tool *t, const char *spec, struct str key,
	struct buf *value)
{
	_cleanup_buf_ struct buf plain = BUF_LOCAL(KEY_MAX_LEN);

	if (!t->opt.files)
		return;
	if (base64_decode(&plain, buf_str(value)) < 0)
		log_fatal("table %s: key " STR_FMT ": malformed base64 value", spec, STR_ARG(key));
	buf_clear(value);
	buf_put(value, buf_str(&plain));
}

/* The first table that has the key: true and the value. */
static bool find(const struct table_tool *t, struct table **tables, size_t n, struct str key,
	struct buf *value)
{
	for (size_t i = 0; i < n; i++) {
		const char *spec = table_spec(tables[i]);
		struct why why = { "" };

		switch (table_get_raw(tables[i], key, value, &why)) {
		case LOOKUP_NONE:
			continue;
		case LOOKUP_TEMPFAIL:
			log_fatal("table %s: query error: %s", spec, why.text);
		case LOOKUP_FOUND:
		default:
			break;
		}
		if (value->len == 0) {
			log_warn("table %s: key " STR_FMT ": empty string result is not allowed",
				spec, STR_ARG(key));
			log_warn("table %s should return NO RESULT in case of NOT FOUND", spec);
		}
		decode_value(t, spec, key, value);
		return true;
	}
	return false;
}

bool table_tool_ask(const struct table_tool *t, struct table **tables, size_t n, struct str key)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(KEY_MAX_LEN);

	if (!find(t, tables, n, key, &value))
		return false;
	print_pair(t, key, buf_str(&value));
	return true;
}

/* The reason why a table cannot be opened is said once, by log_fatal(). */
static void note_but_errors(_unused_ void *ctx, enum note_level level, const char *text)
{
	if (level != NOTE_ERROR)
		log_notes.fn(log_notes.ctx, level, text);
}

/* A table that cannot be opened ends the program: there is nobody to defer anything. */
static struct table *open_table(const struct table_tool *t, const char *spec)
{
	static const struct notes notes = { .fn = note_but_errors };
	struct table_settings quiet = t->settings;

	quiet.notes = &notes;

	struct table *table = table_open(&quiet, str_of(spec), t->flags);

	if (table_failed(table) != NULL)
		log_fatal("%s", table_failed(table));
	return table;
}

static int query_one(const struct table_tool *t, char **specs)
{
	struct str key = str_of(t->opt.query);

	for (; *specs != NULL; specs++) {
		_cleanup_buf_ struct buf value = BUF_LOCAL(KEY_MAX_LEN);
		struct table *table = open_table(t, *specs);
		bool found = find(t, &table, 1, key, &value);

		table_unref(table);
		if (!found)
			continue;
		if (t->opt.json) {
			print_pair(t, key, buf_str(&value));
		} else {
			buf_putc(&value, '\n');
			if (fwrite(value.ptr, 1, value.len, stdout) != value.len)
				log_fatal("write standard output: %s", strerror(errno));
		}
		return 0;
	}
	return 1;
}

/* One line of standard input; false at the end. */
static bool read_line(char **line, size_t *size, struct str *ret)
{
	ssize_t n = getline(line, size, stdin);

	if (n < 0) {
		if (ferror(stdin))
			log_fatal("read standard input: %s", strerror(errno));
		return false;
	}
	if (n > 0 && (*line)[n - 1] == '\n')
		n--;
	*ret = str_from(*line, (size_t)n);
	return true;
}

static int query_stdin(const struct table_tool *t, char **specs)
{
	struct table *tables[256];
	size_t n = 0;
	bool found = false;

	for (; specs[n] != NULL; n++) {
		if (n == ARRAY_LEN(tables))
			log_fatal("too many tables");
		tables[n] = open_table(t, specs[n]);
	}
	if (t->opt.body || t->opt.headers) {
		found = t->kind->message(t, tables, n) > 0;
	} else {
		_cleanup_free_ char *line = NULL;
		size_t size = 0;
		struct str key;

		while (read_line(&line, &size, &key))
			found = table_tool_ask(t, tables, n, key) || found;
	}
	for (size_t i = 0; i < n; i++)
		table_unref(tables[i]);
	return found ? 0 : 1;
}

static int print_each(void *ctx, struct str key, struct str value)
{
	const struct table_tool *t = ctx;
	_cleanup_buf_ struct buf v = BUF_LOCAL(KEY_MAX_LEN);

	buf_put(&v, value);
	if (key.len == 0)
		log_warn("empty lookup key value is not allowed");
	if (value.len == 0)
		log_warn("key " STR_FMT ": empty string result is not allowed", STR_ARG(key));
	decode_value(t, "", key, &v);
	print_pair(t, key, buf_str(&v));
	return 0;
}

static int list(struct table_tool *t, const char *spec)
{
	struct table *table = open_table(t, spec);
	struct why why = { "" };

	if (table_each(table, print_each, t, &why) < 0)
		log_fatal("%s", why.text);
	table_unref(table);
	return 0;
}

/* Remove one key from a writer: was it there? */
static bool remove_key(struct table_writer *w, struct str key)
{
	struct why why = { "" };
	int r = table_writer_del(w, key, &why);

	if (r < 0 && r != -ENOENT)
		log_fatal("%s", why.text);
	return r == 0;
}

static bool remove_from(const struct table_tool *t, const char *spec, const struct str *keys,
	size_t n)
{
	struct table_writer *w = NULL;
	struct why why = { "" };
	bool found = false;
	ptrdiff_t colon = str_chr(str_of(spec), ':');

	table_tool_become_owner(t, colon < 0 ? spec : spec + colon + 1);
	if (table_writer_open(&t->settings, str_of(spec), t->flags, t->opt.write, 0644, &w, &why) <
		0)
		log_fatal("%s", why.text);
	for (size_t i = 0; i < n; i++)
		found = remove_key(w, keys[i]) || found;
	if (table_writer_commit(w, &why) < 0)
		log_fatal("%s", why.text);
	table_writer_free(w);
	return found;
}

static int remove_keys(const struct table_tool *t, char **specs)
{
	_cleanup_strv_ struct strv words = { 0 };
	bool found = false;

	if (strcmp(t->opt.remove, "-") == 0) {
		_cleanup_free_ char *line = NULL;
		size_t size = 0;
		struct str key;

		while (read_line(&line, &size, &key))
			strv_add(&words, key);
	} else {
		strv_add(&words, str_of(t->opt.remove));
	}

	_cleanup_free_ struct str *keys = mem_array(words.n + 1, sizeof(*keys));

	for (size_t i = 0; i < words.n; i++)
		keys[i] = str_of(words.v[i]);
	for (; *specs != NULL; specs++)
		found = remove_from(t, *specs, keys, words.n) || found;
	return found ? 0 : 1;
}

static _noreturn_ void usage(const struct table_tool_kind *kind)
{
	log_fatal("%s", kind->usage);
}

/* False: not a letter of ours. */
static bool take_option(struct table_tool_options *o, int letter)
{
	static const struct {
		char letter;
		size_t offset;
	} flags[] = {
		{ 'b', offsetof(struct table_tool_options, body) },
		{ 'f', offsetof(struct table_tool_options, no_fold) },
		{ 'F', offsetof(struct table_tool_options, files) },
		{ 'h', offsetof(struct table_tool_options, headers) },
		{ 'i', offsetof(struct table_tool_options, incremental) },
		{ 'j', offsetof(struct table_tool_options, json) },
		{ 'm', offsetof(struct table_tool_options, mime) },
		{ 'o', offsetof(struct table_tool_options, keep_root) },
		{ 'p', offsetof(struct table_tool_options, default_mode) },
		{ 's', offsetof(struct table_tool_options, list) },
		{ 'u', offsetof(struct table_tool_options, no_utf8) },
		{ 'U', offsetof(struct table_tool_options, force_utf8) },
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (flags[i].letter == letter) {
			*(bool *)((char *)o + flags[i].offset) = true;
			return true;
		}
	}
	switch (letter) {
	case 'N':
		o->write = TABLE_WRITE_NUL;
		return true;
	case 'n':
		o->write = TABLE_WRITE_NO_NUL;
		return true;
	case 'r':
		o->dup = TABLE_DUP_REPLACE;
		return true;
	case 'w':
		o->dup = TABLE_DUP_IGNORE;
		return true;
	case 'v':
		o->verbose++;
		return true;
	default:
		return false;
	}
}

static void parse_options(struct table_tool *t, int argc, char **argv)
{
	struct table_tool_options *o = &t->opt;
	int letter;

	while ((letter = getopt(argc, argv, t->kind->letters)) > 0) {
		int modes = (o->query != NULL) + (o->remove != NULL) + o->list;

		if ((letter == 'q' || letter == 'd' || letter == 's') && modes > 0)
			log_fatal("specify only one of -s %s-q or -d", letter == 's' ? "or " : "");
		if (letter == 'c')
			o->config_dir = optarg;
		else if (letter == 'q')
			o->query = optarg;
		else if (letter == 'd')
			o->remove = optarg;
		else if (letter == '?' || !take_option(o, letter))
			usage(t->kind);
	}
	if ((o->body || o->headers || o->mime) && (o->query == NULL || strcmp(o->query, "-") != 0))
		log_fatal("specify -b -h or -m only with \"-q -\"");
	if (o->mime && !o->body && !o->headers)
		log_fatal("specify -m only with -b or -h");
	if (o->json && o->query == NULL && !o->list)
		log_fatal("specify -j only with -q or -s");
}

static void configure(struct table_tool *t)
{
	struct why why = { "" };
	bool message = (t->opt.body || t->opt.headers) && !t->opt.force_utf8;
	unsigned utf8 = 0;

	t->conf = derive_command_conf(t->kind->name, t->opt.config_dir);
	log_set_verbose(t->opt.verbose);
	if (table_settings_from_conf(t->conf, &log_notes, &t->settings, &why) < 0 ||
		table_utf8_flag(t->conf, &utf8, &why) < 0)
		log_fatal("%s", why.text);
	t->flags = t->opt.no_utf8 || message ? 0 : utf8;
	if (!t->opt.no_fold)
		t->flags |= TABLE_FOLD_FIX;
	/* Values name files only where a source is read. */
	if (t->opt.files)
		t->flags |= TABLE_SRC_RHS_IS_FILE;
}

int table_tool_main(const struct table_tool_kind *kind, int argc, char **argv)
{
	struct table_tool t = { .kind = kind };
	struct log_settings early = { .tag = kind->name, .to_stderr = true, .no_syslog = true };
	int status = 0;

	log_init(&early);
	parse_options(&t, argc, argv);
	if (argv[optind] == NULL)
		usage(kind);
	configure(&t);
	if (t.opt.remove != NULL)
		status = remove_keys(&t, argv + optind);
	else if (t.opt.query != NULL && strcmp(t.opt.query, "-") == 0)
		status = query_stdin(&t, argv + optind);
	else if (t.opt.query != NULL)
		status = query_one(&t, argv + optind);
	else if (t.opt.list)
		status = list(&t, argv[optind]);
	else
		for (char **spec = argv + optind; *spec != NULL; spec++)
			table_tool_build(&t, str_of(*spec));
	if (fflush(stdout) != 0)
		log_fatal("write standard output: %s", strerror(errno));
	conf_free(t.conf);
	return status;
}
