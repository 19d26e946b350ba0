/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/service.h — main() of every daemon: options, configuration, privileges, the loop.
 *
 * A daemon describes itself in one structure and calls service_main(). The order of events is the
 * documented one: command line, main.cf, -o, logging, pre-jail callback, chroot and identity,
 * post-jail callback, loop.
 *
 * Kinds:
 *   SERVICE_SINGLE    one client at a time in this process; serve() gets a stream and blocks
 *   SERVICE_THREADED  one thread a client; serve() as above, called from worker threads. max_use
 *                     counts per client slot: a process that serves n at once stands for n processes
 *                     and ends after max_use * n connections, where n is never more than max_use
 *   SERVICE_EVENT     the daemon runs a libev loop of its own; accepted sockets come to accept()
 *   SERVICE_TRIGGER   bytes come to trigger()
 *   SERVICE_DGRAM     a datagram socket is readable: datagram()
 */
#pragma once

#include "base/arena.h"
#include "conf/conf.h"
#include "io/stream.h"
#include "net/addr.h"

enum service_kind {
	SERVICE_SINGLE,
	SERVICE_THREADED,
	SERVICE_EVENT,
	SERVICE_TRIGGER,
	SERVICE_DGRAM,
};

enum service_flags {
	SERVICE_SOLITARY = 1 << 0,   /* process limit must be 1 */
	SERVICE_UNLIMITED = 1 << 1,  /* process limit must be 0 */
	SERVICE_PRIVILEGED = 1 << 2, /* unprivileged=n required (checked only as root) */
	SERVICE_RETIRE_ME = 1 << 3,  /* ends after a time that follows from max_idle and max_use */
	/**
	 * THREADED only: a connection is not a client in the sense of the process limit; one process
	 * serves all that come (anvil, verify, proxymap, trivial-rewrite, scache, tlsmgr).
	 */
	SERVICE_MULTI = 1 << 4,
};

/** A client connection as serve() gets it. */
struct service_client {
	struct stream *stream; /* ipc_timeout is set */
	struct arena *arena;   /* for the connection, freed afterwards */
	const char *service;   /* -n name */
	bool stand_alone;      /* -S: client on stdin and stdout */
	bool from_pass;        /* behind postscreen: addresses were passed */
	bool is_inet;
	struct net_addr pass_client, pass_server; /* when from_pass */
	struct net_addr peer; /* of an inet socket; otherwise its family is AF_UNIX or 0 */
	char **args; /* arguments after the options (name=value words of pipe, spawn, smtp flags=) */
	usec_t opened; /* monotonic; the skeleton's own, like the next */
	bool began;    /* its first request was waited for */
};

struct service;

/** What callbacks get: immutable after init except through the functions below. */
struct service_ctx {
	const struct service *def;
	struct conf *conf;
	const char *name;           /* -n or program name */
	const char *transport_type; /* "unix", "inet", ... */
	char **args;                /* words after the options, NULL-terminated */
	unsigned clients;           /* clients this process may serve at once */
	bool stand_alone;
	int64_t max_use; /* from max_use and -m; pre_jail and post_jail may change it, 0: none */
	usec_t max_idle; /* from max_idle and -i; likewise */
	void *user;      /* the daemon's own, set in pre_jail or post_jail */
	struct ev_loop *loop; /* SERVICE_EVENT and SERVICE_TRIGGER */
};

struct service {
	const char *name; /* "smtpd" */
	enum service_kind kind;
	unsigned flags;              /* enum service_flags */
	const struct conf_var *vars; /* parameter table */
	void *conf_base;             /* filled from vars */
	unsigned promises;           /* sandbox promises, 0: none entered */
	const char *watchdog_param;  /* NULL: daemon_timeout */
	int (*pre_jail)(struct service_ctx *ctx, struct why *why);
	int (*post_jail)(struct service_ctx *ctx, struct why *why);
	/** Before accept: name of a table that changed (process restarts), or NULL. */
	const char *(*pre_accept)(struct service_ctx *ctx);
	/** Serve one connection until it ends. The stream is closed afterwards. */
	void (*serve)(struct service_ctx *ctx, struct service_client *client);
	/** SERVICE_EVENT: a connected socket, now the daemon's. */
	void (*accept)(struct service_ctx *ctx, int fd);
	/** SERVICE_TRIGGER: up to 1,024 bytes. */
	void (*trigger)(struct service_ctx *ctx, struct str request);
	/** SERVICE_DGRAM: read from fd. */
	void (*datagram)(struct service_ctx *ctx, int fd);
	/** Called by the main thread before each wait; returns most seconds to wait, -1 none. */
	int (*before_wait)(struct service_ctx *ctx);
	/** Before exit: close, write statistics. */
	void (*at_exit)(struct service_ctx *ctx);
};

/** Run a daemon; never returns. argv as master passes it. */
_noreturn_ void service_main(int argc, char **argv, const struct service *def);
/** True once the process must end after the present client (max_use, reload, master gone). */
bool service_is_ending(const struct service_ctx *ctx);
/** The process should exit when idle: a table changed, a fault that a restart mends. */
void service_end(struct service_ctx *ctx, const char *reason);

/**
 * Wait until the next request of a connection is there.
 *
 * A persistent connection must not keep a process alive that was told to go, so servers call this
 * before they read a request. The first one of a connection that was accepted is served even then,
 * if it comes within a few seconds: its client has no other way to learn that it came too late.
 *
 * @param client    as serve() got it
 * @param timeout   longest wait; 0: the stream's own timeout decides
 * @return true when input (or end of file) is there to be read; false: close the connection
 */
bool service_next_request(struct service_ctx *ctx, struct service_client *client, usec_t timeout);
/** SERVICE_EVENT: a socket that accept() handed over was closed; lets max_idle and max_use work. */
void service_client_done(struct service_ctx *ctx);
/** Take a flow-control token, or sleep in_flow_delay once when there is none (once a message). */
void service_flow_delay(struct service_ctx *ctx);

/* Settings that every program derives the same way from a conf: see service/derive.h. */
