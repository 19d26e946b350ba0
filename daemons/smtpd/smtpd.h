/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtpd/smtpd.h — the SMTP server: process, session, and what its files ask of each other.
 *
 * struct smtpd is made before the first client and never changes; a struct session belongs to one
 * thread. A session is straight-line code: read a command, look it up, answer.
 */
#pragma once

#include "access/access.h"
#include "base/spares.h"
#include "conf/conf.h"
#include "dns/dns.h"
#include "intake/intake.h"
#include "intake/post.h"
#include "io/stream.h"
#include "ipc/client.h"
#include "log/log.h"
#include "service/intake_settings.h"
#include "service/router_settings.h"
#include "service/service.h"
#include "smtp/command.h"
#include "smtp/data.h"
#include "table/match.h"

/** Parameters that the daemon itself looks at. */
struct smtpd_conf {
	const char *myhostname, *mail_name, *myorigin, *config_directory, *command_directory;
	const char *smtpd_banner, *smtpd_discard_ehlo_keywords,
		*smtpd_discard_ehlo_keyword_address_maps;
	const char *smtpd_noop_commands, *smtpd_forbidden_commands, *smtpd_command_filter;
	const char *smtpd_reject_footer, *smtpd_reject_footer_maps, *smtpd_reject_filter_maps;
	const char *smtpd_expansion_filter;
	const char *smtpd_forbid_bare_newline, *smtpd_forbid_bare_newline_exclusions;
	const char *smtpd_client_event_limit_exceptions, *smtpd_authorized_xclient_hosts;
	const char *smtpd_authorized_xforward_hosts, *smtpd_authorized_verp_clients;
	const char *content_filter, *receive_override_options, *smtputf8_autodetect_classes;
	const char *cleanup_service_name, *flush_service_name;
	const char *address_verify_sender, *double_bounce_sender, *default_verp_delimiters;
	const char *verp_delimiter_filter, *notify_classes, *error_notice_recipient;
	const char *dns_servers, *smtpd_dns_reply_filter, *mail_owner;
	const char *smtpd_tls_security_level, *smtpd_milters, *smtpd_milter_maps,
		*smtpd_proxy_filter;
	const char *smtpd_upstream_proxy_protocol, *parent_domain_matches_subdomains;
	int64_t line_length_limit, message_size_limit, queue_minfree;
	int64_t smtpd_recipient_limit, smtpd_recipient_overshoot_limit;
	int64_t smtpd_soft_error_limit, smtpd_hard_error_limit, smtpd_junk_command_limit;
	int64_t smtpd_min_data_rate, smtpd_history_flush_threshold;
	int64_t smtpd_forbid_bare_newline_reject_code;
	int64_t smtpd_client_connection_count_limit, smtpd_client_connection_rate_limit;
	int64_t smtpd_client_message_rate_limit, smtpd_client_recipient_rate_limit;
	int64_t smtpd_client_ipv4_prefix_length, smtpd_client_ipv6_prefix_length;
	usec_t smtpd_timeout, smtpd_error_sleep_time, ipc_timeout;
	bool smtpd_helo_required, disable_vrfy_command, smtpd_delay_open_until_valid_rcpt;
	bool smtputf8_enable, strict_smtputf8, strict_rfc821_envelopes, smtpd_peername_lookup;
	bool smtpd_client_port_logging, smtpd_forbid_unauth_pipelining, smtpd_per_request_deadline;
	bool soft_bounce, smtpd_hide_client_session, smtpd_sasl_auth_enable, smtpd_tls_wrappermode;
	bool smtpd_enforce_tls, smtpd_use_tls, smtpd_delay_reject;
};

/** What may be left out of the EHLO reply, and then does not work either. */
enum ehlo_keyword {
	EHLO_8BITMIME = 1 << 0,
	EHLO_AUTH = 1 << 1,
	EHLO_ETRN = 1 << 2,
	EHLO_PIPELINING = 1 << 3,
	EHLO_SIZE = 1 << 4,
	EHLO_VRFY = 1 << 5,
	EHLO_VERP = 1 << 6,
	EHLO_XCLIENT = 1 << 7,
	EHLO_XFORWARD = 1 << 8,
	EHLO_STARTTLS = 1 << 9,
	EHLO_ENHANCEDSTATUSCODES = 1 << 10,
	EHLO_DSN = 1 << 11,
	EHLO_SMTPUTF8 = 1 << 12,
	EHLO_CHUNKING = 1 << 13,
	EHLO_REQUIRETLS = 1 << 14,
	EHLO_SILENT = 1 << 15, /* silent-discard */
};

