/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_read.c — qmgr's side: what was committed, what has left, which segments are free again.
 *
 * Invariants: only the reader frees a segment, and only when it has no writer, everything committed in it was
 * read, and nothing of it is in use or held. So a place that is in use stays what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "queue/journal_priv.h"

struct follow {
	struct journal_segment seg; /* fd -1: not looked at */
	struct journal_scan scan;
	size_t in_use;
	size_t held;
	bool is_broken;      /* cannot be read: said once */
	uint64_t unreadable; /* owner of a generation that could not be opened: said once */
};

/* A message that has left, and its record does not say so yet: it would come back. */
struct unmarked {
	struct journal_place place;
	enum journal_mark mark;
};

struct journal_reader {
	struct journal_settings s;
	struct journal_state *state;
	struct follow follow[JOURNAL_SEGMENTS];
	uint32_t turn;
	uint32_t last; /* segment of the message that was returned last */
	uint64_t seen; /* news at the last look that found nothing */
	bool is_quiet; /* that look is not older than `seen` */
	struct journal_busy busy;
	int64_t settled; /* the segment that is to be emptied, -1 none */
	struct unmarked *unmarked;
	size_t n_unmarked;
};

static uint64_t owner_of(const struct journal_reader *r, uint32_t i)
{
	return atomic_load(&r->state->page->slot[i].owner);
}

static void forget(struct follow *f)
{
	journal_scan_done(&f->scan);
	journal_segment_close(&f->seg);
	f->in_use = 0;
	f->held = 0;
	f->is_broken = false;
}

/* A segment in which nothing is left: for writers again, or gone when its disk failed. */
static void free_slot(struct journal_reader *r, uint32_t i, uint64_t owner)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	uint32_t generation = journal_owner_generation(owner);

	forget(&r->follow[i]);
	if (journal_owner_phase(owner) == JOURNAL_FAILED) {
		journal_segment_path(&path, i);
		if (unlink(buf_cstr(&path)) < 0 && errno != ENOENT)
			return;
		generation = 0;
	}
	atomic_store(&r->state->page->slot[i].owner, journal_owner(generation, JOURNAL_FREE));
	atomic_store(&r->state->page->wanted, 0);
	if (r->settled == (int64_t)i)
		r->settled = -1;
}

static void free_if_empty(struct journal_reader *r, uint32_t i)
{
	struct follow *f = &r->follow[i];
	uint64_t owner = owner_of(r, i);
	enum journal_phase phase = journal_owner_phase(owner);
	uint64_t committed;

	if ((phase != JOURNAL_FULL && phase != JOURNAL_FAILED) || f->in_use > 0 || f->held > 0)
		return;
	committed = atomic_load(&r->state->page->slot[i].committed);
	/* What cannot be read now is left to a replay. */
	if (f->seg.fd >= 0 && f->scan.pos < committed)
		return;
	/* Not looked at yet; one that failed when it was claimed cannot be. */
	if (f->seg.fd < 0 && (phase == JOURNAL_FULL || committed > JOURNAL_DATA))
		return;
	free_slot(r, i, owner);
}

/* Begin to follow the present generation of segment i: 1; 0 there is nothing; negative errno. */
static int begin(struct journal_reader *r, uint32_t i, uint64_t owner)
{
	struct follow *f = &r->follow[i];
	uint32_t generation = journal_owner_generation(owner);
	int e;

	if (f->seg.fd >= 0 && f->seg.generation == generation)
		return f->is_broken ? 0 : 1;
	if (journal_owner_generation(owner) == journal_owner_generation(f->unreadable))
		return 0;
	if (journal_owner_phase(owner) == JOURNAL_FREE || f->in_use > 0 || f->held > 0)
		return 0;
	forget(f);
	e = journal_segment_open(i, O_RDWR, &f->seg);
	if (e < 0 && journal_owner_phase(owner) == JOURNAL_FAILED)
		return 0;
	if (e == 0 && f->seg.generation != generation) {
		journal_segment_close(&f->seg);
		e = -EBADMSG;
	}
	if (e < 0) {
		/* Lack of descriptors and the like passes. */
		if (e == -EBADMSG || e == -ENODATA || e == -ENOENT)
			f->unreadable = owner;
		return e;
	}
	journal_scan_init(&f->scan, &f->seg, JOURNAL_DATA, JOURNAL_DATA);
	return 1;
}

static void damage(struct journal_reader *r, struct follow *f, uint64_t to)
{
	uint64_t from = f->scan.gap;

	IGNORE(journal_keep_gap(r->s.queues, &f->seg, from, to - from, r->s.notes) < 0);
}

/* Agents of an earlier reader work on it: counted here, settled by journal_retry(). */
static bool is_busy(struct journal_reader *r, struct follow *f)
{
	struct journal_busy_one *o = journal_busy_find(&r->busy, &f->scan.place);

	if (o == NULL)
		return false;
	f->in_use++;
	o->in_use = true;
	return true;
}

