/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postsuper/act.c — delete, requeue, expire, hold and release messages.
 *
 * A message may move between queues while it is looked for; hence a second look.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"
#include "postsuper.h"

#define LOOKS 2

/* Where an action looks when no queue was named. */
static const char *const *default_queues(enum action what)
{
	static const char *const all[] = { QUEUE_HOLD, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED,
		NULL };
	static const char *const hold[] = { QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED, NULL };
	static const char *const release[] = { QUEUE_HOLD, NULL };

	switch (what) {
	case ACT_HOLD:
		return hold;
	case ACT_RELEASE:
		return release;
	case ACT_DELETE:
	case ACT_EXPIRE:
	case ACT_EXPIRE_RELEASE:
	case ACT_REQUEUE:
		break;
	}
	return all;
}

/* False, with a warning, on any error but that the file is not there. */
static bool succeeded(int r, const char *what, const char *queue, struct str id)
{
	if (r < 0 && r != -ENOENT)
		log_warn("%s %s/" STR_FMT ": %s", what, queue, STR_ARG(id), strerrordesc_np(-r));
	return r == 0;
}

static bool exists(const struct tool *t, const char *queue, struct str id)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	queue_path(&t->queues, &path, str_of(queue), id);
	return access(buf_cstr(&path), F_OK) == 0;
}

/* One line a message, unless all of them were meant. */
static void say(const struct tool *t, struct str id, const char *what)
{
	if (!t->quiet)
		log_info(STR_FMT ": %s", STR_ARG(id), what);
}

static bool delete_one(struct tool *t, const char *queue, struct str id)
{
	static const char *const logs[] = { QUEUE_BOUNCE, QUEUE_DEFER, QUEUE_TRACE };

	if (!exists(t, queue, id))
		return false;
	/* Logs first: what is left after an interruption is a message that still has its id. */
	for (size_t i = 0; i < ARRAY_LEN(logs); i++)
		(void)succeeded(queue_remove(&t->queues, str_of(logs[i]), id), "remove", logs[i],
			id);
	if (!succeeded(queue_remove(&t->queues, str_of(queue), id), "remove", queue, id))
		return false;
	say(t, id, "removed");
	t->deleted++;
	return true;
}

static bool move_one(struct tool *t, const char *queue, const char *to, struct str id,
	const char *said, unsigned long *counter)
{
	if (!succeeded(queue_move(&t->queues, id, str_of(queue), str_of(to), NULL), "rename", queue,
		    id))
		return false;
	say(t, id, said);
	++*counter;
	return true;
}

/* Pickup takes a file with an old time stamp too; the new one tells when it was requeued. */
static bool requeue_one(struct tool *t, const char *queue, struct str id)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	if (!move_one(t, queue, QUEUE_MAILDROP, id, "requeued", &t->requeued))
		return false;
	queue_path(&t->queues, &path, STR(QUEUE_MAILDROP), id);
	if (utimensat(AT_FDCWD, buf_cstr(&path), NULL, AT_SYMLINK_NOFOLLOW) < 0)
		log_warn("%s: reset time stamps: %m", buf_cstr(&path));
	return true;
}

static bool expire_one(struct tool *t, const char *queue, struct str id)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	struct stat st;

	queue_path(&t->queues, &path, str_of(queue), id);
	if (lstat(buf_cstr(&path), &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if ((st.st_mode & QUEUE_MODE_EXPIRE) != 0)
		return true;
	if (chmod(buf_cstr(&path), (st.st_mode & 07777) | QUEUE_MODE_EXPIRE) < 0)
		return succeeded(-errno, "change mode of", queue, id);
	say(t, id, "expired");
	t->expired++;
	return true;
}

static bool act(struct tool *t, enum action what, const char *queue, struct str id)
{
	bool on_hold = strcmp(queue, QUEUE_HOLD) == 0;
	bool in_maildrop = strcmp(queue, QUEUE_MAILDROP) == 0;
	bool done;

	switch (what) {
	case ACT_DELETE:
		return delete_one(t, queue, id);
	case ACT_EXPIRE:
		return !in_maildrop && expire_one(t, queue, id);
	case ACT_EXPIRE_RELEASE:
		done = !in_maildrop && expire_one(t, queue, id);
		if (done && on_hold)
			(void)move_one(t, queue, QUEUE_DEFERRED, id, "released from hold",
				&t->released);
		return done;
	case ACT_HOLD:
		return !on_hold && move_one(t, queue, QUEUE_HOLD, id, "placed on hold", &t->held);
	case ACT_RELEASE:
		return on_hold &&
		       move_one(t, queue, QUEUE_DEFERRED, id, "released from hold", &t->released);
	case ACT_REQUEUE:
		return !in_maildrop && requeue_one(t, queue, id);
	}
	return false;
}

/* The n-th queue of an action, NULL at the end; queues without messages are passed over. */
static const char *nth_queue(enum action what, char *const *queues, size_t n)
{
	if (queues[0] == NULL)
		return default_queues(what)[n];
	for (; *queues != NULL; queues++)
		if (queue_info_find(str_of(*queues))->messages && n-- == 0)
			return *queues;
	return NULL;
}

static bool act_on_file(struct tool *t, enum action what, char *const *queues, struct str id)
{
	for (unsigned look = 0; look < LOOKS; look++) {
		const char *queue;

		for (size_t n = 0; (queue = nth_queue(what, queues, n)) != NULL; n++)
			if (act(t, what, queue, id))
				return true;
	}
	return false;
}

void act_on_id(struct tool *t, enum action what, char *const *queues, struct str id)
{
	if (!queue_id_ok(id)) {
		log_warn("invalid mail queue id: " STR_FMT, STR_ARG(id));
		return;
	}
	if (!act_on_file(t, what, queues, id) && young_settle_id(t, id))
		(void)act_on_file(t, what, queues, id);
}

void act_on_all(struct tool *t, enum action what, char *const *queues)
{
	const char *queue;

	young_settle(t, true);
	t->quiet = true;
	for (size_t n = 0; (queue = nth_queue(what, queues, n)) != NULL; n++) {
		_cleanup_(queue_scan_closep) struct queue_scan *s = NULL;
		struct str id;
		int r = queue_scan_open(str_of(queue), &s);

		while (r >= 0 && (r = queue_scan_next(s, &id)) == 1)
			(void)act(t, what, queue, id);
		if (r < 0)
			log_fatal("scan queue %s: %s", queue, strerrordesc_np(-r));
	}
	t->quiet = false;
}
