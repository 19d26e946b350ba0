/* SPDX-License-Identifier: Apache-2.0 */
/*
 * showq/list.c — what the queue file and the logs say of a message.
 */
#include "list.h"

#include "address/address.h"
#include "base/map.h"
#include "base/num.h"
#include "delivery/status_log.h"
#include "ipc/attr.h"
#include "queue/message.h"

/* Longest record that is looked at; longer ones end the listing of a message. */
#define MAX_RECORD ((size_t)1024 * 1024)

struct listing {
	const struct list_settings *s;
	struct str queue;
	struct str id;
	const struct queue_message *m;
	struct map *seen; /* recipients that were listed */
	struct buf *out;
	int64_t time;
	int64_t size;
	struct buf orig; /* of the next recipient */
	bool started;
};

/* Lists that would not fit any more are cut; the caller ends them in any case. */
static void put(struct listing *l, const char *name, struct str value)
{
	IGNORE(attr_put_str(l->out, ATTR_NUL, name, value));
}

static void put_address(struct listing *l, const char *name, struct str internal)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(4 * MAX_RECORD);

	put(l, name, address_quote(&b, internal) < 0 ? internal : buf_str(&b));
}

static void put_recipient(struct listing *l, struct str orig, struct str rcpt, const char *class,
	struct str reason)
{
	if (!l->s->brief)
		put_address(l, "original_recipient", orig);
	if (rcpt.len > 0)
		put_address(l, "recipient", rcpt);
	else
		put(l, "recipient", str_of(l->s->empty_sender));
	if (!l->s->brief)
		put(l, "log_class", str_of(class));
	put(l, "reason", reason);
}

static void remember(struct listing *l, struct str rcpt)
{
	if (map_count(l->seen) < l->s->duplicates)
		map_set(l->seen, rcpt, NULL);
}

/* The recipients of one log, and why they are there. */
static void put_log(struct listing *l, const char *log)
{
	_cleanup_(status_log_closep) struct status_log *f = NULL;
	struct status_entry e;

	if (status_log_open(&l->s->queues, str_of(log), l->id, &f) < 0)
		return;
	while (status_log_next(f, &e) == 1) {
		remember(l, e.rcpt.address);
		put_recipient(l, e.rcpt.orig_addr, e.rcpt.address, log, e.dsn.reason);
	}
}

/* The sender comes before all recipients; with it begins the list. */
static void start(struct listing *l, struct str sender)
{
	bool expired = (queue_message_mode(l->m) & QUEUE_MODE_EXPIRE) != 0;

	put(l, "queue_name", l->queue);
	put(l, "queue_id", l->id);
	IGNORE(attr_put_long(l->out, ATTR_NUL, "time", l->time));
	IGNORE(attr_put_long(l->out, ATTR_NUL, "size", l->size));
	IGNORE(attr_put_int(l->out, ATTR_NUL, "forced_expire", expired));
	if (sender.len > 0)
		put_address(l, "sender", sender);
	else
		put(l, "sender", str_of(l->s->empty_sender));
	if (!str_eq(l->queue, STR(QUEUE_MAILDROP))) {
		put_log(l, QUEUE_DEFER);
		put_log(l, QUEUE_BOUNCE);
	}
	l->started = true;
}

static void on_time(struct listing *l, struct str data)
{
	struct str word;
	int64_t when;

	if (str_word(&data, " ", &word) && num_i64(word, 1, INT64_MAX / 4, &when) == 0)
		l->time = when;
}

static void on_size(struct listing *l, struct str data, struct rec_size *size)
{
	if (size->size == 0 && rec_parse_size(data, size) >= 0 &&
		!str_eq(l->queue, STR(QUEUE_MAILDROP)))
		l->size = size->size;
}

static void on_recipient(struct listing *l, struct str rcpt)
{
	if (l->started && !map_has(l->seen, rcpt))
		put_recipient(l, buf_str(&l->orig), rcpt, "", STR_EMPTY);
	buf_clear(&l->orig);
}

/* One record: false at the end of what is of interest. */
static bool on_record(struct listing *l, struct queue_reader *r, int type, struct str data,
	struct rec_size *size)
{
	switch (type) {
	case REC_TIME:
		on_time(l, data);
		break;
	case REC_SIZE:
		on_size(l, data, size);
		break;
	case REC_FROM:
		if (!l->started)
			start(l, data);
		break;
	case REC_ORCP:
		buf_clear(&l->orig);
		buf_put(&l->orig, data);
		break;
	case REC_RCPT:
		on_recipient(l, data);
		break;
	case REC_DONE:
	case REC_DRCP:
		buf_clear(&l->orig);
		break;
	case REC_MESG:
		if (size->data_offset > 0)
			queue_reader_seek(r, size->data_offset + size->size);
		break;
	case REC_END:
		return false;
	default:
		break;
	}
	return true;
}

static void read_records(struct listing *l, struct queue_message *m)
{
	struct queue_reader r;
	struct rec_size size = { 0 };
	struct str data;
	int type;

	queue_reader_init(&r, m, 0, false);
	r.max = MAX_RECORD;
	while ((type = queue_reader_next(&r, &data)) > 0)
		if (!on_record(l, &r, type, data, &size))
			break;
	queue_reader_done(&r);
}

static int list_opened(const struct list_settings *s, struct str queue, struct str id,
	struct queue_message *m, struct buf *ret)
{
	_cleanup_map_ struct map *seen = map_new(NULL);
	struct listing l = { .s = s,
		.queue = queue,
		.id = id,
		.out = ret,
		.orig = BUF(MAX_RECORD) };

	l.m = m;
	l.seen = seen;
	l.time = queue_message_mtime(m);
	l.size = queue_message_size(m);
	read_records(&l, m);
	buf_done(&l.orig);
	if (!l.started)
		return 0;
	IGNORE(attr_put_end(ret, ATTR_NUL));
	return 1;
}

int list_message(const struct list_settings *s, struct str queue, struct str id, struct buf *ret)
{
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;

	if (queue_message_open(&s->queues, queue, id, false, &m, NULL) < 0 ||
		(queue_message_mode(m) & QUEUE_MODE_READY) != QUEUE_MODE_READY)
		return 0;
	return list_opened(s, queue, id, m, ret);
}

int list_young(const struct list_settings *s, const struct journal_entry *e, struct buf *ret)
{
	_cleanup_(queue_message_closep) struct queue_message *m = NULL;

	if (queue_message_open_place(&e->place, false, &m, NULL) < 0)
		return 0;
	return list_opened(s, STR(QUEUE_ACTIVE), str_of(e->id), m, ret);
}
