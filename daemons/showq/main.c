/* SPDX-License-Identifier: Apache-2.0 */
/*
 * showq — lists the queue to whoever connects: one attribute list a message, an empty one at the end.
 * Where something could not be read the end is left out, so nobody takes the listing for the whole queue.
 *
 * Clients say nothing, and those of before 3.11 end at attributes that came with it. So the newer listing is
 * for those that have a name, as ours have; in stand-alone mode POSTROAD_LISTING in the environment says it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "ipc/attr.h"
#include "list.h"
#include "log/log.h"
#include "net/socket.h"
#include "sandbox/sandbox.h"
#include "service/service.h"

struct showq_conf {
	const char *hash_queue_names;
	int64_t hash_queue_depth;
	const char *empty_address_recipient;
	int64_t duplicate_filter_limit;
};

static const struct conf_var vars[] = {
	CV_STR(struct showq_conf, hash_queue_names),
	CV_INT(struct showq_conf, hash_queue_depth),
	CV_STR(struct showq_conf, empty_address_recipient),
	CV_INT(struct showq_conf, duplicate_filter_limit),
	CV_END,
};

static struct showq_conf the_conf;
static struct list_settings the_settings;
static struct strv the_hashed;

/* Ids of the journal that a listing remembers, so that a message that becomes a file meanwhile is shown once. */
#define YOUNG_MAX ((size_t)100000)

/* One listing. */
struct listing {
	struct list_settings set;
	struct stream *out;
	struct map *young; /* what the journal had */
	bool is_whole;     /* everything could be read: the end may be said */
};

static void unread(struct listing *l, const char *what, int e)
{
	log_warn("%s: %s: the listing is incomplete", what, strerrordesc_np(-e));
	l->is_whole = false;
}

/* All messages of one queue: 0, or the error of the connection. */
static int show_queue(struct listing *l, const char *queue)
{
	_cleanup_(queue_scan_closep) struct queue_scan *s = NULL;
	_cleanup_buf_ struct buf b = BUF_LOCAL(LIST_LIMIT);
	struct str id;
	int r = queue_scan_open(str_of(queue), &s);

	while (r >= 0 && (r = queue_scan_next(s, &id)) == 1) {
		buf_clear(&b);
		if (!map_has(l->young, id) && list_message(&l->set, str_of(queue), id, &b) == 1) {
			int e = stream_write(l->out, buf_str(&b));

			if (e < 0)
				return e;
		}
	}
	if (r < 0)
		unread(l, queue, r);
	return 0;
}

static int show_young(void *arg, const struct journal_entry *e)
{
	struct listing *l = arg;
	_cleanup_buf_ struct buf b = BUF_LOCAL(LIST_LIMIT);

	if (list_young(&l->set, e, &b) != 1)
		return 0;
	if (map_count(l->young) < YOUNG_MAX)
		map_add(l->young, str_of(e->id), l);
	return stream_write(l->out, buf_str(&b));
}

/*
 * The messages that are no files: 0, or the error of the connection. They come before the files: a message
 * leaves the journal for a directory, never the other way, so none is missed.
 */
static int show_journal(struct listing *l)
{
	const struct journal_settings s = { .queues = &the_settings.queues };
	int r = journal_each(&s, show_young, l);

	if (r < 0 && stream_error(l->out) == 0) {
		unread(l, "journal", r);
		r = 0;
	}
	return r;
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	static const char *const queues[] = { QUEUE_MAILDROP, QUEUE_ACTIVE, QUEUE_INCOMING,
		QUEUE_DEFERRED, QUEUE_HOLD };
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct listing l = { .set = the_settings,
		.out = client->stream,
		.young = map_new(NULL),
		.is_whole = true };
	int r;

	(void)ctx;
	l.set.brief = client->stand_alone ? getenv("POSTROAD_LISTING") == NULL
					  : !net_is_named(&client->peer);
	check(attr_put_greeting(&b, ATTR_NUL, "mail_queue_list_protocol") == 0);
	r = stream_write(client->stream, buf_str(&b));
	if (r == 0)
		r = show_journal(&l);
	for (size_t i = 0; i < ARRAY_LEN(queues) && r == 0; i++)
		r = show_queue(&l, queues[i]);
	if (r == 0 && l.is_whole)
		r = stream_write(client->stream, str_from("", 1));
	if (r == 0)
		r = stream_flush(client->stream);
	if (r < 0)
		log_debug("list not taken: %s", strerrordesc_np(-r));
	map_free(l.young);
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	(void)ctx;
	(void)why;
	strv_split(&the_hashed, str_of(the_conf.hash_queue_names), ", \t\r\n");
	the_settings = (struct list_settings){
		.queues.hashed = the_hashed.n > 0 ? (const char *const *)the_hashed.v : NULL,
		.queues.hash_depth = (unsigned)the_conf.hash_queue_depth,
		.empty_sender = the_conf.empty_address_recipient,
		.duplicates = (size_t)the_conf.duplicate_filter_limit,
	};
	return 0;
}

int main(int argc, char **argv)
{
	static const struct service showq = {
		.name = "showq",
		.kind = SERVICE_SINGLE,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_UNIX | P_READ,
		.pre_jail = pre_jail,
		.serve = serve,
	};

	service_main(argc, argv, &showq);
}
