/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/record.c — encoding and decoding of records, and the records with a form of their own.
 */
#include "queue/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/num.h"

/* Encode a length; returns the number of bytes, 1..4. */
static size_t put_length(unsigned char out[4], size_t len)
{
	size_t n = 0;

	do {
		unsigned char group = (unsigned char)(len & 0x7f);

		len >>= 7;
		out[n++] = len != 0 ? (unsigned char)(group | 0x80) : group;
	} while (len != 0);
	return n;
}

int rec_put(struct buf *b, int type, struct str data)
{
	unsigned char head[5];
	size_t n;
	int r;

	check(type > 0 && type < 256);
	if (data.len > REC_MAX)
		return -EMSGSIZE;
	head[0] = (unsigned char)type;
	n = 1 + put_length(head + 1, data.len);
	r = buf_reserve(b, n + data.len);
	if (r < 0)
		return r;
	buf_put(b, str_from((const char *)head, n));
	buf_put(b, data);
	return 0;
}

int rec_put_attr(struct buf *b, const char *name, struct str value)
{
	unsigned char head[5] = { REC_ATTR };
	size_t name_len = strlen(name);
	size_t n;
	int r;

	if (value.len > REC_MAX - name_len - 1)
		return -EMSGSIZE;
	n = 1 + put_length(head + 1, name_len + 1 + value.len);
	r = buf_reserve(b, n + name_len + 1 + value.len);
	if (r < 0)
		return r;
	buf_put(b, str_from((const char *)head, n));
	buf_put(b, str_from(name, name_len));
	buf_putc(b, '=');
	buf_put(b, value);
	return 0;
}

int rec_putf(struct buf *b, int type, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(b->limit);
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_addv(&text, fmt, ap);
	va_end(ap);
	return r < 0 ? r : rec_put(b, type, buf_str(&text));
}

int rec_put_line(struct buf *b, struct str line, size_t max)
{
	size_t start = b->len;

	check(max > 0);
	for (; line.len > max; line = str_skip(line, max)) {
		if (rec_put(b, REC_CONT, str_head(line, max)) < 0) {
			buf_truncate(b, start);
			return -EMSGSIZE;
		}
	}
	if (rec_put(b, REC_NORM, line) < 0) {
		buf_truncate(b, start);
		return -EMSGSIZE;
	}
	return 0;
}

ssize_t rec_get(struct str in, size_t max, int *ret_type, struct str *ret_data)
{
	const unsigned char *p = (const unsigned char *)in.ptr;
	size_t len = 0;
	size_t pos = 1;
	unsigned shift = 0;

	if (in.len == 0)
		return 0;
	if (p[0] == 0)
		return -EBADMSG;
	for (;; shift += 7) {
		if (shift >= 28)
			return -EBADMSG;
		if (pos >= in.len)
			return 0;
		len |= (size_t)(p[pos] & 0x7f) << shift;
		if ((p[pos++] & 0x80) == 0)
			break;
	}
	if (max != 0 && len > max)
		return -EMSGSIZE;
	if (len > in.len - pos)
		return 0;
	*ret_type = p[0];
	*ret_data = str_from(in.ptr + pos, len);
	return (ssize_t)(pos + len);
}

const char *rec_type_name(int type)
{
	static const struct {
		char type;
		const char *name;
	} names[] = {
		{ REC_SIZE, "message_size" },
		{ REC_TIME, "message_arrival_time" },
		{ REC_CTIME, "queue_file_create_time" },
		{ REC_FULL, "sender_fullname" },
		{ REC_INSP, "content_inspector" },
		{ REC_FILT, "content_filter" },
		{ REC_FROM, "sender" },
		{ REC_DONE, "done_recipient" },
		{ REC_RCPT, "recipient" },
		{ REC_ORCP, "original_recipient" },
		{ REC_DRCP, "canceled_recipient" },
		{ REC_WARN, "warning_message_time" },
		{ REC_ATTR, "named_attribute" },
		{ REC_KILL, "killed_record" },
		{ REC_RDR, "redirect_to" },
		{ REC_FLGS, "flags" },
		{ REC_MESG, "message_content" },
		{ REC_NORM, "regular_text" },
		{ REC_DTXT, "padding" },
		{ REC_XTRA, "extracted_info" },
		{ REC_RRTO, "return_receipt" },
		{ REC_ERTO, "errors_to" },
		{ REC_PRIO, "priority" },
		{ REC_PTR, "pointer_record" },
		{ REC_VERP, "verp_delimiters" },
		{ REC_DSN_RET, "dsn_return_flags" },
		{ REC_DSN_ENVID, "dsn_envelope_id" },
		{ REC_DSN_ORCPT, "dsn_original_recipient" },
		{ REC_DSN_NOTIFY, "dsn_notify_flags" },
		{ REC_END, "message_end" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

int rec_parse_ptr(struct str data, int64_t *ret)
{
	struct cursor c = cur_of(data);
	uint64_t v;

	(void)cur_skip_ws(&c);
	if (num_u64(cur_rest(&c), INT64_MAX, &v) < 0)
		return -EBADMSG;
	*ret = (int64_t)v;
	return 0;
}

int rec_attr_split(struct str data, struct str *ret_name, struct str *ret_value)
{
	struct str s = str_trim(data);
	size_t n = 0;
	struct str rest;

	while (n < s.len && s.ptr[n] != '=' && !is_space((unsigned char)s.ptr[n]))
		n++;
	rest = str_trim(str_skip(s, n));
	if (n == 0 || rest.len == 0 || rest.ptr[0] != '=')
		return -EINVAL;
	*ret_name = str_head(s, n);
	*ret_value = str_trim(str_skip(rest, 1));
	return 0;
}

void rec_put_size(struct buf *b, const struct rec_size *s)
{
	int r = rec_putf(b, REC_SIZE, "%15lld %15lld %15lld %15lld %15lld %15lld",
		(long long)s->size, (long long)s->data_offset, (long long)s->rcpt_count,
		(long long)s->qmgr_opts, (long long)s->cont_length, (long long)s->sendopts);

	check(r == 0);
}

/* Up to `max` blank-separated numbers; what follows the first thing that is none is not looked at. */
static size_t parse_numbers(struct str data, int64_t *ret, size_t max)
{
	struct str word;
	size_t n = 0;

	while (n < max && str_word(&data, " \t", &word)) {
		if (num_i64(word, INT64_MIN, INT64_MAX, &ret[n]) < 0)
			break;
		n++;
	}
	return n;
}

int rec_parse_size(struct str data, struct rec_size *ret)
{
	int64_t v[6] = { 0 };
	size_t n = parse_numbers(data, v, ARRAY_LEN(v));
	const int64_t known_opts =
		REC_OPT_MIXED |
		((DSN_NOTIFY_NEVER | DSN_NOTIFY_SUCCESS | DSN_NOTIFY_FAILURE | DSN_NOTIFY_DELAY)
			<< REC_OPT_NOTIFY_SHIFT);

	if (n == 1 && v[0] > 0) {
		*ret = (struct rec_size){ .size = v[0], .cont_length = v[0] };
		return 1;
	}
	if (n < 3 || v[0] <= 0 || v[1] <= 0 || v[2] < 0 || v[4] < 0 || (v[3] & ~known_opts) != 0)
		return -EBADMSG;
	*ret = (struct rec_size){
		.size = v[0],
		.data_offset = v[1],
		.rcpt_count = v[2],
		.qmgr_opts = v[3],
		.cont_length = v[4] != 0 ? v[4] : v[0],
		.sendopts = v[5] & SENDOPT_ALL,
	};
	return 0;
}
