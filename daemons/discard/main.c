/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discard — reports all recipients of a request as delivered, and delivers nothing.
 *
 * The next hop is the text of the log line: "2.Y.Z text", or text alone with 2.0.0.
 */
#include "sandbox/sandbox.h"
#include "service/agent.h"
#include "smtp/reply.h"

static int deliver(struct service_ctx *ctx, _unused_ struct service_client *client,
	struct delivery_request *rq, _unused_ struct arena *a)
{
	struct dsn_code code;
	size_t n = dsn_code_parse(rq->nexthop, &code);
	struct dsn d = { .status = n > 0 ? str_head(rq->nexthop, n) : STR("2.0.0"),
		.action = STR("delivered"),
		.reason = str_trim(str_skip(rq->nexthop, n)) };

	return agent_report_all(agent_of(ctx), rq, STR("none"), &d, report_sent);
}

int main(int argc, char **argv)
{
	static const struct service discard = {
		.name = "discard",
		.kind = SERVICE_THREADED,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE,
	};

	agent_main(argc, argv, &discard, deliver);
}
