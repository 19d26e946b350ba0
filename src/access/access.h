/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/access.h — the language of smtpd_*_restrictions: who may send what to whom.
 *
 * The lists are compiled once into a struct access (immutable, tables open, thread-safe). A session
 * keeps a struct access_state (deferrals and actions that wait for later) and describes itself in a
 * struct access_request; access_check() evaluates the lists of one point of the dialogue.
 *
 * A restriction that this build does not know is never skipped: it warns by name when the list is
 * compiled, and the client gets 451 4.3.5. Lookup failures are temporary errors, never a permit.
 * Log lines go complete to settings.log. Source: smtpd(8), access(5), postconf(5).
 */
#pragma once

#include "address/rewrite.h"
#include "base/strv.h"
#include "dns/dns.h"
#include "table/match.h"

/** Settings, named after the parameters; strings live as long as the struct access. */
struct access_settings {
	const char *smtpd_client_restrictions, *smtpd_helo_restrictions, *smtpd_sender_restrictions;
	const char *smtpd_relay_restrictions, *smtpd_recipient_restrictions,
		*smtpd_data_restrictions;
	const char *smtpd_end_of_data_restrictions, *smtpd_etrn_restrictions;
	const char *local_header_rewrite_clients;
	const char *smtpd_restriction_classes;
	/** The list behind a class name, NULL when there is none. */
	const char *(*class_list)(void *ctx, const char *name);
	void *class_ctx;
	const char *mynetworks, *parent_domain_matches_subdomains, *recipient_delimiter;
	const char *smtpd_null_access_lookup_key, *smtpd_log_access_permit_actions;
	const char *smtpd_sender_login_maps;
	const char *canonical_maps, *sender_canonical_maps, *recipient_canonical_maps;
	const char *virtual_alias_maps, *virtual_mailbox_maps;
	const char *local_recipient_maps, *relay_recipient_maps;
	const char *unknown_helo_hostname_tempfail_action, *unknown_address_tempfail_action;
	const char *double_bounce_sender, *myorigin;
	int64_t access_map_defer_code, access_map_reject_code, defer_code, reject_code;
	int64_t invalid_hostname_reject_code, non_fqdn_reject_code, plaintext_reject_code;
	int64_t multi_recipient_bounce_reject_code, relay_domains_reject_code;
	int64_t unknown_client_reject_code, unknown_hostname_reject_code,
		unknown_address_reject_code;
	int64_t unknown_local_recipient_reject_code, unknown_relay_recipient_reject_code;
	int64_t unknown_virtual_alias_reject_code, unknown_virtual_mailbox_reject_code;
	bool smtpd_delay_reject, smtpd_relay_before_recipient_restrictions, allow_untrusted_routing;
	bool smtpd_reject_unlisted_recipient, smtpd_reject_unlisted_sender;
	bool show_user_unknown_table_name, soft_bounce, smtputf8_enable;
	bool no_actions;        /* FILTER, HOLD, ... cannot work here (stand-alone, proxy) */
	bool mynetworks_legacy; /* mynetworks_style=subnet by compatibility_level: say so */
	bool relay_restrictions_legacy; /* empty because of compatibility_level < 1: say what passes */
	bool relay_order_legacy; /* recipient list first because of compatibility_level < 3.6 */
	const struct net_addr
		*own_addrs; /* inet_interfaces and proxy_interfaces, for permit_inet_interfaces */
	size_t n_own_addrs;
	const struct router *router;
	struct dns *dns;
	const struct table_settings *tables;
	const struct notes *log;
};

struct access;
/**
 * Compile the lists and open their tables.
 *
 * @param need_relay   also check that the relay or recipient list can refuse mail
 * @return 0; -EINVAL a class without definition, a malformed list, or no relay protection: the
 *         daemon does not start
 */
_must_use_ int access_new(const struct access_settings *s, bool need_relay, struct access **ret,
	struct why *why);
/** Close everything. NULL is accepted. */
void access_free(struct access *a);
/** A table that changed, or NULL. */
const char *access_changed(const struct access *a);

