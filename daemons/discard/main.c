/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discard — reports all recipients of a request as delivered, and delivers nothing.
 *
 * The next hop is the text of the log line: "2.Y.Z text", or text alone with 2.0.0.
 */
#include "sandbox/sandbox.h"
#include "service/agent.h"
#include "smtp/reply.h"

static struct agent the_agent;

static int deliver(struct service_ctx *ctx, struct service_client *client,
	struct delivery_request *rq, struct arena *a)
{
	struct report r = { .rq = rq, .relay = STR("none"), .stats = rq->stats };
	struct dsn_code code;
	size_t n = dsn_code_parse(rq->nexthop, &code);
	int status = 0;

	(void)client;
	(void)a;
	(void)ctx;
	r.dsn.status = n > 0 ? str_head(rq->nexthop, n) : STR("2.0.0");
	r.dsn.reason = str_trim(str_skip(rq->nexthop, n));
	r.dsn.action = STR("delivered");
	for (size_t i = 0; i < rq->n_rcpt; i++) {
		r.rcpt = &rq->rcpt[i];
		if (rq->rcpt[i].offset == 0)
			continue;
		if (report_sent(the_agent.report, &r) < 0)
			status = -1;
	}
	return status;
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	agent_serve(&the_agent, ctx, client, deliver);
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	return agent_open(&the_agent, ctx->conf, NULL, why);
}

static const char *changed(struct service_ctx *ctx)
{
	(void)ctx;
	return agent_changed(&the_agent);
}

int main(int argc, char **argv)
{
	static const struct service discard = {
		.name = "discard",
		.kind = SERVICE_THREADED,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE,
		.pre_jail = pre_jail,
		.pre_accept = changed,
		.serve = serve,
	};

	service_main(argc, argv, &discard);
}
