/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/queue_request.h — what users may ask of a running queue: postqueue(1) itself, and submitd(8)
 * for a postqueue that has no privileges.
 *
 * Outcomes are those of sysexits.h, with words for people: 0; EX_USAGE the name makes no sense;
 * EX_UNAVAILABLE the mail system is down, or not configured for this; EX_NOPERM not for this user.
 */
#pragma once

#include <sys/types.h>

#include "base/str.h"
#include "base/why.h"
#include "table/match.h"

/** Names of services in public/, below the working directory. */
struct queue_request {
	const char *queue_service;
	const char *pickup_service;
	const char *flush_service;
};

/**
 * The record with which a postqueue without privileges says to submitd what it wants: no record of a
 * message, and the first behind the greeting. Its text is "list", "flush", "site NAME" or "file ID".
 */
#define QUEUE_REQUEST_RECORD 'Q'

/** Attempt to deliver everything now. Blocks, 100 seconds at most, as do the two below. */
_must_use_ int queue_request_flush(const struct queue_request *q, struct why *why);
/** Attempt to deliver all mail for a site. */
_must_use_ int queue_request_site(const struct queue_request *q, const char *site, struct why *why);
/** Attempt to deliver one message. */
_must_use_ int queue_request_file(const struct queue_request *q, const char *id, struct why *why);

/**
 * May a user do this? Root may.
 *
 * @param users    authorized_mailq_users or authorized_flush_users
 * @param uid      the user
 * @param login    NULL or "": no name
 * @param action   "view", "flush"
 */
_must_use_ int queue_request_allowed(const struct match_list *users, uid_t uid, const char *login,
	const char *action, struct why *why);
