/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pickup.h — one file of the maildrop on its way to cleanup.
 */
#pragma once

#include "intake/post.h"
#include "queue/message.h"

struct pickup_job {
	const char *id; /* of the file */
	struct queue_message *msg;
	long uid;      /* of the owner, or of whom the owner wrote it for */
	bool by_owner; /* written, not requeued, by mail_owner */
	int64_t mtime; /* seconds */
	bool requeued; /* by postsuper -r */
	struct post *post;
	const char *content_filter;
	const char *myhostname;
	const char *mail_name;
	size_t record_max; /* longest record that a user may send (line_length_limit) */
	bool info_address_internal;
};

enum copy_result {
	COPY_DONE,      /* everything up to E was sent */
	COPY_MALFORMED, /* the file makes no sense; said so in the log */
	COPY_FAILED,    /* the connection broke */
};

/** Copy the records of a file to cleanup, edited as a submission must be. */
enum copy_result pickup_copy(struct pickup_job *j);
