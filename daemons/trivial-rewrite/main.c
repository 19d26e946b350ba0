/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trivial-rewrite — address rewriting and resolving for whoever asks by socket.
 *
 * The work is src/address; this is its protocol (trivial_rewrite_protocol, NUL encoding): any number
 * of requests on a connection. Two routers: one for mail, one for address verification probes, whose
 * routing parameters may differ.
 */
#include "address/rewrite.h"
#include "ipc/attr.h"
#include "log/log.h"
#include "sandbox/sandbox.h"
#include "service/router_settings.h"
#include "service/service.h"

/* Most bytes of one request. */
#define REQUEST_MAX ((size_t)1 << 20)

struct verify_conf {
	const char *address_verify_local_transport;
	const char *address_verify_virtual_transport;
	const char *address_verify_relay_transport;
	const char *address_verify_default_transport;
	const char *address_verify_relayhost;
	const char *address_verify_transport_maps;
	const char *address_verify_sender_dependent_relayhost_maps;
	const char *address_verify_sender_dependent_default_transport_maps;
};

static struct verify_conf the_verify_conf;
static struct router_conf the_router_conf;
static struct router *the_router;
static struct router *the_verify_router;

#define V struct verify_conf
static const struct conf_var vars[] = {
	CV_STR(V, address_verify_local_transport),
	CV_STR(V, address_verify_virtual_transport),
	CV_STR(V, address_verify_relay_transport),
	CV_STR(V, address_verify_default_transport),
	CV_STR(V, address_verify_relayhost),
	CV_STR(V, address_verify_transport_maps),
	CV_STR(V, address_verify_sender_dependent_relayhost_maps),
	CV_STR(V, address_verify_sender_dependent_default_transport_maps),
	CV_END,
};

static int put_reply(struct service_client *client, struct buf *b, int r)
{
	if (r == 0)
		r = attr_put_end(b, ATTR_NUL);
	if (r == 0)
		r = stream_write(client->stream, buf_str(b));
	return r == 0 ? stream_flush(client->stream) : r;
}

static int do_rewrite(struct service_client *client, struct attr_list *l, bool leave)
{
	_cleanup_buf_ struct buf address = BUF_LOCAL(REQUEST_MAX), b = BUF_LOCAL(2 * REQUEST_MAX);
	struct str rule, external;
	enum rewrite_rule which;
	int r;

	if (attr_str(l, "rule", &rule) < 0 || attr_str(l, "address", &external) < 0) {
		log_warn("rewrite request without rule or address");
		return -1;
	}
	if (str_eq(rule, STR("local"))) {
		which = REWRITE_LOCAL;
	} else if (str_eq(rule, STR("remote"))) {
		which = REWRITE_REMOTE;
	} else {
		log_warn("unknown rewriting rule: " STR_FMT, STR_ARG(str_head(rule, 100)));
		return -1;
	}
	r = router_rewrite(the_router, which, external, &address);
	if (r == 0)
		r = attr_put_int(&b, ATTR_NUL, "flags", leave);
	if (r == 0)
		r = attr_put_str(&b, ATTR_NUL, "address", buf_str(&address));
	return put_reply(client, &b, r);
}

static int do_resolve(struct service_client *client, struct attr_list *l,
	const struct router *router, struct arena *a, bool leave)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(2 * REQUEST_MAX);
	struct resolve_reply reply;
	struct str sender, address;
	int r;

	if (attr_str(l, "sender", &sender) < 0 || attr_str(l, "address", &address) < 0) {
		log_warn("resolve request without sender or address");
		return -1;
	}
	router_resolve(router, sender, address, a, &reply);
	r = attr_put_int(&b, ATTR_NUL, "flags", leave);
	if (r == 0)
		r = attr_put_str(&b, ATTR_NUL, "transport", reply.transport);
	if (r == 0)
		r = attr_put_str(&b, ATTR_NUL, "nexthop", reply.nexthop);
	if (r == 0)
		r = attr_put_str(&b, ATTR_NUL, "recipient", reply.recipient);
	if (r == 0)
		r = attr_put_int(&b, ATTR_NUL, "flags", (int)reply.flags);
	return put_reply(client, &b, r);
}

