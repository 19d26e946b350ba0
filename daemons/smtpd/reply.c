/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/reply.c — every reply goes through here: filter, footer, soft_bounce, transcript.
 *
 * Invariant: what goes out is one reply: no control characters inside lines, all lines but the last
 * with '-' after the code (threats S14).
 */
#include <time.h>

#include "smtp/reply.h"
#include "smtpd.h"

/* Replies wait for more input no longer than this. */
#define MAX_DELAY (10 * USEC_PER_SEC)

void pause_for(usec_t time)
{
	struct timespec t = { .tv_sec = time / USEC_PER_SEC,
		.tv_nsec = time % USEC_PER_SEC * 1000 };

	while (nanosleep(&t, &t) < 0)
		;
}

/* "550 5.7.1 " of a line, without the blank at the end. */
static struct str reply_prefix(struct str line)
{
	struct dsn_code d;
	size_t n = 3;

	if (line.len > 4) {
		size_t dsn = dsn_code_parse(str_skip(line, 4), &d);

		if (dsn > 0)
			n = 4 + dsn;
	}
	return str_head(line, n);
}

static bool is_reject(struct str text)
{
	return text.len >= 4 && (text.ptr[0] == '4' || text.ptr[0] == '5') &&
	       is_digit((unsigned char)text.ptr[1]) && is_digit((unsigned char)text.ptr[2]) &&
	       (text.ptr[3] == ' ' || text.ptr[3] == '-');
}

/* smtpd_reject_filter_maps may put another reply in place of this one. */
static void filter(struct session *s, struct buf *out)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_SMALL);
	struct dsn_code old = { 0 }, new = { 0 };
	struct str in = buf_str(out), v;
	struct why why;

	if (s->p->reject_filter.n == 0)
		return;
	switch (tables_get(&s->p->reject_filter, in, false, &value, &why)) {
	case LOOKUP_NONE:
		return;
	case LOOKUP_TEMPFAIL:
		log_warn("%s: %s", session_id(s), why.text);
		return;
	case LOOKUP_FOUND:
		break;
	}
	v = buf_str(&value);
	(void)dsn_code_parse(str_skip(in, 4), &old);
	if (!is_reject(v) || (dsn_code_parse(str_skip(v, 4), &new) > 0 &&
				     new.class != (unsigned)(v.ptr[0] - '0'))) {
		log_warn("%s: ignoring invalid reject filter result: " STR_FMT, session_id(s),
			STR_ARG(v));
		return;
	}
	log_info("%s: reply filter in: " STR_FMT, session_id(s), STR_ARG(in));
	log_info("%s: reply filter out: " STR_FMT, session_id(s), STR_ARG(v));
	buf_clear(out);
	buf_put(out, v);
}

/* Append the text of a footer: \n starts a line, \c at the start goes on with the last one. */
static void append_footer(struct buf *out, struct str footer)
{
	_cleanup_buf_ struct buf prefix = BUF_LOCAL(100);
	ptrdiff_t last = str_rchr(buf_str(out), '\n');
	bool join = str_starts(footer, STR("\\c"));

	buf_put(&prefix, reply_prefix(str_skip(buf_str(out), (size_t)(last + 1))));
	if (join)
		footer = str_skip(footer, 2);
	while (footer.len > 0) {
		ptrdiff_t end = str_find(footer, STR("\\n"));
		struct str line = end < 0 ? footer : str_head(footer, (size_t)end);

		if (!join && buf_addf(out, "\n%s ", buf_cstr(&prefix)) < 0)
			return;
		if (buf_add(out, line) < 0)
			return;
		join = false;
		footer = end < 0 ? STR_EMPTY : str_skip(footer, (size_t)end + 2);
	}
}

static void add_footer(struct session *s, struct buf *out)
{
	_cleanup_buf_ struct buf value = BUF_LOCAL(BUF_SMALL), text = BUF_LOCAL(BUF_SMALL);
	struct str template = str_of(s->c->smtpd_reject_footer);
	struct why why;

	if (s->p->footer_maps.n > 0) {
		switch (tables_get(&s->p->footer_maps, buf_str(out), false, &value, &why)) {
		case LOOKUP_FOUND:
			template = buf_str(&value);
			break;
		case LOOKUP_TEMPFAIL:
			log_warn("%s", why.text);
			break;
		case LOOKUP_NONE:
			break;
		}
	}
	if (template.len == 0)
		return;
	macro_expand(s, template, &text);
	append_footer(out, buf_str(&text));
}

/* 5xx becomes 4xx, the enhanced code too. */
static void soften(char *line, size_t len)
{
	if (len < 4 || line[0] != '5')
		return;
	line[0] = '4';
	if (len > 5 && line[4] == '5' && line[5] == '.')
		line[4] = '4';
}

/* One line onto the wire; it is changed in place. */
static void put_line(struct session *s, char *line, size_t len, bool last)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c < 0x20 || c == 0x7f)
			line[i] = ' ';
	}
	if (s->c->soft_bounce)
		soften(line, len);
	if (len > 3)
		line[3] = last ? ' ' : '-';
	notice_line(s, "Out: ", str_from(line, len));
	if (stream_write(s->io, str_from(line, len)) < 0 || stream_write(s->io, STR("\r\n")) < 0)
		s->hangup = true;
}

void reply_flush(struct session *s)
{
	if (stream_flush(s->io) < 0)
		s->hangup = true;
}

static void send_out(struct session *s)
{
	char *p = s->out.ptr, *end = p + s->out.len;

	while (p != NULL) {
		char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((lf == NULL ? end : lf) - p);

		put_line(s, p, len, lf == NULL);
		if (lf == NULL && len >= 3 &&
			(memcmp(p, "421", 3) == 0 || memcmp(p, "521", 3) == 0))
			s->hangup = true;
		p = lf == NULL ? NULL : lf + 1;
	}
}

/* s->out is ready. */
static void finish(struct session *s)
{
	bool slow = s->errors >= (unsigned)s->c->smtpd_soft_error_limit;

	if (slow && s->c->smtpd_error_sleep_time > 0)
		pause_for(s->c->smtpd_error_sleep_time);
	if (is_reject(buf_str(&s->out))) {
		filter(s, &s->out);
		add_footer(s, &s->out);
	}
	send_out(s);
	if (slow || (stream_last_write(s->io) > 0 &&
			    clock_now() - stream_last_write(s->io) > MAX_DELAY))
		reply_flush(s);
}

void reply(struct session *s, const char *fmt, ...)
{
	va_list ap;

	buf_clear(&s->out);
	va_start(ap, fmt);
	if (buf_addv(&s->out, fmt, ap) < 0)
		buf_puts(&s->out, "451 4.3.0 Error: reply too long");
	va_end(ap);
	finish(s);
}

void reply_text(struct session *s, struct str text)
{
	buf_clear(&s->out);
	if (buf_add(&s->out, text) < 0)
		buf_puts(&s->out, "451 4.3.0 Error: reply too long");
	finish(s);
}

void reply_data_error(struct session *s)
{
	reply(s, "421 4.3.0 %s Server local data error", s->c->myhostname);
	s->error_mask |= NOTIFY_RESOURCE;
}