enum override {
	OVERRIDE_NO_UNKNOWN_RECIPIENTS = 1 << 0,
	OVERRIDE_NO_ADDRESS_MAPPINGS = 1 << 1,
	OVERRIDE_NO_HEADER_BODY_CHECKS = 1 << 2,
	OVERRIDE_NO_MILTERS = 1 << 3,
};

/** Reasons to tell the postmaster. */
enum notify_class {
	NOTIFY_RESOURCE = 1 << 0,
	NOTIFY_SOFTWARE = 1 << 1,
	NOTIFY_POLICY = 1 << 2,
	NOTIFY_PROTOCOL = 1 << 3,
};

enum bare_mode {
	BARE_NO,
	BARE_NORMALIZE,
	BARE_NOTE,
	BARE_REJECT,
};

/** The process: immutable once it serves clients. */
struct smtpd {
	struct smtpd_conf c;
	struct conf *conf;
	const char *service; /* name in master.cf */
	struct router_conf rc;
	struct router *router;
	struct dns *dns;
	bool native_names; /* peers are looked up by the system's resolver */
	struct access_settings as;
	struct access *access;
	struct net_addr own[2 * ROUTER_MAX_ADDRS];
	struct strv class_texts; /* definitions of restriction classes */
	struct intake_params ip;
	const struct intake_conf *intake; /* NULL: messages go to cleanup_path */
	const char *cleanup_path, *flush_path;
	struct match_list *noop, *forbidden, *event_exceptions, *xclient_hosts, *xforward_hosts,
		*verp_hosts;
	struct match_list *bare_exclusions;
	struct tables ehlo_maps, command_filter, footer_maps, reject_filter, dns_filter;
	struct ipc_client *anvil; /* NULL: no limits */
	struct spares *sessions;  /* struct session without a client */
	unsigned ehlo_discard, overrides, notify, families;
	enum bare_mode bare;
	bool autodetect_utf8, deposit; /* deposit: -S as another user than mail_owner */
};

/** A client as access rules, log lines and headers see it. */
struct peer {
	struct str namaddr; /* name[addr], as logged */
	struct str name, reverse_name, addr, port;
	struct str rfc_addr; /* addr, "IPv6:" in front of IPv6 */
	struct str dest_addr, dest_port;
	int family; /* AF_INET, AF_INET6, AF_UNSPEC */
	enum access_name name_status, reverse_status;
	struct str why; /* name not verified: what to warn about */
};

/** What XFORWARD said. */
struct xforward {
	struct str name, addr, port, proto, helo, ident, domain;
	bool any;
};

/** Where a message goes: intake in this process, the cleanup service, or postdrop. */
struct sink {
	struct intake *it;
	struct post *post;
	struct drop *drop;
	char id[QUEUE_ID_MAX + 1];
	bool failed;     /* the other side is gone */
	bool finished;   /* the client said all of it */
	struct buf text; /* for formatted records; stays for the next message */
};

enum bdat_state {
	BDAT_NONE,
	BDAT_OK,    /* chunks were accepted */
	BDAT_ERROR, /* the rest is dropped */
};

/** One transaction; lives in the tx arena. */
struct mail {
	bool has_sender;
	struct str sender; /* internal form */
	size_t rcpt_count, rcpt_over;
	struct str rcpt; /* the last one accepted */
	struct str encoding, envid, verp;
	int ret;
	bool smtputf8, rewrite_local;
	int64_t announced; /* SIZE=, 0: not given */
	int64_t size;      /* content so far, CRLF counted */
	unsigned err;      /* enum intake_status */
	bool open, content, first_done;
	enum bdat_state bdat;
	struct smtp_data data; /* BDAT: spans chunks */
	bool bare_lf, size_warned;
	int64_t skipped; /* BDAT bytes thrown away */
};