/* Next live record of segment i: 1, 0 none, negative errno. */
static int next_of(struct journal_reader *r, uint32_t i, struct journal_entry *ret)
{
	struct follow *f = &r->follow[i];
	uint64_t end;
	int e = begin(r, i, owner_of(r, i));

	if (e <= 0)
		return e;
	end = atomic_load(&r->state->page->slot[i].committed);
	end = MIN(end, f->seg.size);
	/* A window must not hold bytes that were not committed when it was read. */
	if (end > f->scan.end)
		f->scan.end = end;
	while (f->scan.pos < f->scan.end) {
		e = journal_scan_next(&f->scan, false);
		if (e < 0) {
			f->is_broken = true;
			return e;
		}
		if (e == JOURNAL_END) {
			f->scan.gap = f->scan.pos;
			damage(r, f, f->scan.end);
			f->scan.pos = f->scan.end;
			break;
		}
		if (f->scan.gap != 0)
			damage(r, f, f->scan.place.offset - sizeof(struct journal_head));
		if (f->scan.head.state == JOURNAL_REMOVED || f->scan.head.state == JOURNAL_SETTLED)
			continue;
		if (is_busy(r, f))
			continue;
		memcpy(ret->id, f->scan.head.id, sizeof(f->scan.head.id));
		ret->place = f->scan.place;
		f->in_use++;
		return 1;
	}
	free_if_empty(r, i);
	return 0;
}

static int look(struct journal_reader *r, struct journal_entry *ret)
{
	uint64_t news = atomic_load(&r->state->page->news);
	uint32_t used = MIN(atomic_load(&r->state->page->used), (uint32_t)JOURNAL_SEGMENTS);

	if (r->is_quiet && news == r->seen)
		return 0;
	r->is_quiet = false;
	for (uint32_t n = 0; n < used; n++) {
		uint32_t i = (r->turn + n) % used;
		int e = next_of(r, i, ret);

		if (e != 0) {
			r->last = i;
			r->turn = (i + 1) % used;
			return e;
		}
	}
	r->seen = news;
	r->is_quiet = true;
	return 0;
}

struct str journal_image(struct journal_reader *r)
{
	struct follow *f = &r->follow[r->last];

	return f->seg.fd >= 0 && !f->is_broken ? journal_scan_image(&f->scan) : STR_EMPTY;
}

int journal_next(struct journal_reader *r, struct journal_entry *ret)
{
	struct journal_page *page = r->state->page;
	int e = look(r, ret);

	if (e != 0)
		return e;
	atomic_store(&page->sleeping, 1);
	e = look(r, ret);
	if (e != 0)
		atomic_store(&page->sleeping, 0);
	return e;
}

/* What is followed at a place, or NULL when it is of another life of the segment. */
static struct follow *at_place(struct journal_reader *r, const struct journal_place *p)
{
	struct follow *f;

	check(p->segment < JOURNAL_SEGMENTS);
	f = &r->follow[p->segment];
	return f->seg.fd >= 0 && f->seg.generation == p->generation ? f : NULL;
}

/* False: its record could not be marked, and its segment must not be free as long as that may change. */
static bool mark_left(struct journal_reader *r, const struct journal_place *p,
	enum journal_mark mark)
{
	struct follow *f = at_place(r, p);

	if (f == NULL)
		return true;
	/* A segment that failed is removed when it is empty. */
	if (journal_segment_mark(&f->seg, p->offset, mark) < 0 &&
		journal_owner_phase(owner_of(r, p->segment)) != JOURNAL_FAILED)
		return false;
	check(f->in_use > 0);
	f->in_use--;
	free_if_empty(r, p->segment);
	return true;
}

/* A mark that fails is made later. Who is killed before that repeats a delivery. */
static void left(struct journal_reader *r, const struct journal_place *p, enum journal_mark mark)
{
	if (mark_left(r, p, mark))
		return;
	if ((r->n_unmarked & (r->n_unmarked - 1)) == 0) /* a power of two: full */
		r->unmarked = mem_resize(r->unmarked, MAX(2 * r->n_unmarked, (size_t)1),
			sizeof(*r->unmarked));
	r->unmarked[r->n_unmarked++] = (struct unmarked){ .place = *p, .mark = mark };
}

static void mark_again(struct journal_reader *r)
{
	while (r->n_unmarked > 0) {
		struct unmarked u = r->unmarked[r->n_unmarked - 1];

		if (!mark_left(r, &u.place, u.mark))
			return; /* the others would fail too */
		r->n_unmarked--;
	}
}

bool journal_has_unmarked(const struct journal_reader *r)
{
	return r->n_unmarked > 0;
}

void journal_removed(struct journal_reader *r, const struct journal_place *p)
{
	left(r, p, JOURNAL_REMOVED);
}

void journal_settled(struct journal_reader *r, const struct journal_place *p)
{
	left(r, p, JOURNAL_SETTLED);
}

void journal_hold(struct journal_reader *r, const struct journal_place *p)
{
	struct follow *f = at_place(r, p);

	if (f != NULL)
		f->held++;
}

