/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postdrop.h — what the files of this command share.
 */
#pragma once

#include "conf/conf.h"
#include "intake/intake.h"
#include "io/stream.h"
#include "table/table.h"

struct postdrop_conf {
	const char *queue_directory;
	const char *import_environment;
	const char *authorized_submit_users;
	const char *local_login_sender_maps;
	const char *empty_address_local_login_sender_maps_lookup_key;
	const char *recipient_delimiter;
	const char *pickup_service_name;
	int64_t message_size_limit;
	int64_t line_length_limit;
	usec_t trigger_timeout;
	bool enable_long_queue_ids;
	bool smtputf8_enable;
};

/* ---- access.c ---- */

/** End the program unless the user may submit mail. */
void access_check_submit(const struct postdrop_conf *c, const struct table_settings *t);
/**
 * May this user send as `sender`?
 *
 * @param reason   appended on refusal, for people
 * @return 0, or enum intake_status bits
 */
unsigned access_check_sender(const struct postdrop_conf *c, const struct table_settings *t,
	struct str sender, struct buf *reason);

/* ---- message.c ---- */

/** A message that is being copied into the maildrop. */
struct message {
	const struct postdrop_conf *c;
	const struct table_settings *tables;
	int fd;
	struct buf out;    /* waits to be written */
	struct buf reason; /* for the reply */
	unsigned status;   /* enum intake_status */
	bool seen_sender, seen_rcpt;
};

/**
 * Copy records from a stream up to E. Malformed input ends the program.
 *
 * @return true: E came; false: the client gave up between two records
 */
bool message_copy(struct message *m, struct stream *in);
/** Write what waits: failures become status bits. */
void message_flush(struct message *m);
