/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checks.c — smtp_header_checks and friends: the actions that make sense while mail goes out.
 *
 * Actions that would change where or when mail is delivered are refused with a warning.
 */
#include "client.h"
#include "log/log.h"

static void log_action(const struct delivery *d, const char *word, const char *what,
	struct str content, struct str text)
{
	log_info(STR_FMT ": %s: %s " STR_FMT "%s" STR_FMT, STR_ARG(d->rq->queue_id), word, what,
		STR_ARG(str_head(content, 200)), text.len > 0 ? ": " : "", STR_ARG(text));
}

static bool is_action(struct str word, const char *name)
{
	return str_ieq(word, str_of(name));
}

/* What a table said about a text. */
static int apply(const struct delivery *d, const char *what, struct str content, struct buf *text,
	const struct tables *t)
{
	struct str rest = buf_str(text), word, arg;
	int result = CHECK_KEEP;

	if (!str_word(&rest, " \t", &word))
		return CHECK_KEEP;
	arg = str_trim(rest);
	if (is_action(word, "DUNNO") || is_action(word, "OK")) {
		return CHECK_KEEP;
	} else if (is_action(word, "IGNORE")) {
		return CHECK_DROP;
	} else if (is_action(word, "STRIP")) {
		log_action(d, "strip", what, content, arg);
		return CHECK_DROP;
	} else if (is_action(word, "WARN")) {
		log_action(d, "warning", what, content, arg);
	} else if (is_action(word, "INFO")) {
		log_action(d, "info", what, content, arg);
	} else if (is_action(word, "PREPEND") && arg.len > 0) {
		log_action(d, "prepend", what, content, arg);
		result = CHECK_PREPEND;
	} else if (is_action(word, "REPLACE") && arg.len > 0) {
		log_action(d, "replace", what, content, arg);
		result = CHECK_REPLACE;
	} else {
		log_warn("unsupported command in %s map: " STR_FMT, t->title,
			STR_ARG(buf_str(text)));
	}
	buf_consume(text, text->len - rest.len);
	while (text->len > 0 && is_space((unsigned char)text->ptr[0]))
		buf_consume(text, 1);
	return result;
}

int check_text(const struct delivery *d, const struct tables *t, const char *what,
	struct str content, struct buf *text, struct why *why)
{
	if (t->n == 0)
		return CHECK_KEEP;
	switch (tables_get(t, content, false, text, why)) {
	case LOOKUP_TEMPFAIL:
		return -1;
	case LOOKUP_NONE:
		return CHECK_KEEP;
	case LOOKUP_FOUND:
		break;
	}
	return apply(d, what, content, text, t);
}
