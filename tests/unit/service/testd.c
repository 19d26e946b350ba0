/* SPDX-License-Identifier: Apache-2.0 */
/*
 * testd — a daemon of every kind, for the tests of service/ and master; its name chooses the kind.
 *
 * Stream kinds speak lines: "pid", "clients", "stress", "env NAME", "ending", "crash", "end", "quit".
 * Triggers and datagrams are appended to a file in the queue directory, named after the service.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/status.h"
#include "log/log.h"
#include "service/service.h"

static const char *text_of_request(struct service_ctx *ctx, struct str line, struct buf *b)
{
	_cleanup_free_ char *name = NULL;
	struct why why;

	if (str_eq(line, STR("pid"))) {
		buf_putf(b, "%d\n", (int)getpid());
	} else if (str_eq(line, STR("clients"))) {
		buf_putf(b, "%u\n", ctx->clients);
	} else if (str_eq(line, STR("stress"))) {
		char *value = NULL;

		if (conf_str(ctx->conf, "stress", &value, &why) < 0)
			return NULL;
		buf_putf(b, "stress=%s\n", value);
		free(value);
	} else if (str_starts(line, STR("env "))) {
		name = str_dup(str_skip(line, 4));
		buf_putf(b, "%s\n", getenv(name) == NULL ? "(none)" : getenv(name));
	} else if (str_eq(line, STR("ending"))) {
		buf_putf(b, "%d\n", service_is_ending(ctx) ? 1 : 0);
	} else if (str_eq(line, STR("crash"))) {
		_exit(3);
	} else if (str_eq(line, STR("end"))) {
		service_end(ctx, "told to end");
		buf_puts(b, "ok\n");
	} else {
		return NULL;
	}
	return buf_cstr(b);
}

/* Requests that want the client or do something. */
static const char *act(struct service_ctx *ctx, const struct service_client *client,
	struct str line, struct buf *b)
{
	if (str_eq(line, STR("client"))) {
		char text[NET_ADDR_TEXT];

		net_addr_text(&client->pass_client, text);
		buf_putf(b, "%s %u\n", text, (unsigned)net_addr_port(&client->pass_client));
	} else if (str_eq(line, STR("hang"))) {
		for (;;)
			(void)pause();
	} else if (str_eq(line, STR("put"))) {
		check(write(IPC_FLOW_WRITE_FD, "", 1) == 1);
		buf_puts(b, "ok\n");
	} else if (str_eq(line, STR("uid"))) {
		buf_putf(b, "%d\n", (int)geteuid());
	} else if (str_starts(line, STR("see "))) {
		_cleanup_free_ char *path = str_dup(str_skip(line, 4));

		buf_puts(b, access(path, F_OK) == 0 ? "yes\n" : "no\n");
	} else if (str_starts(line, STR("log "))) {
		log_info(STR_FMT, STR_ARG(str_skip(line, 4)));
		buf_puts(b, "ok\n");
	} else if (str_eq(line, STR("flow"))) {
		service_flow_delay(ctx);
		buf_puts(b, "ok\n");
	} else {
		return text_of_request(ctx, line, b);
	}
	return buf_cstr(b);
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	while (service_next_request(ctx, client, 0)) {
		_cleanup_buf_ struct buf line = BUF(BUF_SMALL);
		_cleanup_buf_ struct buf reply = BUF(BUF_SMALL);
		const char *text;

		if (stream_line(client->stream, 1000, &line) != 1)
			return;
		text = act(ctx, client, str_rtrim(buf_str(&line)), &reply);
		if (text == NULL || stream_write(client->stream, str_of(text)) < 0 ||
			stream_flush(client->stream) < 0)
			return;
	}
}

static void append(struct service_ctx *ctx, struct str data)
{
	int fd = fd_open(ctx->name, O_WRONLY | O_CREAT | O_APPEND, 0600);

	check(fd >= 0);
	check(fd_write_all(fd, data) == 0);
	fd_close(fd);
}

static void trigger(struct service_ctx *ctx, struct str request)
{
	append(ctx, request);
}

static void datagram(struct service_ctx *ctx, int fd)
{
	char text[256];
	ssize_t n = recv(fd, text, sizeof text, MSG_DONTWAIT);

	if (n > 0)
		append(ctx, str_from(text, (size_t)n));
}

static void accepted(struct service_ctx *ctx, int fd)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());

	IGNORE(fd_write_all(fd, str_from(text, (size_t)n)));
	fd_close(fd);
	service_client_done(ctx);
}

static const char *table_changed(struct service_ctx *ctx)
{
	(void)ctx;
	return access("table-changed", F_OK) == 0 ? "test:table" : NULL;
}

static int fail(struct service_ctx *ctx, struct why *why)
{
	return access("fail", F_OK) == 0 ? why_set(why, -EINVAL, "%s will not start", ctx->name)
					 : 0;
}

static void at_exit(struct service_ctx *ctx)
{
	log_info("exit %s", ctx->name);
}

int main(int argc, char **argv)
{
	static const struct service kinds[] = {
		{ .name = "single",
			.kind = SERVICE_SINGLE,
			.serve = serve,
			.pre_jail = fail,
			.pre_accept = table_changed,
			.at_exit = at_exit },
		{ .name = "threaded",
			.kind = SERVICE_THREADED,
			.serve = serve,
			.pre_jail = fail,
			.pre_accept = table_changed,
			.at_exit = at_exit },
		{ .name = "multi",
			.kind = SERVICE_THREADED,
			.flags = SERVICE_MULTI,
			.serve = serve },
		{ .name = "event", .kind = SERVICE_EVENT, .accept = accepted, .at_exit = at_exit },
		{ .name = "trigger", .kind = SERVICE_TRIGGER, .trigger = trigger },
		{ .name = "dgram",
			.kind = SERVICE_DGRAM,
			.datagram = datagram,
			.at_exit = at_exit },
		{ .name = "solitary",
			.kind = SERVICE_SINGLE,
			.flags = SERVICE_SOLITARY,
			.serve = serve },
		{ .name = "unlimited",
			.kind = SERVICE_SINGLE,
			.flags = SERVICE_UNLIMITED,
			.serve = serve },
	};
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash == NULL ? argv[0] : slash + 1;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (str_eq(str_of(kinds[i].name), str_of(name)))
			service_main(argc, argv, &kinds[i]);
	}
	return 99;
}
