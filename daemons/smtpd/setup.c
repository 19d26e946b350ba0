/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/setup.c — everything that is made once, before the first client.
 */
#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "conf/master_cf.h"
#include "net/socket.h"
#include "service/derive.h"
#include "service/dns_filter.h"
#include "service/intake_settings.h"
#include "service/table_settings.h"
#include "smtpd.h"

/* anvil protects; when it hangs, mail goes on without it after this. */
#define ANVIL_TIMEOUT (10 * USEC_PER_SEC)
/* A call takes no time: few connections serve all sessions of a process, however many come at once. */
#define ANVIL_CALLS 4
/* Sessions whose memory, some 5 KB, is kept for later ones. */
#define SPARE_SESSIONS 64

#define A struct access_settings

static const struct conf_var access_vars[] = {
	CV_STR(A, smtpd_client_restrictions),
	CV_STR(A, smtpd_helo_restrictions),
	CV_STR(A, smtpd_sender_restrictions),
	CV_STR(A, smtpd_relay_restrictions),
	CV_STR(A, smtpd_recipient_restrictions),
	CV_STR(A, smtpd_data_restrictions),
	CV_STR(A, smtpd_end_of_data_restrictions),
	CV_STR(A, smtpd_etrn_restrictions),
	CV_STR(A, local_header_rewrite_clients),
	CV_STR(A, smtpd_restriction_classes),
	CV_STR(A, mynetworks),
	CV_STR(A, parent_domain_matches_subdomains),
	CV_STR(A, recipient_delimiter),
	CV_STR(A, smtpd_null_access_lookup_key),
	CV_STR(A, smtpd_log_access_permit_actions),
	CV_STR(A, smtpd_sender_login_maps),
	CV_STR(A, canonical_maps),
	CV_STR(A, sender_canonical_maps),
	CV_STR(A, recipient_canonical_maps),
	CV_STR(A, virtual_alias_maps),
	CV_STR(A, virtual_mailbox_maps),
	CV_STR(A, local_recipient_maps),
	CV_STR(A, relay_recipient_maps),
	CV_STR(A, unknown_helo_hostname_tempfail_action),
	CV_STR(A, unknown_address_tempfail_action),
	CV_STR(A, double_bounce_sender),
	CV_STR(A, myorigin),
	CV_INT(A, access_map_defer_code),
	CV_INT(A, access_map_reject_code),
	CV_INT(A, defer_code),
	CV_INT(A, reject_code),
	CV_INT(A, invalid_hostname_reject_code),
	CV_INT(A, non_fqdn_reject_code),
	CV_INT(A, plaintext_reject_code),
	CV_INT(A, multi_recipient_bounce_reject_code),
	CV_INT(A, relay_domains_reject_code),
	CV_INT(A, unknown_client_reject_code),
	CV_INT(A, unknown_hostname_reject_code),
	CV_INT(A, unknown_address_reject_code),
	CV_INT(A, unknown_local_recipient_reject_code),
	CV_INT(A, unknown_relay_recipient_reject_code),
	CV_INT(A, unknown_virtual_alias_reject_code),
	CV_INT(A, unknown_virtual_mailbox_reject_code),
	CV_BOOL(A, smtpd_delay_reject),
	CV_BOOL(A, smtpd_relay_before_recipient_restrictions),
	CV_BOOL(A, allow_untrusted_routing),
	CV_BOOL(A, smtpd_reject_unlisted_recipient),
	CV_BOOL(A, smtpd_reject_unlisted_sender),
	CV_BOOL(A, show_user_unknown_table_name),
	CV_BOOL(A, soft_bounce),
	CV_BOOL(A, smtputf8_enable),
	CV_END,
};

/* Features that belong to later versions: what would weaken a site when ignored is refused. */
static int check_unsupported(const struct smtpd *p, struct why *why)
{
	const struct smtpd_conf *c = &p->c;
	const struct {
		const char *name, *value;
		bool set;
	} refused[] = {
		{ "smtpd_milters", c->smtpd_milters, c->smtpd_milters[0] != '\0' },
		{ "smtpd_milter_maps", c->smtpd_milter_maps, c->smtpd_milter_maps[0] != '\0' },
		{ "smtpd_proxy_filter", c->smtpd_proxy_filter, c->smtpd_proxy_filter[0] != '\0' },
		{ "smtpd_upstream_proxy_protocol", c->smtpd_upstream_proxy_protocol,
			c->smtpd_upstream_proxy_protocol[0] != '\0' },
		{ "smtpd_tls_wrappermode", "yes", c->smtpd_tls_wrappermode },
		{ "smtpd_enforce_tls", "yes", c->smtpd_enforce_tls },
		{ "smtpd_tls_security_level", c->smtpd_tls_security_level,
			str_ieq(str_of(c->smtpd_tls_security_level), STR("encrypt")) },
	};

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (refused[i].set)
			return why_set(why, -EINVAL,
				"%s = %s: this version of Postroad does not support it, and mail must not "
				"be accepted without it",
				refused[i].name, refused[i].value);
	if (str_ieq(str_of(c->smtpd_tls_security_level), STR("may")) || c->smtpd_use_tls)
		log_warn(
			"smtpd_tls_security_level = may: this version of Postroad does not support TLS; "
			"STARTTLS is not announced");
	if (c->smtpd_sasl_auth_enable)
		log_warn("smtpd_sasl_auth_enable = yes: this version of Postroad does not support "
			 "SASL; AUTH is not announced");
	return 0;
}

