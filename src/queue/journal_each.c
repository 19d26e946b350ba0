/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue/journal_each.c — a look at the journal by somebody who is not its reader.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "queue/journal_priv.h"

typedef int (*each_fn)(void *arg, const struct journal_entry *e);

static int each_of(const struct journal_segment *seg, uint64_t end, each_fn fn, void *arg)
{
	struct journal_scan scan;
	int found;
	int r = 0;

	journal_scan_init(&scan, seg, JOURNAL_DATA, end);
	while (r == 0 && (found = journal_scan_next(&scan, false)) != JOURNAL_END) {
		struct journal_entry e = { .place = scan.place };

		if (found < 0) {
			r = found;
		} else if (scan.head.state != JOURNAL_REMOVED &&
			   scan.head.state != JOURNAL_SETTLED) {
			memcpy(e.id, scan.head.id, sizeof(scan.head.id));
			r = fn(arg, &e);
		}
	}
	journal_scan_done(&scan);
	return r;
}

/* How far a segment is worth a look; 0 not at all. */
static uint64_t end_of(const struct journal_state *st, const struct journal_segment *seg)
{
	const struct journal_slot *slot;
	uint64_t owner;

	/* Without a reader the page may be one of another time. */
	if (st == NULL || !journal_state_has_reader(st, true))
		return seg->allocated;
	slot = &st->page->slot[seg->number];
	owner = atomic_load(&slot->owner);
	if (journal_owner_phase(owner) == JOURNAL_FREE)
		return 0;
	if (journal_owner_generation(owner) != seg->generation)
		return 0;
	return MIN(atomic_load(&slot->committed), seg->allocated);
}

int journal_each(const struct journal_settings *s,
	int (*fn)(void *arg, const struct journal_entry *e), void *arg)
{
	_cleanup_(journal_state_closep) struct journal_state *st = NULL;
	int r = journal_state_open_to_read(&st);

	(void)s;
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	for (uint32_t i = 0; i < JOURNAL_SEGMENTS; i++) {
		struct journal_segment seg = JOURNAL_NO_SEGMENT;

		r = journal_segment_open(i, O_RDONLY, &seg);
		if (r == -ENOENT || r == -ENODATA || r == -EBADMSG)
			continue;
		if (r == 0)
			r = each_of(&seg, end_of(st, &seg), fn, arg);
		journal_segment_close(&seg);
		if (r != 0)
			return r;
	}
	return 0;
}
