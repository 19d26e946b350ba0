/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp, lmtp — deliver mail to other hosts. One program; its name decides the protocol and whether
 * smtp_ or lmtp_ parameters count.
 */
#include <string.h>

#include "client.h"
#include "sandbox/sandbox.h"

static struct client the_client;

static int deliver(struct service_ctx *ctx, struct service_client *sc, struct delivery_request *rq,
	struct arena *a)
{
	(void)ctx;
	(void)sc;
	return client_deliver(&the_client, rq, a);
}

static void serve(struct service_ctx *ctx, struct service_client *sc)
{
	agent_serve(&the_client.agent, ctx, sc, deliver);
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	return client_setup(&the_client, ctx, why);
}

static const char *changed(struct service_ctx *ctx)
{
	(void)ctx;
	return client_changed(&the_client);
}

/* The program's name without its directory. */
static bool is_lmtp(const char *argv0)
{
	struct str path = str_of(argv0);

	return str_starts(str_skip(path, (size_t)(str_rchr(path, '/') + 1)), STR("lmtp"));
}

int main(int argc, char **argv)
{
	static struct service smtp = {
		.name = "smtp",
		.kind = SERVICE_THREADED,
		.conf_base = &the_client.p,
		.promises = P_STDIO | P_INET | P_UNIX | P_READ | P_QUEUE,
		.pre_jail = pre_jail,
		.pre_accept = changed,
		.serve = serve,
	};

	the_client.lmtp = argc > 0 && is_lmtp(argv[0]);
	if (the_client.lmtp)
		smtp.name = "lmtp";
	smtp.vars = client_params_table(the_client.lmtp);
	service_main(argc, argv, &smtp);
}
