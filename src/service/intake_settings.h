/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/intake_settings.h — struct intake_settings of src/intake, filled from a configuration, with
 * what intake needs around it: router, tables, queue layout, and the way to return a message.
 *
 * For cleanup and for smtpd, which does the same work in process.
 */
#pragma once

#include "intake/intake.h"
#include "service/journal_settings.h"
#include "service/report_settings.h"
#include "service/router_settings.h"

struct intake_params {
	struct intake_settings s;
	struct intake_conf *conf;
	struct router_conf router_conf;
	struct router *router; /* ours or borrowed, see intake_params_open() */
	struct router *own_router;
	struct report_params report_params;
	struct report_conf *report;
	struct queue_settings queue;
	pthread_mutex_t creating; /* its */
	struct journal_params journal;
	struct strv hashed;
	char *qmgr_path;
};

/**
 * Fill `ret`, which must stay where it is, and open everything.
 *
 * @param c        the configuration; strings belong to it
 * @param router   one that the caller has already, which lives longer; NULL: make one
 * @param n        receives log lines and remarks; usually &log_notes
 * @return 0; -EINVAL or -ERANGE with why
 */
_must_use_ int intake_params_open(struct conf *c, struct router *router, const struct notes *n,
	struct intake_params *ret, struct why *why);
/** Close. */
void intake_params_done(struct intake_params *p);
/** Name of a table that has changed, or NULL. */
const char *intake_params_changed(const struct intake_params *p);
/** Flags for mail that a client hands in, less what receive_override_options takes away. */
_must_use_ int intake_override_flags(const char *receive_override_options, unsigned flags,
	unsigned *ret, struct why *why);
