/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site, a client and a message for tests of restrictions: the router's world of
 * tests/unit/address, lists from the case, and all notes in one string.
 */
#pragma once

/* Cases name what matters to them; the rest is zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include "../address/world.h"
#include "access/access_priv.h"

static struct buf rig_log = BUF(1000000);

static inline void rig_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	buf_puts(&rig_log, level == NOTE_WARN ? "warning: " : "");
	buf_puts(&rig_log, text);
	buf_putc(&rig_log, '\n');
}

static const struct notes rig_notes = { rig_note, NULL };
static const struct table_settings rig_tables = {
	.default_database_type = "inline",
	.queue_directory = "/",
	.notes = &rig_notes,
};

static inline const char *rig_class(void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "strict") == 0)
		return "check_recipient_access inline:{u@example.org=DUNNO}, reject";
	if (strcmp(name, "loop") == 0)
		return "loop";
	if (strcmp(name, "open") == 0)
		return "permit";
	return NULL;
}

/* mx.example.org with nothing forbidden. */
static inline struct access_settings rig_settings(void)
{
	return (struct access_settings){
		.smtpd_restriction_classes = "strict loop open",
		.class_list = rig_class,
		.local_header_rewrite_clients = "permit_inet_interfaces",
		.mynetworks = "192.0.2.0/24, [2001:db8::]/32",
		.parent_domain_matches_subdomains = "relay_domains, smtpd_access_maps",
		.recipient_delimiter = "+",
		.smtpd_null_access_lookup_key = "<>",
		.smtpd_sender_login_maps = "inline:{owned@b.c=alice, joint@b.c={bob alice}}",
		.double_bounce_sender = "double-bounce",
		.myorigin = "example.org",
		.unknown_helo_hostname_tempfail_action = "defer_if_permit",
		.unknown_address_tempfail_action = "defer_if_permit",
		.access_map_defer_code = 450,
		.access_map_reject_code = 554,
		.defer_code = 450,
		.reject_code = 554,
		.invalid_hostname_reject_code = 501,
		.non_fqdn_reject_code = 504,
		.plaintext_reject_code = 450,
		.multi_recipient_bounce_reject_code = 550,
		.relay_domains_reject_code = 554,
		.unknown_client_reject_code = 450,
		.unknown_hostname_reject_code = 450,
		.unknown_address_reject_code = 450,
		.unknown_local_recipient_reject_code = 550,
		.unknown_relay_recipient_reject_code = 550,
		.unknown_virtual_alias_reject_code = 550,
		.unknown_virtual_mailbox_reject_code = 550,
		.smtpd_delay_reject = true,
		.smtpd_relay_before_recipient_restrictions = true,
		.show_user_unknown_table_name = true,
		.own_addrs = world_own,
		.n_own_addrs = 2,
		.tables = &rig_tables,
		.log = &rig_notes,
	};
}

/* A stranger who writes to one of our users. */
static inline struct access_request rig_request(void)
{
	return (struct access_request){
		.stage = "RCPT",
		.client = STR("host.test[198.51.100.7]"),
		.name = STR("host.test"),
		.reverse_name = STR("host.test"),
		.addr = STR("198.51.100.7"),
		.helo = STR("helo.test"),
		.protocol = STR("ESMTP"),
		.has_sender = true,
		.sender = STR("s@b.c"),
		.has_recipient = true,
		.recipient = STR("u@example.org"),
	};
}

#define RIG_SUFFIX "; from=<s@b.c> to=<u@example.org> proto=ESMTP helo=<helo.test>\n"

struct rig {
	struct router_settings rs;
	struct router *router;
	struct access *a;
	struct access_state st;
};

static inline void rig_start(struct rig *g, struct access_settings s)
{
	struct why why = { .text = "" };

	*g = (struct rig){ .rs = world() };
	g->router = world_router(&g->rs);
	s.router = g->router;
	buf_clear(&rig_log);
	if (access_new(&s, false, &g->a, &why) != 0)
		fail_msg("access_new: %s", why.text);
}

static inline void rig_stop(struct rig *g)
{
	access_state_done(&g->st);
	access_free(g->a);
	router_free(g->router);
	buf_done(&rig_log);
}

/* The reply at a point: "" permit, "HANGUP". */
static inline const char *rig_ask(struct rig *g, enum access_point point,
	const struct access_request *rq)
{
	struct str text;

	switch (access_check(g->a, point, &g->st, rq, &text)) {
	case ACCESS_REJECT:
		return text.ptr;
	case ACCESS_HANGUP:
		return "HANGUP";
	case ACCESS_PERMIT:
		break;
	}
	return "";
}

/* One list, in the recipient stage unless said otherwise. */
struct rig_case {
	const char *list;
	const char *want;
	const char *log; /* somewhere in the notes; NULL: not looked at; "": nothing was noted */
	const char *sender, *rcpt, *helo, *name, *reverse, *addr, *login;
	enum access_name name_status, reverse_status;
	size_t count;
};

static inline void rig_fill(struct access_request *rq, const struct rig_case *c)
{
	if (c->sender != NULL)
		rq->sender = str_of(c->sender);
	if (c->rcpt != NULL)
		rq->recipient = str_of(c->rcpt);
	if (c->helo != NULL)
		rq->helo = str_of(c->helo);
	if (c->name != NULL)
		rq->name = str_of(c->name);
	if (c->reverse != NULL)
		rq->reverse_name = str_of(c->reverse);
	if (c->addr != NULL)
		rq->addr = str_of(c->addr);
	if (c->login != NULL)
		rq->sasl_username = str_of(c->login);
	rq->name_status = c->name_status;
	rq->reverse_status = c->reverse_status;
	rq->recipient_count = c->count;
}

static inline void rig_one(struct access_settings s, const struct rig_case *c)
{
	struct access_request rq = rig_request();
	struct rig g;
	const char *got;

	s.smtpd_recipient_restrictions = c->list;
	rig_start(&g, s);
	rig_fill(&rq, c);
	got = rig_ask(&g, ACCESS_RCPT, &rq);
	if (strcmp(got, c->want) != 0)
		fail_msg("list '%s': got '%s', want '%s'; log: %s", c->list, got, c->want,
			buf_cstr(&rig_log));
	if (c->log != NULL &&
		(c->log[0] == '\0' ? rig_log.len > 0 : strstr(buf_cstr(&rig_log), c->log) == NULL))
		fail_msg("list '%s': log is '%s', want '%s'", c->list, buf_cstr(&rig_log), c->log);
	rig_stop(&g);
}

static inline void rig_cases(struct access_settings s, const struct rig_case *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rig_one(s, &v[i]);
}

#define RIG_MAIN(...)                                              \
	int main(void)                                             \
	{                                                          \
		const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
                                                                   \
		return cmocka_run_group_tests(tests, NULL, NULL);  \
	}
