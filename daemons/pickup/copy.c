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

struct copy {
	struct pickup_job *j;
	struct buf sender;
	bool seen_time, seen_sender;
	int r; /* of the last write */
};

static void put(struct copy *c, int type, struct str data)
{
	if (c->r == 0)
		c->r = post_record(c->j->post, type, data);
}

/* The envelope is complete: say whose message it is. */
static void log_message(const struct copy *c)
{
	_cleanup_buf_ struct buf shown = BUF_LOCAL(BUF_MEDIUM);
	struct pickup_job *j = c->j;

	if (j->info_address_internal || address_quote(&shown, buf_str(&c->sender)) < 0)
		buf_put(&shown, buf_str(&c->sender));
	if (j->requeued)
		log_info("%s: uid=%ld from=<%s> orig_id=%s", post_id(j->post), j->uid,
			buf_cstr(&shown), j->id);
	else
		log_info("%s: uid=%ld from=<%s>", post_id(j->post), j->uid, buf_cstr(&shown));
}

/* Without a time in the file, that of the file. */
static void need_time(struct copy *c)
{
	if (c->seen_time)
		return;
	c->seen_time = true;
	if (c->r == 0)
		c->r = post_recordf(c->j->post, REC_TIME, "%lld", (long long)c->j->mtime);
}

static void sender(struct copy *c, struct str data)
{
	need_time(c);
	if (!c->seen_sender)
		buf_put(&c->sender, str_head(data, 1000));
	c->seen_sender = true;
	put(c, REC_FROM, data);
}

static void received(struct copy *c)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
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
		c->seen_time = true;
		put(c, type, data);
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
	static const char *const kept[] = { "dsn_orig_rcpt", "notify_flags", "envelope_id",
		"ret_flags", "create_time" };
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
		/* The rest was found in the content, and will be again. */
		if (!extract_attr_ok(data))
			return true;
		break;
	case REC_END:
		data = STR_EMPTY;
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

static const char *strerror_of(const struct queue_reader *r, int error)
{
	return r->error[0] != '\0' ? r->error : strerrordesc_np(-error);
}

enum copy_result pickup_copy(struct pickup_job *j)
{
	enum {
		ENVELOPE,
		CONTENT,
		EXTRACT
	} segment = ENVELOPE;
	struct copy c = { .j = j, .sender = BUF(BUF_SMALL) };
	struct queue_reader reader;
	struct str data;
	bool first = true;
	bool ok = true;
	int type = 0;

	if (j->content_filter[0] != '\0')
		put(&c, REC_FILT, str_of(j->content_filter));
	queue_reader_init(&reader, j->msg, 0, false);
	/* A queue file may have been written under another limit. */
	reader.max = j->requeued ? 0 : j->record_max;
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
			log_message(&c);
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
	buf_done(&c.sender);
	if (c.r < 0) {
		queue_reader_done(&reader);
		return COPY_FAILED;
	}
	if (type < 0)
		log_warn("maildrop/%s: %s", j->id, strerror_of(&reader, type));
	if (!ok)
		log_warn("uid=%ld: unexpected or malformed record type %d", j->uid,
			type < 0    ? -2
			: type == 0 ? -1
				    : type);
	queue_reader_done(&reader);
	return ok && type == REC_END ? COPY_DONE : COPY_MALFORMED;
}