static int mask_of(const char *param, const char *text, const char *const *names, unsigned *ret,
	struct why *why)
{
	struct str rest = str_of(text), word;

	*ret = 0;
	while (str_word(&rest, ", \t\r\n", &word)) {
		size_t i;

		for (i = 0; names[i] != NULL; i++)
			if (str_ieq(word, str_of(names[i])))
				break;
		if (names[i] == NULL)
			return why_set(why, -EINVAL, "unknown %s value \"" STR_FMT "\" in \"%s\"",
				param, STR_ARG(word), text);
		*ret |= 1U << i;
	}
	return 0;
}

static int parse_masks(struct smtpd *p, struct why *why)
{
	static const char *const override_names[] = { "no_unknown_recipient_checks",
		"no_address_mappings", "no_header_body_checks", "no_milters", NULL };
	/* The first four are ours (enum notify_class), the others concern other daemons. */
	static const char *const notify_names[] = { "resource", "software", "policy", "protocol",
		"bounce", "2bounce", "delay", "data", NULL };
	static const char *const bare_names[] = { "no", "normalize", "note", "reject", "yes",
		NULL };
	unsigned bare;
	int r = mask_of("receive_override_options", p->c.receive_override_options, override_names,
		&p->overrides, why);

	if (r == 0)
		r = mask_of("notify_classes", p->c.notify_classes, notify_names, &p->notify, why);
	p->notify &= NOTIFY_RESOURCE | NOTIFY_SOFTWARE | NOTIFY_POLICY | NOTIFY_PROTOCOL;
	if (r == 0)
		r = mask_of("smtpd_forbid_bare_newline", p->c.smtpd_forbid_bare_newline, bare_names,
			&bare, why);
	if (r < 0)
		return r;
	switch (bare) {
	case 1U << 0:
		p->bare = BARE_NO;
		break;
	case 1U << 1:
	case 1U << 4:
		p->bare = BARE_NORMALIZE;
		break;
	case 1U << 2:
		p->bare = BARE_NOTE;
		break;
	case 1U << 3:
		p->bare = BARE_REJECT;
		break;
	default:
		return why_set(why, -EINVAL, "bad value: smtpd_forbid_bare_newline = %s",
			p->c.smtpd_forbid_bare_newline);
	}
	return 0;
}

static bool names_word(const char *list, struct str wanted)
{
	struct str rest = str_of(list), word;

	while (str_word(&rest, ", \t\r\n", &word))
		if (str_ieq(word, wanted))
			return true;
	return false;
}

static struct match_list *clients(const struct smtpd *p, const char *name, const char *text)
{
	return match_new(&p->rc.tables, name, MATCH_NAMADR,
		names_word(p->c.parent_domain_matches_subdomains, str_of(name)), str_of(text));
}