struct command_stat {
	unsigned ok, total;
};

#define STAT_MAX 20

/** One conversation. */
struct session {
	const struct smtpd *p;
	const struct smtpd_conf *c;
	struct service_ctx *ctx;
	struct service_client *client;
	struct stream *io;
	struct arena *arena, *tx, *scratch; /* connection; transaction; command */
	struct arena *told;                 /* what XCLIENT and XFORWARD said last */
	struct peer peer;
	struct xforward xf;
	struct access_state acc;
	struct sink sink;
	struct mail m;
	struct str helo;
	const char *protocol; /* "SMTP", "ESMTP" */
	const char *where;    /* last command, for log lines */
	const char *reason;   /* why the session ended early */
	bool denied;          /* refused at connect: nothing but QUIT works */
	struct buf line, out, helo_text;
	struct buf history; /* the transcript, lines with their newlines */
	unsigned history_lines;
	unsigned errors, junk, ehlo_discard, error_mask;
	enum bare_mode bare;
	bool line_bare; /* the command ended in a bare LF */
	bool hangup, quit, illegal_pipelining, noted_bare_lf, restart;
	bool may_xclient, may_xforward, may_verp, count_events, stand_alone;
	struct command_stat stats[STAT_MAX];
};

/** One command of the protocol. */
struct command {
	const char *name;
	int (*fn)(struct session *s,
		const struct smtp_command *cmd); /* 0, or -1: counts as error */
	bool last;                               /* must be last in a pipelined group */
	bool junk;                               /* costs smtpd_junk_command_limit */
};

/* ---- session.c ---- */
void smtpd_serve(struct service_ctx *ctx, struct service_client *client);
/** Free one of the spares. */
void session_discard(void *object);
/** The queue id, or "NOQUEUE". */
const char *session_id(const struct session *s);
/** What access rules may know now. */
void session_request(const struct session *s, const char *stage, struct access_request *ret);
/** Ask the restrictions of one point: 0 go on; -1 the client was told no, or is hung up on. */
_must_use_ int session_check(struct session *s, enum access_point point,
	const struct access_request *rq);
/** The input ended or failed: remembers why. */
void session_lost(struct session *s, int err);
/** Forget the transaction. */
void session_reset(struct session *s);
/** Remember the name in HELO; empty: none. */
void session_set_helo(struct session *s, struct str name);
/** Decide again what depends on the client (after XCLIENT too). */
void session_client_rights(struct session *s);

/* ---- command.c ---- */
/** Read and act on one command; false: the session is over. */
bool command_next(struct session *s);
/** All commands, in the order of the statistics; the last one has no name. */
extern const struct command commands[];
extern const size_t commands_n;

/* ---- reply.c ---- */
/** Send one reply; lines are separated by '\n'. The code is that of the text. */
void reply(struct session *s, const char *fmt, ...) _printf_(2, 3);
/** As reply, with text from elsewhere. */
void reply_text(struct session *s, struct str text);
/** "421 4.3.0 HOST Server local data error", and the end. */
void reply_data_error(struct session *s);
/** Send what waits. */
void reply_flush(struct session *s);
/** Sleep. */
void pause_for(usec_t time);

/* ---- macro.c ---- */
/** Expand $name in a template of the postmaster's; unknown names warn and vanish. */
void macro_expand(const struct session *s, struct str text, struct buf *ret);

/* ---- peer.c ---- */
void peer_init(struct session *s);
/** Build namaddr and rfc_addr from the rest, in `a`. */
void peer_finish(const struct session *s, struct peer *peer, struct arena *a);
/** Addresses of name look-ups agree? Fills names and states. */
void peer_names(struct session *s, const struct net_addr *addr, struct peer *peer);

/* ---- anvil.c ---- */
enum anvil_event {
	ANVIL_CONNECT,
	ANVIL_DISCONNECT,
	ANVIL_MESSAGE,
	ANVIL_RECIPIENT,
};
/** Count an event; true when its limit is exceeded (logged). */
bool anvil_count(struct session *s, enum anvil_event event);

