/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_replay.c — after whatever happened: young messages become files in incoming/.
 *
 * Order: files are written, one syncfs makes them durable, then the records are marked. A replay that is
 * interrupted at any point can be repeated: what it wrote is found as a file, and is compared with the image
 * before it counts, for without the flush a file may be there without its bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "queue/journal_priv.h"

/* Generations are begun anew, in new files, when they come to this. */
#define GENERATION_HIGH 0xf0000000U
/* How long a commit may be under way. */
#define COMMIT_TIMEOUT (5 * USEC_PER_SEC)

struct replay {
	const struct journal_settings *s;
	struct journal_state *state;
	struct journal_report *report;
	struct journal_busy *busy;
	struct why *why;
	struct journal_segment seg;
	uint64_t *offsets; /* of images that are settled, to be marked */
	size_t n;
	size_t room;
	uint64_t suspect; /* where the last damage lies that may be a torn end */
	size_t suspects;
	uint32_t highest; /* generation */
	uint32_t used;
	bool wrote;
	bool has_writers;
	bool has_locks; /* somebody delivers from images of this segment */
};

/* Does the file have the image? 1, 0, negative errno. In place only type bytes and a warning time change, never to NUL. */
static int holds(int fd, struct str image)
{
	_cleanup_free_ char *bytes = mem_alloc(image.len + 1);
	ssize_t n = fd_pread(fd, bytes, image.len, 0);

	if (n != (ssize_t)image.len)
		return n < 0 ? (int)n : 0;
	for (size_t i = 0; i < image.len; i++)
		if (bytes[i] == '\0' && image.ptr[i] != '\0')
			return 0;
	return 1;
}

/* Is the message a file in this queue? 1, 0, negative errno. What an interrupted settling left is removed. */
static int is_known_in(const struct replay *p, const char *queue, struct str id, struct str image)
{
	int fd = queue_open(p->s->queues, str_of(queue), id, O_RDONLY | O_NONBLOCK, 0);
	_cleanup_close_ int close_it = fd;
	bool is_corrupt = strcmp(queue, QUEUE_CORRUPT) == 0;
	struct stat st;
	int r = 0;

	if (fd < 0)
		return journal_is_absent(fd) ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (is_corrupt || (st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY)
		r = holds(fd, image);
	if (r != 0 || is_corrupt)
		return r;
	r = queue_remove(p->s->queues, str_of(queue), id);
	return r == -ENOENT ? 0 : r;
}

/* Is the message a file already? 1, 0, or negative errno: whoever cannot tell must not make another. */
static int is_known(const struct replay *p, struct str id, struct str image)
{
	static const char *const queues[] = { QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED,
		QUEUE_HOLD, QUEUE_CORRUPT, QUEUE_MAILDROP };

	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		int r = is_known_in(p, queues[i], id, image);

		if (r != 0)
			return r < 0 ? why_errno(p->why, r, "look for %s/" STR_FMT, queues[i],
					       STR_ARG(id))
				     : r;
	}
	return 0;
}

static void add_offset(struct replay *p, uint64_t offset)
{
	if (p->n == p->room) {
		p->room = p->room == 0 ? 256 : p->room * 2;
		p->offsets = mem_resize(p->offsets, p->room, sizeof(*p->offsets));
	}
	p->offsets[p->n++] = offset;
}

/* An agent is at work on the image: nobody else may deliver the message now. */
static int leave(struct replay *p, const struct journal_entry *e, bool settled)
{
	int r = journal_busy_add(p->busy, e, settled);

	if (r < 0)
		return why_errno(p->why, r, "%s: lock image in journal/%04u", e->id,
			e->place.segment);
	p->report->busy++;
	return 0;
}

/* Marks of the image into the file that it became. */
static int merge(struct replay *p, const struct journal_entry *e, struct str image)
{
	int r = journal_merge_known(p->s->queues, str_of(e->id), image);

	return r < 0 ? why_errno(p->why, r, "%s: copy marks from journal/%04u", e->id,
			       e->place.segment)
		     : 0;
}

