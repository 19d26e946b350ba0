/* SPDX-License-Identifier: Apache-2.0 */
/* queue/journal_files.c — see journal_files.h. */
#include "queue/journal_files.h"

#include <fcntl.h>
#include <pthread.h>

#include "base/list.h"
#include "base/mem.h"
#include "queue/journal_priv.h"
#include "queue/message_priv.h"

struct kept {
	struct list node;
	struct journal_segment seg;
	usec_t since;
	char *room; /* for small images */
};

struct journal_files {
	pthread_mutex_t lock;
	usec_t limit;
	struct list idle; /* of struct kept, the one that was used last first */
};

struct journal_files *journal_files_new(usec_t idle)
{
	struct journal_files *f = mem_new(struct journal_files);

	check(pthread_mutex_init(&f->lock, NULL) == 0);
	list_init(&f->idle);
	f->limit = idle;
	return f;
}

static void end(struct kept *k)
{
	journal_segment_close(&k->seg);
	free(k->room);
	free(k);
}

void journal_files_free(struct journal_files *f)
{
	if (f == NULL)
		return;
	while (!list_is_empty(&f->idle)) {
		struct kept *k = list_entry(f->idle.next, struct kept, node);

		list_remove(&k->node);
		end(k);
	}
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
}

/* An idle descriptor of the place's segment, or NULL. */
static struct kept *take(struct journal_files *f, const struct journal_place *p)
{
	struct kept *found = NULL;

	(void)pthread_mutex_lock(&f->lock);
	for (struct list *l = f->idle.next; l != &f->idle && found == NULL; l = l->next) {
		struct kept *k = list_entry(l, struct kept, node);

		if (k->seg.number == p->segment && k->seg.generation == p->generation)
			found = k;
	}
	if (found != NULL)
		list_remove(&found->node);
	(void)pthread_mutex_unlock(&f->lock);
	return found;
}

/* A handle on a segment that is open already; false when it has grown, or is not what it was. */
static bool reuse(struct kept *k, const struct journal_place *p, struct queue_message **ret)
{
	return journal_segment_lock(&k->seg, p->offset, p->length, false, true) == 0 &&
	       queue_message_in_segment(&k->seg, p, k->room, ret, NULL) == 0;
}

int queue_message_open_kept(struct journal_files *f, const struct journal_place *p,
	struct queue_message **ret, struct why *why)
{
	struct kept *k;
	int r;

	if (f == NULL)
		return queue_message_open_place(p, true, ret, why);
	k = take(f, p);
	if (k != NULL && !reuse(k, p, ret))
		end(TAKE(k));
	if (k == NULL) {
		k = mem_new(struct kept);
		k->room = mem_alloc(QUEUE_IMAGE_ROOM);
		r = queue_message_open_image(p, O_RDWR, k->room, &k->seg, ret, why);
		if (r < 0) {
			free(k->room);
			free(k);
			return r;
		}
	}
	(*ret)->files = f;
	(*ret)->kept = k;
	return 0;
}

void journal_files_put(struct journal_files *f, struct kept *k, uint64_t offset, uint64_t length)
{
	struct kept *old = NULL;

	if (journal_segment_unlock(&k->seg, offset, length) < 0) {
		end(k);
		return;
	}
	k->since = clock_now();
	(void)pthread_mutex_lock(&f->lock);
	list_push_front(&f->idle, &k->node);
	old = list_entry(f->idle.prev, struct kept, node);
	if (k->since - old->since > f->limit)
		list_remove(&old->node);
	else
		old = NULL;
	(void)pthread_mutex_unlock(&f->lock);
	if (old != NULL)
		end(old);
}
