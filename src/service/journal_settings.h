/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/journal_settings.h — struct journal_settings of src/queue, filled from a configuration.
 *
 * For intake (smtpd, cleanup), qmgr and the tools that look at the queue.
 */
#pragma once

#include "conf/conf.h"
#include "queue/journal.h"

/** The settings and what they point to. */
struct journal_params {
	struct journal_settings s;
	bool is_on; /* queue_journal: new messages go there; what is there is read in any case */
	char *wake_path;
};

/**
 * Fill `ret`.
 *
 * @param c        the configuration
 * @param queues   layout of the queue; lives as long as the result
 * @param n        receives remarks; usually &log_notes
 * @return 0; -EINVAL or -ERANGE with why
 */
_must_use_ int journal_params_fill(struct conf *c, const struct queue_settings *queues,
	const struct notes *n, struct journal_params *ret, struct why *why);
/** Free what journal_params_fill() allocated. */
void journal_params_done(struct journal_params *p);