/* What agents marked in the image after it had become a file. */
static int look_at_settled(struct replay *p, const struct journal_scan *scan)
{
	struct journal_entry e = { .place = scan->place };

	memcpy(e.id, scan->head.id, sizeof(scan->head.id));
	if (p->has_locks && journal_is_locked(&p->seg, &scan->place))
		return leave(p, &e, true);
	return merge(p, &e, buf_str(&scan->image));
}

static int settle(struct replay *p, const struct journal_scan *scan)
{
	struct journal_entry e = { .place = scan->place };
	int r;

	memcpy(e.id, scan->head.id, sizeof(scan->head.id));
	if (p->has_locks) {
		r = journal_segment_lock(&p->seg, e.place.offset, e.place.length, true, false);
		if (r == -EBUSY)
			return leave(p, &e, false);
		if (r < 0)
			return why_errno(p->why, r, "lock journal/%04u", e.place.segment);
	}
	r = is_known(p, str_of(e.id), buf_str(&scan->image));
	if (r > 0) {
		r = merge(p, &e, buf_str(&scan->image));
		p->report->known++;
	} else if (r == 0) {
		r = journal_settle(p->s->queues, &e, STR(QUEUE_INCOMING), false, p->why);
		p->report->settled++;
		p->wrote = true;
	}
	if (r < 0)
		return r;
	add_offset(p, e.place.offset);
	return 0;
}

/* An image that is not what was written: damage if it was acknowledged, else a torn end. */
static int keep_image(struct replay *p, const struct journal_scan *scan)
{
	int r = journal_keep(p->s->queues, &p->seg, scan->place.offset, scan->place.length,
		scan->head.id);

	if (r < 0)
		return why_errno(p->why, r, "write " QUEUE_CORRUPT "/%s", scan->head.id);
	note(p->s->notes, NOTE_WARN,
		"%s: damaged or incomplete in journal/%04u, kept as " QUEUE_CORRUPT "/%s",
		scan->head.id, p->seg.number, scan->head.id);
	p->suspect = scan->place.offset;
	p->suspects++;
	add_offset(p, scan->place.offset);
	return 0;
}

/* The segment was flushed up to `stable` at some time. */
static void was_stable(struct replay *p, uint64_t stable)
{
	if (p->suspects > 0 && stable > p->suspect) {
		p->report->damaged += p->suspects;
		p->suspects = 0;
	}
}

/* What lies before `place` and is no record. */
static int look_at_gap(struct replay *p, const struct journal_scan *scan)
{
	uint64_t stable = (uint64_t)scan->head.stable * JOURNAL_ALIGN;
	uint64_t to = scan->place.offset - sizeof(struct journal_head);
	int r;

	if (scan->gap == 0 || stable <= scan->gap)
		return 0; /* none, or of the same group: never acknowledged */
	r = journal_keep_gap(p->s->queues, &p->seg, scan->gap, to - scan->gap, p->s->notes);
	if (r < 0)
		return why_errno(p->why, r, "keep damaged bytes of journal/%04u", p->seg.number);
	p->report->damaged++;
	return 0;
}

static bool is_live(const struct journal_head *h)
{
	return h->state != JOURNAL_REMOVED && h->state != JOURNAL_SETTLED;
}

static int one_record(struct replay *p, struct journal_scan *scan, int found)
{
	int r = look_at_gap(p, scan);

	was_stable(p, (uint64_t)scan->head.stable * JOURNAL_ALIGN);
	if (r == 0 && is_live(&scan->head))
		r = found == JOURNAL_DAMAGED ? keep_image(p, scan) : settle(p, scan);
	else if (r == 0 && found != JOURNAL_DAMAGED && scan->head.state == JOURNAL_SETTLED)
		r = look_at_settled(p, scan);
	return r;
}

/* A record that is cut off, behind the last one: a group that did not get to disk as a whole. */
static int look_at_end(struct replay *p, const struct journal_scan *scan)
{
	struct journal_head h;
	uint64_t bytes;
	int r;

	if (pread(p->seg.fd, &h, sizeof(h), (off_t)scan->pos) != (ssize_t)sizeof(h) ||
		h.tag != p->seg.tag || h.generation != p->seg.generation)
		return 0;
	bytes = journal_record_bytes(MIN(h.length, (uint32_t)JOURNAL_IMAGE_MAX));
	bytes = MIN(bytes, scan->end - scan->pos);
	p->suspects++;
	r = journal_keep_gap(p->s->queues, &p->seg, scan->pos, bytes, p->s->notes);
	return r < 0 ? why_errno(p->why, r, "keep the end of journal/%04u", p->seg.number) : 0;
}

