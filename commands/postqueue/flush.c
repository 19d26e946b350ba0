/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/flush.c — ask for delivery attempts now, or have submitd ask.
 */
#include "log/log.h"
#include "postqueue.h"
#include "service/queue_request.h"

/* End the program when it did not work out. */
static void conclude(int status, const struct why *why)
{
	if (status == 0)
		return;
	log_fatal_status(status);
	log_fatal("%s", why->text);
}

static struct queue_request services(void)
{
	return (struct queue_request){ .queue_service = the_conf.queue_service_name,
		.pickup_service = the_conf.pickup_service_name,
		.flush_service = the_conf.flush_service_name };
}

void flush_all(void)
{
	struct queue_request q = services();
	struct why why = { "" };

	if (door_is_needed())
		stream_free(door_ask("Cannot flush mail queue", "flush", ""));
	else
		conclude(queue_request_flush(&q, &why), &why);
}

void flush_site(const char *site)
{
	struct queue_request q = services();
	struct why why = { "" };

	if (door_is_needed())
		stream_free(door_ask("Cannot flush mail queue", "site ", site));
	else
		conclude(queue_request_site(&q, site, &why), &why);
}

void flush_file(const char *id)
{
	struct queue_request q = services();
	struct why why = { "" };

	if (door_is_needed())
		stream_free(door_ask("Cannot flush mail queue", "file ", id));
	else
		conclude(queue_request_file(&q, id, &why), &why);
}
