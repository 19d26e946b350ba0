/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipe — delivers by running a command of the administrator's. Source: pipe(8).
 *
 * One client a process: while the command runs nothing else does. The process stays root; only the
 * command becomes another user. Without root it runs as we do.
 */
#include <errno.h>
#include <unistd.h>

#include "delivery/command_status.h"
#include "delivery/delivered.h"
#include "delivery/mail_copy.h"
#include "log/log.h"
#include "pipe.h"
#include "sandbox/sandbox.h"
#include "service/agent.h"
#include "service/derive.h"

/* Most bytes of output that the line of a delivery shows. */
#define SHOWN_OUTPUT 100

struct pipe_conf {
	const char *export_environment, *recipient_delimiter, *double_bounce_sender, *mail_owner,
		*setgid_group;
	bool enable_original_recipient, smtputf8_enable, owner_request_special;
};

static const struct conf_var vars[] = {
	CV_STR(struct pipe_conf, export_environment),
	CV_STR(struct pipe_conf, recipient_delimiter),
	CV_STR(struct pipe_conf, double_bounce_sender),
	CV_STR(struct pipe_conf, mail_owner),
	CV_STR(struct pipe_conf, setgid_group),
	CV_BOOL(struct pipe_conf, enable_original_recipient),
	CV_BOOL(struct pipe_conf, smtputf8_enable),
	CV_BOOL(struct pipe_conf, owner_request_special),
	CV_END,
};

static struct pipe_conf the_conf;
static struct agent the_agent;
static struct pipe_attr the_attr;
static struct strv the_env;
static usec_t the_limit;
static const char *the_service;
static struct buf the_place = BUF(BUF_SMALL); /* "file .../master.cf: service NAME" */

/* Mail that was not delivered: 0, or -1 when some recipients stay. */
static int report_failed(struct delivery_request *rq, const struct dsn *d)
{
	bool later = d->status.len > 0 && d->status.ptr[0] == '4';

	return agent_report_all(&the_agent, rq, str_of(the_service), d,
		later ? report_defer : report_bounce);
}

static int report_sent_all(struct delivery_request *rq, const struct dsn *d)
{
	return agent_report_all(&the_agent, rq, str_of(the_service), d, report_sent);
}

static int report_text(struct delivery_request *rq, struct str status, struct str reason)
{
	struct dsn d = { .status = status, .reason = reason };

	return report_failed(rq, &d);
}

static int report_config_error(struct delivery_request *rq)
{
	return report_text(rq, STR("4.3.5"), STR("mail system configuration error"));
}

static int report_corrupt(struct delivery_request *rq, const struct why *why)
{
	int e = queue_message_mark_corrupt(rq->msg);

	log_warn(STR_FMT ": %s", STR_ARG(rq->queue_id), why->text);
	log_warn("corrupted queue file: " STR_FMT "/" STR_FMT "%s", STR_ARG(rq->queue_name),
		STR_ARG(rq->queue_id), e < 0 ? " (and cannot be marked)" : "");
	/* No word about recipients: qmgr takes the message out of the queue. */
	return -1;
}

static struct str delivered_text(struct str output, struct arena *a)
{
	struct str shown = str_head(str_rtrim(output), SHOWN_OUTPUT);

	/* Not in the midst of a character. */
	while (shown.len > 0 && shown.len < str_rtrim(output).len &&
		(output.ptr[shown.len] & 0xc0) == 0x80)
		shown.len--;
	if (shown.len == 0)
		return arena_fmt(a, "delivered via %s service", the_service);
	return arena_fmt(a, "delivered via %s service (" STR_FMT ")", the_service, STR_ARG(shown));
}

static int report_end(struct delivery_request *rq, const struct command_result *res,
	const char *name, struct str output, struct arena *a)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(COMMAND_OUTPUT_MAX);
	static const char *const late[] = {
		[COMMAND_WRITE] = "pipe_command_write: write time limit exceeded",
		[COMMAND_READ] = "pipe_command_read: read time limit exceeded",
		[COMMAND_WAIT] = "pipe_command_wait_or_kill: child wait time limit exceeded",
	};
	struct dsn d = { .status = STR("2.0.0"), .action = STR("relayed") };

	command_output_text(&text, output, the_conf.smtputf8_enable);
	if (res->end == COMMAND_TIMEOUT)
		log_warn("%s", late[res->phase]);
	if (res->end == COMMAND_EXITED && res->code == 0) {
		if ((the_attr.flags & PIPE_FINAL) != 0)
			d.action = STR("delivered");
		d.reason = delivered_text(buf_str(&text), a);
		return report_sent_all(rq, &d);
	}
	command_verdict(res, name, buf_str(&text), a, &d);
	return report_failed(rq, &d);
}

