/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access/access_priv.h — inside of the evaluator.
 *
 * Evaluation of an item gives RES_DUNNO (next item), RES_OK (the list ends), or RES_REJECT (all
 * ends; the reply stands in the state). Restrictions call reject() and defer_if(), which know about
 * warn_if_reject and the two deferrals; nobody else builds replies.
 */
#pragma once

#include "access/access.h"
#include "smtp/reply.h"

enum result {
	RES_DUNNO,
	RES_OK,
	RES_REJECT,
};

struct eval;
struct item;
typedef enum result (*restriction_fn)(struct eval *ev, const struct item *it);

/** What the words of a list take as argument. */
enum arg_kind {
	ARG_NONE,
	ARG_TABLE,
	ARG_WORD,
};

/** A known restriction. */
struct restriction {
	const char *name;
	const char *alias; /* second name, or NULL */
	restriction_fn fn; /* NULL: known by name, not supported by this build */
	enum arg_kind arg;
	bool guards_relay; /* counts for the startup check */
	int64_t min, max;  /* number argument of ARG_WORD */
};

enum item_kind {
	ITEM_CALL,
	ITEM_WARN_IF_REJECT,
	ITEM_CLASS,
	ITEM_ERROR, /* text says what is wrong; answered 451 4.3.5 */
};

/** One element of a compiled list. */
struct item {
	enum item_kind kind;
	const char *name;
	const struct restriction *def;
	struct tables *table; /* one table */
	struct list_of_items *list;
	const char *error;
	struct str word;
};

struct list_of_items {
	struct item *v;
	size_t n;
};

/** The table check that a bare type:table stands for. */
enum list_id {
	LIST_CLIENT,
	LIST_HELO,
	LIST_SENDER,
	LIST_RELAY,
	LIST_RECIPIENT,
	LIST_DATA,
	LIST_END_OF_DATA,
	LIST_ETRN,
	LIST_REWRITE,
	LIST_COUNT,
};

/** A table that restrictions name, in the shape that lookups want. */
struct opened {
	struct opened *next;
	struct table *table;
	struct tables list; /* of just this one */
};

struct access {
	struct access_settings s;
	struct arena *arena;
	struct list_of_items lists[LIST_COUNT];
	struct map *classes;   /* name -> struct access_class */
	struct opened *opened; /* tables that the lists name */
	struct match_list *mynetworks, *permit_log;
	struct tables login, canonical, sender_canonical, recipient_canonical, virtual_alias;
	struct tables virtual_mailbox, local_rcpt, relay_rcpt;
	bool access_parent_style; /* smtpd_access_maps in parent_domain_matches_subdomains */
	bool helo_tempfail_defer, address_tempfail_defer; /* "defer" instead of "defer_if_permit" */
};

struct access_class {
	const char *name;
	struct list_of_items lists[LIST_COUNT]; /* compiled for each default table check */
	bool done[LIST_COUNT], open;
};

/** One call of access_check(). */
struct eval {
	const struct access *a;
	struct access_state *st;
	const struct access_request *rq;
	enum access_point point;
	struct arena *scratch;
	enum list_id list;
	struct str subject; /* datum of the list, for restrictions without one of their own */
	const char *class;  /* class of the list */
	int depth;
	bool warn; /* inside warn_if_reject */
	struct access_deferral dip, dir;
	bool unlisted_sender_done, unlisted_recipient_done;
	bool rewrite; /* local_header_rewrite_clients: other words for errors */
};

#define CLASS_CLIENT    "Client host"
#define CLASS_REVERSE   "Unverified Client host"
#define CLASS_CCERT     "Client certificate"
#define CLASS_SASL      "SASL login name"
#define CLASS_HELO      "Helo command"
#define CLASS_SENDER    "Sender address"
#define CLASS_RECIPIENT "Recipient address"
#define CLASS_ETRN      "Etrn command"
#define CLASS_DATA      "Data command"
#define CLASS_EOD       "End-of-data"

/* ---- compile.c ---- */
/** Compile a list in an arena; with `a` opened tables are remembered there, without none may be named. */
int access_compile(struct access *a, const struct access *known, struct arena *arena,
	enum list_id id, struct str text, struct list_of_items *ret, struct why *why);
