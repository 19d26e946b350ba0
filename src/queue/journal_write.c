/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_write.c — intake's side: ids, and the group commit.
 *
 * Threads put their request on a list. The first one that finds nobody at it leads: it takes what
 * waits, writes it with one call, flushes once, publishes how far the segment is committed, and
 * makes the first of those that came meanwhile the next leader; then it wakes the others. Each waits on a
 * semaphore of its own, so nobody who is woken meets the others at the lock. While groups are of several,
 * a leader lets threads that could run do so before it takes its group: where processors are busy that
 * halves the flushes (bench/README.md), and where they are not it costs nothing.
 *
 * Invariants: the segment and its position change only under the lock, or by the leader; only the leader
 * works without it. A leader's own request is the first of its group. A request is answered 0 only after a
 * flush that came after its write succeeded.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "ipc/client.h"
#include "queue/journal_priv.h"

/* Most images of a group; each takes three pieces of IOV_MAX, and one is for the end. */
#define GROUP_MAX 256
/* The journal is let alone for so long after it could not be used. */
#define PAUSE_NO_ROOM (USEC_PER_SEC / 10)
#define PAUSE_TROUBLE (10 * USEC_PER_SEC)
/* Failed segments in a row after which files are used for PAUSE_TROUBLE. */
#define FAILURES_MAX 3
/* How long a trigger may take. */
#define WAKE_TIMEOUT USEC_PER_SEC

#define USECS     1000000U
#define WORD_BITS 64U
/* A generation ends when so many of its ids are given out: they are still found quickly. */
#define IDS_MAX (USECS - USECS / 10)

struct request {
	struct journal_head head;
	struct str image;
	struct request *next;
	sem_t turn; /* posted once: it is done, or its thread leads now */
	bool done;
	int result;
	const char *what; /* failed, or NULL */
};

struct journal_writer {
	struct journal_settings s;
	struct ipc_bell *bell;
	pthread_mutex_t lock;
	struct journal_state *state;
	struct journal_segment seg; /* fd -1: none */
	uint64_t pos;
	usec_t pause; /* the journal is not used before */
	unsigned failures;
	bool rotate; /* no ids are left */
	uint32_t ids;
	uint64_t used[USECS / WORD_BITS]; /* microseconds of this generation */
	struct request *first;
	struct request **last;
	bool leading;
	bool crowd; /* the last group was of several */
};

struct journal_writer *journal_writer_new(const struct journal_settings *s)
{
	struct journal_writer *w = mem_new(struct journal_writer);

	w->s = *s;
	if (s->wake_path != NULL)
		w->bell = ipc_bell_new(s->wake_path, STR(JOURNAL_WAKE), WAKE_TIMEOUT);
	check(pthread_mutex_init(&w->lock, NULL) == 0);
	w->seg = JOURNAL_NO_SEGMENT;
	w->last = &w->first;
	return w;
}

/* The segment is nobody's any more, but holds messages. */
static void give_up(struct journal_writer *w, enum journal_phase phase)
{
	struct journal_slot *slot;

	if (w->seg.fd < 0)
		return;
	slot = &w->state->page->slot[w->seg.number];
	atomic_store(&slot->owner, journal_owner(w->seg.generation, phase));
	(void)atomic_fetch_add(&w->state->page->news, 1);
	journal_segment_close(&w->seg);
	w->rotate = false;
}

