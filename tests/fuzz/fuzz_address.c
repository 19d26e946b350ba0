/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_address.c — one address: quoting and back, standard form, route (threats P2, A1).
 */
#include "address/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct table_settings tables = { .default_database_type = "inline",
	.queue_directory = "/" };

static struct router *make_router(void)
{
	static struct net_addr own;
	struct router_settings s = {
		.myhostname = "mx.here.test",
		.mydomain = "here.test",
		.myorigin = "here.test",
		.mydestination = "mx.here.test here.test",
		.empty_address_recipient = "MAILER-DAEMON",
		.recipient_delimiter = "+-",
		.double_bounce_sender = "double-bounce",
		.owner_request_special = true,
		.append_at_myorigin = true,
		.append_dot_mydomain = true,
		.swap_bangpath = true,
		.allow_percent_hack = true,
		.remote_header_rewrite_domain = "remote.test",
		.resolve_dequoted_address = true,
		.virtual_alias_domains = "alias.test",
		.virtual_mailbox_domains = "box.test",
		.relay_domains = "relay.test",
		.local_transport = "local:here",
		.virtual_transport = "virtual",
		.relay_transport = "relay",
		.default_transport = "smtp",
		.error_transport = "error",
		.relayhost = "",
		.transport_maps = "inline:{{.x.test=slow:},{u@x.test=:[h]}}",
		.relocated_maps = "inline:{{gone=away}}",
		.sender_dependent_relayhost_maps = "",
		.sender_dependent_default_transport_maps = "",
		.smtputf8_enable = true,
		.parent_domain_matches_subdomains = "relay_domains",
		.tables = &tables,
	};
	struct router *r = NULL;

	check(net_addr_parse(STR("192.0.2.1"), 0, &own) == 0);
	s.own_addrs = &own;
	s.n_own_addrs = 1;
	check(router_new(&s, &r, NULL) == 0);
	return r;
}

/* Quoting and unquoting give the address back. */
static void quoting(struct str internal)
{
	struct buf q = BUF(2 * internal.len + 3), u = BUF(2 * internal.len + 3);

	check(address_quote(&q, internal) == 0);
	check(address_unquote(&u, buf_str(&q)) == 0);
	check(str_eq(buf_str(&u), internal));
	buf_clear(&u);
	(void)!address_unquote(&u, internal);
	buf_done(&q);
	buf_done(&u);
}

/* Standard forms are standard forms of themselves, unless a new operator appears in the rest. */
static void rewriting(const struct router *r, struct str in)
{
	struct buf once = BUF(4 * in.len + 100), twice = BUF(8 * in.len + 1000);

	check(router_rewrite(r, REWRITE_LOCAL, in, &once) == 0);
	check(router_rewrite(r, REWRITE_LOCAL, buf_str(&once), &twice) == 0);
	buf_clear(&twice);
	check(router_rewrite_internal(r, REWRITE_REMOTE, in, &twice) == 0);
	buf_done(&once);
	buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct router *router;
	struct str in = str_from((const char *)data, size);
	struct resolve_reply reply;
	struct arena *a;

	if (size > 65536)
		return 0;
	if (router == NULL)
		router = make_router();
	quoting(in);
	rewriting(router, in);
	a = arena_new(0);
	router_resolve(router, in, in, a, &reply);
	check(reply.transport.len > 0 && reply.nexthop.len > 0 && reply.flags != 0);
	arena_free(a);
	return 0;
}
