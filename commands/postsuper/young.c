/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postsuper/young.c — messages that are in the journal become files before anything is done to them.
 *
 * Without a queue manager that reads the journal it is replayed here. With one, it is asked to settle what
 * it has (trigger S), and this waits until the ids are gone from the journal.
 */
#include <errno.h>
#include <time.h>

#include "base/map.h"
#include "base/mem.h"
#include "ipc/client.h"
#include "log/log.h"
#include "postsuper.h"

/* How long the queue manager may take. */
#define SETTLE_TIMEOUT  (60 * USEC_PER_SEC)
#define TRIGGER_TIMEOUT (5 * USEC_PER_SEC)
/* How long the ids that were seen last are good for a look. */
#define LOOK_AGE (USEC_PER_SEC / 2)

struct young {
	struct map *ids; /* in the journal when it was looked at */
	usec_t at;
	size_t n; /* found in `ids` by the present look */
	const struct map *wanted;
};

static void pause_shortly(void)
{
	const struct timespec t = { .tv_nsec = 20 * 1000 * 1000L };

	(void)nanosleep(&t, NULL);
}

static int note_id(void *arg, const struct journal_entry *e)
{
	struct map *ids = arg;

	map_set(ids, str_of(e->id), NULL);
	return 0;
}

static int count_id(void *arg, const struct journal_entry *e)
{
	struct young *y = arg;

	y->n += map_has(y->wanted, str_of(e->id));
	return 0;
}

/* The ids that are there now. */
static struct map *look(const struct tool *t)
{
	struct map *ids = map_new(NULL);
	int r = journal_each(&t->journal, note_id, ids);

	if (r < 0)
		log_warn("read the journal: %s", strerrordesc_np(-r));
	return ids;
}

/* Replay: true when everything is files; false when there is a reader. */
static bool replay(const struct tool *t)
{
	struct journal_report report;
	struct why why;
	int r = journal_replay(&t->journal, &report, &why);

	if (r == -EBUSY)
		return false;
	if (r < 0 && r != -ENOENT)
		log_fatal("%s", why.text);
	if (r == 0 && report.settled + report.known + report.damaged > 0)
		log_info("journal: %zu message%s moved to incoming, %zu already there, %zu damaged",
			report.settled, report.settled == 1 ? "" : "s", report.known,
			report.damaged);
	return true;
}

/* Wait until none of `wanted` is left: how many are. */
static size_t wait_for(const struct tool *t, const struct map *wanted)
{
	const usec_t deadline = clock_deadline(SETTLE_TIMEOUT);
	struct young y = { .wanted = wanted };
	usec_t asked = 0;

	for (;;) {
		y.n = 0;
		if (journal_each(&t->journal, count_id, &y) < 0 || y.n == 0)
			return y.n;
		if (replay(t))
			return 0; /* it has gone meanwhile */
		if (clock_now() >= deadline)
			return y.n;
		if (clock_now() - asked > USEC_PER_SEC) {
			asked = clock_now();
			IGNORE(ipc_trigger(t->journal.wake_path, STR("S"), TRIGGER_TIMEOUT) < 0);
		}
		pause_shortly();
	}
}

void young_settle(struct tool *t, bool wait_all)
{
	struct map *ids;
	size_t left;

	if (replay(t) || !wait_all)
		return;
	ids = look(t);
	left = wait_for(t, ids);
	if (left > 0)
		log_warn("%zu message%s still in the journal", left, left == 1 ? " is" : "s are");
	map_free(ids);
}

bool young_settle_id(struct tool *t, struct str id)
{
	struct young *y = t->young;

	if (y == NULL)
		y = t->young = mem_new(struct young);
	if (y->ids == NULL || clock_now() - y->at > LOOK_AGE) {
		map_free(y->ids);
		y->ids = look(t);
		y->at = clock_now();
	}
	if (!map_has(y->ids, id))
		return false;
	/* All of them: the next id is likely to be one of these. */
	if (wait_for(t, y->ids) > 0)
		log_warn(STR_FMT ": still in the journal", STR_ARG(id));
	map_free(TAKE(y->ids));
	return true;
}
