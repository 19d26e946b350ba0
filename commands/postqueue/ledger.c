/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/ledger.c — see ledger.h.
 */
#include "ledger.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "queue/dir.h"

enum seen {
	SEEN_BEGINNING = 1 << 0, /* client=, uid=, message-id= */
	SEEN_ACCEPTED = 1 << 1,  /* somebody works on it: it was committed */
	SEEN_REMOVED = 1 << 2,   /* by qmgr */
	SEEN_DELETED = 1 << 3,
	SEEN_REPLACED = 1 << 4,
	SEEN_REFUSED = 1 << 5,
	SEEN_DISCARDED = 1 << 6,
	SEEN_BOUNCED = 1 << 7,
	SEEN_EXPIRED = 1 << 8,
	SEEN_CORRUPT = 1 << 9,
	SEEN_REQUEUED = 1 << 10, /* in maildrop again; pickup has to take it */
	SEEN_PLACE = 1 << 11,    /* is in the queue */
	SEEN_NOTICE = 1 << 12,   /* a notice of failure was made of it */
	SEEN_NOBODY = 1 << 13,   /* its sender gets no notices */
};

/* Longer ids, which nobody makes, are remembered to the end. */
#define RECENT_ID 32

#define SEEN_ENDED (SEEN_REMOVED | SEEN_DELETED | SEEN_REPLACED)

struct entry {
	unsigned seen;
	unsigned recipients, reported;
	unsigned n_done;
	uint64_t *done; /* hashes of the recipients that are reported, each once; until the end */
	unsigned char place; /* enum ledger_end */
	bool in_recent;
};

struct ledger {
	struct map *entries;
	struct ledger_counts counts;
	bool only_known;
	char (*recent)[RECENT_ID]; /* ring of ids that have ended */
	size_t next;
};

/* ---- entries ---- */

static void forget_done(struct entry *e)
{
	free(TAKE(e->done));
	e->n_done = 0;
}

static void entry_free(void *arg)
{
	struct entry *e = arg;

	forget_done(e);
	free(e);
}

struct ledger *ledger_new(void)
{
	struct ledger *l = mem_new(struct ledger);

	l->entries = map_new(entry_free);
	l->recent = mem_array(LEDGER_RECENT, sizeof(*l->recent));
	return l;
}

void ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	map_free(l->entries);
	free(l->recent);
	free(l);
}

static enum ledger_end removed_as(const struct entry *e)
{
	if ((e->seen & SEEN_EXPIRED) != 0)
		return LEDGER_EXPIRED;
	if ((e->seen & SEEN_BOUNCED) != 0)
		return LEDGER_BOUNCED;
	if (e->reported < e->recipients && (e->seen & SEEN_DISCARDED) == 0)
		return LEDGER_UNREPORTED;
	return (e->seen & SEEN_DISCARDED) != 0 ? LEDGER_DISCARDED : LEDGER_DELIVERED;
}

/*
 * Every recipient has its end in the log, and the sender was told of failures: what is missing is the
 * line about the removal, which a queue manager that is killed does not write.
 */
static bool is_done(const struct entry *e)
{
	if ((e->seen & SEEN_REQUEUED) != 0 || e->recipients == 0)
		return false;
	if ((e->seen & SEEN_EXPIRED) != 0 && (e->seen & SEEN_NOTICE) != 0)
		return true;
	return e->n_done >= e->recipients && ((e->seen & (SEEN_BOUNCED | SEEN_EXPIRED)) == 0 ||
						     (e->seen & (SEEN_NOTICE | SEEN_NOBODY)) != 0);
}

static enum ledger_end judge(const struct entry *e)
{
	bool has_place = (e->seen & SEEN_PLACE) != 0;

	if ((e->seen & SEEN_REMOVED) != 0)
		return has_place ? LEDGER_RETURNED : removed_as(e);
	if ((e->seen & SEEN_DELETED) != 0)
		return has_place ? LEDGER_RETURNED : LEDGER_DELETED;
	if ((e->seen & SEEN_REPLACED) != 0)
		return has_place ? LEDGER_RETURNED : LEDGER_REPLACED;
	if (has_place)
		return (enum ledger_end)e->place;
	if ((e->seen & SEEN_CORRUPT) != 0)
		return LEDGER_CORRUPT;
	if (is_done(e))
		return removed_as(e);
	if ((e->seen & (SEEN_ACCEPTED | SEEN_REQUEUED)) != 0)
		return LEDGER_LOST;
	if ((e->seen & SEEN_REFUSED) != 0)
		return LEDGER_REFUSED;
	if ((e->seen & SEEN_DISCARDED) != 0)
		return LEDGER_DISCARDED;
	return LEDGER_UNKNOWN;
}