/* The command never ran: said in the log, and where it is the command's fault, to the sender. */
static int report_not_run(struct delivery_request *rq, int e, const struct why *why,
	struct arena *a)
{
	struct dsn d;

	if (e == -ENOEXEC || e == -E2BIG) {
		log_msg(LOG_SEV_FATAL, "%s", why->text);
		command_not_run(str_starts(str_of(why->text), STR("pipe_command: "))
					? arena_fmt(a, "pipe: fatal: %s ", why->text)
					: STR_EMPTY,
			a, &d);
	} else {
		log_warn("%s", why->text);
		d = (struct dsn){ .status = STR("4.3.0"),
			.reason = STR("system resource problem") };
	}
	return report_failed(rq, &d);
}

static unsigned copy_flags(void)
{
	static const struct {
		unsigned flag, copy;
	} map[] = {
		{ PIPE_BLANK, MAIL_COPY_BLANK },
		{ PIPE_DELIVERED, MAIL_COPY_DELIVERED },
		{ PIPE_FROM, MAIL_COPY_FROM },
		{ PIPE_ORIG_RCPT, MAIL_COPY_ORIG_RCPT },
		{ PIPE_RETURN, MAIL_COPY_RETURN_PATH },
		{ PIPE_DOT, MAIL_COPY_DOT },
		{ PIPE_GREATER, MAIL_COPY_QUOTE },
	};
	unsigned flags = 0;

	for (size_t i = 0; i < ARRAY_LEN(map); i++)
		if ((the_attr.flags & map[i].flag) != 0)
			flags |= map[i].copy;
	if (!the_conf.enable_original_recipient)
		flags &= ~(unsigned)MAIL_COPY_ORIG_RCPT;
	return flags;
}

static int feed(void *ctx, struct str data)
{
	return command_feed(ctx, data);
}

static int run(struct delivery_request *rq, char **argv, struct arena *a)
{
	struct mail_copy copy = { .rq = rq,
		.rcpt = &rq->rcpt[0],
		.flags = copy_flags(),
		.eol = buf_str(&the_attr.eol),
		.sender = rq->sender.len > 0 ? rq->sender : the_attr.null_sender };
	struct command c = { .argv = argv,
		.env = the_env.v,
		.id = the_attr.id,
		.chroot = the_attr.chroot,
		.directory = the_attr.directory,
		.time_limit = the_limit,
		.caller = "pipe_command" };
	struct command_result res;
	struct command_run cr;
	struct why why = { "" };
	int e = command_start(&c, &cr, &why);
	int status;

	if (e < 0)
		return report_not_run(rq, e, &why, a);
	e = mail_copy_to(&copy, feed, &cr, &why);
	if (e < 0 && e != -EPIPE && e != -ETIMEDOUT) {
		/* It must not take a part for the whole. */
		command_kill(&cr);
		command_done(&cr);
		if (e == -EBADMSG)
			return report_corrupt(rq, &why);
		log_warn(STR_FMT ": %s", STR_ARG(rq->queue_id), why.text);
		return report_text(rq, STR("4.3.0"), STR("cannot read the message"));
	}
	command_finish(&cr, &res);
	status = report_end(rq, &res, argv[0], buf_str(&cr.output), a);
	command_done(&cr);
	return status;
}

/* Headers that name the recipient need a request of their own for each: the flag, or NUL. */
static char needs_one(const struct delivery_request *rq)
{
	static const struct {
		unsigned flag;
		char letter;
	} map[] = { { PIPE_DELIVERED, 'D' }, { PIPE_ORIG_RCPT, 'O' } };

	for (size_t i = 0; i < ARRAY_LEN(map) && rq->n_rcpt > 1; i++) {
		if ((the_attr.flags & map[i].flag) != 0)
			return map[i].letter;
	}
	return '\0';
}

