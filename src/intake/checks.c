/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/checks.c — header_checks and body_checks: one lookup, one action.
 */
#include "intake/intake_priv.h"

/* Most bytes of a header or line that are logged. */
#define LOG_CONTENT_MAX 200
/* The same for what is not proper MIME. */
#define LOG_MIME_MAX 100

struct check {
	struct intake *it;
	const char *kind;
	const char *title;
	struct str text;   /* what was looked up */
	struct str result; /* the whole table result */
	struct str *ret_text;
	void (*prepend)(struct intake *it, struct str text);
};

/* "word: kind content from origin; from=<sender> to=<recipient>" */
static void put_subject(struct intake *it, struct buf *b, const char *word, const char *kind,
	struct str content)
{
	struct str rcpt = buf_str(&it->last_rcpt);

	buf_putf(b, "%s: %s ", word, kind);
	buf_put(b, content);
	buf_puts(b, " from ");
	buf_put(b, it->attr.log_origin.len > 0 ? str_head(it->attr.log_origin, 500) : STR("local"));
	buf_puts(b, "; from=<");
	intake_show_address(it, b, it->sender);
	buf_puts(b, ">");
	if (it->has_rcpt) {
		buf_puts(b, " to=<");
		intake_show_address(it, b, rcpt);
		buf_puts(b, ">");
	}
}

/* The sink makes control characters printable, but NUL would end the line. */
static void send_line(struct intake *it, struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->ptr[i] == '\0')
			b->ptr[i] = '?';
	intake_log(it, "%s", buf_cstr(b));
}

void checks_log(struct intake *it, const char *word, const char *kind, struct str content,
	struct str text)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	put_subject(it, &b, word, kind, str_head(content, LOG_CONTENT_MAX));
	if (it->attr.log_proto.len > 0)
		buf_putf(&b, " proto=" STR_FMT, STR_ARG(str_head(it->attr.log_proto, 100)));
	if (it->attr.log_helo.len > 0)
		buf_putf(&b, " helo=<" STR_FMT ">", STR_ARG(str_head(it->attr.log_helo, 500)));
	if (text.len > 0) {
		buf_puts(&b, ": ");
		buf_put(&b, str_head(text, 1000));
	}
	send_line(it, &b);
}

void checks_log_mime(struct intake *it, const char *words, struct str content)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf kind = BUF_LOCAL(BUF_SMALL);

	buf_putf(&kind, "mime-error %s:", words);
	put_subject(it, &b, "reject", buf_cstr(&kind), str_head(content, LOG_MIME_MAX));
	send_line(it, &b);
}

static void log_action(struct check *c, const char *word, struct str text)
{
	checks_log(c->it, word, c->kind, c->text, text);
}

static void warn(struct check *c, const char *fmt, struct str text)
{
	struct str shown = str_head(text, LOG_CONTENT_MAX);
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	const char *at = strchr(fmt, '@');

	buf_put(&b, str_from(fmt, at == NULL ? strlen(fmt) : (size_t)(at - fmt)));
	if (at != NULL) {
		buf_put(&b, shown);
		buf_puts(&b, at + 1);
	}
	note(c->it->s->log, NOTE_WARN, "%s in %s map", buf_cstr(&b), c->title);
}

/* "d.d.d" at the start, ended by white space or the end. */
static size_t dsn_len(struct str s)
{
	size_t pos = 0;

	for (int part = 0; part < 3; part++) {
		size_t digits = 0;

		if (part > 0) {
			if (pos == s.len || s.ptr[pos] != '.')
				return 0;
			pos++;
		}
		while (pos < s.len && is_digit((unsigned char)s.ptr[pos]) && digits < 3) {
			pos++;
			digits++;
		}
		if (digits == 0 || (part == 0 && digits != 1))
			return 0;
	}
	return pos == s.len || is_space((unsigned char)s.ptr[pos]) ? pos : 0;
}

static enum check_result act_reject(struct check *c, struct str arg)
{
	struct intake *it = c->it;
	size_t n = dsn_len(arg);
	struct str code = n > 0 ? str_head(arg, n) : STR("5.7.1");
	struct str words = str_trim(str_skip(arg, n));
	char class = code.ptr[0];
	struct str reason;

	if (class != '4' && class != '5') {
		note(it->s->log, NOTE_WARN, "bad DSN action in %s -- need 4.x.x or 5.x.x",
			c->title);
		class = '4';
	}
	if (words.len == 0)
		words = STR("message content rejected");
	reason = arena_fmt(it->arena, "%c" STR_FMT " " STR_FMT, class, STR_ARG(str_skip(code, 1)),
		STR_ARG(str_head(words, 1000)));
	it->checks_off = true;
	intake_fail(it, class == '4' ? INTAKE_STAT_DEFER : INTAKE_STAT_CONT, reason);
	log_action(c, "reject", reason);
	return CHECK_KEEP;
}

static enum check_result act_warn(struct check *c, struct str arg)
{
	log_action(c, "warning", arg);
	return CHECK_KEEP;
}

static enum check_result act_info(struct check *c, struct str arg)
{
	log_action(c, "info", arg);
	return CHECK_KEEP;
}

static enum check_result act_filter(struct check *c, struct str arg)
{
	if (arg.len == 0) {
		warn(c, "missing FILTER command argument", arg);
	} else if (str_chr(arg, ':') < 0) {
		note(c->it->s->log, NOTE_WARN,
			"bad FILTER command " STR_FMT " in %s -- need transport:destination",
			STR_ARG(str_head(arg, LOG_CONTENT_MAX)), c->title);
	} else {
		c->it->filter = arena_str(c->it->arena, arg);
		log_action(c, "filter", arg);
	}
	return CHECK_KEEP;
}