static void count(struct ledger *l, const struct entry *e, enum ledger_end end)
{
	if ((e->seen & SEEN_BEGINNING) != 0)
		l->counts.whole[end]++;
	else
		l->counts.partial[end]++;
}

/* Put the entry where it will be forgotten; who has been there longest is counted and dropped. */
static void make_recent(struct ledger *l, struct str id, struct entry *e)
{
	char *slot = l->recent[l->next];

	if (e->in_recent || id.len >= RECENT_ID)
		return;
	if (slot[0] != '\0') {
		struct entry *old = map_get(l->entries, str_of(slot));
		enum ledger_end end = old != NULL ? judge(old) : LEDGER_UNKNOWN;

		/* What is wrong is kept for the end. */
		if (old != NULL && old->in_recent && end != LEDGER_UNREPORTED) {
			count(l, old, end);
			(void)map_remove(l->entries, str_of(slot));
		}
	}
	memcpy(slot, id.ptr, id.len);
	slot[id.len] = '\0';
	e->in_recent = true;
	l->next = (l->next + 1) % LEDGER_RECENT;
}

static struct entry *get(struct ledger *l, struct str id)
{
	struct entry *e = map_get(l->entries, id);

	if (e == NULL && !l->only_known) {
		e = mem_new(struct entry);
		map_set(l->entries, id, e);
	}
	return e;
}

/* A new life of an id whose last one has ended (short ids come again). */
static struct entry *begin(struct ledger *l, struct str id)
{
	struct entry *e = get(l, id);

	if (e != NULL && (e->seen & (SEEN_ENDED | SEEN_REFUSED)) != 0) {
		count(l, e, judge(e));
		forget_done(e);
		*e = (struct entry){ .in_recent = e->in_recent };
	}
	if (e != NULL)
		e->seen |= SEEN_BEGINNING;
	return e;
}

static void mark(struct ledger *l, struct str id, unsigned seen)
{
	struct entry *e = get(l, id);

	if (e != NULL)
		e->seen |= seen;
}

static void end(struct ledger *l, struct str id, unsigned how)
{
	struct entry *e = get(l, id);

	if (e == NULL)
		return;
	e->seen |= how | SEEN_ACCEPTED;
	forget_done(e);
	if (l->only_known) /* seen in the queue, then ended */
		e->seen &= ~(unsigned)SEEN_PLACE;
	make_recent(l, id, e);
}

/* ---- lines ---- */

/* The value behind `name`, up to one of " ,)" or the end. */
static bool field(struct str text, struct str name, struct str *ret)
{
	ptrdiff_t at = str_find(text, name);
	size_t n = 0;

	if (at < 0)
		return false;
	text = str_skip(text, (size_t)at + name.len);
	while (n < text.len && text.ptr[n] != ' ' && text.ptr[n] != ',' && text.ptr[n] != ')')
		n++;
	*ret = str_head(text, n);
	return true;
}

/*
 * Count a recipient, "to=<...>, orig_to=<...>", that has its end: once, however often it is reported. As it
 * matters for messages without an end only, those that have one pass.
 */
static void recipient_done(struct entry *e, struct str text)
{
	ptrdiff_t end = str_find(text, STR(", relay="));
	uint64_t hash = hash_bytes(end < 0 ? text : str_head(text, (size_t)end));

	if ((e->seen & SEEN_ENDED) != 0)
		return;
	for (unsigned i = 0; i < e->n_done; i++)
		if (e->done[i] == hash)
			return;
	if ((e->n_done & (e->n_done - 1)) == 0) /* a power of two: full */
		e->done = mem_resize(e->done, e->n_done == 0 ? 1 : 2 * (size_t)e->n_done,
			sizeof(*e->done));
	e->done[e->n_done++] = hash;
}

/* A delivery agent's line, or qmgr's in an agent's place: "to=<...>, ... status=...". */
static void recipient_line(struct ledger *l, struct str program, struct str id, struct str text)
{
	struct entry *e;
	struct str status;

	if (!field(text, STR(" status="), &status))
		return;
	e = get(l, id);
	if (e == NULL)
		return;
	e->seen |= SEEN_ACCEPTED;
	if (str_eq(status, STR("deferred")))
		return;
	e->reported++;
	recipient_done(e, text);
	if (str_eq(status, STR("bounced")) || str_eq(status, STR("undeliverable")))
		e->seen |= SEEN_BOUNCED;
	else if (str_eq(status, STR("expired")))
		e->seen |= SEEN_EXPIRED;
	else if (str_eq(program, STR("discard")))
		e->seen |= SEEN_DISCARDED;
}

