/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup — takes messages by socket and puts them into the incoming queue.
 *
 * The work is src/intake; this is its protocol (cleanup_protocol): greeting with the queue id, flags,
 * records up to E, status and reason. One message a connection: a greeting names the id of the next
 * message, so that a second greeting would cost a queue file for each client that does not want it.
 */
#include <errno.h>

#include "intake/recread.h"
#include "ipc/attr.h"
#include "log/log.h"
#include "sandbox/sandbox.h"
#include "service/intake_settings.h"
#include "service/service.h"

/* The list with the flags. */
#define FLAGS_MAX ((size_t)4096)
/* Longest record; clients cut text at line_length_limit, other records hold an address or a name. */
#define RECORD_MAX ((size_t)1024 * 1024)

static struct intake_params the_intake;

static int send_list(struct service_client *client, struct buf *b)
{
	int r = attr_put_end(b, ATTR_NUL);

	if (r == 0)
		r = stream_write(client->stream, buf_str(b));
	return r == 0 ? stream_flush(client->stream) : r;
}

static int greet(struct service_client *client, const char *id)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	int r = attr_put_str(&b, ATTR_NUL, "protocol", STR("cleanup_protocol"));

	if (r == 0)
		r = attr_put_str(&b, ATTR_NUL, "queue_id", str_of(id));
	return r == 0 ? send_list(client, &b) : r;
}

static int read_flags(struct service_client *client, unsigned *ret)
{
	struct attr_list l;
	int flags;
	int r = attr_list_read(client->stream, ATTR_NUL, FLAGS_MAX, client->arena, &l);

	if (r == 0)
		r = attr_int(&l, "flags", &flags);
	if (r == 0)
		*ret = (unsigned)flags;
	return r;
}

/* Feed records up to E: 0; -ENODATA the client left; another error of stream or format. */
static int feed(struct stream *s, struct intake *it)
{
	_cleanup_buf_ struct buf slow = BUF_LOCAL(RECORD_MAX + 1);
	int type = 0;

	while (type != REC_END) {
		struct str data;

		type = recread(s, RECORD_MAX, &slow, &data);
		if (type < 0)
			return type;
		(void)intake_record(it, type, data);
		if (type == REC_MILT && !str_eq(str_trim(data), STR("0")))
			return -ENOTSUP;
	}
	return 0;
}

static void answer(struct service_client *client, unsigned status, struct str reason)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	int r = attr_put_int(&b, ATTR_NUL, "status", (int)status);

	if (r == 0)
		r = attr_put_str(&b, ATTR_NUL, "reason", reason);
	if (r == 0)
		r = send_list(client, &b);
	if (r < 0)
		log_debug("cannot answer: %s", strerrordesc_np(-r));
}

static void serve_message(struct service_client *client, struct intake *it)
{
	struct str reason = STR_EMPTY;
	unsigned flags = 0;
	int r = greet(client, intake_id(it));

	if (r == 0)
		r = read_flags(client, &flags);
	if (r == -ENOENT || r == -EBADMSG) {
		log_warn("%s: no flags from the client", intake_id(it));
		answer(client, INTAKE_STAT_BAD, STR_EMPTY);
	}
	if (r < 0)
		return;
	intake_set_flags(it, flags);
	r = feed(client->stream, it);
	if (r < 0) {
		if (r != -ENODATA)
			log_warn("%s: while reading a message: %s", intake_id(it),
				strerrordesc_np(-r));
		log_info("%s: removed (canceled)", intake_id(it));
		return;
	}
	flags = intake_finish(it, &reason);
	answer(client, flags, reason);
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	struct intake *it;
	struct why why;

	service_flow_delay(ctx);
	if (intake_open(the_intake.conf, 0, &it, &why) < 0) {
		log_warn("%s", why.text);
		return;
	}
	serve_message(client, it);
	intake_free(it);
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	return intake_params_open(ctx->conf, NULL, &log_notes, &the_intake, why);
}

static const char *pre_accept(struct service_ctx *ctx)
{
	(void)ctx;
	return intake_params_changed(&the_intake);
}

int main(int argc, char **argv)
{
	static const struct service cleanup = {
		.name = "cleanup",
		.kind = SERVICE_THREADED,
		.flags = SERVICE_UNLIMITED,
		.promises = P_STDIO | P_UNIX | P_INET | P_READ | P_QUEUE,
		.pre_jail = pre_jail,
		.pre_accept = pre_accept,
		.serve = serve,
	};

	service_main(argc, argv, &cleanup);
}