/** Does a list hold something that refuses relaying? */
bool access_guards(const struct list_of_items *l);
/** The table of restrictions. */
const struct restriction *access_restriction(struct str name);

/* ---- eval.c ---- */
enum result access_run(struct eval *ev, const struct list_of_items *l);

/* ---- answer.c ---- */
enum reject_kind {
	REJECT_POLICY, /* warn_if_reject turns it into a warning */
	REJECT_ERROR,  /* server trouble: never masked */
};
/** Refuse: "CODE DSN text"; dsn must be a literal. DUNNO when warn_if_reject is in force. */
enum result access_reject(struct eval *ev, enum reject_kind kind, int code, const char *dsn,
	const char *fmt, ...) _printf_(5, 6);
/** As access_reject with an enhanced code from a table or resolver, put right for the class. */
enum result access_reject_dsn(struct eval *ev, enum reject_kind kind, int code, struct dsn_code dsn,
	const char *class, const char *fmt, ...) _printf_(6, 7);
/** Remember a deferral; ends the list when the other kind is remembered too. */
enum result access_defer_if(struct eval *ev, bool permit, int code, const char *dsn,
	const char *fmt, ...) _printf_(5, 6);
/** Apply a tempfail action: defer now, or if permitted. */
enum result access_tempfail(struct eval *ev, bool now, int code, const char *dsn, const char *fmt,
	...) _printf_(5, 6);
/** "451 4.3.5 Server configuration error", with a warning. */
enum result access_config_error(struct eval *ev, const char *fmt, ...) _printf_(2, 3);
/** "451 4.3.0 <x>: Temporary lookup failure", with a warning. */
enum result access_lookup_error(struct eval *ev, struct str datum, const struct why *why);
/** A deferral takes effect. */
enum result access_reject_stored(struct eval *ev, const struct access_deferral *d);
/** Log a remark about the request: word is info, warn, filter, ... */
void access_remark(struct eval *ev, const char *word, const char *fmt, ...) _printf_(3, 4);
/** The enhanced code for an address class. */
struct dsn_code access_dsn_fix(struct dsn_code d, const char *class);

/* ---- action.c ---- */
/** Act on a table result. */
enum result access_action(struct eval *ev, const char *table, struct str value, struct str datum,
	struct str subject, const char *class);
/** A permit that perhaps is logged. */
enum result access_permit(struct eval *ev, const char *action, const char *class, struct str datum,
	const char *table);

/* ---- lookup.c ---- */
enum lookup access_find_domain(struct eval *ev, const struct tables *t, struct str name,
	struct buf *ret, struct why *why);
/** Keys of an address: whole, then fewer octets. */
enum lookup access_find_addr(struct eval *ev, const struct tables *t, struct str addr,
	struct buf *ret, struct why *why);
/** Keys of a mail address: whole, without extension, domain, parents, user@. */
enum lookup access_find_mail(struct eval *ev, const struct tables *t, struct str internal,
	struct buf *ret, struct why *why);

/* ---- the restrictions: client.c, helo.c, mail.c, relay.c, unlisted.c, login.c, generic.c ---- */
/** A table was asked about `subject`: act on the answer. */
enum result access_answer(struct eval *ev, const struct item *it, enum lookup found,
	const struct buf *value, const struct why *why, struct str subject, const char *class);
/** An address literal with or without brackets that holds a numeric address. */
bool access_literal_ok(struct str name);
/** permit; see the table in compile.c. */
enum result r_permit(struct eval *ev, const struct item *it);
/** reject; see the table in compile.c. */
enum result r_reject(struct eval *ev, const struct item *it);
/** defer; see the table in compile.c. */
enum result r_defer(struct eval *ev, const struct item *it);
/** defer if permit; see the table in compile.c. */
enum result r_defer_if_permit(struct eval *ev, const struct item *it);
/** defer if reject; see the table in compile.c. */
enum result r_defer_if_reject(struct eval *ev, const struct item *it);
/** sleep; see the table in compile.c. */
enum result r_sleep(struct eval *ev, const struct item *it);
/** unauth pipelining; see the table in compile.c. */
enum result r_unauth_pipelining(struct eval *ev, const struct item *it);
/** plaintext session; see the table in compile.c. */
enum result r_plaintext_session(struct eval *ev, const struct item *it);
/** dunno; see the table in compile.c. */
enum result r_dunno(struct eval *ev, const struct item *it);

