/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of a router for tests: one small site.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "address/router_priv.h"

/* The last note. */
static char world_note[1000];

static inline void world_take_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)snprintf(world_note, sizeof(world_note), "%s", text);
}

static const struct notes world_notes = { world_take_note, NULL };
static const struct table_settings world_tables = {
	.default_database_type = "inline",
	.queue_directory = "/",
	.notes = &world_notes,
};
static struct net_addr world_own[2];
static struct net_addr world_proxy[1];

/* mx.example.org with three kinds of guests. */
static inline struct router_settings world(void)
{
	assert_int_equal(net_addr_parse(STR("127.0.0.1"), 0, &world_own[0]), 0);
	assert_int_equal(net_addr_parse(STR("ipv6:2001:db8::1"), 0, &world_own[1]), 0);
	assert_int_equal(net_addr_parse(STR("9.9.9.9"), 0, &world_proxy[0]), 0);
	return (struct router_settings){
		.myhostname = "mx.example.org",
		.mydomain = "example.org",
		.myorigin = "example.org",
		.mydestination = "mx.example.org, localhost, example.org",
		.empty_address_recipient = "MAILER-DAEMON",
		.recipient_delimiter = "+",
		.double_bounce_sender = "double-bounce",
		.owner_request_special = true,
		.append_at_myorigin = true,
		.swap_bangpath = true,
		.allow_percent_hack = true,
		.remote_header_rewrite_domain = "",
		.resolve_dequoted_address = true,
		.virtual_alias_domains = "alias.test",
		.virtual_mailbox_domains = "vmb.test",
		.relay_domains = "relay.test",
		.local_transport = "local:mx.example.org",
		.virtual_transport = "virtual",
		.relay_transport = "relay",
		.default_transport = "smtp",
		.error_transport = "error",
		.relayhost = "",
		.transport_maps = "",
		.relocated_maps = "",
		.sender_dependent_relayhost_maps = "",
		.sender_dependent_default_transport_maps = "",
		.empty_address_relayhost_maps_lookup_key = "<>",
		.empty_address_default_transport_maps_lookup_key = "<>",
		.relocated_prefix_enable = true,
		.show_user_unknown_table_name = true,
		.smtputf8_enable = true,
		.propagate_unmatched_extensions = "canonical, virtual",
		.parent_domain_matches_subdomains = "relay_domains",
		.own_addrs = world_own,
		.n_own_addrs = 2,
		.proxy_addrs = world_proxy,
		.n_proxy_addrs = 1,
		.tables = &world_tables,
	};
}

static inline struct router *world_router(const struct router_settings *s)
{
	struct router *r = NULL;

	assert_int_equal(router_new(s, &r, NULL), 0);
	return r;
}

/* A resolve case: "transport nexthop recipient flags". */
struct world_case {
	const char *sender, *recipient, *want;
};

static inline void world_resolve(const struct router_settings *s, const struct world_case *cases,
	size_t n)
{
	struct router *r = world_router(s);

	for (size_t i = 0; i < n; i++) {
		struct arena *a = arena_new(0);
		struct buf b = BUF(10000);
		struct resolve_reply reply;

		router_resolve(r, str_of(cases[i].sender), str_of(cases[i].recipient), a, &reply);
		buf_putf(&b, STR_FMT "|" STR_FMT "|" STR_FMT "|%u", STR_ARG(reply.transport),
			STR_ARG(reply.nexthop), STR_ARG(reply.recipient), reply.flags);
		if (!str_eq(buf_str(&b), str_of(cases[i].want)))
			fail_msg("%s from %s: got %s, want %s", cases[i].recipient, cases[i].sender,
				buf_cstr(&b), cases[i].want);
		buf_done(&b);
		arena_free(a);
	}
	router_free(r);
}