/* ---- the commands ---- */
int cmd_helo(struct session *s, const struct smtp_command *cmd);
int cmd_ehlo(struct session *s, const struct smtp_command *cmd);
int cmd_mail(struct session *s, const struct smtp_command *cmd);
int cmd_rcpt(struct session *s, const struct smtp_command *cmd);
int cmd_data(struct session *s, const struct smtp_command *cmd);
int cmd_bdat(struct session *s, const struct smtp_command *cmd);
int cmd_rset(struct session *s, const struct smtp_command *cmd);
int cmd_noop(struct session *s, const struct smtp_command *cmd);
int cmd_vrfy(struct session *s, const struct smtp_command *cmd);
int cmd_etrn(struct session *s, const struct smtp_command *cmd);
int cmd_quit(struct session *s, const struct smtp_command *cmd);
int cmd_help(struct session *s, const struct smtp_command *cmd);
int cmd_starttls(struct session *s, const struct smtp_command *cmd);
int cmd_auth(struct session *s, const struct smtp_command *cmd);
int cmd_xclient(struct session *s, const struct smtp_command *cmd);
int cmd_xforward(struct session *s, const struct smtp_command *cmd);
/** Names of discarded EHLO keywords: mask; unknown ones warn. */
unsigned ehlo_mask(struct str words);
/** Resolve: the address is not one. */
bool address_is_bad(struct session *s, struct str internal);
/** MAIL and RCPT of the sender of address probes pass unseen. */
bool is_probe_address(const struct session *s, struct str internal);
/** Parse the path of MAIL or RCPT: 0 or -1 (replied). */
int take_path(struct session *s, const struct smtp_token *t, bool allow_empty,
	const char *bad_reply, struct str *ret);

/* ---- message.c ---- */
/** Begin the queue file: 0, or -1 (replied). Logs "client=". */
int message_open(struct session *s);
/** One recipient. */
void message_rcpt(struct session *s, struct str rcpt, struct str orcpt, int notify);
/** Prepended headers and Received. */
void message_begin(struct session *s);
/** One line of content, or a piece of one. */
void message_line(struct session *s, const struct smtp_data_line *line);
/** End of content: replies, and ends the transaction. 0 or -1. `bdat`: reply with sizes. */
int message_end(struct session *s, bool bdat);

/* ---- received.c ---- */
/** The lines of our Received: header, separated by '\n'. */
void received_header(const struct session *s, struct buf *ret);

/* ---- sink.c ---- */
/** 0 or negative errno with why. */
int sink_open(struct session *s, unsigned flags, struct why *why);
void sink_record(struct sink *k, int type, struct str data);
void sink_recordf(struct sink *k, int type, const char *fmt, ...) _printf_(3, 4);
void sink_attr(struct sink *k, const char *name, struct str value);
/** HOLD and DISCARD. */
void sink_flags(struct sink *k, unsigned flags);
/** Status bits so far. */
unsigned sink_status(const struct sink *k);
/** After E: status bits; the reason is copied to `a`. */
unsigned sink_finish(struct sink *k, struct arena *a, struct str *ret_reason);
/** Give up what is not finished; the memory for text stays. */
void sink_close(struct sink *k);

/* ---- drop.c: postdrop ---- */
struct drop;
int drop_open(const struct smtpd *p, struct drop **ret, char *id, size_t id_size, struct why *why);
int drop_record(struct drop *d, int type, struct str data);
int drop_finish(struct drop *d, unsigned *ret_status, struct arena *a, struct str *ret_reason,
	struct why *why);
void drop_free(struct drop *d);

/* ---- notice.c ---- */
/** Add to the transcript. */
void notice_line(struct session *s, const char *prefix, struct str line);
/** Forget the transcript. */
void notice_forget(struct session *s);
/** Tell the postmaster when the session saw something in notify_classes; forgets the transcript. */
void notice_send(struct session *s);

/* ---- setup.c ---- */
int smtpd_pre_jail(struct service_ctx *ctx, struct why *why);
int smtpd_post_jail(struct service_ctx *ctx, struct why *why);
const char *smtpd_pre_accept(struct service_ctx *ctx);
