/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/envelope.c — one pass over the records before and behind the content.
 */
#include "envelope.h"

#include <errno.h>

#include "base/mem.h"
#include "base/num.h"

/* Longest record that an envelope may hold; what is longer was not written by cleanup. */
#define MAX_RECORD ((size_t)512 * 1024)
/* Longest address or other text that agents and bounce services are told. */
#define MAX_TEXT ((size_t)64 * 1024)

/* A portion of recipients ends when its texts take this much. */
#define MAX_BATCH_BYTES ((size_t)64 * 1024 * 1024)

/* The state of a pass. */
struct pass {
	struct queue_reader r;
	struct envelope *e;
	struct arena *a;     /* of the envelope; NULL when only recipients are wanted */
	struct arena *batch; /* of the recipients */
	struct recipient *v;
	size_t n, cap, max;
	size_t unread_before;  /* once one is passed over, none after it is taken */
	struct recipient next; /* what the records before a recipient say of it */
	bool have_size, have_time, have_sender, log_client, extracted;
	bool old_style; /* from before 1.0: M tells where X is */
	struct why *why;
};

static int corrupt(struct pass *p, const char *text)
{
	return why_set(p->why, -EBADMSG, "%s at offset %lld", text, (long long)p->r.rec_offset);
}

/* Is there room for another recipient? For one there always is. */
static bool wants_rcpt(const struct pass *p)
{
	return p->n == 0 || (p->n < p->max && arena_used(p->batch) < MAX_BATCH_BYTES);
}

/* First value wins. */
static void keep(struct pass *p, struct str *field, struct str value)
{
	if (field->len == 0)
		*field = arena_str(p->a, value);
}

static void keep_last(struct pass *p, struct str *field, struct str value)
{
	*field = arena_str(p->a, value);
}

static int on_time(struct pass *p, struct str data)
{
	struct str word;
	int64_t sec;
	int64_t usec = 0;

	if (p->have_time)
		return 0;
	if (!str_word(&data, " ", &word) || num_i64(word, 0, INT64_MAX / 2000000, &sec) < 0)
		return corrupt(p, "bad arrival time");
	if (str_word(&data, " ", &word) && num_i64(word, 0, 999999, &usec) < 0)
		return corrupt(p, "bad arrival time");
	p->e->arrival = (struct timeval){ .tv_sec = sec, .tv_usec = usec };
	p->have_time = true;
	return 0;
}

static int on_size(struct pass *p, struct str data)
{
	int r;

	if (p->have_size)
		return 0;
	r = rec_parse_size(data, &p->e->size);
	if (r < 0)
		return corrupt(p, "bad size record");
	p->old_style = r == 1;
	p->have_size = true;
	return 0;
}

static int on_warn(struct pass *p, struct str data)
{
	int64_t when;

	if (num_i64(str_trim(data), -1, INT64_MAX / 2000000, &when) < 0)
		return corrupt(p, "bad warning time");
	if (p->e->warn_offset >= 0)
		return 0;
	p->e->warn_offset = p->r.rec_offset;
	p->e->warn_sent = when < 0;
	p->e->warn_time = when < 0 ? 0 : when;
	return 0;
}

static int number_attr(struct pass *p, struct str value, int64_t max, int64_t *ret)
{
	uint64_t v;

	if (num_u64(value, (uint64_t)max, &v) < 0)
		return corrupt(p, "bad number in attribute");
	*ret = (int64_t)v;
	return 0;
}

/* Attributes that are kept as text. Log names win over those of the real client. */
static bool text_attr(struct pass *p, struct str name, struct str value)
{
	struct envelope *e = p->e;
	const struct {
		struct str name;
		struct str *field;
		bool log; /* a log_client name: from now on the legacy names do not count */
		bool legacy;
	} attrs[] = {
		{ STR("log_client_name"), &e->client_name, true, false },
		{ STR("log_client_address"), &e->client_addr, true, false },
		{ STR("log_client_port"), &e->client_port, true, false },
		{ STR("log_protocol_name"), &e->client_proto, true, false },
		{ STR("log_helo_name"), &e->client_helo, true, false },
		{ STR("client_name"), &e->client_name, false, true },
		{ STR("client_address"), &e->client_addr, false, true },
		{ STR("client_port"), &e->client_port, false, true },
		{ STR("protocol_name"), &e->client_proto, false, true },
		{ STR("helo_name"), &e->client_helo, false, true },
		{ STR("sasl_method"), &e->sasl_method, false, false },
		{ STR("sasl_username"), &e->sasl_username, false, false },
		{ STR("sasl_sender"), &e->sasl_sender, false, false },
		{ STR("log_ident"), &e->log_ident, false, false },
		{ STR("rewrite_context"), &e->rewrite_context, false, false },
		{ STR("envelope_id"), &e->dsn_envid, false, false },
	};

	if (str_eq(name, STR("encoding"))) {
		keep_last(p, &e->encoding, value);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++) {
		if (!str_eq(name, attrs[i].name))
			continue;
		if (attrs[i].legacy && p->log_client)
			return true;
		if (attrs[i].log)
			keep_last(p, attrs[i].field, value);
		else
			keep(p, attrs[i].field, value);
		p->log_client = p->log_client || attrs[i].log;
		return true;
	}
	return false;
}

