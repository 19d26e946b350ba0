/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postdrop.h — what the files of this command share.
 */
#pragma once

#include "conf/conf.h"
#include "intake/submit.h"
#include "io/stream.h"

struct postdrop_conf {
	const char *queue_directory;
	const char *import_environment;
	const char *pickup_service_name;
	const char *submission_service_name;
	int64_t message_size_limit;
	int64_t line_length_limit;
	usec_t trigger_timeout;
	usec_t ipc_timeout;
};

/* ---- main.c ---- */

/**
 * The next record of standard input. Malformed input ends the program.
 *
 * @param max   line_length_limit
 * @return the type, 0 for one that does not exist, -ENODATA at a clean end
 */
int next_record(struct stream *in, size_t max, struct buf *slow, struct str *ret_data);

/* ---- relay.c ---- */

/**
 * Hand the message on standard input to the submission service, for lack of privileges.
 *
 * @param cause   why the maildrop cannot be written to, for people
 * @return exit status: that of the answer, or 0 when the input ended early
 */
int relay_message(const struct postdrop_conf *c, struct stream *user, const char *cause);