static int open_lists(struct smtpd *p, struct why *why)
{
	const struct smtpd_conf *c = &p->c;
	const struct table_settings *t = &p->rc.tables;
	int r;

	p->noop = match_new(t, "smtpd_noop_commands", MATCH_STRING, false,
		str_of(c->smtpd_noop_commands));
	p->forbidden = match_new(t, "smtpd_forbidden_commands", MATCH_STRING, false,
		str_of(c->smtpd_forbidden_commands));
	p->event_exceptions = clients(p, "smtpd_client_event_limit_exceptions",
		c->smtpd_client_event_limit_exceptions);
	p->xclient_hosts = clients(p, "smtpd_authorized_xclient_hosts",
		c->smtpd_authorized_xclient_hosts);
	p->xforward_hosts = clients(p, "smtpd_authorized_xforward_hosts",
		c->smtpd_authorized_xforward_hosts);
	p->verp_hosts = clients(p, "smtpd_authorized_verp_clients",
		c->smtpd_authorized_verp_clients);
	p->bare_exclusions = clients(p, "smtpd_forbid_bare_newline_exclusions",
		c->smtpd_forbid_bare_newline_exclusions);
	r = tables_open(t, "smtpd_discard_ehlo_keyword_address_maps",
		str_of(c->smtpd_discard_ehlo_keyword_address_maps), TABLE_FOLD_FIX, &p->ehlo_maps,
		why);
	if (r == 0)
		r = tables_open(t, "smtpd_command_filter", str_of(c->smtpd_command_filter), 0,
			&p->command_filter, why);
	if (r == 0)
		r = tables_open(t, "smtpd_reject_footer_maps", str_of(c->smtpd_reject_footer_maps),
			0, &p->footer_maps, why);
	if (r == 0)
		r = tables_open(t, "smtpd_reject_filter_maps", str_of(c->smtpd_reject_filter_maps),
			0, &p->reject_filter, why);
	return r;
}

/* The definition of a restriction class is a parameter that only main.cf knows. */
static const char *class_list(void *ctx, const char *name)
{
	struct smtpd *p = ctx;
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);
	struct why why;

	if (conf_setting(p->conf, name) == NULL)
		return NULL;
	if (conf_expand(p->conf, name, &b, &why) < 0) {
		log_warn("%s", why.text);
		return NULL;
	}
	strv_add(&p->class_texts, buf_str(&b));
	return p->class_texts.v[p->class_texts.n - 1];
}

static int make_access(struct smtpd *p, struct why *why)
{
	struct access_settings *s = &p->as;
	int r = conf_fill(p->conf, access_vars, s, why);

	if (r < 0)
		return r;
	s->class_list = class_list;
	s->class_ctx = p;
	s->tables = &p->rc.tables;
	s->router = p->router;
	s->dns = p->dns;
	s->log = &log_notes;
	memcpy(p->own, p->rc.own, p->rc.s.n_own_addrs * sizeof(*p->own));
	memcpy(p->own + p->rc.s.n_own_addrs, p->rc.proxy, p->rc.s.n_proxy_addrs * sizeof(*p->own));
	s->own_addrs = p->own;
	s->n_own_addrs = p->rc.s.n_own_addrs + p->rc.s.n_proxy_addrs;
	if (p->overrides & OVERRIDE_NO_UNKNOWN_RECIPIENTS)
		s->smtpd_reject_unlisted_recipient = s->smtpd_reject_unlisted_sender = false;
	s->relay_restrictions_legacy = !conf_compat_at_least(p->conf, "1") &&
				       conf_setting(p->conf, "smtpd_relay_restrictions") == NULL;
	s->relay_order_legacy = !conf_compat_at_least(p->conf, "3.6") &&
				conf_setting(p->conf,
					"smtpd_relay_before_recipient_restrictions") == NULL;
	s->mynetworks_legacy = !conf_compat_at_least(p->conf, "2") &&
			       conf_setting(p->conf, "mynetworks") == NULL &&
			       conf_setting(p->conf, "mynetworks_style") == NULL;
	return access_new(s, !p->deposit, &p->access, why);
}

static int make_router(struct smtpd *p, struct why *why)
{
	struct dns_settings dns = { .servers = p->c.dns_servers, .notes = &log_notes };
	int r = router_settings_from_conf(p->conf, &log_notes, &p->rc, why);

	if (r == 0)
		r = router_new(&p->rc.s, &p->router, why);
	if (r == 0)
		r = tables_open(&p->rc.tables, "smtpd_dns_reply_filter",
			str_of(p->c.smtpd_dns_reply_filter), TABLE_FOLD_FIX, &p->dns_filter, why);
	if (r < 0)
		return r;
	dns_filter_use(&dns, &p->dns_filter);
	r = dns_new(&dns, &p->dns, why);
	if (r == 0)
		r = derive_families(p->conf, why);
	if (r < 0)
		return r;
	p->families = (unsigned)r;
	p->native_names = p->c.dns_servers[0] == '\0';
	return 0;
}

/*
 * Messages go through intake in this process, unless cleanup_service_name names a service that is
 * not the ordinary cleanup: another command, or options of its own.
 */
static bool cleanup_is_ordinary(const struct smtpd *p)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	const struct master_entry *e;
	struct master_cf m = { 0 };
	bool ordinary = false;
	struct why why;

	buf_putf(&path, "%s/master.cf", p->c.config_directory);
	if (master_cf_load(buf_cstr(&path), false, &log_notes, &m, &why) < 0) {
		log_warn("%s", why.text);
		return false;
	}
	e = master_cf_find(&m, str_of(p->c.cleanup_service_name), MASTER_UNIX);
	if (e != NULL)
		ordinary = strcmp(e->command, "cleanup") == 0 && e->args.n == 0;
	master_cf_done(&m);
	return ordinary;
}

