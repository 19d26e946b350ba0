/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postsuper/postsuper.h — maintenance of queue directories: repair, and actions on messages.
 *
 * The current directory is the queue directory; files are touched as mail_owner.
 */
#pragma once

#include <stdio.h>

#include "queue/journal.h"

struct young; /* ids that were in the journal lately */

struct tool {
	struct queue_settings queues;
	struct journal_settings journal;
	struct young *young;
	bool purge;     /* -p */
	bool structure; /* -s or -S */
	bool redundant; /* -S: inodes of long ids count too */
	bool empty;     /* -J: make files of what is in the journal */
	bool quiet;     /* no line for each message */
	unsigned long requeued, deleted, expired, held, released, renamed;
};

/** One of the directories that can be named. */
struct queue_info {
	const char *name;
	unsigned ready;   /* mode of a complete file */
	bool messages;    /* message files; otherwise logs */
	bool named_by_id; /* files are named after messages */
};

/** Information on a queue, or NULL. */
const struct queue_info *queue_info_find(struct str name);

/**
 * Have the messages of the journal made files: by a replay when there is no queue manager, else by it.
 *
 * @param wait_all   also when there is one: until the journal is empty, with a warning if that takes too long
 */
void young_settle(struct tool *t, bool wait_all);
/** True when a message was in the journal, and is a file by now: worth another look. */
bool young_settle_id(struct tool *t, struct str id);

/** Purge and fix the structure of one queue, in pass 1 or 2 (renaming is done in two steps). */
void repair_queue(struct tool *t, const struct queue_info *q, unsigned pass);

/** What -d, -e, -f, -h, -H and -r do. */
enum action {
	ACT_DELETE = 'd',
	ACT_EXPIRE = 'e',
	ACT_EXPIRE_RELEASE = 'f',
	ACT_HOLD = 'h',
	ACT_RELEASE = 'H',
	ACT_REQUEUE = 'r',
};
/**
 * Do it for one message, wherever it is among the queues.
 *
 * @param queues   NULL-terminated names; empty: the default of the action
 */
void act_on_id(struct tool *t, enum action what, char *const *queues, struct str id);
/** Do it for every message of the queues. */
void act_on_all(struct tool *t, enum action what, char *const *queues);
