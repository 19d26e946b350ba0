/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c — records from an untrusted client to the file.
 */
#include <errno.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "intake/recread.h"
#include "log/log.h"
#include "postdrop.h"

/* The buffer goes to the file when it has grown to this. */
#define FLUSH_BYTES ((size_t)256 * 1024)

void message_flush(struct message *m)
{
	int r;

	if (m->status != 0 || m->out.len == 0) {
		buf_clear(&m->out);
		return;
	}
	r = fd_write_all(m->fd, buf_str(&m->out));
	buf_clear(&m->out);
	if (r == -EFBIG) {
		m->status |= INTAKE_STAT_SIZE;
	} else if (r < 0) {
		log_warn("uid=%ld: write: %s", (long)getuid(), strerrordesc_np(-r));
		m->status |= INTAKE_STAT_WRITE;
	}
}

static void put(struct message *m, int type, struct str data)
{
	if (m->status != 0)
		return;
	if (rec_put(&m->out, type, data) < 0)
		m->status |= INTAKE_STAT_WRITE;
	else if (m->out.len >= FLUSH_BYTES)
		message_flush(m);
}

/* What a client may say about its message. */
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

static void attribute(struct message *m, struct str data)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct str name;
	struct str value;

	if (rec_attr_split(data, &name, &value) < 0) {
		log_warn("uid=%ld: ignoring malformed record: " STR_FMT, (long)getuid(),
			STR_ARG(str_head(data, 200)));
		return;
	}
	buf_putf(&b, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value));
	if (attr_ok(name, value))
		put(m, REC_ATTR, buf_str(&b));
	else
		log_warn("uid=%ld: ignoring attribute record: %.200s", (long)getuid(),
			buf_cstr(&b));
}

/* Line ends and NUL have no place but in text, which has none by construction. */
static void check_bytes(int type, struct str data)
{
	_cleanup_buf_ struct buf shown = BUF(BUF_SMALL);

	if (type == REC_NORM || type == REC_CONT)
		return;
	for (size_t i = 0; i < data.len; i++) {
		char c = data.ptr[i];

		if (c != '\0' && c != '\r' && c != '\n')
			continue;
		text_printable(&shown, str_head(data, 200), false);
		log_fatal("uid=%ld: null or line break in '%s' record type: %s", (long)getuid(),
			rec_type_name(type), buf_cstr(&shown));
	}
}

static void record(struct message *m, int type, struct str data)
{
	check_bytes(type, data);
	switch (type) {
	case REC_ATTR:
		attribute(m, data);
		return;
	case REC_FROM:
		m->seen_sender = true;
		if (m->status == 0)
			m->status |= access_check_sender(m->c, m->tables, data, &m->reason);
		break;
	case REC_RCPT:
		m->seen_rcpt = true;
		break;
	default:
		break;
	}
	put(m, type, data);
}

/* True at E; false at a clean end of input. */
bool message_copy(struct message *m, struct stream *in)
{
	static const char *const segments[] = {
		REC_POSTDROP_ENV,
		REC_POSTDROP_CONTENT,
		REC_POSTDROP_EXTRACT,
	};
	size_t max = (size_t)m->c->line_length_limit;
	_cleanup_buf_ struct buf slow = BUF(max + 2);
	size_t segment = 0;
	struct timeval now;

	check(gettimeofday(&now, NULL) == 0);
	if (rec_putf(&m->out, REC_TIME, "%lld %ld", (long long)now.tv_sec, (long)now.tv_usec) < 0)
		m->status |= INTAKE_STAT_WRITE;
	while (segment < ARRAY_LEN(segments)) {
		struct str data;
		int type = recread(in, max, &slow, &data);

		if (type == -ENODATA)
			return false;
		if (type < 0 && type != -EBADMSG)
			log_fatal("uid=%ld: malformed input", (long)getuid());
		if (type < 0 || strchr(segments[segment], type) == NULL)
			log_fatal("uid=%ld: unexpected record type: %d", (long)getuid(),
				type < 0 ? 0 : type);
		record(m, type, data);
		if (type == segments[segment][0])
			segment++;
	}
	return true;
}
