/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/action.c — what the right-hand side of an access table makes happen.
 */
#include "access/access_priv.h"
#include "base/mem.h"
#include "smtp/command.h"

struct act {
	struct eval *ev;
	const char *table, *class;
	struct str value;   /* whole right-hand side */
	struct str text;    /* after the first word */
	struct str subject; /* what the reply names */
	struct str datum;   /* what was looked up */
};

static void say(const struct act *c, const char *word, const char *verb)
{
	access_remark(c->ev, word, "<" STR_FMT ">: %s triggers %s " STR_FMT, STR_ARG(c->subject),
		c->class, verb, STR_ARG(c->text));
}

/* "<x>: CLASS text", or "... triggers VERB action" without text. */
static void say_text(const struct act *c, const char *word, const char *verb)
{
	if (c->text.len > 0)
		access_remark(c->ev, word, "<" STR_FMT ">: %s " STR_FMT, STR_ARG(c->subject),
			c->class, STR_ARG(c->text));
	else
		access_remark(c->ev, word, "<" STR_FMT ">: %s triggers %s", STR_ARG(c->subject),
			c->class, verb);
}

/* Actions on the message need a message, and a queue file that will be ours. */
static bool can_act(const struct act *c, const char *action)
{
	const struct access_settings *s = &c->ev->a->s;

	if (c->ev->point == ACCESS_ETRN) {
		note(s->log, NOTE_WARN,
			"access table %s: action %s is unavailable in smtpd_etrn_restrictions",
			c->table, action);
		return false;
	}
	if (s->no_actions || c->ev->rewrite) {
		note(s->log, NOTE_WARN, "access table %s: action %s is always skipped here",
			c->table, action);
		return false;
	}
	if (!c->ev->rq->has_sender) {
		note(s->log, NOTE_WARN,
			"access table %s: with smtpd_delay_reject=no, action %s is always skipped in "
			"Client host or Helo command restrictions",
			c->table, action);
		return false;
	}
	return true;
}

static void replace(char **at, struct str s)
{
	free(*at);
	*at = str_dup(s);
}

static enum result act_ok(struct act *c)
{
	/* "OK text": the text is ignored. */
	ptrdiff_t blank = str_chr(c->value, ' ');
	struct str word = blank < 0 ? c->value : str_head(c->value, (size_t)blank);
	const char *name = arena_cstr(c->ev->scratch, word);

	return access_permit(c->ev, name, c->class, c->subject, c->table);
}

static enum result act_dunno(struct act *c)
{
	(void)c;
	return RES_DUNNO;
}

/* A reject with an optional enhanced code at the front of the text. */
static enum result refuse(struct act *c, int code, const char *fallback)
{
	struct dsn_code d = { 0 };
	size_t n = dsn_code_parse(c->text, &d);
	struct str text = c->text;

	if (n > 0)
		text = str_trim(str_skip(text, n));
	else
		d = (struct dsn_code){ .class = (unsigned short)(code / 100),
			.subject = 7,
			.detail = 1 };
	if (text.len == 0)
		text = str_of(fallback);
	return access_reject_dsn(c->ev, REJECT_POLICY, code, d, c->class,
		"<" STR_FMT ">: %s rejected: " STR_FMT, STR_ARG(c->subject), c->class,
		STR_ARG(text));
}

static enum result act_reject(struct act *c)
{
	return refuse(c, (int)c->ev->a->s.access_map_reject_code, "Access denied");
}

static enum result act_defer(struct act *c)
{
	return refuse(c, (int)c->ev->a->s.access_map_defer_code, "Access denied");
}

static enum result act_defer_if(struct act *c, bool permit)
{
	_cleanup_buf_ struct buf dsn = BUF_LOCAL(100);
	struct dsn_code d = { .class = 4, .subject = 7, .detail = 1 };
	size_t n = dsn_code_parse(c->text, &d);
	struct str text = n > 0 ? str_trim(str_skip(c->text, n)) : c->text;