/* Attributes of the recipient that follows. */
static int rcpt_attr(struct pass *p, struct str name, struct str value)
{
	int64_t v;

	if (str_eq(name, STR("dsn_orig_rcpt"))) {
		if (wants_rcpt(p))
			p->next.dsn_orcpt = arena_str(p->batch, value);
		return 1;
	}
	if (!str_eq(name, STR("notify_flags")))
		return 0;
	if (number_attr(p, value, 15, &v) < 0 || ((v & 1) != 0 && v != 1))
		return corrupt(p, "bad notify flags");
	p->next.dsn_notify = (int)v;
	return 1;
}

static int on_attr(struct pass *p, struct str data)
{
	struct str name;
	struct str value;
	int64_t v = 0;
	int r;

	if (rec_attr_split(data, &name, &value) < 0)
		return corrupt(p, "malformed attribute");
	/* None of those that matter here (a Message-ID may be so long). */
	if (value.len > MAX_TEXT)
		return 0;
	r = rcpt_attr(p, name, value);
	if (r != 0 || p->a == NULL)
		return r < 0 ? r : 0;
	if (str_eq(name, STR("create_time"))) {
		r = number_attr(p, value, INT64_MAX / 2000000, &v);
		p->e->create_time = v;
	} else if (str_eq(name, STR("ret_flags"))) {
		r = number_attr(p, value, 2, &v);
		p->e->dsn_ret = (int)v;
	} else if (str_eq(name, STR("trace_flags"))) {
		r = number_attr(p, value, INT32_MAX, &v);
		p->e->trace_flags = (int)v;
		p->e->trace_offset = p->r.rec_offset;
	} else {
		(void)text_attr(p, name, value);
	}
	return r;
}

static void add_rcpt(struct pass *p, struct str address)
{
	if (p->n == p->cap) {
		size_t cap = MIN(p->max, p->cap == 0 ? 4 : p->cap * 4);
		struct recipient *v = arena_array(p->batch, cap, sizeof(*v));

		for (size_t i = 0; i < p->n; i++)
			v[i] = p->v[i];
		p->v = v;
		p->cap = cap;
	}
	p->next.address = arena_str(p->batch, address);
	p->next.offset = p->r.rec_offset;
	p->v[p->n++] = p->next;
	p->e->next = p->r.offset;
	p->e->next_extracted = p->extracted;
}

static void on_rcpt(struct pass *p, struct str address)
{
	if (p->a != NULL)
		p->e->n_rcpt++;
	if (wants_rcpt(p) && p->e->unread == p->unread_before)
		add_rcpt(p, address);
	else if (p->a != NULL)
		p->e->unread++;
	p->next = (struct recipient){ 0 };
}

/* Records that tell something of the message as a whole. */
static int on_message_record(struct pass *p, int type, struct str data)
{
	if (p->a == NULL)
		return 0;
	switch (type) {
	case REC_SIZE:
		return on_size(p, data);
	case REC_TIME:
		return on_time(p, data);
	case REC_WARN:
		return on_warn(p, data);
	case REC_FROM:
		if (!p->have_sender)
			p->e->sender = arena_str(p->a, data);
		p->have_sender = true;
		return 0;
	case REC_FILT:
		keep_last(p, &p->e->filter, data);
		return 0;
	case REC_INSP:
		keep_last(p, &p->e->inspector, data);
		return 0;
	case REC_RDR:
		keep_last(p, &p->e->redirect, data);
		return 0;
	case REC_VERP:
		if (data.len == 2)
			keep(p, &p->e->verp, data);
		return 0;
	default:
		return 0;
	}
}