/* A message that has been here: 1 reported, *ret is what to answer; 0 go on. */
static int check_loop(struct delivery_request *rq, struct arena *a, int *ret)
{
	struct why why = { "" };
	int e;

	if ((the_attr.flags & PIPE_DELIVERED) == 0)
		return 0;
	e = delivered_before(rq, rq->rcpt[0].address, the_conf.smtputf8_enable, &why);
	if (e == 0)
		return 0;
	if (e == -EBADMSG) {
		*ret = report_corrupt(rq, &why);
	} else if (e < 0) {
		log_warn(STR_FMT ": %s", STR_ARG(rq->queue_id), why.text);
		*ret = report_text(rq, STR("4.3.0"), STR("cannot read the message"));
	} else {
		*ret = report_text(rq, STR("5.4.6"),
			arena_fmt(a, "mail forwarding loop for " STR_FMT,
				STR_ARG(rq->rcpt[0].address)));
	}
	return 1;
}

/* What would happen, as far as can be told. */
static int report_probe(struct delivery_request *rq, struct arena *a)
{
	struct dsn d = { .status = STR("2.0.0"),
		.reason = arena_fmt(a, "delivers to command: %s", the_attr.argv[0]) };

	return report_sent_all(rq, &d);
}

static int deliver(_unused_ struct service_ctx *ctx, _unused_ struct service_client *client,
	struct delivery_request *rq, struct arena *a)
{
	struct pipe_expand x = { .flags = the_attr.flags,
		.null_sender = the_attr.null_sender,
		.delimiters = str_of(the_conf.recipient_delimiter),
		.double_bounce = str_of(the_conf.double_bounce_sender),
		.owner_request_special = the_conf.owner_request_special,
		.utf8 = the_conf.smtputf8_enable,
		.where = buf_cstr(&the_place),
		.notes = &log_notes };
	struct why why = { "" };
	char flag = needs_one(rq);
	char **argv;
	int e, status;

	if (flag != '\0') {
		status = report_config_error(rq);
		log_warn("pipe flag `%c' requires %s_destination_recipient_limit = 1", flag,
			the_service);
		return status;
	}
	if (the_attr.size > 0 && rq->data_size > the_attr.size)
		return report_text(rq, STR("5.2.3"), STR("message too large"));
	if ((rq->flags & (REQUEST_MTA_VRFY | REQUEST_USR_VRFY)) != 0)
		return report_probe(rq, a);
	if (check_loop(rq, a, &status) != 0)
		return status;
	e = pipe_expand(&x, the_attr.argv, rq, a, &argv, &why);
	if (e == -E2BIG) {
		struct why full;

		(void)why_set(&full, e, "pipe_command: execvp %s: Argument list too long",
			the_attr.argv[0]);
		return report_not_run(rq, e, &full, a);
	}
	if (e < 0) {
		log_warn("%s", why.text);
		return report_config_error(rq);
	}
	return run(rq, argv, a);
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	agent_serve(&the_agent, ctx, client, deliver);
}

static int read_attributes(struct service_ctx *ctx, struct why *why)
{
	struct command_owner owner = { .name = the_conf.mail_owner,
		.setgid_name = the_conf.setgid_group,
		.check = geteuid() == 0 };
	int e = derive_owner(ctx->conf, &owner.uid, &owner.gid, &owner.setgid, why);

	return e < 0 ? e : pipe_attr_parse(ctx->args, &owner, &the_attr, why);
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_SMALL);
	int e = read_attributes(ctx, why);

	if (e < 0)
		return e;
	the_service = ctx->name;
	buf_putf(&the_place, "file %s/master.cf: service %s", conf_dir(ctx->conf), ctx->name);
	buf_putf(&name,
		"%s"
		"_time_limit",
		ctx->name);
	e = conf_time(ctx->conf, buf_cstr(&name), &the_limit, why);
	if (e == 0)
		e = command_environment(str_of(the_conf.export_environment), &the_env, why);
	return e < 0 ? e : agent_open(&the_agent, ctx->conf, "pipe", why);
}

static const char *changed(_unused_ struct service_ctx *ctx)
{
	return agent_changed(&the_agent);
}

int main(int argc, char **argv)
{
	static const struct service pipe_service = {
		.name = "pipe",
		.kind = SERVICE_SINGLE,
		.flags = SERVICE_PRIVILEGED,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE | P_IDENTITY | P_EXEC,
		.pre_jail = pre_jail,
		.pre_accept = changed,
		.serve = serve,
	};

	service_main(argc, argv, &pipe_service);
}