static void qmgr_line(struct ledger *l, struct str id, struct str text)
{
	struct entry *e;
	struct str value;
	uint64_t n;

	if (str_eq(text, STR("removed"))) {
		end(l, id, SEEN_REMOVED);
		return;
	}
	e = str_starts(text, STR("from=<")) ? get(l, id) : NULL;
	if (e == NULL)
		return;
	e->seen |= SEEN_ACCEPTED;
	if (field(text, STR("nrcpt="), &value) && num_u64(value, UINT32_MAX, &n) == 0)
		e->recipients = (unsigned)n;
	if (str_starts(text, STR("from=<>")) || str_starts(text, STR("from=<double-bounce@")))
		e->seen |= SEEN_NOBODY;
	if (str_find(text, STR("returned to sender")) >= 0)
		e->seen |= SEEN_EXPIRED;
}

static void postsuper_line(struct ledger *l, struct str id, struct str text)
{
	struct str other;
	struct entry *e;

	if (str_eq(text, STR("removed"))) {
		end(l, id, SEEN_DELETED);
	} else if (str_starts(text, STR("renamed to "))) {
		end(l, id, SEEN_REPLACED);
		other = str_skip(text, sizeof("renamed to ") - 1);
		e = queue_id_ok(other) ? begin(l, other) : NULL;
		if (e != NULL)
			e->seen |= SEEN_ACCEPTED;
	} else if (str_eq(text, STR("requeued"))) {
		mark(l, id, SEEN_ACCEPTED | SEEN_REQUEUED);
	} else if (str_eq(text, STR("placed on hold")) || str_eq(text, STR("released from hold")) ||
		   str_eq(text, STR("expired"))) {
		mark(l, id, SEEN_ACCEPTED);
	}
}

/* Receiving programs: smtpd, pickup, cleanup, qmqpd. */
static void intake_line(struct ledger *l, struct str id, struct str text)
{
	struct entry *e;
	struct str old;

	if (str_starts(text, STR("client=")) || str_starts(text, STR("uid="))) {
		e = begin(l, id);
		if (e != NULL && field(text, STR(" orig_id="), &old) && queue_id_ok(old))
			end(l, old, SEEN_REPLACED);
		return;
	}
	if (str_starts(text, STR("message-id=")) || str_starts(text, STR("resent-message-id="))) {
		mark(l, id, SEEN_BEGINNING);
		return;
	}
	if (str_eq(text, STR("removed (canceled)")) || str_starts(text, STR("reject: ")) ||
		str_starts(text, STR("milter-reject: END-OF-MESSAGE")))
		mark(l, id, SEEN_REFUSED);
	else if (str_starts(text, STR("discard: ")) || str_starts(text, STR("milter-discard: ")))
		mark(l, id, SEEN_DISCARDED);
}

/* "sender non-delivery notification: ID": a message that was committed. */
static void notice_line(struct ledger *l, struct str id, struct str text)
{
	ptrdiff_t at = str_find(text, STR("notification: "));
	struct str child = at < 0 ? STR_EMPTY : str_skip(text, (size_t)at + 14);

	if (str_starts(text, STR("sender non-delivery")))
		mark(l, id, SEEN_NOTICE);
	if (queue_id_ok(child))
		mark(l, child, SEEN_BEGINNING | SEEN_ACCEPTED);
}

/* warning: saving corrupt file "ID" from queue "active" to queue "corrupt" */
static void warning_line(struct ledger *l, struct str text)
{
	static const char words[] = "warning: saving corrupt file \"";
	struct queue_id_parts parts;
	ptrdiff_t quote, colon;

	if (!str_starts(text, STR(words))) {
		/*
		 * "warning: ID: write queue file: ...", "warning: ID: journal: ...": refused, unless
		 * somebody has it nevertheless
		 */
		text = str_skip(text, sizeof("warning: ") - 1);
		colon = str_find(text, STR(": "));
		if (colon >= 5 &&
			(str_find(text, STR("queue file")) > 0 ||
				str_starts(str_skip(text, (size_t)colon), STR(": journal: "))) &&
			queue_id_parse(str_head(text, (size_t)colon), &parts) == 0)
			mark(l, str_head(text, (size_t)colon), SEEN_REFUSED);
		return;
	}
	text = str_skip(text, sizeof(words) - 1);
	quote = str_chr(text, '"');
	if (quote > 0 && queue_id_ok(str_head(text, (size_t)quote)))
		mark(l, str_head(text, (size_t)quote), SEEN_CORRUPT);
}

/* "... postfix/smtp[123]: text": the program's last part, and the text. */
static bool split(struct str line, struct str *program, struct str *text)
{
	ptrdiff_t at = str_find(line, STR("]: "));
	size_t start, bracket;

	if (at < 0)
		return false;
	bracket = (size_t)at;
	while (bracket > 0 && line.ptr[bracket] != '[')
		bracket--;
	start = bracket;
	while (start > 0 && line.ptr[start - 1] != '/' && line.ptr[start - 1] != ' ')
		start--;
	*program = str_from(line.ptr + start, bracket - start);
	*text = str_rtrim(str_skip(line, (size_t)at + 3));
	return program->len > 0;
}

