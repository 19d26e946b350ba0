/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anvil — counts connections and requests of clients for smtpd.
 *
 * One process, one thread a connection (smtpd's are few and stay open); the counters are behind one
 * lock. Memory only. Protocol: anvil_protocol, plain encoding, requests follow each other on a
 * connection; when the last one of a process closes, what it did not disconnect is undone.
 */
#include <pthread.h>
#include <sys/socket.h>

#include "counters.h"
#include "ipc/attr.h"
#include "log/log.h"
#include "peers.h"
#include "sandbox/sandbox.h"
#include "service/service.h"

/* Most bytes of one request. */
#define REQUEST_MAX 8192

struct anvil_conf {
	usec_t anvil_rate_time_unit;
	usec_t anvil_status_update_time;
};

static struct anvil_conf the_conf;
static struct anvil_counters the_counters;
static struct anvil_peers the_peers;
static pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;
static usec_t the_next_report;

static const struct conf_var vars[] = {
	CV_TIME(struct anvil_conf, anvil_rate_time_unit),
	CV_TIME(struct anvil_conf, anvil_status_update_time),
	CV_END,
};

static void log_line(const char *line)
{
	log_info("%s", line);
}

/* With the lock held. */
static void report_when_due(usec_t now)
{
	if (now < the_next_report)
		return;
	the_next_report = now + the_conf.anvil_status_update_time;
	anvil_report(&the_counters, log_line);
}

struct request {
	const char *name;
	enum anvil_rate what; /* ANVIL_RATES: not a plain event */
	bool count_up;
};

static const struct request requests[] = {
	{ "message", ANVIL_MESSAGE, true },
	{ "recipient", ANVIL_RECIPIENT, true },
	{ "newtls", ANVIL_NEWTLS, true },
	{ "newtls_status", ANVIL_NEWTLS, false },
	{ "auth", ANVIL_AUTH, true },
	{ "tlstr", ANVIL_TLSTRACE, true },
};

/* Append the reply to one request; the lock is held. 0, or -EINVAL for an unknown request. */
static int answer(struct buf *b, struct str what, struct str ident, usec_t now)
{
	time_t wall = (time_t)(clock_wall() / USEC_PER_SEC);
	struct anvil_entry none = { 0 };
	struct anvil_entry *e;

	buf_puts(b, "status=0\n");
	if (str_eq(what, STR("connect"))) {
		e = anvil_connect(&the_counters, ident, now, wall);
		buf_putf(b, "count=%d\nrate=%d\n", e->count, e->rate[ANVIL_CONNECT]);
		return 0;
	}
	if (str_eq(what, STR("disconnect"))) {
		anvil_disconnect(&the_counters, ident, now);
		return 0;
	}
	if (str_eq(what, STR("lookup"))) {
		e = anvil_find(&the_counters, ident, now);
		e = e == NULL ? &none : e;
		buf_putf(b, "count=%d\nrate=%d\nmail=%d\nrcpt=%d\nnewtls=%d\nauth=%d\ntlstr=%d\n",
			e->count, e->rate[ANVIL_CONNECT], e->rate[ANVIL_MESSAGE],
			e->rate[ANVIL_RECIPIENT], e->rate[ANVIL_NEWTLS], e->rate[ANVIL_AUTH],
			e->rate[ANVIL_TLSTRACE]);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const struct request *r = &requests[i];

		if (!str_eq(what, str_of(r->name)))
			continue;
		e = r->count_up ? anvil_event(&the_counters, ident, r->what, now, wall)
				: anvil_find(&the_counters, ident, now);
		buf_putf(b, "rate=%d\n", e == NULL ? 0 : e->rate[r->what]);
		return 0;
	}
	buf_clear(b);
	return -1;
}

/* One request of a process; false: the connection ends. */
static bool serve_one(struct service_client *client, pid_t pid)
{
	_cleanup_arena_ struct arena *a = arena_new(4 * REQUEST_MAX);
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct attr_list l;
	struct str what, ident;
	usec_t now = clock_now();

	if (attr_list_read(client->stream, ATTR_PLAIN, REQUEST_MAX, a, &l) < 0)
		return false;
	if (attr_str(&l, "request", &what) < 0 || attr_str(&l, "ident", &ident) < 0) {
		log_warn("request without request= or ident=");
		return false;
	}
	(void)pthread_mutex_lock(&the_lock);
	report_when_due(now);
	if (answer(&b, what, ident, now) == 0) {
		if (str_eq(what, STR("connect")))
			peers_connect(&the_peers, pid, ident);
		else if (str_eq(what, STR("disconnect")))
			peers_disconnect(&the_peers, pid, ident);
	} else {
		log_warn("unknown request: " STR_FMT, STR_ARG(what));
		buf_puts(&b, "status=-1\n");
	}
	(void)pthread_mutex_unlock(&the_lock);
	buf_putc(&b, '\n');
	return stream_write(client->stream, buf_str(&b)) == 0 && stream_flush(client->stream) == 0;
}

/* Which process is at the other end of a connection; 0 when the kernel does not say. */
static pid_t pid_of(const struct service_client *client)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof cred;

	if (getsockopt(stream_fd(client->stream), SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return 0;
	return cred.pid;
}

static void forget(void *ctx, struct str ident)
{
	anvil_disconnect(&the_counters, ident, *(const usec_t *)ctx);
}

static void serve(struct service_ctx *ctx, struct service_client *client)
{
	_cleanup_buf_ struct buf greeting = BUF_LOCAL(BUF_SMALL);
	pid_t pid = pid_of(client);
	usec_t now;

	if (attr_put_greeting(&greeting, ATTR_PLAIN, "anvil_protocol") < 0 ||
		stream_write(client->stream, buf_str(&greeting)) < 0 ||
		stream_flush(client->stream) < 0)
		return;
	(void)pthread_mutex_lock(&the_lock);
	peers_open(&the_peers, pid);
	(void)pthread_mutex_unlock(&the_lock);
	do {
		if (!service_next_request(ctx, client, 0))
			break;
	} while (serve_one(client, pid));
	now = clock_now();
	(void)pthread_mutex_lock(&the_lock);
	peers_close(&the_peers, pid, forget, &now);
	(void)pthread_mutex_unlock(&the_lock);
}

/* The report is due also when nobody asks. */
static int before_wait(struct service_ctx *ctx)
{
	usec_t now = clock_now();
	usec_t left;

	(void)ctx;
	(void)pthread_mutex_lock(&the_lock);
	report_when_due(now);
	left = the_next_report - now;
	(void)pthread_mutex_unlock(&the_lock);
	return (int)(left / USEC_PER_SEC) + 1;
}

static int post_jail(struct service_ctx *ctx, struct why *why)
{
	(void)why;
	/* The counters die with the process: it stays while it has something to remember. */
	ctx->max_use = 0;
	ctx->max_idle = MAX(ctx->max_idle, the_conf.anvil_rate_time_unit);
	peers_init(&the_peers);
	anvil_init(&the_counters, the_conf.anvil_rate_time_unit);
	the_next_report = clock_now() + the_conf.anvil_status_update_time;
	return 0;
}

static void at_exit(struct service_ctx *ctx)
{
	(void)ctx;
	(void)pthread_mutex_lock(&the_lock);
	anvil_report(&the_counters, log_line);
	(void)pthread_mutex_unlock(&the_lock);
}

int main(int argc, char **argv)
{
	static const struct service anvil = {
		.name = "anvil",
		.kind = SERVICE_THREADED,
		.flags = SERVICE_SOLITARY | SERVICE_MULTI,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_UNIX,
		.post_jail = post_jail,
		.serve = serve,
		.before_wait = before_wait,
		.at_exit = at_exit,
	};

	service_main(argc, argv, &anvil);
}
