/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/journal_settings.c — see journal_settings.h.
 */
#include "service/journal_settings.h"

#include <string.h>

struct params {
	bool queue_journal;
	int64_t queue_journal_segment_size;
	int64_t queue_journal_limit;
	int64_t queue_journal_message_limit;
	const char *queue_service_name;
};

static const struct conf_var vars[] = {
	CV_BOOL(struct params, queue_journal),
	CV_INT(struct params, queue_journal_segment_size),
	CV_INT(struct params, queue_journal_limit),
	CV_INT(struct params, queue_journal_message_limit),
	CV_STR(struct params, queue_service_name),
	CV_END,
};

int journal_params_fill(struct conf *c, const struct queue_settings *queues, const struct notes *n,
	struct journal_params *ret, struct why *why)
{
	struct params p = { 0 };
	struct buf path = BUF(BUF_SMALL);
	int r = conf_fill(c, vars, &p, why);

	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	buf_putf(&path, "public/%s", p.queue_service_name);
	ret->is_on = p.queue_journal;
	ret->wake_path = buf_take(&path);
	ret->s = (struct journal_settings){
		.queues = queues,
		.segment_size = p.queue_journal_segment_size,
		.limit = p.queue_journal_limit,
		.message_limit = p.queue_journal_message_limit,
		.wake_path = ret->wake_path,
		.notes = n,
	};
	return 0;
}

void journal_params_done(struct journal_params *p)
{
	free(p->wake_path);
	p->wake_path = NULL;
}
