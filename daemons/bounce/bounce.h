/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce/bounce.h — what the parts of the bounce daemon share: parameters, one request.
 */
#pragma once

#include "base/strv.h"
#include "delivery/bounce_client.h"
#include "delivery/status_log.h"
#include "delivery/template.h"
#include "log/log.h"
#include "original.h"
#include "service/service.h"

struct bounce_conf {
	const char *bounce_notice_recipient;
	const char *second_bounce_notice_recipient; /* 2bounce_notice_recipient */
	const char *delay_notice_recipient;
	const char *notify_classes;
	const char *bounce_template_file;
	const char *double_bounce_sender;
	const char *empty_address_recipient;
	const char *header_from_format;
	const char *internal_mail_filter_classes;
	const char *cleanup_service_name;
	const char *myhostname;
	const char *myorigin;
	const char *mail_name;
	const char *hash_queue_names;
	int64_t hash_queue_depth;
	int64_t bounce_size_limit;
	usec_t maximal_queue_lifetime;
	usec_t ipc_timeout;
	bool backwards_bounce_logfile_compatibility;
	bool enable_threaded_bounces;
	bool requiretls_redact_dsn;
	bool smtputf8_enable;
};

/** Immutable after start. */
struct bounce {
	struct bounce_conf c;
	const char *service; /* "bounce", "defer", "trace": the directory of the logs */
	struct templates templates;
	struct queue_settings queue;
	struct strv hashed;
	char *cleanup_path;
	bool notify_bounce, notify_2bounce, notify_delay;
	bool filter_bounces;   /* internal_mail_filter_classes has bounce */
	struct str mail_token; /* mail_name as part of a field name */
	char *text[TEMPLATES]; /* the templates' bodies, expanded */
};

/** One request to send notices. */
struct job {
	const struct bounce *b;
	struct arena *arena;
	enum bounce_request what;
	int flags;
	struct bounce_message m;
	struct status_entry one; /* BOUNCE_ONE: the recipient; else unused */
	struct original original;
};

/** Which recipients a notice has. */
enum notice_filter {
	NOTICE_ALL,
	NOTICE_FAILURE, /* none or FAILURE in NOTIFY */
	NOTICE_DELAY,   /* none or DELAY */
};

/** One notice. */
struct notice {
	struct job *job;
	enum template_id template;
	enum notice_filter filter;
	bool postmaster; /* a copy: no text, other subject */
	bool full;       /* return the whole message if it is small enough */
	bool missing_log;
	struct str sender, recipient;     /* envelope */
	const struct status_entry *entry; /* NULL: all entries of the log */
};

/** Number of recipients that a notice would have: count or negative errno (-ENOENT: no log). */
_must_use_ int notice_count(const struct notice *n);
/** An error that will not go away: without its log, or with a damaged one, a notice is made nevertheless. */
bool notice_log_is_gone(int r);
/**
 * Write a notice to cleanup.
 *
 * @param ret_id   queue id of the notice, in the arena
 * @return 0 when it is on stable storage; negative errno with why
 */
_must_use_ int notice_send(struct notice *n, struct str *ret_id, struct why *why);

/** Do what a flush, warn, verp, one or trace request asks: 0, or negative: the client keeps the log. */
_must_use_ int flush_request(struct job *job);
