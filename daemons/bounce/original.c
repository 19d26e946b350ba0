/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce/original.c — see original.h.
 */
#include "original.h"

#include "base/num.h"
#include "mime/header.h"

/* Records of the envelope and lines of the header that are looked at. */
#define MAX_RECORDS 1000000
#define MAX_LINES   1000

/* "seconds microseconds" or "seconds". */
static int64_t parse_time(struct str data)
{
	struct str word = STR_EMPTY;
	int64_t t;

	return str_word(&data, " ", &word) && num_i64(word, 0, INT64_MAX, &t) == 0 ? t : 0;
}

/* Read up to M: false when the file makes no sense. */
static bool read_envelope(struct original *o)
{
	struct queue_reader r;
	struct rec_size size;
	struct str data;
	int type = 0;

	queue_reader_init(&r, o->msg, 0, false);
	for (unsigned i = 0; i < MAX_RECORDS; i++) {
		type = queue_reader_next(&r, &data);
		if (type <= 0 || type == REC_MESG)
			break;
		if (type == REC_SIZE && rec_parse_size(data, &size) >= 0)
			o->size = size.size;
		else if (type == REC_TIME && o->arrival == 0)
			o->arrival = parse_time(data);
	}
	o->data_offset = r.offset;
	queue_reader_done(&r);
	return type == REC_MESG;
}

void original_open(struct original *o, const struct queue_settings *q, struct str queue_name,
	struct str queue_id)
{
	*o = (struct original){ .msg = NULL };
	if (queue_message_open(q, queue_name, queue_id, false, &o->msg, NULL) == 0) {
		o->arrival = 0;
		if (!read_envelope(o)) {
			queue_message_close(o->msg);
			o->msg = NULL;
		} else if (o->arrival == 0) {
			o->arrival = queue_message_mtime(o->msg);
		}
	} else {
		o->msg = NULL;
	}
	if (o->arrival == 0)
		o->arrival = (int64_t)time(NULL);
}

void original_close(struct original *o)
{
	queue_message_close(o->msg);
	o->msg = NULL;
}

/* The value of a line "Message-Id: <...>". */
static bool is_message_id(struct str line, struct str *ret)
{
	struct str body = STR_EMPTY;
	size_t n = header_name(line, &body);

	*ret = str_trim(body);
	return n > 0 && str_ieq(str_head(line, n), STR("message-id"));
}

struct str original_message_id(const struct original *o, struct arena *a)
{
	struct str data, id = STR_EMPTY;
	struct queue_reader r;
	bool folded = false; /* the value stands on the next line */

	if (o->msg == NULL)
		return id;
	queue_reader_init(&r, o->msg, o->data_offset, false);
	for (unsigned i = 0; i < MAX_LINES && id.len == 0; i++) {
		int type = queue_reader_next(&r, &data);

		if ((type != REC_NORM && type != REC_CONT) || data.len == 0)
			break;
		if (folded) {
			if (is_space((unsigned char)data.ptr[0]))
				id = arena_str(a, str_trim(data));
			break;
		}
		if (!is_message_id(data, &id))
			id = STR_EMPTY;
		else if (id.len > 0)
			id = arena_str(a, id);
		else
			folded = true;
	}
	queue_reader_done(&r);
	return str_starts(id, STR("<")) ? id : STR_EMPTY;
}

/* Does the header go on with this line? */
static bool is_header(struct str line, bool first)
{
	struct str body;

	if (line.len == 0)
		return false;
	if (!first && is_space((unsigned char)line.ptr[0]))
		return true;
	return header_name(line, &body) > 0;
}

int original_copy(const struct original *o, struct post *p, bool full)
{
	bool first = true, starts_line = true;
	struct queue_reader r;
	struct str data;
	int e = 0;

	if (o->msg == NULL)
		return 0;
	queue_reader_init(&r, o->msg, o->data_offset, false);
	while (e == 0) {
		int type = queue_reader_next(&r, &data);

		if (type != REC_NORM && type != REC_CONT)
			break;
		if (!full && starts_line && !is_header(data, first))
			break;
		e = post_record(p, type, data);
		first = false;
		starts_line = type == REC_NORM;
	}
	if (e == 0 && !starts_line)
		e = post_record(p, REC_NORM, STR_EMPTY);
	queue_reader_done(&r);
	return e;
}
