/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/submit_record.c — which records a user may send, where, and with what in them.
 */
#include <errno.h>

#include "base/text.h"
#include "intake/submit_priv.h"

/* Of a record that is spoken of, this much is shown. */
#define SHOWN ((size_t)200)

static const char *const segments[] = {
	REC_POSTDROP_ENV,
	REC_POSTDROP_CONTENT,
	REC_POSTDROP_EXTRACT,
};

/* What a user may say about his message. */
static bool attr_ok(struct str name, struct str value)
{
	static const char *const any[] = {
		"envelope_id",
		"notify_flags",
		"dsn_orig_rcpt",
		"ret_flags",
		"create_time",
		"trace_flags",
	};

	if (str_eq(name, STR("encoding")))
		return value.len == 0 || str_eq(value, STR("7bit")) || str_eq(value, STR("8bit"));
	if (str_eq(name, STR("rewrite_context")))
		return str_eq(value, STR("local")) || str_eq(value, STR("remote"));
	for (size_t i = 0; i < ARRAY_LEN(any); i++)
		if (str_eq(name, str_of(any[i])))
			return true;
	return false;
}

static void ignored(const struct submit *s, const char *what, struct str data)
{
	_cleanup_buf_ struct buf shown = BUF_LOCAL(BUF_SMALL);

	text_printable(&shown, str_head(data, SHOWN), false);
	note(s->c->s.log, NOTE_WARN, "uid=%ld: ignoring %s record: %s", (long)s->user.uid, what,
		buf_cstr(&shown));
}

static void attribute(struct submit *s, struct str data)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(data.len + 2);
	struct str name;
	struct str value;

	if (rec_attr_split(data, &name, &value) < 0) {
		ignored(s, "malformed", data);
		return;
	}
	buf_putf(&b, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value));
	if (attr_ok(name, value))
		submit_put(s, REC_ATTR, buf_str(&b));
	else
		ignored(s, "attribute", buf_str(&b));
}

/* Line ends and NUL have no place but in text. */
static int check_bytes(const struct submit *s, int type, struct str data, struct why *why)
{
	_cleanup_buf_ struct buf shown = BUF_LOCAL(BUF_SMALL);

	if (type == REC_NORM || type == REC_CONT)
		return 0;
	for (size_t i = 0; i < data.len; i++) {
		char c = data.ptr[i];

		if (c != '\0' && c != '\r' && c != '\n')
			continue;
		text_printable(&shown, str_head(data, SHOWN), false);
		return why_set(why, -EBADMSG, "uid=%ld: null or line break in '%s' record type: %s",
			(long)s->user.uid, rec_type_name(type), buf_cstr(&shown));
	}
	return 0;
}

int submit_record(struct submit *s, int type, struct str data, struct why *why)
{
	int r;

	/* What was refused is only read to its end; what is no record at all is the end. */
	if (s->status != 0 && type > 0)
		return type != REC_END;
	if (s->segment >= ARRAY_LEN(segments) || type <= 0 ||
		strchr(segments[s->segment], type) == NULL)
		return why_set(why, -EBADMSG, "uid=%ld: unexpected record type: %d",
			(long)s->user.uid, MAX(type, 0));
	r = check_bytes(s, type, data, why);
	if (r < 0)
		return r;
	if (type == segments[s->segment][0])
		s->segment++;
	if (type == REC_FROM) {
		s->seen_sender = true;
		s->status |= submit_check_sender(s, data);
	}
	if (type == REC_RCPT)
		s->seen_rcpt = true;
	if (type == REC_ATTR)
		attribute(s, data);
	else
		submit_put(s, type, data);
	return s->segment < ARRAY_LEN(segments) ? 1 : 0;
}
