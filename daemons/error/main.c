/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error — bounces, or as the service named retry defers, all recipients of a request.
 *
 * The next hop is the reason: "X.Y.Z text", or text alone with 5.0.0 (retry: 4.0.0).
 */
#include "sandbox/sandbox.h"
#include "service/agent.h"
#include "smtp/reply.h"

static struct agent the_agent;

/* Split "X.Y.Z text"; a status of another class does not fit what this service does. */
static void split_reason(struct str nexthop, char class, struct dsn *ret)
{
	struct dsn_code code;
	size_t n = dsn_code_parse(nexthop, &code);

	ret->status = class == '4' ? STR("4.0.0") : STR("5.0.0");
	ret->reason = str_trim(nexthop);
	if (n > 0) {
		ret->status = str_head(nexthop, n);
		ret->reason = str_trim(str_skip(nexthop, n));
	}
}

static int deliver(struct service_ctx *ctx, struct service_client *client,
	struct delivery_request *rq, struct arena *a)
{
	bool retry = str_eq(str_of(ctx->name), STR("retry"));
	struct report r = { .rq = rq, .relay = STR("none"), .stats = rq->stats };
	int status = 0;

	(void)client;
	(void)a;
	split_reason(rq->nexthop, retry ? '4' : '5', &r.dsn);
	for (size_t i = 0; i < rq->n_rcpt; i++) {
		r.rcpt = &rq->rcpt[i];
		if (rq->rcpt[i].offset == 0)
			continue;
		if ((retry ? report_defer(the_agent.report, &r)
			   : report_bounce(the_agent.report, &r)) < 0)
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
	static const struct service error = {
		.name = "error",
		.kind = SERVICE_THREADED,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE,
		.pre_jail = pre_jail,
		.pre_accept = changed,
		.serve = serve,
	};

	service_main(argc, argv, &error);
}