static char *public_path(const char *service)
{
	struct buf b = BUF(BUF_SMALL);

	buf_putf(&b, "public/%s", service);
	return buf_take(&b);
}

static void make_paths(struct smtpd *p)
{
	p->cleanup_path = public_path(p->c.cleanup_service_name);
	p->flush_path = public_path(p->c.flush_service_name);
}

static int make_intake(struct smtpd *p, struct why *why)
{
	int r;

	if (p->deposit || !cleanup_is_ordinary(p))
		return 0;
	r = intake_params_open(p->conf, p->router, &log_notes, &p->ip, why);
	if (r == 0)
		p->intake = p->ip.conf;
	return r;
}

/* -S by anybody but mail_owner: deposit with postdrop, apply no policy. */
static bool is_deposit(const struct service_ctx *ctx, const char *mail_owner)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (!ctx->stand_alone)
		return false;
	return getpwnam_r(mail_owner, &pw, buf, sizeof(buf), &found) != 0 || found == NULL ||
	       found->pw_uid != getuid();
}

int smtpd_pre_jail(struct service_ctx *ctx, struct why *why)
{
	struct smtpd *p = ctx->user;
	int r;

	p->conf = ctx->conf;
	p->service = ctx->name;
	p->deposit = is_deposit(ctx, p->c.mail_owner);
	r = check_unsupported(p, why);
	if (r == 0)
		r = parse_masks(p, why);
	if (r == 0)
		r = make_router(p, why);
	if (r < 0)
		return r;
	p->ehlo_discard = ehlo_mask(str_of(p->c.smtpd_discard_ehlo_keywords));
	p->autodetect_utf8 = names_word(p->c.smtputf8_autodetect_classes, STR("all")) ||
			     names_word(p->c.smtputf8_autodetect_classes, STR("smtpd"));
	make_paths(p);
	p->sessions = spares_new(SPARE_SESSIONS, session_discard);
	r = open_lists(p, why);
	if (r == 0)
		r = make_access(p, why);
	if (r == 0)
		r = make_intake(p, why);
	return r;
}

int smtpd_post_jail(struct service_ctx *ctx, struct why *why)
{
	struct smtpd *p = ctx->user;
	const struct smtpd_conf *c = &p->c;
	struct ipc_client_settings set = {
		.path = "private/anvil",
		.protocol = "anvil_protocol",
		.enc = ATTR_PLAIN,
		.persistent = true,
		.timeout = MIN(c->ipc_timeout, ANVIL_TIMEOUT),
		.max_idle = ANVIL_CALLS,
		.max_busy = ANVIL_CALLS,
	};

	if (geteuid() == 0 && !ctx->stand_alone)
		return why_set(why, -EPERM,
			"the Postfix SMTP server must run with $mail_owner privileges");
	/* An empty jail: the system's resolver would find nothing there, ours has read what it needs. */
	if (access("/etc/resolv.conf", R_OK) < 0 && access("/etc/hosts", R_OK) < 0)
		p->native_names = false;
	if (p->deposit || (c->smtpd_client_connection_count_limit <= 0 &&
				  c->smtpd_client_connection_rate_limit <= 0 &&
				  c->smtpd_client_message_rate_limit <= 0 &&
				  c->smtpd_client_recipient_rate_limit <= 0))
		return 0;
	p->anvil = ipc_client_new(&set);
	return 0;
}

const char *smtpd_pre_accept(struct service_ctx *ctx)
{
	const struct smtpd *p = ctx->user;
	const struct match_list *lists[] = { p->noop, p->forbidden, p->event_exceptions,
		p->xclient_hosts, p->xforward_hosts, p->verp_hosts, p->bare_exclusions };
	const struct tables *tables[] = { &p->ehlo_maps, &p->command_filter, &p->footer_maps,
		&p->reject_filter, &p->dns_filter };
	const char *name = access_changed(p->access);

	if (name == NULL)
		name = router_changed(p->router);
	if (name == NULL && p->intake != NULL)
		name = intake_params_changed(&p->ip);
	for (size_t i = 0; name == NULL && i < ARRAY_LEN(lists); i++)
		name = match_changed(lists[i]);
	for (size_t i = 0; name == NULL && i < ARRAY_LEN(tables); i++)
		name = tables_changed(tables[i]);
	return name;
}