/** unknown client; see the table in compile.c. */
enum result r_unknown_client(struct eval *ev, const struct item *it);
/** unknown reverse client; see the table in compile.c. */
enum result r_unknown_reverse_client(struct eval *ev, const struct item *it);
/** inet interfaces; see the table in compile.c. */
enum result r_inet_interfaces(struct eval *ev, const struct item *it);
/** mynetworks; see the table in compile.c. */
enum result r_mynetworks(struct eval *ev, const struct item *it);
/** sasl authenticated; see the table in compile.c. */
enum result r_sasl_authenticated(struct eval *ev, const struct item *it);
/** check client; see the table in compile.c. */
enum result r_check_client(struct eval *ev, const struct item *it);
/** check reverse client; see the table in compile.c. */
enum result r_check_reverse_client(struct eval *ev, const struct item *it);
/** check sasl; see the table in compile.c. */
enum result r_check_sasl(struct eval *ev, const struct item *it);
/** check address map; see the table in compile.c. */
enum result r_check_address_map(struct eval *ev, const struct item *it);

/** check helo; see the table in compile.c. */
enum result r_check_helo(struct eval *ev, const struct item *it);
/** invalid helo; see the table in compile.c. */
enum result r_invalid_helo(struct eval *ev, const struct item *it);
/** non fqdn helo; see the table in compile.c. */
enum result r_non_fqdn_helo(struct eval *ev, const struct item *it);
/** unknown helo; see the table in compile.c. */
enum result r_unknown_helo(struct eval *ev, const struct item *it);

/** check sender; see the table in compile.c. */
enum result r_check_sender(struct eval *ev, const struct item *it);
/** check recipient; see the table in compile.c. */
enum result r_check_recipient(struct eval *ev, const struct item *it);
/** check etrn; see the table in compile.c. */
enum result r_check_etrn(struct eval *ev, const struct item *it);
/** non fqdn sender; see the table in compile.c. */
enum result r_non_fqdn_sender(struct eval *ev, const struct item *it);
/** non fqdn recipient; see the table in compile.c. */
enum result r_non_fqdn_recipient(struct eval *ev, const struct item *it);
/** unknown sender domain; see the table in compile.c. */
enum result r_unknown_sender_domain(struct eval *ev, const struct item *it);
/** unknown recipient domain; see the table in compile.c. */
enum result r_unknown_recipient_domain(struct eval *ev, const struct item *it);
/** multi recipient bounce; see the table in compile.c. */
enum result r_multi_recipient_bounce(struct eval *ev, const struct item *it);

/** A, AAAA or MX exist? DNS_OK, or why not (DNS_TEMPFAIL counts). */
enum dns_status access_domain_exists(struct eval *ev, struct str domain);

/** unauth destination; see the table in compile.c. */
enum result r_unauth_destination(struct eval *ev, const struct item *it);
/** defer unauth destination; see the table in compile.c. */
enum result r_defer_unauth_destination(struct eval *ev, const struct item *it);
/** auth destination; see the table in compile.c. */
enum result r_auth_destination(struct eval *ev, const struct item *it);

/** unlisted sender; see the table in compile.c. */
enum result r_unlisted_sender(struct eval *ev, const struct item *it);
/** unlisted recipient; see the table in compile.c. */
enum result r_unlisted_recipient(struct eval *ev, const struct item *it);

/** login mismatch; see the table in compile.c. */
enum result r_login_mismatch(struct eval *ev, const struct item *it);
/** auth login mismatch; see the table in compile.c. */
enum result r_auth_login_mismatch(struct eval *ev, const struct item *it);
/** unauth login mismatch; see the table in compile.c. */
enum result r_unauth_login_mismatch(struct eval *ev, const struct item *it);
/** known login mismatch; see the table in compile.c. */
enum result r_known_login_mismatch(struct eval *ev, const struct item *it);

/** Resolve an address for a check; false (and the reply is set) when a lookup failed. */
bool access_resolve(struct eval *ev, struct str address, struct resolve_reply *ret,
	enum result *res);
