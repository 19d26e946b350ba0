/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error — bounces, or as the service named retry defers, all recipients of a request.
 *
 * The next hop is the reason: "X.Y.Z text", or text alone with 5.0.0 (retry: 4.0.0).
 */
#include "sandbox/sandbox.h"
#include "service/agent.h"
#include "smtp/reply.h"

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

static int deliver(struct service_ctx *ctx, _unused_ struct service_client *client,
	struct delivery_request *rq, _unused_ struct arena *a)
{
	bool retry = str_eq(str_of(ctx->name), STR("retry"));
	struct dsn d = { 0 };

	split_reason(rq->nexthop, retry ? '4' : '5', &d);
	return agent_report_all(agent_of(ctx), rq, STR("none"), &d,
		retry ? report_defer : report_bounce);
}

int main(int argc, char **argv)
{
	static const struct service error = {
		.name = "error",
		.kind = SERVICE_THREADED,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE,
	};

	agent_main(argc, argv, &error, deliver);
}
