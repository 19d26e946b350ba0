/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submitd — takes messages of local users whose postdrop has no privileges, and lists and flushes the
 * queue for their postqueue.
 *
 * Listens on open/submit, where every local user may connect; the kernel says who it is. The dialogue
 * is postdrop's own (greeting with the queue id, records, status and reason), the rules are those of
 * src/intake/submit.h, and the result is a file in the maildrop, with the user's id in it because the
 * file belongs to mail_owner. pickup does the rest. What ends a dialogue early is told to the client
 * as fatal=text and logged. When the first record is no part of a message but says what to do, ask.c does it.
 *
 * Peers may be hostile: memory is bounded, a record must come as one, nobody may take all the room
 * (share.h), and who keeps a connection without sending loses it when room is scarce.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "ask.h"
#include "base/fd.h"
#include "intake/recread.h"
#include "intake/submit.h"
#include "ipc/client.h"
#include "log/log.h"
#include "net/socket.h"
#include "sandbox/sandbox.h"
#include "service/service.h"
#include "service/submit_settings.h"
#include "service/table_settings.h"
#include "share.h"

/* A record and an answer: postdrop sends and reads at once. */
#define RECORD_TIMEOUT (30 * USEC_PER_SEC)
/* While room is scarce: how often we look, and how long nothing may come. */
#define LOOK_EVERY (2 * USEC_PER_SEC)
#define QUIET_MAX  (30 * USEC_PER_SEC)

struct submitd_conf {
	const char *pickup_service_name;
	const char *authorized_mailq_users;
	const char *authorized_flush_users;
	const char *showq_service_name;
	const char *flush_service_name;
	const char *queue_service_name;
	int64_t line_length_limit;
	usec_t trigger_timeout;
	usec_t ipc_timeout;
};

static struct submitd_conf the_conf;
static struct table_settings the_tables;
static struct submit_conf *the_rules;
static struct share *the_share;
static struct ask *the_ask;
static struct ipc_bell *the_bell;

#define S struct submitd_conf
static const struct conf_var vars[] = {
	CV_STR(S, pickup_service_name),
	CV_STR(S, authorized_mailq_users),
	CV_STR(S, authorized_flush_users),
	CV_STR(S, showq_service_name),
	CV_STR(S, flush_service_name),
	CV_STR(S, queue_service_name),
	CV_INT(S, line_length_limit),
	CV_TIME(S, trigger_timeout),
	CV_TIME(S, ipc_timeout),
	CV_END,
};

/* ---- what we say ---- */

static int send_list(struct stream *s, struct buf *b)
{
	int r = attr_put_end(b, ATTR_NUL);

	if (r == 0)
		r = stream_write(s, buf_str(b));
	return r == 0 ? stream_flush(s) : r;
}

static int greet(struct stream *s, const char *id)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	int r = attr_put_str(&b, ATTR_NUL, "protocol", STR("postdrop_protocol"));

	if (r == 0)
		r = attr_put_str(&b, ATTR_NUL, "queue_id", str_of(id));
	return r == 0 ? send_list(s, &b) : r;
}

static void answer(struct stream *s, unsigned status, struct str reason)
{
	int r = ask_answer(s, (int)status, reason);

	if (r < 0)
		log_debug("cannot answer: %s", strerrordesc_np(-r));
}

/* Log why a client is sent away, and tell it. */
static void refuse(struct stream *s, const char *text)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	log_warn("%s", text);
	stream_timeout(s, RECORD_TIMEOUT);
	if (attr_put_str(&b, ATTR_NUL, "fatal", str_of(text)) < 0 || send_list(s, &b) < 0)
		log_debug("the client has gone");
}

/* ---- what we read ---- */

/*
 * Wait for the next record: 0; -ETIMEDOUT too long for how many others wait. The text may come as
 * slowly as its author writes, as long as there is room for others.
 */
static int await(struct stream *s)
{
	usec_t begin = clock_now();

	while (!stream_readable(s)) {
		int r = stream_flush(s);
		usec_t quiet;

		if (r == 0)
			r = fd_wait(stream_fd(s), POLLIN, clock_deadline(LOOK_EVERY));
		if (r != -ETIMEDOUT)
			return r;
		quiet = clock_now() - begin;
		if (quiet >= the_conf.ipc_timeout ||
			(quiet >= QUIET_MAX && share_is_scarce(the_share)))
			return r;
	}
	return 0;
}

/*
 * Take records up to E: 1; 0 the client gave up between two of them, or wanted something else; negative
 * errno with why.
 */
