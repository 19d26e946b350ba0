/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/list.c — read what showq sends, attribute by attribute, as messages may have more
 * recipients than one would hold in memory.
 */
#include <errno.h>

#include "base/num.h"
#include "postqueue.h"

#define PROTOCOL "mail_queue_list_protocol"
/* Longest name or value. */
#define MAX_VALUE ((size_t)16 * 1024 * 1024)

struct reader {
	struct stream *in;
	struct buf name, value;
};

/* Next attribute: 1; 0 at the end of a list; negative errno. */
static int next_attr(struct reader *r)
{
	int e;

	buf_clear(&r->name);
	buf_clear(&r->value);
	e = stream_until(r->in, '\0', &r->name);
	if (e < 0)
		return e;
	if (r->name.len == 0)
		return 0;
	e = stream_until(r->in, '\0', &r->value);
	return e < 0 ? e : 1;
}

/* The next attribute must have this name: 0, -EPROTO, other errno. */
static int expect(struct reader *r, const char *name, struct why *why)
{
	int e = next_attr(r);

	if (e < 0)
		return e;
	if (e == 0 || strcmp(buf_cstr(&r->name), name) != 0)
		return why_set(why, -EPROTO, "unexpected attribute \"%s\" (expecting: %s)",
			buf_cstr(&r->name), name);
	return 0;
}

static int expect_number(struct reader *r, const char *name, int64_t *ret, struct why *why)
{
	int e = expect(r, name, why);

	if (e == 0 && num_i64(buf_str(&r->value), INT64_MIN, INT64_MAX, ret) < 0)
		e = why_set(why, -EPROTO, "bad value of %s: %s", name, buf_cstr(&r->value));
	return e;
}

static int expect_text(struct reader *r, const char *name, char **ret, struct why *why)
{
	int e = expect(r, name, why);

	if (e == 0)
		*ret = str_dup(buf_str(&r->value));
	return e;
}

/* Fields of a message; the queue name has been read. */
static int read_message(struct reader *r, const struct list_ops *ops, FILE *out, struct why *why)
{
	_cleanup_free_ char *queue = str_dup(buf_str(&r->value));
	_cleanup_free_ char *id = NULL;
	_cleanup_free_ char *sender = NULL;
	int64_t time = 0;
	int64_t size = 0;
	int64_t expired = 0;
	int e = expect_text(r, "queue_id", &id, why);

	if (e == 0)
		e = expect_number(r, "time", &time, why);
	if (e == 0)
		e = expect_number(r, "size", &size, why);
	if (e == 0)
		e = expect_number(r, "forced_expire", &expired, why);
	if (e == 0)
		e = expect_text(r, "sender", &sender, why);
	if (e == 0)
		ops->message(out, queue, id, time, size, expired != 0, sender);
	return e;
}

/*
 * Groups of a message up to the end of its list. Before 3.11 a group is recipient and reason; now
 * original_recipient and log_class come with them.
 */
static int read_recipients(struct reader *r, const struct list_ops *ops, FILE *out, struct why *why)
{
	for (;;) {
		_cleanup_free_ char *original = NULL;
		_cleanup_free_ char *address = NULL;
		_cleanup_free_ char *class = NULL;
		struct list_recipient rcpt = { .class = STR("defer") };
		int e = next_attr(r);

		if (e == 1 && strcmp(buf_cstr(&r->name), "original_recipient") == 0) {
			original = str_dup(buf_str(&r->value));
			e = next_attr(r);
		}
		if (e <= 0)
			return e;
		if (strcmp(buf_cstr(&r->name), "recipient") != 0)
			return why_set(why, -EPROTO, "unexpected attribute \"%s\"",
				buf_cstr(&r->name));
		address = str_dup(buf_str(&r->value));
		e = next_attr(r);
		if (e == 1 && strcmp(buf_cstr(&r->name), "log_class") == 0) {
			class = str_dup(buf_str(&r->value));
			rcpt.class = str_of(class);
			e = next_attr(r);
		}
		if (e < 0)
			return e;
		if (e == 0 || strcmp(buf_cstr(&r->name), "reason") != 0)
			return why_set(why, -EPROTO, "recipient without reason");
		rcpt.original = str_of(original);
		rcpt.address = str_of(address);
		rcpt.reason = buf_str(&r->value);
		ops->recipient(out, &rcpt);
	}
}

static int read_all(struct reader *r, const struct list_ops *ops, FILE *out, struct why *why)
{
	int e = expect(r, "protocol", why);

	if (e == 0 && strcmp(buf_cstr(&r->value), PROTOCOL) != 0)
		e = why_set(why, -EPROTO, "unexpected protocol %s", buf_cstr(&r->value));
	if (e == 0 && next_attr(r) != 0)
		e = why_set(why, -EPROTO, "malformed greeting");
	if (e < 0)
		return e;
	ops->begin(out);
	while ((e = next_attr(r)) == 1) {
		if (strcmp(buf_cstr(&r->name), "queue_name") != 0)
			return why_set(why, -EPROTO, "unexpected attribute \"%s\"",
				buf_cstr(&r->name));
		e = read_message(r, ops, out, why);
		if (e == 0)
			e = read_recipients(r, ops, out, why);
		if (e < 0)
			return e;
		ops->message_end(out);
	}
	if (e == 0)
		ops->end(out);
	return e;
}

int list_read(struct stream *in, const struct list_ops *ops, FILE *out, struct why *why)
{
	struct reader r = { .in = in, .name = BUF(BUF_SMALL), .value = BUF(MAX_VALUE) };
	int e;

	(void)why_set(why, 0, "premature end of the queue listing");
	e = read_all(&r, ops, out, why);
	buf_done(&r.name);
	buf_done(&r.value);
	return e;
}
