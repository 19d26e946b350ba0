/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtual — writes mail into the mailboxes of hosted domains. Source: virtual(8).
 *
 * One client a process: the effective identity is the recipient's while a mailbox is written.
 * Without root the identity never changes, and the maps of ids are not asked.
 */
#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "log/log.h"
#include "sandbox/sandbox.h"
#include "service/agent.h"
#include "service/table_settings.h"
#include "virtual.h"

struct virtual_conf {
	const char *virtual_mailbox_base, *virtual_mailbox_maps, *virtual_uid_maps,
		*virtual_gid_maps, *virtual_mailbox_lock, *recipient_delimiter,
		*double_bounce_sender;
	int64_t virtual_minimum_uid, virtual_mailbox_limit, message_size_limit,
		deliver_lock_attempts;
	usec_t deliver_lock_delay, stale_lock_time;
	bool strict_mailbox_ownership, enable_original_recipient, smtputf8_enable,
		owner_request_special;
};

static const struct conf_var vars[] = {
	CV_STR(struct virtual_conf, virtual_mailbox_base),
	CV_STR(struct virtual_conf, virtual_mailbox_maps),
	CV_STR(struct virtual_conf, virtual_uid_maps),
	CV_STR(struct virtual_conf, virtual_gid_maps),
	CV_STR(struct virtual_conf, virtual_mailbox_lock),
	CV_STR(struct virtual_conf, recipient_delimiter),
	CV_STR(struct virtual_conf, double_bounce_sender),
	CV_INT(struct virtual_conf, virtual_minimum_uid),
	CV_INT(struct virtual_conf, virtual_mailbox_limit),
	CV_INT(struct virtual_conf, message_size_limit),
	CV_INT(struct virtual_conf, deliver_lock_attempts),
	CV_TIME(struct virtual_conf, deliver_lock_delay),
	CV_TIME(struct virtual_conf, stale_lock_time),
	CV_BOOL(struct virtual_conf, strict_mailbox_ownership),
	CV_BOOL(struct virtual_conf, enable_original_recipient),
	CV_BOOL(struct virtual_conf, smtputf8_enable),
	CV_BOOL(struct virtual_conf, owner_request_special),
	CV_END,
};

static struct virtual_conf the_conf;
static struct agent the_agent;
static struct table_settings the_tables;
static struct virtual_maps the_maps;
static struct mailbox_settings the_mailbox;
static struct utsname the_host;

/* The documented advice for what is the most frequent mistake. */
static void advise(const struct virtual_target *t, const char *user,
	const struct mailbox_result *res)
{
	if (res->not_regular)
		log_warn("recipient %s: destination %s is not a regular file", user, t->path);
	if (t->maildir && res->err == EACCES) {
		log_warn("maildir access problem for UID/GID=%u/%u: %s", t->id.uid, t->id.gid,
			res->why.text);
		log_warn("perhaps you need to create the maildirs in advance");
	}
	if (!t->maildir && res->err == EPERM && the_conf.strict_mailbox_ownership)
		log_warn("specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership "
			 "mismatch");
}

static int report_result(struct report *r, const struct virtual_target *t,
	const struct mailbox_result *res, struct arena *a)
{
	r->dsn.status = str_of(res->status);
	if (res->outcome == MAILBOX_DELIVERED) {
		r->dsn.action = STR("delivered");
		r->dsn.reason = t->maildir ? STR("delivered to maildir")
					   : STR("delivered to mailbox");
		return report_sent(the_agent.report, r);
	}
	r->dsn.reason = t->maildir ? arena_fmt(a, "maildir delivery failed: %s", res->why.text)
				   : arena_fmt(a, "delivery failed to mailbox %s: %s", t->path,
					     res->why.text);
	if (res->outcome == MAILBOX_BOUNCED)
		return report_bounce(the_agent.report, r);
	if (res->outcome == MAILBOX_CORRUPT) {
		int e = queue_message_mark_corrupt(r->rq->msg);

		log_warn(STR_FMT ": queue file is corrupt: %s%s", STR_ARG(r->rq->queue_id),
			res->why.text, e < 0 ? " (and cannot be marked)" : "");
	}
	return report_defer(the_agent.report, r);
}

static int deliver_to(struct report *r, const struct virtual_target *t, const char *user,
	struct arena *a)
{
	struct mail_copy copy = { .rq = r->rq, .rcpt = r->rcpt };
	struct mailbox_result res;

	copy.flags = t->maildir ? MAIL_COPY_MAILDIR : MAIL_COPY_MBOX;
	if (!the_conf.enable_original_recipient)
		copy.flags &= ~(unsigned)MAIL_COPY_ORIG_RCPT;
	if ((r->rq->flags & (REQUEST_MTA_VRFY | REQUEST_USR_VRFY)) != 0) {
		r->dsn = (struct dsn){ .status = STR("2.0.0"),
			.action = STR("delivered"),
			.reason = t->maildir ? STR("delivers to maildir")
					     : STR("delivers to mailbox") };
		return report_sent(the_agent.report, r);
	}
	if (t->maildir)
		maildir_deliver(&the_mailbox, &t->id, t->path, &copy, &res);
	else
		mbox_deliver(&the_mailbox, &t->id, t->path, &copy, &res);
	if (res.outcome != MAILBOX_DELIVERED)
		advise(t, user, &res);
	return report_result(r, t, &res, a);
}