/* All records of p->seg. */
static int walk(struct replay *p, uint64_t end, bool has_writer)
{
	struct journal_scan scan;
	int found;
	int r = 0;

	p->suspects = 0;
	p->n = 0;
	p->wrote = false;
	/* One lock on all that is there, unless agents are at work. */
	p->has_locks = journal_segment_lock(&p->seg, JOURNAL_DATA, 0, true, false) < 0;
	journal_scan_init(&scan, &p->seg, JOURNAL_DATA, end);
	while (r == 0 && (found = journal_scan_next(&scan, true)) != JOURNAL_END)
		r = found < 0 ? why_errno(p->why, found, "read journal/%04u", p->seg.number)
			      : one_record(p, &scan, found);
	if (r == 0 && !has_writer)
		r = look_at_end(p, &scan);
	if (has_writer)
		was_stable(p, end);
	p->report->torn += p->suspects > 0;
	journal_scan_done(&scan);
	return r;
}

/* Files are on disk before records say that they are. */
static int finish(struct replay *p)
{
	_cleanup_close_ int dir = -1;
	int r = 0;

	if (p->wrote) {
		dir = fd_open(".", O_RDONLY | O_DIRECTORY, 0);
		if (dir < 0)
			return why_errno(p->why, dir, "open the queue directory");
		if (syncfs(dir) < 0)
			return why_errno(p->why, -errno, "flush the queue");
	}
	for (size_t i = 0; i < p->n && r == 0; i++)
		r = journal_segment_mark(&p->seg, p->offsets[i], JOURNAL_SETTLED);
	if (r == 0 && p->n > 0 && fdatasync(p->seg.fd) < 0)
		r = -errno;
	return r < 0 ? why_errno(p->why, r, "write journal/%04u", p->seg.number) : 0;
}

/* A segment without a readable header is put aside whole. */
static int put_aside(struct replay *p, uint32_t number)
{
	_cleanup_buf_ struct buf from = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf to = BUF_LOCAL(BUF_SMALL);

	journal_segment_path(&from, number);
	buf_putf(&to, QUEUE_CORRUPT "/journal_%04u_%lld", number,
		(long long)(clock_wall() / USEC_PER_SEC));
	if (rename(buf_cstr(&from), buf_cstr(&to)) < 0)
		return why_errno(p->why, -errno, "rename %s to %s", buf_cstr(&from), buf_cstr(&to));
	note(p->s->notes, NOTE_ERROR, "%s: its header is damaged; kept as %s", buf_cstr(&from),
		buf_cstr(&to));
	p->report->damaged++;
	return 0;
}

/* Everything is settled: what becomes of the segment, as its slot says. */
static uint64_t empty_segment(struct replay *p, uint64_t owner)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	if (journal_owner_phase(owner) != JOURNAL_FAILED ||
		journal_owner_generation(owner) != p->seg.generation)
		return journal_owner(p->seg.generation, JOURNAL_FREE);
	journal_segment_path(&path, p->seg.number);
	if (unlink(buf_cstr(&path)) < 0)
		return owner;
	return journal_owner(0, JOURNAL_FREE);
}

/* What a writer began to commit when there was a reader still must not be overlooked. */
static void wait_for_commit(const struct replay *p, const struct journal_slot *slot)
{
	const usec_t deadline = clock_deadline(COMMIT_TIMEOUT);
	const struct timespec pause = { .tv_nsec = 1000 * 1000L };

	while (atomic_load(&slot->busy) != 0 && journal_segment_has_writer(&p->seg) &&
		clock_now() < deadline)
		(void)nanosleep(&pause, NULL);
}

