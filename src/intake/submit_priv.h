/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/submit_priv.h — what the files of a submission share.
 */
#pragma once

#include "intake/submit.h"
#include "table/match.h"

struct submit_conf {
	struct submit_settings s;
	struct match_list *users;
	struct tables senders;
	struct why senders_broken; /* why the list of tables could not be read; empty: it could */
};

struct submit {
	const struct submit_conf *c;
	struct submit_user user;
	struct queue_file file; /* fd is -1 once closed */
	struct buf out;         /* waits to be written */
	struct buf reason;      /* for the reply */
	int64_t size;           /* bytes so far, those that wait included */
	unsigned status;        /* enum intake_status */
	size_t segment;
	bool seen_sender, seen_rcpt, kept;
};

/** Append a record to what will be written. */
void submit_put(struct submit *s, int type, struct str data);
/** Write what waits: failures become status bits. */
void submit_flush(struct submit *s);
/** local_login_sender_maps: status bits, with the reason for people. */
unsigned submit_check_sender(struct submit *s, struct str sender);