	if (text.len == 0)
		text = STR("Service unavailable");
	dsn_code_format(&dsn, access_dsn_fix(d, c->class));
	return access_defer_if(c->ev, permit, (int)c->ev->a->s.access_map_defer_code,
		buf_cstr(&dsn), "<" STR_FMT ">: %s rejected: " STR_FMT, STR_ARG(c->subject),
		c->class, STR_ARG(text));
}

static enum result act_defer_if_permit(struct act *c)
{
	return act_defer_if(c, true);
}

static enum result act_defer_if_reject(struct act *c)
{
	return act_defer_if(c, false);
}

static enum result act_hangup(struct act *c)
{
	say_text(c, "hangup", "HANGUP action");
	c->ev->st->hangup = true;
	return RES_REJECT;
}

static enum result act_info(struct act *c)
{
	say_text(c, "info", "INFO action");
	return RES_DUNNO;
}

static enum result act_warn(struct act *c)
{
	say_text(c, "warn", "WARN action");
	return RES_DUNNO;
}

static enum result act_filter(struct act *c)
{
	if (!can_act(c, "FILTER"))
		return RES_DUNNO;
	if (str_chr(c->text, ':') < 0) {
		note(c->ev->a->s.log, NOTE_WARN,
			"access table %s has entry \"" STR_FMT "\" requiring transport:destination",
			c->table, STR_ARG(c->value));
		return RES_DUNNO;
	}
	say(c, "filter", "FILTER");
	replace(&c->ev->st->actions.filter, c->text);
	return RES_DUNNO;
}

static enum result act_hold(struct act *c)
{
	if (!can_act(c, "HOLD") || c->ev->st->actions.hold)
		return RES_DUNNO;
	say_text(c, "hold", "HOLD action");
	c->ev->st->actions.hold = true;
	return RES_DUNNO;
}

static enum result act_discard(struct act *c)
{
	if (!can_act(c, "DISCARD"))
		return RES_DUNNO;
	say_text(c, "discard", "DISCARD action");
	c->ev->st->actions.discard = true;
	return access_permit(c->ev, "DISCARD", c->class, c->subject, c->table);
}

/* REDIRECT and BCC take one address. */
static bool one_address(struct act *c, const char *action)
{
	if (str_chr(c->text, '@') > 0 && str_chr(c->text, ' ') < 0)
		return true;
	note(c->ev->a->s.log, NOTE_WARN,
		"access table %s has entry \"" STR_FMT "\" with %s requiring user@domain argument",
		c->table, STR_ARG(c->value), action);
	return false;
}

static enum result act_redirect(struct act *c)
{
	if (!can_act(c, "REDIRECT") || !one_address(c, "REDIRECT"))
		return RES_DUNNO;
	say(c, "redirect", "REDIRECT");
	replace(&c->ev->st->actions.redirect, c->text);
	return RES_DUNNO;
}

static enum result act_bcc(struct act *c)
{
	if (!can_act(c, "BCC") || !one_address(c, "BCC"))
		return RES_DUNNO;
	say(c, "bcc", "BCC");
	strv_add(&c->ev->st->actions.bcc, c->text);
	return RES_DUNNO;
}

static enum result act_prepend(struct act *c)
{
	if (c->ev->point == ACCESS_END_OF_DATA) {
		note(c->ev->a->s.log, NOTE_WARN,
			"access table %s: action PREPEND must be used before smtpd_end_of_data_restrictions",
			c->table);
		return RES_DUNNO;
	}
	if (!can_act(c, "PREPEND"))
		return RES_DUNNO;
	if (!smtp_looks_like_header(c->text)) {
		note(c->ev->a->s.log, NOTE_WARN,
			"access table %s entry \"" STR_FMT "\" requires header: text", c->table,
			STR_ARG(c->value));
		return RES_DUNNO;
	}
	strv_add(&c->ev->st->actions.prepend, c->text);
	return RES_DUNNO;
}