static enum check_result act_pass(struct check *c, struct str arg)
{
	log_action(c, "pass", arg);
	c->it->checks_off = true;
	return CHECK_KEEP;
}

static enum check_result act_discard(struct check *c, struct str arg)
{
	log_action(c, "discard", arg);
	c->it->flags |= INTAKE_DISCARD;
	c->it->checks_off = true;
	return CHECK_KEEP;
}

static enum check_result act_hold(struct check *c, struct str arg)
{
	if ((c->it->flags & (INTAKE_HOLD | INTAKE_DISCARD)) == 0) {
		c->it->flags |= INTAKE_HOLD;
		log_action(c, "hold", arg);
	}
	return CHECK_KEEP;
}

static bool is_header_kind(const struct check *c)
{
	return strcmp(c->kind, "header") == 0;
}

/* Text for a header must be one. */
static bool header_text_ok(struct check *c, const char *action, struct str arg)
{
	if (arg.len == 0) {
		warn(c, arena_fmt(c->it->scratch, "%s action without text", action).ptr, arg);
		return false;
	}
	if (!is_header_kind(c) || header_name(arg, NULL) > 0)
		return true;
	note(c->it->s->log, NOTE_WARN,
		"bad %s header text \"" STR_FMT "\" in %s map -- need \"headername: headervalue\"",
		action, STR_ARG(str_head(arg, LOG_CONTENT_MAX)), c->title);
	return false;
}

static enum check_result act_prepend(struct check *c, struct str arg)
{
	if (header_text_ok(c, "PREPEND", arg)) {
		log_action(c, "prepend", arg);
		c->prepend(c->it, arg);
	}
	return CHECK_KEEP;
}

static enum check_result act_replace(struct check *c, struct str arg)
{
	if (header_text_ok(c, "REPLACE", arg)) {
		log_action(c, "replace", arg);
		*c->ret_text = arena_str(c->it->scratch, arg);
	}
	return CHECK_KEEP;
}

static enum check_result act_redirect(struct check *c, struct str arg)
{
	if (str_chr(arg, '@') < 0) {
		note(c->it->s->log, NOTE_WARN,
			"bad REDIRECT target \"" STR_FMT "\" in %s map -- need user@domain",
			STR_ARG(str_head(arg, LOG_CONTENT_MAX)), c->title);
	} else {
		/* Observed: nothing else is done to mail that goes elsewhere. */
		c->it->redirect = arena_str(c->it->arena, arg);
		log_action(c, "redirect", arg);
		c->it->checks_off = true;
	}
	return CHECK_KEEP;
}

static enum check_result act_bcc(struct check *c, struct str arg)
{
	struct intake *it = c->it;

	if (str_chr(arg, '@') < 0) {
		note(it->s->log, NOTE_WARN,
			"bad BCC address \"" STR_FMT "\" in %s map -- need user@domain",
			STR_ARG(str_head(arg, LOG_CONTENT_MAX)), c->title);
		return CHECK_KEEP;
	}
	log_action(c, "bcc", arg);
	strv_add(&it->bcc, arg);
	return CHECK_KEEP;
}

static enum check_result act_strip(struct check *c, struct str arg)
{
	log_action(c, "strip", arg);
	return CHECK_DROP;
}

static enum check_result act_ignore(struct check *c, struct str arg)
{
	(void)c;
	(void)arg;
	return CHECK_DROP;
}

static enum check_result act_dunno(struct check *c, struct str arg)
{
	(void)c;
	(void)arg;
	return CHECK_KEEP;
}

static const struct action {
	const char *name;
	enum check_result (*fn)(struct check *c, struct str arg);
} the_actions[] = {
	{ "REJECT", act_reject },
	{ "WARN", act_warn },
	{ "INFO", act_info },
	{ "FILTER", act_filter },
	{ "PASS", act_pass },
	{ "DISCARD", act_discard },
	{ "HOLD", act_hold },
	{ "PREPEND", act_prepend },
	{ "REPLACE", act_replace },
	{ "REDIRECT", act_redirect },
	{ "BCC", act_bcc },
	{ "STRIP", act_strip },
	{ "IGNORE", act_ignore },
	{ "DUNNO", act_dunno },
	{ "OK", act_dunno },
};

static enum check_result run_action(struct check *c)
{
	struct str arg = str_trim(c->result);
	struct str word;

	if (!str_word(&arg, " \t", &word))
		return CHECK_KEEP;
	arg = str_trim(arg);
	for (size_t i = 0; i < ARRAY_LEN(the_actions); i++)
		if (str_ieq(word, str_of(the_actions[i].name)))
			return the_actions[i].fn(c, arg);
	note(c->it->s->log, NOTE_WARN, "unknown command in %s map: " STR_FMT, c->title,
		STR_ARG(str_head(c->result, LOG_CONTENT_MAX)));
	return CHECK_KEEP;
}

enum check_result checks_apply(struct intake *it, const char *kind, const struct tables *tables,
	struct str text, struct str *ret_text, void (*prepend)(struct intake *it, struct str text))
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_MEDIUM);
	struct check c = { it, kind, tables->title, text, STR_EMPTY, ret_text, prepend };
	struct why why = { "" };

	*ret_text = text;
	switch (tables_get(tables, text, false, &value, &why)) {
	case LOOKUP_FOUND:
		c.result = buf_str(&value);
		return run_action(&c);
	case LOOKUP_NONE:
		break;
	case LOOKUP_TEMPFAIL:
		note(it->s->log, NOTE_WARN, "%s", why.text);
		intake_warn(it, "%s map lookup problem -- message not accepted, try again later",
			c.title);
		intake_fail(it, INTAKE_STAT_WRITE, STR_EMPTY);
		break;
	}
	return CHECK_KEEP;
}