/** What the name service said about a client. */
enum access_name {
	ACCESS_NAME_OK,
	ACCESS_NAME_TEMP,   /* lookup failed, try again later */
	ACCESS_NAME_NONE,   /* there is no name */
	ACCESS_NAME_FORGED, /* the name does not map back */
};

/** What is known at the moment of a check; all strings are borrowed. */
struct access_request {
	const char *stage; /* CONNECT HELO EHLO MAIL RCPT DATA BDAT END-OF-MESSAGE VRFY ETRN */
	struct str client; /* "name[address]" as logged */
	struct str name;   /* verified, or "unknown" */
	struct str reverse_name; /* perhaps not verified, or "unknown" */
	struct str addr;         /* numeric */
	enum access_name name_status, reverse_status;
	struct str helo;     /* empty: not given */
	struct str protocol; /* "SMTP", "ESMTP" */
	struct str sasl_method, sasl_username, sasl_sender;
	bool tls, illegal_pipelining, local_submission;
	/* Standard input or a UNIX-domain socket: addr is said, but permit_inet_interfaces knows better. */
	bool no_socket_addr;
	bool has_sender, has_recipient;
	struct str sender, recipient; /* internal form */
	size_t recipient_count;       /* accepted so far */
	struct str queue_id;          /* empty: NOQUEUE */
	struct str etrn;              /* domain */
};

/** A deferral that takes effect later. */
struct access_deferral {
	char *reply; /* NULL: none */
};

/** What restrictions have asked for and the message will feel. */
struct access_actions {
	bool hold, discard;
	char *filter;   /* transport:nexthop, last one wins */
	char *redirect; /* address, last one wins */
	struct strv bcc;
	struct strv prepend; /* header lines, in order */
};

/** Of one session. Zero is the initial state. */
struct access_state {
	struct access_deferral saved[3]; /* defer_if_permit of the client, helo and sender lists */
	struct access_actions actions;
	struct buf reply;
	struct arena *scratch; /* for one check; kept for the next */
	bool hangup;
};
/** Forget everything and free it. */
void access_state_done(struct access_state *st);
/** Forget everything; a little memory stays for the next session. */
void access_state_reset(struct access_state *st);
/** The transaction is over (or MAIL was refused): actions and the deferral of the sender go. */
void access_state_end_mail(struct access_state *st);
/** The client said HELO again: the deferral of the helo list goes too. */
void access_state_end_helo(struct access_state *st);

enum access_point {
	ACCESS_CONNECT,
	ACCESS_HELO,
	ACCESS_MAIL,
	ACCESS_RCPT, /* also VRFY */
	ACCESS_DATA,
	ACCESS_END_OF_DATA,
	ACCESS_ETRN,
};

enum access_verdict {
	ACCESS_PERMIT,
	ACCESS_REJECT, /* send *ret_reply */
	ACCESS_HANGUP, /* close without a word */
};

/**
 * Evaluate what is due at a point of the dialogue, with smtpd_delay_reject taken into account.
 *
 * Logs rejects and actions. Blocks on tables and DNS.
 * @param rq          what the client said so far
 * @param ret_reply   "554 5.7.1 <x>: ...", borrowed from st until the next call
 */
_must_use_ enum access_verdict access_check(const struct access *a, enum access_point point,
	struct access_state *st, const struct access_request *rq, struct str *ret_reply);

/**
 * May headers of this client's mail be rewritten as local (local_header_rewrite_clients)?
 *
 * @return FOUND local; NONE remote; TEMPFAIL with *ret_reply
 */
_must_use_ enum lookup access_rewrite_local(const struct access *a, struct access_state *st,
	const struct access_request *rq, struct str *ret_reply);

/**
 * One log line: "QUEUEID: WORD: STAGE from CLIENT: TEXT; from=<s> to=<r> proto=P helo=<h> ...".
 */
void access_log(const struct notes *log, const struct access_request *rq, const char *word,
	struct str text);