void journal_release(struct journal_reader *r, const struct journal_place *p)
{
	struct follow *f = at_place(r, p);

	if (f == NULL)
		return;
	check(f->held > 0);
	f->held--;
	free_if_empty(r, p->segment);
}

bool journal_is_busy(const struct journal_reader *r, struct str id)
{
	return journal_busy_has(&r->busy, id);
}

/* The agent has gone and all is in a file. */
static void no_longer_busy(void *arg, const struct journal_busy_one *o)
{
	if (o->in_use)
		left(arg, &o->e.place, JOURNAL_SETTLED);
}

int journal_retry(struct journal_reader *r, struct journal_report *report, struct why *why)
{
	*report = (struct journal_report){ 0 };
	return journal_busy_retry(&r->busy, r->s.queues, no_longer_busy, r, report, why);
}

bool journal_is_wanted(const struct journal_reader *r, const struct journal_place *p)
{
	if (r->settled < 0 || atomic_load(&r->state->page->wanted) == 0)
		return false;
	return p == NULL || r->settled == (int64_t)p->segment;
}

/* The full segment with the fewest messages is the one to be emptied first. */
static void choose(struct journal_reader *r)
{
	r->settled = -1;
	if (atomic_load(&r->state->page->wanted) == 0)
		return;
	for (uint32_t i = 0; i < atomic_load(&r->state->page->used); i++) {
		const struct follow *f = &r->follow[i];

		if (f->seg.fd < 0 || journal_owner_phase(owner_of(r, i)) != JOURNAL_FULL)
			continue;
		if (r->settled < 0 || f->in_use < r->follow[r->settled].in_use)
			r->settled = (int64_t)i;
	}
}

/* A writer that died leaves its segment as it was committed. */
static void end_orphan(struct journal_reader *r, uint32_t i, uint64_t owner)
{
	struct follow *f = &r->follow[i];
	uint64_t full = journal_owner(journal_owner_generation(owner), JOURNAL_FULL);

	if (begin(r, i, owner) <= 0 || journal_segment_has_writer(&f->seg))
		return;
	(void)atomic_compare_exchange_strong(&r->state->page->slot[i].owner, &owner, full);
	r->is_quiet = false;
}

void journal_recycle(struct journal_reader *r)
{
	mark_again(r);
	for (uint32_t i = 0; i < atomic_load(&r->state->page->used); i++) {
		uint64_t owner = owner_of(r, i);

		if (journal_owner_phase(owner) == JOURNAL_FREE)
			continue;
		if (journal_owner_phase(owner) == JOURNAL_OPEN)
			end_orphan(r, i, owner);
		free_if_empty(r, i);
	}
	choose(r);
}

/* Where a writer is at work, what the replay has not taken begins where it is committed now. */
static int follow_writers(struct journal_reader *r)
{
	for (uint32_t i = 0; i < JOURNAL_SEGMENTS; i++) {
		struct follow *f = &r->follow[i];
		uint64_t owner = owner_of(r, i);
		int e;

		if (journal_owner_phase(owner) == JOURNAL_FREE)
			continue;
		if (atomic_load(&r->state->page->used) <= i)
			atomic_store(&r->state->page->used, i + 1);
		e = begin(r, i, owner);
		if (e < 0)
			return e;
		/* What was settled meanwhile has its mark. */
		if (e > 0)
			f->scan.pos = JOURNAL_DATA;
	}
	return 0;
}

int journal_reader_open(const struct journal_settings *s, struct journal_reader **ret,
	struct journal_report *report, struct why *why)
{
	_cleanup_(journal_state_closep) struct journal_state *state = NULL;
	struct journal_busy busy = { .v = NULL };
	struct journal_reader *r;
	int e = journal_state_open(true, &state);

	if (e < 0)
		return why_errno(why, e, "open journal/state");
	e = journal_state_lock_reader(state);
	if (e < 0)
		return why_errno(why, e, "lock journal/state");
	e = journal_replay_locked(s, state, &busy, report, why);
	if (e < 0) {
		journal_busy_done(&busy);
		return e;
	}
	r = mem_new(struct journal_reader);
	r->s = *s;
	r->state = TAKE(state);
	r->settled = -1;
	r->busy = busy;
	for (uint32_t i = 0; i < JOURNAL_SEGMENTS; i++)
		r->follow[i].seg = JOURNAL_NO_SEGMENT;
	e = follow_writers(r);
	if (e < 0) {
		journal_reader_close(r);
		return why_errno(why, e, "open a segment of the journal");
	}
	atomic_store(&r->state->page->sleeping, 0);
	atomic_store(&r->state->page->ready, 1);
	*ret = r;
	return 0;
}

void journal_reader_close(struct journal_reader *r)
{
	if (r == NULL)
		return;
	atomic_store(&r->state->page->ready, 0);
	mark_again(r);
	for (uint32_t i = 0; i < JOURNAL_SEGMENTS; i++)
		forget(&r->follow[i]);
	free(r->unmarked);
	journal_busy_done(&r->busy);
	journal_state_close(r->state);
	free(r);
}