/* Records of a recipient: true when taken. */
static bool on_rcpt_record(struct pass *p, int type, struct str data)
{
	switch (type) {
	case REC_RCPT:
		on_rcpt(p, data);
		return true;
	case REC_DONE:
	case REC_DRCP:
		p->next = (struct recipient){ 0 };
		return true;
	case REC_ORCP:
		if (wants_rcpt(p))
			p->next.orig_addr = arena_str(p->batch, data);
		return true;
	default:
		return false;
	}
}

/* M: step over the content, which must be followed by X. */
static int skip_content(struct pass *p, struct str data)
{
	struct rec_size *s = &p->e->size;
	int64_t x = s->data_offset + s->size;
	int r;

	if (!p->have_size)
		return corrupt(p, "no size record");
	if (p->a != NULL && p->old_style) {
		if (rec_parse_ptr(data, &x) < 0)
			return corrupt(p, "bad message start");
		s->data_offset = p->r.offset;
		s->size = s->cont_length = x - s->data_offset;
	}
	if (x <= s->data_offset || x > queue_message_size(p->r.msg))
		return corrupt(p, "message content beyond the end of the file");
	queue_reader_seek(&p->r, x);
	r = queue_reader_next(&p->r, &data);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (r != REC_XTRA)
		return corrupt(p, "no extracted segment");
	p->extracted = true;
	return 0;
}

static int one_record(struct pass *p, int type, struct str data)
{
	static const char envelope[] = REC_ENVELOPE;
	static const char extract[] = REC_EXTRACT;
	const char *allowed = p->extracted ? extract : envelope;

	if (strchr(allowed, type) == NULL)
		return corrupt(p, "unexpected record type");
	/* No protocol that an agent or a bounce service speaks could carry it. */
	if (str_chr(data, '\0') >= 0)
		return corrupt(p, "null byte in record");
	if (type != REC_ATTR && data.len > MAX_TEXT)
		return corrupt(p, "text of more than 64 KB");
	if (on_rcpt_record(p, type, data))
		return 0;
	if (type == REC_ATTR)
		return on_attr(p, data);
	if (type == REC_MESG)
		return skip_content(p, data);
	return on_message_record(p, type, data);
}

/* All records up to E, or until enough recipients were found when only these are wanted. */
static int run(struct pass *p)
{
	for (;;) {
		struct str data;
		int type;
		int r;

		if (p->a == NULL && !wants_rcpt(p))
			return 0;
		type = queue_reader_next(&p->r, &data);
		if (type == -EBADMSG || type == 0)
			return corrupt(p, type == 0 ? "no end record" : "damaged record");
		if (type < 0)
			return why_errno(p->why, type, "read queue file");
		if (type == REC_END && p->extracted)
			return 0;
		r = one_record(p, type, data);
		if (r < 0)
			return r;
	}
}

static int check_complete(struct pass *p)
{
	if (!p->have_time)
		return corrupt(p, "no arrival time");
	if (!p->have_sender)
		return corrupt(p, "no sender");
	if (p->e->rewrite_context.len == 0)
		p->e->rewrite_context = STR("local");
	return 0;
}

int envelope_read(struct queue_message *m, size_t max, struct arena *a, struct arena *batch,
	struct envelope *ret, struct rcpt_batch *ret_rcpt, struct why *why)
{
	struct envelope e = { .trace_offset = -1, .warn_offset = -1 };
	struct pass p = { .e = &e, .a = a, .batch = batch, .max = max, .why = why };
	int r;

	check(max > 0);
	queue_reader_init(&p.r, m, 0, false);
	p.r.max = MAX_RECORD;
	r = run(&p);
	if (r == 0)
		r = check_complete(&p);
	queue_reader_done(&p.r);
	if (r < 0)
		return r;
	*ret = e;
	*ret_rcpt = (struct rcpt_batch){ p.v, p.n };
	return 0;
}

int envelope_more(struct queue_message *m, struct envelope *e, size_t max, struct arena *batch,
	struct rcpt_batch *ret, struct why *why)
{
	struct pass p = {
		.e = e,
		.batch = batch,
		.max = MIN(max, MAX(e->unread, (size_t)1)),
		.have_size = true,
		.extracted = e->next_extracted,
		.unread_before = e->unread,
		.why = why,
	};
	int r;

	check(max > 0);
	queue_reader_init(&p.r, m, e->next, false);
	p.r.max = MAX_RECORD;
	r = run(&p);
	queue_reader_done(&p.r);
	if (r < 0)
		return r;
	e->unread -= MIN(e->unread, p.n);
	*ret = (struct rcpt_batch){ p.v, p.n };
	return 0;
}