static int take_records(struct submit *m, struct stream *s, const struct submit_user *u,
	struct why *why)
{
	size_t max = (size_t)the_conf.line_length_limit;
	_cleanup_buf_ struct buf slow = BUF_LOCAL(max + 2);
	bool first = true;
	int r = 1;

	for (; r > 0; first = false) {
		struct str data = STR_EMPTY;
		int type = await(s);

		if (type == 0)
			type = recread(s, max, &slow, &data);
		if (type == -ENODATA)
			return 0;
		if (type == -ETIMEDOUT)
			return why_set(why, type, "uid=%ld: timeout while reading a message",
				(long)u->uid);
		if (type < 0 && type != -EBADMSG)
			return why_set(why, type, "uid=%ld: malformed input", (long)u->uid);
		if (first && type == QUEUE_REQUEST_RECORD) {
			ask_serve(the_ask, s, u, data);
			return 0;
		}
		r = submit_record(m, type, data, why);
	}
	return r == 0 ? 1 : r;
}

static void take_message(struct submit *m, struct stream *s, const struct submit_user *u)
{
	struct str reason = STR_EMPTY;
	struct why why = { "" };
	unsigned status;
	int r = greet(s, submit_id(m));

	if (r == 0)
		r = take_records(m, s, u, &why);
	if (r < 0 && why.text[0] != '\0')
		refuse(s, why.text);
	if (r <= 0)
		return;
	status = submit_finish(m, &reason);
	/* Without pickup the file waits for it. */
	if (status == 0)
		(void)!ipc_bell_ring(the_bell);
	answer(s, status, reason);
}

static void serve_user(struct stream *s, uid_t uid)
{
	struct submit_user user;
	struct submit *m;
	struct why why = { "" };
	int r = submit_user_find(uid, &user);

	if (r < 0) {
		(void)why_errno(&why, r, "user ID %ld", (long)uid);
		refuse(s, why.text);
		return;
	}
	if (submit_allowed(the_rules, &user, &why) != LOOKUP_FOUND ||
		submit_open(the_rules, &user, true, &m, &why) < 0) {
		refuse(s, why.text);
		return;
	}
	take_message(m, s, &user);
	submit_free(m);
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	uid_t uid = 0;
	gid_t gid = 0;
	int r = net_peer_uid(stream_fd(client->stream), &uid, &gid);

	(void)ctx;
	if (r < 0) {
		log_warn("cannot tell who the client is: %s", strerrordesc_np(-r));
		return;
	}
	stream_timeout(client->stream, RECORD_TIMEOUT);
	if (!share_enter(the_share, uid)) {
		/* Closed without a greeting: postdrop tries again. */
		log_warn("uid=%ld: too many connections", (long)uid);
		return;
	}
	serve_user(client->stream, uid);
	share_leave(the_share, uid);
}

static void open_ask(void)
{
	const struct ask_settings set = {
		.authorized_mailq_users = the_conf.authorized_mailq_users,
		.authorized_flush_users = the_conf.authorized_flush_users,
		.showq_service_name = the_conf.showq_service_name,
		.services = { .queue_service = the_conf.queue_service_name,
			.pickup_service = the_conf.pickup_service_name,
			.flush_service = the_conf.flush_service_name },
		.tables = &the_tables,
		.timeout = the_conf.ipc_timeout,
	};

	the_ask = ask_new(&set);
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	int r = table_settings_from_conf(ctx->conf, &log_notes, &the_tables, why);
	struct submit_settings set;
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);

	if (r == 0)
		r = submit_settings_fill(ctx->conf, &the_tables, &log_notes, &set, why);
	if (r < 0)
		return r;
	if (ctx->stand_alone)
		return why_set(why, -EINVAL, "this service has no stand-alone mode");
	the_rules = submit_conf_new(&set);
	the_share = share_new(ctx->clients);
	open_ask();
	buf_putf(&path, "public/%s", the_conf.pickup_service_name);
	the_bell = ipc_bell_new(buf_cstr(&path), STR("W"), the_conf.trigger_timeout);
	return 0;
}

static const char *pre_accept(struct service_ctx *ctx)
{
	const char *name = submit_conf_changed(the_rules);

	(void)ctx;
	return name != NULL ? name : ask_changed(the_ask);
}

int main(int argc, char **argv)
{
	static const struct service submitd = {
		.name = "submitd",
		.kind = SERVICE_THREADED,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE,
		.pre_jail = pre_jail,
		.pre_accept = pre_accept,
		.serve = serve,
	};

	service_main(argc, argv, &submitd);
}