static const struct {
	const char *word;
	enum result (*fn)(struct act *c);
	bool needs_text;
} actions[] = {
	{ "OK", act_ok, false },
	{ "RELAY", act_ok, false },
	{ "DUNNO", act_dunno, false },
	{ "REJECT", act_reject, false },
	{ "DEFER", act_defer, false },
	{ "DEFER_IF_PERMIT", act_defer_if_permit, false },
	{ "DEFER_IF_REJECT", act_defer_if_reject, false },
	{ "HANGUP", act_hangup, false },
	{ "INFO", act_info, false },
	{ "WARN", act_warn, false },
	{ "FILTER", act_filter, true },
	{ "HOLD", act_hold, false },
	{ "DISCARD", act_discard, false },
	{ "REDIRECT", act_redirect, true },
	{ "BCC", act_bcc, true },
	{ "PREPEND", act_prepend, true },
};

/* Longest list of restrictions that a table may hold. */
#define MAX_VALUE ((size_t)16 * 1024)

/* The value names restrictions or classes. */
static enum result run_value(struct act *c)
{
	struct eval *ev = c->ev;
	struct list_of_items list;
	struct why why;

	if (str_chr(c->value, ':') >= 0) {
		note(ev->a->s.log, NOTE_WARN,
			"access table %s has entry with lookup table: " STR_FMT, c->table,
			STR_ARG(c->value));
		note(ev->a->s.log, NOTE_WARN,
			"do not specify lookup tables inside SMTPD access maps");
		return access_config_error(ev,
			"define a restriction class and specify its name instead.");
	}
	if (c->value.len > MAX_VALUE)
		return access_config_error(ev, "access table %s: value of %zu bytes", c->table,
			c->value.len);
	if (access_compile(NULL, ev->a, ev->scratch, ev->list, c->value, &list, &why) < 0)
		return access_config_error(ev, "access table %s: %s", c->table, why.text);
	return access_run(ev, &list);
}

enum result access_action(struct eval *ev, const char *table, struct str value, struct str datum,
	struct str subject, const char *class)
{
	struct act c = { .ev = ev,
		.table = table,
		.class = class,
		.subject = subject,
		.datum = datum };
	struct str word = STR_EMPTY;
	struct str rest;

	c.value = rest = str_trim(value);
	if (!str_word(&rest, " \t", &word)) {
		note(ev->a->s.log, NOTE_WARN, "access table %s has entry with empty value", table);
		return RES_OK;
	}
	c.text = str_trim(rest);
	if (str_all_digits(c.value)) /* a number alone permits: pop-before-smtp tables */
		return access_permit(ev, arena_cstr(ev->scratch, c.value), class, subject, table);
	if (word.len == 3 && str_all_digits(word) && (word.ptr[0] == '4' || word.ptr[0] == '5'))
		return refuse(&c,
			(word.ptr[0] - '0') * 100 + (word.ptr[1] - '0') * 10 + word.ptr[2] - '0',
			"Access denied");
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (!str_ieq(word, str_of(actions[i].word)))
			continue;
		if (actions[i].needs_text && c.text.len == 0) {
			note(ev->a->s.log, NOTE_WARN,
				"access table %s entry \"" STR_FMT "\" has %s without argument",
				table, STR_ARG(c.value), actions[i].word);
			return RES_DUNNO;
		}
		return actions[i].fn(&c);
	}
	return run_value(&c);
}

enum result access_permit(struct eval *ev, const char *action, const char *class, struct str datum,
	const char *table)
{
	struct why why;

	if (ev->a->permit_log != NULL && ev->dip.reply == NULL && !ev->rewrite &&
		match_str(ev->a->permit_log, str_of(action), &why) == LOOKUP_FOUND)
		access_remark(ev, "permit", "action=%s for %s=" STR_FMT "%s%s", action, class,
			STR_ARG(datum), table != NULL ? " from " : "", table != NULL ? table : "");
	return RES_OK;
}
