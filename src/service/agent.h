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

/** report_sent(), report_bounce() or report_defer(). */
typedef int (*agent_report_fn)(const struct report_conf *c, const struct report *r);
/**
 * Report the same outcome for all recipients of a request; those at offset 0 were dealt with.
 *
 * @return 0; -1 some must be tried again
 */
_must_use_ int agent_report_all(const struct agent *ag, struct delivery_request *rq,
	struct str relay, const struct dsn *outcome, agent_report_fn fn);

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

/**
 * main() of an agent that prepares nothing of its own; never returns.
 *
 * @param argc, argv   as master passes them
 * @param def       name, kind and promises; the callbacks are ours
 * @param deliver   asks agent_of() for what it reports to
 */
_noreturn_ void agent_main(int argc, char **argv, const struct service *def,
	agent_deliver_fn deliver);
/** The agent that agent_main() runs. */
const struct agent *agent_of(const struct service_ctx *ctx);