static int replay_open(struct replay *p)
{
	struct journal_slot *slot = &p->state->page->slot[p->seg.number];
	uint64_t owner = atomic_load(&slot->owner);
	uint64_t end = p->seg.allocated;
	size_t busy = p->report->busy;
	bool at_work = journal_segment_has_writer(&p->seg);
	int walked;
	int r;

	p->report->segments++;
	p->used = p->seg.number + 1;
	p->highest = MAX(p->highest, p->seg.generation);
	p->has_writers = p->has_writers || at_work;
	/* A writer that knows another page writes no more. */
	if (at_work && owner != journal_owner(p->seg.generation, JOURNAL_OPEN))
		at_work = false;
	if (at_work)
		wait_for_commit(p, slot);
	if (at_work)
		end = MIN(end, atomic_load(&slot->committed));
	walked = walk(p, end, at_work);
	r = finish(p);
	if (walked < 0 || r < 0)
		return walked < 0 ? walked : r;
	if (at_work)
		return 0;
	if (p->report->busy == busy)
		atomic_store(&slot->owner, empty_segment(p, owner));
	else if (journal_owner_phase(owner) != JOURNAL_FAILED)
		atomic_store(&slot->owner, journal_owner(p->seg.generation, JOURNAL_FREE));
	return 0;
}

static int replay_segment(struct replay *p, uint32_t number)
{
	struct journal_slot *slot = &p->state->page->slot[number];
	int r = journal_segment_open(number, O_RDWR, &p->seg);

	if (r == 0) {
		r = replay_open(p);
		journal_segment_close(&p->seg);
		return r;
	}
	if (r == -EBADMSG)
		r = put_aside(p, number);
	else if (r == -ENOENT || r == -ENODATA)
		r = 0;
	else
		r = why_errno(p->why, r, "open journal/%04u", number);
	if (r == 0)
		atomic_store(&slot->owner, journal_owner(0, JOURNAL_FREE));
	return r;
}

/* Before generations run out: new files, and generations by the clock again. */
static void begin_anew(struct replay *p)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	for (uint32_t i = 0; i < JOURNAL_SEGMENTS; i++) {
		buf_clear(&path);
		journal_segment_path(&path, i);
		if (unlink(buf_cstr(&path)) < 0 && errno != ENOENT)
			return;
		atomic_store(&p->state->page->slot[i].owner, journal_owner(0, JOURNAL_FREE));
	}
	if (fd_sync_dir(QUEUE_JOURNAL) == 0)
		p->highest = 0;
}

static uint32_t next_generation(struct replay *p)
{
	uint32_t next = atomic_load(&p->state->page->next_generation);

	if (p->highest >= GENERATION_HIGH && !p->has_writers)
		begin_anew(p);
	if (next >= GENERATION_HIGH)
		next = 0;
	next = MAX(next, journal_generation_floor());
	return p->highest == UINT32_MAX ? UINT32_MAX : MAX(next, p->highest + 1);
}

int journal_replay_locked(const struct journal_settings *s, struct journal_state *st,
	struct journal_busy *busy, struct journal_report *ret, struct why *why)
{
	struct replay p = { .s = s,
		.state = st,
		.report = ret,
		.busy = busy,
		.why = why,
		.seg = JOURNAL_NO_SEGMENT };
	int r;

	*ret = (struct journal_report){ 0 };
	atomic_store(&st->page->ready, 0);
	/* Who is claiming a segment finishes first; who comes later finds that nobody is ready. */
	r = journal_state_lock_claim(st);
	if (r < 0)
		return why_errno(why, r, "lock journal/state");
	journal_state_unlock_claim(st);
	for (uint32_t i = 0; i < JOURNAL_SEGMENTS && r == 0; i++)
		r = replay_segment(&p, i);
	if (r == 0) {
		atomic_store(&st->page->wanted, 0);
		atomic_store(&st->page->used, p.used);
		atomic_store(&st->page->next_generation, next_generation(&p));
	}
	free(p.offsets);
	return r;
}

int journal_replay(const struct journal_settings *s, struct journal_report *ret, struct why *why)
{
	_cleanup_(journal_state_closep) struct journal_state *st = NULL;
	struct journal_busy busy = { .v = NULL };
	int r = journal_state_open(true, &st);

	if (r < 0)
		return why_errno(why, r, "open journal/state");
	r = journal_state_lock_reader(st);
	if (r < 0)
		return why_errno(why, r, "lock journal/state");
	r = journal_replay_locked(s, st, &busy, ret, why);
	journal_busy_done(&busy);
	return r;
}
