/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c — from the records of a file to those of a submission.
 *
 * A requeued message is an old queue file: what routed or described its former life is left out.
 */
#include "pickup.h"

#include "address/address.h"
#include "base/num.h"
#include "intake/submit.h"
#include "log/log.h"
#include "mime/header.h"

/* Further than this in the future is a broken clock; older than this deserves a remark. */
#define FUTURE_MAX (2 * 60 * 60)
#define OLD_AGE    (24 * 60 * 60)

struct copy {
	struct pickup_job *j;
	bool seen_sender;
	int r; /* of the last write */
};

static void put(struct copy *c, int type, struct str data)
{
	if (c->r == 0)
		c->r = post_record(c->j->post, type, data);
}

static void arrival_time(struct copy *c, struct str data)
{
	int64_t now = clock_wall() / USEC_PER_SEC;
	struct str rest = data;
	struct str word;
	int64_t sec = 0;

	if (c->j->requeued || !str_word(&rest, " ", &word) ||
		num_i64(word, 0, INT64_MAX, &sec) < 0) {
		put(c, REC_TIME, data);
		return;
	}
	if (sec > now + FUTURE_MAX) {
		log_warn("%s: message dated %lld seconds into the future", c->j->id,
			(long long)(sec - now));
		if (c->r == 0)
			c->r = post_recordf(c->j->post, REC_TIME, "%lld 0", (long long)now);
		return;
	}
	if (sec < now - OLD_AGE)
		log_warn("%s: message has been queued for %lld days", c->j->id,
			(long long)((now - sec) / OLD_AGE));
	put(c, REC_TIME, data);
}

static void sender(struct copy *c, struct str data)
{
	_cleanup_buf_ struct buf shown = BUF(BUF_MEDIUM);
	struct pickup_job *j = c->j;
	struct str head = str_head(data, 1000);

	if (j->info_address_internal || address_quote(&shown, head) < 0)
		buf_put(&shown, head);
	if (j->requeued)
		log_info("%s: uid=%ld from=<%s> orig_id=%s", post_id(j->post), j->uid,
			buf_cstr(&shown), j->id);
	else
		log_info("%s: uid=%ld from=<%s>", post_id(j->post), j->uid, buf_cstr(&shown));
	c->seen_sender = true;
	put(c, REC_FROM, data);
}

static void received(struct copy *c)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);
	struct pickup_job *j = c->j;
	struct str rest;
	struct str line;

	header_received(&b, j->myhostname, j->mail_name, j->uid, str_of(post_id(j->post)),
		(time_t)j->mtime);
	rest = buf_str(&b);
	while (str_word(&rest, "\n", &line))
		put(c, REC_NORM, line);
}

/*
 * For whom did submitd write the file? Only mail_owner can own a file and say that it is another's:
 * what postdrop writes has no such attribute, and belongs to the user. True: that is what it says.
 */
static bool on_behalf(struct pickup_job *j, struct str data)
{
	struct str name;
	struct str value;
	int64_t uid;

	if (rec_attr_split(data, &name, &value) < 0 || !str_eq(name, STR(SUBMIT_UID_ATTR)))
		return false;
	if (j->by_owner && num_i64(value, 0, UINT32_MAX, &uid) == 0)
		j->uid = (long)uid;
	return true;
}

/* One record of a segment; false: malformed. */
static bool envelope(struct copy *c, int type, struct str data)
{
	if (strchr(REC_ENVELOPE, type) == NULL)
		return false;
	switch (type) {
	case REC_TIME:
		arrival_time(c, data);
		break;
	case REC_ATTR:
		if (!on_behalf(c->j, data))
			put(c, type, data);
		break;
	case REC_FROM:
		sender(c, data);
		break;
	case REC_FILT:
	case REC_RDR:
		break;
	default:
		put(c, type, data);
		break;
	}
	return true;
}

static bool extract_attr_ok(struct str data)
{
	static const char *const kept[] = { "dsn_orig_rcpt", "notify_flags", "create_time" };
	struct str name;
	struct str value;

	if (rec_attr_split(data, &name, &value) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (str_eq(name, str_of(kept[i])))
			return true;
	return false;
}

static bool extract(struct copy *c, int type, struct str data)
{
	if (strchr(REC_EXTRACT, type) == NULL)
		return false;
	switch (type) {
	case REC_FILT:
	case REC_RDR:
	case REC_RRTO:
	case REC_ERTO:
		return true;
	case REC_ATTR:
		if (c->j->requeued && !extract_attr_ok(data))
			return true;
		break;
	default:
		break;
	}
	put(c, type, data);
	return true;
}

static bool content(struct copy *c, int type, struct str data, bool first)
{
	if (strchr(REC_CONTENT, type) == NULL)
		return false;
	/* The text would look like a continuation of our Received. */
	if (first && (type == REC_NORM || type == REC_CONT) && data.len > 0 &&
		is_space((unsigned char)data.ptr[0]))
		put(c, REC_NORM, STR_EMPTY);
	put(c, type, data);
	return true;
}

enum copy_result pickup_copy(struct pickup_job *j)
{
	enum {
		ENVELOPE,
		CONTENT,
		EXTRACT
	} segment = ENVELOPE;
	struct copy c = { .j = j };
	struct queue_reader reader;
	struct str data;
	bool first = true;
	bool ok = true;
	int type = 0;

	if (j->content_filter[0] != '\0')
		put(&c, REC_FILT, str_of(j->content_filter));
	queue_reader_init(&reader, j->msg, 0, false);
	while (ok && c.r == 0 && !(segment == EXTRACT && type == REC_END)) {
		type = queue_reader_next(&reader, &data);
		if (type <= 0) {
			ok = false;
		} else if (segment == ENVELOPE && type == REC_MESG) {
			if (!c.seen_sender) {
				log_warn("%s: uid=%ld: no envelope sender", post_id(j->post),
					j->uid);
				break;
			}
			put(&c, type, STR_EMPTY);
			received(&c);
			segment = CONTENT;
		} else if (segment == ENVELOPE) {
			ok = envelope(&c, type, data);
		} else if (segment == CONTENT) {
			ok = content(&c, type, data, first);
			first = false;
			if (type == REC_XTRA)
				segment = EXTRACT;
		} else {
			ok = extract(&c, type, data);
		}
	}
	queue_reader_done(&reader);
	if (c.r < 0)
		return COPY_FAILED;
	if (!ok)
		log_warn("uid=%ld: unexpected or malformed record type %d", j->uid,
			type > 0 ? type : -1);
	return ok && type == REC_END ? COPY_DONE : COPY_MALFORMED;
}
