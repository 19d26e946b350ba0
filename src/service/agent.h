/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/agent.h — what every delivery agent does around a delivery: greet, read the request, have
 * it delivered, answer, go on with the next one on the same connection.
 */
#pragma once

#include "service/report_settings.h"
#include "service/service.h"

struct agent {
	struct report_params params;
	struct report_conf *report;
	struct strv hashed;
	struct queue_settings queue;
};

/**
 * Prepare reporting and queue settings; for pre_jail.
 *
 * @param ag      must stay where it is
 * @param c       main.cf and -o
 * @param name    prefix of <name>_delivery_status_filter, NULL: the default one
 * @return 0; -EINVAL or -ERANGE with why
 */
_must_use_ int agent_open(struct agent *ag, struct conf *c, const char *name, struct why *why);
/** A table that changed, or NULL; for pre_accept. */
const char *agent_changed(const struct agent *ag);

/**
 * Delivers one request; reports every recipient. May set rq->hop_status.
 *
 * @param a   lives as long as the request
 * @return 0 all done, -1 some must be tried again
 */
typedef int (*agent_deliver_fn)(struct service_ctx *ctx, struct service_client *client,
	struct delivery_request *rq, struct arena *a);

/** Serve one connection; for serve(). Thread-safe. */
void agent_serve(const struct agent *ag, struct service_ctx *ctx, struct service_client *client,
	agent_deliver_fn deliver);