static int deliver_one(struct delivery_request *rq, const struct recipient *rcpt, struct arena *a)
{
	struct report r = { .rq = rq, .rcpt = rcpt, .relay = STR("virtual"), .stats = rq->stats };
	_cleanup_buf_ struct buf user = BUF_LOCAL(BUF_MEDIUM);
	struct virtual_target t = { 0 };
	struct why why = { "" };
	int status;

	switch (virtual_find(&the_maps, rcpt->address, &user, &t, &why)) {
	case LOOKUP_NONE:
		r.dsn.status = STR("5.1.1");
		r.dsn.reason = arena_fmt(a, "unknown user: \"%s\"", buf_cstr(&user));
		return report_bounce(the_agent.report, &r);
	case LOOKUP_TEMPFAIL:
		log_warn("%s", why.text);
		r.dsn.status = STR("4.3.5");
		r.dsn.reason = STR("mail system configuration error");
		return report_defer(the_agent.report, &r);
	case LOOKUP_FOUND:
	default:
		break;
	}
	status = deliver_to(&r, &t, buf_cstr(&user), a);
	free(t.path);
	return status;
}

static int deliver(_unused_ struct service_ctx *ctx, _unused_ struct service_client *client,
	struct delivery_request *rq, struct arena *a)
{
	int status = 0;

	for (size_t i = 0; i < rq->n_rcpt; i++)
		if (deliver_one(rq, &rq->rcpt[i], a) < 0)
			status = -1;
	return status;
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	agent_serve(&the_agent, ctx, client, deliver);
}

static int check_conf(struct why *why)
{
	if (the_conf.virtual_mailbox_base[0] != '/')
		return why_set(why, -EINVAL,
			"do not specify relative pathname: virtual_mailbox_base = %s",
			the_conf.virtual_mailbox_base);
	if (the_conf.virtual_mailbox_limit > 0 && the_conf.message_size_limit == 0)
		return why_set(why, -EINVAL,
			"configuration error: virtual_mailbox_limit is limited but "
			"message_size_limit is unlimited");
	if (the_conf.virtual_mailbox_limit > 0 &&
		the_conf.virtual_mailbox_limit < the_conf.message_size_limit)
		return why_set(why, -EINVAL,
			"configuration error: virtual_mailbox_limit is smaller than "
			"message_size_limit");
	if (mailbox_lock_parse(str_of(the_conf.virtual_mailbox_lock), &the_mailbox.lock.methods,
		    why) < 0)
		return why_set(why, -EINVAL, "virtual_mailbox_lock: %s", why->text);
	return 0;
}

static int open_maps(struct conf *c, struct why *why)
{
	unsigned flags = TABLE_FOLD_FIX | TABLE_PARANOID |
			 (the_conf.smtputf8_enable ? TABLE_UTF8 : 0);
	int e = table_settings_from_conf(c, &log_notes, &the_tables, why);

	if (e == 0)
		e = tables_open(&the_tables, "virtual_mailbox_maps",
			str_of(the_conf.virtual_mailbox_maps), flags, &the_maps.mailbox, why);
	if (e == 0 && !the_maps.own_identity)
		e = tables_open(&the_tables, "virtual_uid_maps", str_of(the_conf.virtual_uid_maps),
			flags, &the_maps.uid, why);
	if (e == 0 && !the_maps.own_identity)
		e = tables_open(&the_tables, "virtual_gid_maps", str_of(the_conf.virtual_gid_maps),
			flags, &the_maps.gid, why);
	return e;
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	int e = check_conf(why);

	if (e < 0)
		return e;
	the_maps.base = str_of(the_conf.virtual_mailbox_base);
	the_maps.ext = (struct ext_rules){
		.delimiters = str_of(the_conf.recipient_delimiter),
		.double_bounce_sender = str_of(the_conf.double_bounce_sender),
		.owner_request_special = the_conf.owner_request_special,
	};
	the_maps.minimum_uid = the_conf.virtual_minimum_uid;
	the_maps.utf8 = the_conf.smtputf8_enable;
	the_maps.own_identity = geteuid() != 0;
	if (uname(&the_host) < 0)
		return why_errno(why, -errno, "uname");
	the_mailbox.hostname = the_host.nodename;
	the_mailbox.size_limit = the_conf.virtual_mailbox_limit;
	the_mailbox.strict_ownership = the_conf.strict_mailbox_ownership;
	the_mailbox.lock.attempts = (int)the_conf.deliver_lock_attempts;
	the_mailbox.lock.delay = the_conf.deliver_lock_delay;
	the_mailbox.lock.stale = the_conf.stale_lock_time;
	e = open_maps(ctx->conf, why);
	return e < 0 ? e : agent_open(&the_agent, ctx->conf, "virtual", why);
}

static const char *changed(_unused_ struct service_ctx *ctx)
{
	const char *name = tables_changed(&the_maps.mailbox);

	if (name == NULL)
		name = tables_changed(&the_maps.uid);
	if (name == NULL)
		name = tables_changed(&the_maps.gid);
	return name != NULL ? name : agent_changed(&the_agent);
}

int main(int argc, char **argv)
{
	static const struct service virtual = {
		.name = "virtual",
		.kind = SERVICE_SINGLE,
		.flags = SERVICE_PRIVILEGED,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE | P_MAILBOX | P_IDENTITY,
		.pre_jail = pre_jail,
		.pre_accept = changed,
		.serve = serve,
	};

	service_main(argc, argv, &virtual);
}