void ledger_line(struct ledger *l, struct str line)
{
	struct queue_id_parts parts; /* only to tell an id from a word */
	struct str program, text, id;
	ptrdiff_t colon;

	if (!split(line, &program, &text))
		return;
	if (str_starts(text, STR("warning: "))) {
		warning_line(l, text);
		return;
	}
	colon = str_find(text, STR(": "));
	if (colon < 5 || colon > QUEUE_ID_MAX)
		return;
	id = str_head(text, (size_t)colon);
	text = str_skip(text, (size_t)colon + 2);
	if (queue_id_parse(id, &parts) < 0)
		return;
	if (str_starts(text, STR("to=<")))
		recipient_line(l, program, id, text);
	else if (str_eq(program, STR("qmgr")) || str_eq(program, STR("nqmgr")) ||
		 str_eq(program, STR("oqmgr")))
		qmgr_line(l, id, text);
	else if (str_eq(program, STR("postsuper")))
		postsuper_line(l, id, text);
	else if (str_eq(program, STR("bounce")))
		notice_line(l, id, text);
	else
		intake_line(l, id, text);
}

void ledger_only_known(struct ledger *l)
{
	l->only_known = true;
}

/* ---- the queue ---- */

static enum ledger_end place_of(struct str queue)
{
	static const struct {
		const char *name;
		enum ledger_end place;
	} places[] = {
		{ QUEUE_ACTIVE, LEDGER_ACTIVE },
		{ QUEUE_DEFERRED, LEDGER_DEFERRED },
		{ QUEUE_HOLD, LEDGER_HELD },
		{ QUEUE_MAILDROP, LEDGER_MAILDROP },
		{ QUEUE_CORRUPT, LEDGER_CORRUPT },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (str_eq(queue, str_of(places[i].name)))
			return places[i].place;
	return LEDGER_INCOMING;
}

void ledger_queued(struct ledger *l, struct str id, struct str queue, bool is_ready)
{
	struct entry *e = map_get(l->entries, id);
	enum ledger_end place = place_of(queue);

	if (!is_ready && place != LEDGER_CORRUPT)
		return;
	if (e == NULL) {
		l->counts.only_queued++;
		return;
	}
	if ((e->seen & SEEN_REQUEUED) != 0 && place != LEDGER_MAILDROP)
		return; /* waits for its new id; nothing of the old one is elsewhere */
	e->place = (unsigned char)place;
	e->seen |= SEEN_PLACE;
}

void ledger_each_open(const struct ledger *l, void (*fn)(void *arg, struct str id), void *arg)
{
	struct map_iter it = { 0 };
	struct str id;
	void *value;

	while (map_next(l->entries, &it, &id, &value)) {
		const struct entry *e = value;

		if ((e->seen & (SEEN_ENDED | SEEN_PLACE | SEEN_REFUSED)) == 0)
			fn(arg, id);
	}
}

void ledger_close(struct ledger *l, void (*fn)(void *arg, const struct ledger_finding *f),
	void *arg, struct ledger_counts *ret)
{
	struct map_iter it = { 0 };
	struct str id;
	void *value;

	while (map_next(l->entries, &it, &id, &value)) {
		const struct entry *e = value;
		struct ledger_finding f = { .id = id,
			.end = judge(e),
			.has_beginning = (e->seen & SEEN_BEGINNING) != 0,
			.recipients = e->recipients,
			.reported = e->reported };

		/* On hold and gone: it was accepted, or its client gave up. Both are "unknown". */
		count(l, e, f.end);
		if (fn != NULL && f.end >= LEDGER_UNKNOWN)
			fn(arg, &f);
	}
	*ret = l->counts;
}

const char *ledger_end_name(enum ledger_end end)
{
	static const char *const names[LEDGER_END_COUNT] = {
		[LEDGER_DELIVERED] = "delivered",
		[LEDGER_BOUNCED] = "bounced",
		[LEDGER_EXPIRED] = "expired",
		[LEDGER_DISCARDED] = "discarded",
		[LEDGER_DELETED] = "deleted",
		[LEDGER_REPLACED] = "replaced",
		[LEDGER_INCOMING] = "incoming",
		[LEDGER_ACTIVE] = "active",
		[LEDGER_DEFERRED] = "deferred",
		[LEDGER_HELD] = "hold",
		[LEDGER_MAILDROP] = "maildrop",
		[LEDGER_CORRUPT] = "corrupt",
		[LEDGER_REFUSED] = "refused",
		[LEDGER_UNKNOWN] = "unfinished",
		[LEDGER_LOST] = "lost",
		[LEDGER_UNREPORTED] = "unreported",
		[LEDGER_RETURNED] = "returned",
	};

	check(end < LEDGER_END_COUNT);
	return names[end];
}