static const char *changed_table(void)
{
	const char *name = router_changed(the_router);

	return name == NULL ? router_changed(the_verify_router) : name;
}

static void end_when_changed(struct service_ctx *ctx)
{
	const char *name = changed_table();
	struct why why;

	if (name == NULL)
		return;
	(void)why_set(&why, 0, "table %s has changed -- restarting", name);
	service_end(ctx, why.text);
}

/* One request; false: the connection ends. */
static bool serve_one(struct service_ctx *ctx, struct service_client *client)
{
	_cleanup_arena_ struct arena *a = arena_new(8 * REQUEST_MAX);
	struct attr_list l;
	struct str what;
	bool leave;
	int r;

	if (attr_list_read(client->stream, ATTR_NUL, REQUEST_MAX, a, &l) < 0)
		return false;
	if (attr_str(&l, "request", &what) < 0) {
		log_warn("request without a name");
		return false;
	}
	end_when_changed(ctx);
	leave = service_is_ending(ctx);
	if (str_eq(what, STR("rewrite"))) {
		r = do_rewrite(client, &l, leave);
	} else if (str_eq(what, STR("resolve"))) {
		r = do_resolve(client, &l, the_router, a, leave);
	} else if (str_eq(what, STR("verify"))) {
		r = do_resolve(client, &l, the_verify_router, a, leave);
	} else {
		log_warn("unknown request: " STR_FMT, STR_ARG(str_head(what, 100)));
		return false;
	}
	return r == 0 && !leave;
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	_cleanup_buf_ struct buf greeting = BUF_LOCAL(BUF_SMALL);

	if (attr_put_greeting(&greeting, ATTR_NUL, "trivial_rewrite_protocol") < 0 ||
		stream_write(client->stream, buf_str(&greeting)) < 0 ||
		stream_flush(client->stream) < 0)
		return;
	while (service_next_request(ctx, client, 0) && serve_one(ctx, client))
		;
}

/* Routing of probes: the same but for what address_verify_* say. */
static int open_verify_router(struct why *why)
{
	struct router_settings s = the_router_conf.s;

	s.local_transport = the_verify_conf.address_verify_local_transport;
	s.virtual_transport = the_verify_conf.address_verify_virtual_transport;
	s.relay_transport = the_verify_conf.address_verify_relay_transport;
	s.default_transport = the_verify_conf.address_verify_default_transport;
	s.relayhost = the_verify_conf.address_verify_relayhost;
	s.transport_maps = the_verify_conf.address_verify_transport_maps;
	s.sender_dependent_relayhost_maps =
		the_verify_conf.address_verify_sender_dependent_relayhost_maps;
	s.sender_dependent_default_transport_maps =
		the_verify_conf.address_verify_sender_dependent_default_transport_maps;
	return router_new(&s, &the_verify_router, why);
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	int r = router_settings_from_conf(ctx->conf, &log_notes, &the_router_conf, why);

	if (r == 0)
		r = router_new(&the_router_conf.s, &the_router, why);
	return r < 0 ? r : open_verify_router(why);
}

static const char *pre_accept(struct service_ctx *ctx)
{
	(void)ctx;
	return changed_table();
}

int main(int argc, char **argv)
{
	static const struct service trivial_rewrite = {
		.name = "trivial-rewrite",
		.kind = SERVICE_THREADED,
		.flags = SERVICE_MULTI,
		.vars = vars,
		.conf_base = &the_verify_conf,
		.promises = P_STDIO | P_UNIX | P_INET | P_READ,
		.pre_jail = pre_jail,
		.pre_accept = pre_accept,
		.serve = serve,
	};

	service_main(argc, argv, &trivial_rewrite);
}