void journal_writer_free(struct journal_writer *w)
{
	if (w == NULL)
		return;
	check(w->first == NULL && !w->leading);
	give_up(w, JOURNAL_FULL);
	journal_state_close(w->state);
	ipc_bell_free(w->bell);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Use files for a while. */
static void pause_for(struct journal_writer *w, usec_t time)
{
	w->pause = clock_now() + time;
}

/* A file or a right is missing: said once each time it begins. */
static void trouble(struct journal_writer *w, int e, const char *what)
{
	note(w->s.notes, NOTE_WARN, "journal: %s: %s; messages are written to files", what,
		strerrordesc_np(-e));
	pause_for(w, PAUSE_TROUBLE);
}

/* Is there a reader? */
static bool has_reader(struct journal_writer *w, bool look)
{
	int r;

	if (w->state != NULL && journal_state_has_reader(w->state, look))
		return true;
	if (!w->leading && w->first == NULL && w->state != NULL &&
		journal_state_is_stale(w->state)) {
		give_up(w, JOURNAL_FULL);
		journal_state_close(w->state);
		w->state = NULL;
	}
	if (w->state != NULL)
		return false;
	r = journal_state_open(false, &w->state);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		trouble(w, r, "journal/state");
	return r == 0 && journal_state_has_reader(w->state, look);
}

/* With the claim lock: take segment i. 0; -EBUSY take another; negative errno. */
static int claim_slot(struct journal_writer *w, uint32_t i)
{
	struct journal_page *page = w->state->page;
	struct journal_slot *slot = &page->slot[i];
	uint32_t generation = atomic_load(&page->next_generation);
	int r;

	if (generation == 0 || generation == UINT32_MAX)
		return -EAGAIN;
	atomic_store(&page->next_generation, generation + 1);
	r = journal_segment_claim(i, generation, (uint64_t)w->s.segment_size, &w->seg);
	if (r == -EBADMSG)
		return -EBUSY;
	if (r < 0 && r != -EIO)
		return r;
	if (atomic_load(&page->used) <= i)
		atomic_store(&page->used, i + 1);
	atomic_store(&slot->busy, 0);
	atomic_store(&slot->committed, JOURNAL_DATA);
	atomic_store(&slot->owner,
		journal_owner(generation, r == 0 ? JOURNAL_OPEN : JOURNAL_FAILED));
	return r;
}

/* With the claim lock: a segment that is there already, or else a new one. */
static int claim_one(struct journal_writer *w)
{
	struct journal_page *page = w->state->page;
	uint32_t allowed = journal_segments_allowed(&w->s);
	unsigned left = 0;
	int r = -EAGAIN;

	for (unsigned is_new = 0; is_new <= 1; is_new++) {
		for (uint32_t i = 0; i < allowed; i++) {
			uint64_t owner = atomic_load(&page->slot[i].owner);

			if (journal_owner_phase(owner) != JOURNAL_FREE ||
				(journal_owner_generation(owner) == 0) != (is_new == 1))
				continue;
			if (w->seg.fd >= 0) {
				left++;
				continue;
			}
			r = claim_slot(w, i);
			if (r < 0 && r != -EBUSY)
				return r;
		}
	}
	/* Before writers must do without, what lies in the others is settled. */
	if (left == 0)
		atomic_store(&page->wanted, 1);
	return w->seg.fd >= 0 ? 0 : -EAGAIN;
}

/* With the lock: have a segment. 0, or -EAGAIN. */
static int claim(struct journal_writer *w)
{
	int r = w->state == NULL ? -EAGAIN : journal_state_lock_claim(w->state);

	if (r == 0) {
		/* A new reader sorts things out before it is ready. */
		r = journal_state_has_reader(w->state, true) ? claim_one(w) : -EAGAIN;
		journal_state_unlock_claim(w->state);
	}
	if (r == 0) {
		w->pos = JOURNAL_DATA;
		w->ids = 0;
		w->rotate = false;
		memset(w->used, 0, sizeof(w->used));
		return 0;
	}
	if (r == -EAGAIN)
		pause_for(w, PAUSE_NO_ROOM);
	else
		trouble(w, r, "claim a segment");
	return -EAGAIN;
}

/* Take the free microsecond next to `wish`, without regard to the clock going back. */
static uint32_t take_usec(struct journal_writer *w, uint32_t wish)
{
	uint32_t word = wish / WORD_BITS;
	uint64_t before = ((uint64_t)1 << (wish % WORD_BITS)) - 1;
	uint64_t taken = w->used[word] | before;

	while (taken == UINT64_MAX) {
		word = (word + 1) % (USECS / WORD_BITS);
		taken = w->used[word];
	}
	wish = word * WORD_BITS + (uint32_t)__builtin_ctzll(~taken);
	w->used[word] |= (uint64_t)1 << (wish % WORD_BITS);
	if (++w->ids >= IDS_MAX)
		w->rotate = true;
	return wish;
}

static void make_id(struct journal_writer *w, struct queue_file *ret)
{
	_cleanup_buf_ struct buf id = BUF_LOCAL(QUEUE_ID_MAX);
	uint64_t inode = JOURNAL_INODE_BASE + w->seg.generation;
	uint32_t usec;

	(void)gettimeofday(&ret->created, NULL);
	usec = take_usec(w, (uint32_t)ret->created.tv_usec);
	ret->created.tv_usec = (suseconds_t)usec;
	if (w->s.queues != NULL && w->s.queues->long_ids)
		queue_id_long(&id, ret->created.tv_sec, usec, inode);
	else
		queue_id_short(&id, usec, inode);
	check(id.len < sizeof(((struct journal_head *)NULL)->id));
	memcpy(ret->id, buf_cstr(&id), id.len + 1);
	ret->fd = -1;
}

int journal_reserve(struct journal_writer *w, struct queue_file *ret)
{
	int r = -EAGAIN;

	(void)pthread_mutex_lock(&w->lock);
	if ((w->pause == 0 || clock_now() >= w->pause) && has_reader(w, false)) {
		w->pause = 0;
		if (w->rotate && !w->leading && w->first == NULL)
			give_up(w, JOURNAL_FULL);
		if (w->seg.fd >= 0)
			r = w->rotate ? -EAGAIN : 0;
		else
			r = w->leading ? -EAGAIN : claim(w);
		if (r == 0)
			make_id(w, ret);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return r;
}

/* ---- the group ---- */

struct group {
	struct request *first;
	struct request *end; /* the first that is not of it, or NULL */
	uint64_t bytes;
	unsigned n;
	uint64_t pos; /* where it begins */
	int result;
	const char *what; /* failed */
	bool is_written;  /* something may be on disk */
};

/* With the lock: the requests that one write takes. */
static void take_group(struct journal_writer *w, struct group *g)
{
	*g = (struct group){ .first = w->first, .end = w->first, .pos = w->pos };
	while (g->end != NULL && g->n < GROUP_MAX) {
		uint64_t bytes = journal_record_bytes(g->end->image.len);

		if (g->pos + g->bytes + bytes > w->seg.size ||
			(g->n > 0 && g->bytes + bytes > JOURNAL_GROUP_BYTES))
			break;
		g->bytes += bytes;
		g->n++;
		g->end = g->end->next;
	}
	w->first = g->end;
	if (w->first == NULL)
		w->last = &w->first;
}

/* All pieces, at their offset. */
static int write_pieces(int fd, struct iovec *v, int n, uint64_t offset)
{
	while (n > 0) {
		ssize_t done = pwritev(fd, v, n, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		offset += (uint64_t)done;
		while (n > 0 && (size_t)done >= v->iov_len) {
			done -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static void add_piece(struct iovec *v, int *n, const void *p, uint64_t len)
{
	if (len > 0)
		/* pwritev does not write to it. */
		v[(*n)++] = (struct iovec){ (void *)(uintptr_t)p, (size_t)len };
}

/* Heads, images and the gaps behind them; zeros to the end of the page, which is written anyway. */
static int write_group(struct journal_writer *w, const struct group *g)
{
	static const char zeros[4096];
	struct iovec v[3 * GROUP_MAX + 1];
	uint64_t end = g->pos + g->bytes;
	int n = 0;

	for (struct request *q = g->first; q != g->end; q = q->next) {
		q->head.tag = w->seg.tag;
		q->head.generation = w->seg.generation;
		q->head.stable = (uint32_t)(g->pos / JOURNAL_ALIGN);
		journal_head_seal(&q->head);
		add_piece(v, &n, &q->head, sizeof(q->head));
		add_piece(v, &n, q->image.ptr, q->image.len);
		add_piece(v, &n, zeros,
			journal_record_bytes(q->image.len) - sizeof(q->head) - q->image.len);
	}
	add_piece(v, &n, zeros,
		MIN((uint64_t)sizeof(zeros) - end % sizeof(zeros), w->seg.allocated - end));
	return write_pieces(w->seg.fd, v, n, g->pos);
}

/* What was refused must not be found by a reader of this machine either. */
static void blot_out(struct journal_writer *w, const struct group *g)
{
	static const char zeros[sizeof(struct journal_head)];
	uint64_t pos = g->pos;

	for (struct request *q = g->first; q != g->end; q = q->next) {
		(void)!fd_pwrite_all(w->seg.fd, str_from(zeros, sizeof(zeros)), (int64_t)pos);
		pos += journal_record_bytes(q->image.len);
	}
}

static void publish(struct journal_writer *w, uint64_t pos)
{
	struct journal_page *page = w->state->page;

	atomic_store(&page->slot[w->seg.number].committed, pos);
	(void)atomic_fetch_add(&page->news, 1);
	if (atomic_load(&page->sleeping) != 0 && atomic_exchange(&page->sleeping, 0) != 0 &&
		w->bell != NULL && ipc_bell_ring(w->bell) < 0)
		atomic_store(&page->sleeping, 1);
}

/* Write, flush, publish. */
static void commit_to_reader(struct journal_writer *w, struct group *g)
{
	g->what = "grow";
	g->result = journal_segment_grow(&w->seg, g->pos + g->bytes);
	if (g->result < 0)
		return;
	g->is_written = true;
	g->what = "write";
	g->result = write_group(w, g);
	if (g->result == 0) {
		g->what = "flush";
		g->result = fdatasync(w->seg.fd) < 0 ? -errno : 0;
	}
	if (g->result == 0)
		publish(w, g->pos + g->bytes);
	else
		blot_out(w, g);
}

/*
 * Without the lock: the work of a group. A replay first says that nobody is ready and then waits until
 * nobody is busy; so either the group sees that, or the replay sees the group.
 */
static void commit_group(struct journal_writer *w, struct group *g)
{
	_Atomic uint32_t *busy = &w->state->page->slot[w->seg.number].busy;

	atomic_store(busy, 1);
	g->result = -EAGAIN;
	if (journal_state_has_reader(w->state, true))
		commit_to_reader(w, g);
	atomic_store(busy, 0);
}

/* With the lock: what a failure means for the messages to come. */
static void group_failed(struct journal_writer *w, struct group *g)
{
	bool is_lost = g->is_written || g->result == -EIO;

	if (is_lost) {
		note(w->s.notes, NOTE_ERROR,
			"journal/%04u: %s: %s; the segment is given up, messages refused: %u",
			w->seg.number, g->what, strerrordesc_np(-g->result),
			g->is_written ? g->n : 0);
		give_up(w, JOURNAL_FAILED);
		if (++w->failures >= FAILURES_MAX) {
			w->failures = 0;
			pause_for(w, PAUSE_TROUBLE);
		}
	} else if (g->what != NULL) {
		trouble(w, g->result, "grow a segment");
	}
	if (!g->is_written)
		g->result = -EAGAIN;
}

/* Without the lock: answer a group and wake all but the leader. */
static void answer(const struct group *g, struct request *own)
{
	struct request *next;

	for (struct request *q = g->first; q != g->end; q = next) {
		next = q->next; /* q is gone as soon as its thread wakes */
		q->result = g->result;
		q->what = g->what;
		q->done = true;
		if (q != own)
			check(sem_post(&q->turn) == 0);
	}
}

/* With the lock: a segment with room for the first request; false: there is none. */
static bool have_room(struct journal_writer *w)
{
	uint64_t bytes = journal_record_bytes(w->first->image.len);

	if (w->seg.fd >= 0 && (w->rotate || w->pos + bytes > w->seg.size))
		give_up(w, JOURNAL_FULL);
	return w->seg.fd >= 0 || claim(w) == 0;
}

/* With the lock, which it releases: commit one group and name the next leader. */
static void lead(struct journal_writer *w, struct request *own)
{
	struct group g = { .first = w->first, .result = -EAGAIN };
	struct request *heir;

	if (w->crowd) {
		(void)pthread_mutex_unlock(&w->lock);
		(void)sched_yield();
		(void)pthread_mutex_lock(&w->lock);
	}
	if (have_room(w)) {
		take_group(w, &g);
		w->crowd = g.n > 1;
		(void)pthread_mutex_unlock(&w->lock);
		commit_group(w, &g);
		(void)pthread_mutex_lock(&w->lock);
	} else { /* Nobody gets anywhere. */
		w->first = NULL;
		w->last = &w->first;
	}
	if (g.bytes > 0 && g.result < 0) {
		group_failed(w, &g);
	} else if (g.bytes > 0) {
		w->pos = g.pos + g.bytes;
		w->failures = 0;
	}
	heir = w->first;
	w->leading = heir != NULL;
	(void)pthread_mutex_unlock(&w->lock);
	if (heir != NULL)
		check(sem_post(&heir->turn) == 0);
	answer(&g, own);
}

/* Wait until the request is done (true) or its thread is to lead. */
static bool wait_turn(struct request *q)
{
	while (sem_wait(&q->turn) < 0)
		check(errno == EINTR);
	return q->done;
}

size_t journal_writer_limit(const struct journal_writer *w)
{
	const uint64_t overhead = JOURNAL_DATA + 2 * sizeof(struct journal_head);
	uint64_t room = (uint64_t)w->s.segment_size - overhead;
	uint64_t wish = MIN((uint64_t)w->s.message_limit, JOURNAL_IMAGE_MAX);

	return (size_t)MIN(room, wish);
}

int journal_commit(struct journal_writer *w, const struct queue_file *file, struct str image,
	struct why *why)
{
	struct request q = { .image = image };
	size_t id_len = strlen(file->id);
	bool is_led;

	if (image.len == 0 || image.len > journal_writer_limit(w) || id_len >= sizeof(q.head.id))
		return -EAGAIN;
	q.head.length = (uint32_t)image.len;
	memcpy(q.head.id, file->id, id_len);
	q.head.created = file->created.tv_sec;
	q.head.image_crc = journal_image_crc(image);
	q.head.state = JOURNAL_LIVE;
	check(sem_init(&q.turn, 0, 0) == 0);
	(void)pthread_mutex_lock(&w->lock);
	*w->last = &q;
	w->last = &q.next;
	is_led = w->leading;
	w->leading = true;
	if (is_led) {
		(void)pthread_mutex_unlock(&w->lock);
		if (!wait_turn(&q)) {
			(void)pthread_mutex_lock(&w->lock);
			lead(w, &q);
		}
	} else {
		lead(w, &q);
	}
	check(q.done);
	(void)sem_destroy(&q.turn);
	if (q.result < 0 && q.result != -EAGAIN)
		return why_errno(why, q.result, "journal: %s", q.what);
	return q.result;
}
