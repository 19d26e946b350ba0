/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/run_priv.h — the state of a running daemon, shared by the skeletons.
 *
 * One a process. The context that callbacks see is its first part.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "service/options_priv.h"
#include "service/service.h"

/** How long a process that is out of descriptors or memory leaves its listeners alone. */
#define ACCEPT_PAUSE (USEC_PER_SEC / 2)

/** Parameters that every daemon has. */
struct base_conf {
	const char *queue_directory;
	const char *data_directory;
	const char *debugger_command;
	const char *maillog_file;
	usec_t daemon_timeout;
	usec_t ipc_timeout;
	usec_t max_idle;
	int64_t max_use;
	usec_t in_flow_delay;
};

struct run {
	struct service_ctx ctx;
	const struct service *def;
	struct service_options opt;
	struct base_conf conf;
	uint32_t generation;
	usec_t watchdog;
	usec_t watchdog_set; /* monotonic: when the alarm was set last */
	usec_t retire_at;    /* monotonic, USEC_NEVER */
	int end_fd;          /* eventfd, readable once the process is ending */
	_Atomic bool ending;
	bool status_taken;    /* what master was told last */
	bool announced;       /* THREADED: master knows how many clients we serve at once */
	bool orphan;          /* DGRAM: master is gone, but the work goes on */
	pid_t parent;         /* DGRAM: master */
	int parent_fd;        /* DGRAM: its state in /proc, or -1 */
	bool proven;          /* master knows that we have served somebody */
	_Atomic bool worked;  /* somebody was served */
	int wake_fd;          /* THREADED: eventfd that wakes the main thread */
	usec_t accept_warned; /* when a failed accept was logged last */
	uint64_t served;      /* connections or events so far */
	uint64_t active;      /* THREADED and EVENT: connections open now */
};

static inline struct run *run_of(struct service_ctx *ctx)
{
	return container_of(ctx, struct run, ctx);
}

/** Tell master; a failure begins the end. */
void run_status(struct run *run, int avail);
/**
 * The one report by which a server that is never full shows that it works: before it, a fault counts
 * as a bad start. Main thread.
 */
void run_prove(struct run *run);
/** Note who the parent is, before the jail. */
void run_note_parent(struct run *run);
/** Is that process gone, or about to be? */
bool run_has_lost_parent(const struct run *run);
/** A client or request was served (any thread); the first time the main thread hears of it. */
void run_worked(struct run *run);
/** Begin the end: accept no more. Logs nothing. Any thread. */
void run_end(struct run *run);
/** Leave with status 0 after the daemon's at_exit. */
_noreturn_ void run_exit(struct run *run);
/** Ask the daemon whether a table changed; true (logged, ending) when so. */
bool run_table_changed(struct run *run);
/** Start the watchdog, or tell it that all is well. */
void run_watchdog(struct run *run);
/** Longest time to wait now: idle time, retirement, watchdog; USEC_NEVER never occurs. */
usec_t run_wait_limit(const struct run *run, bool idle, usec_t idle_since);
/** Call before_wait(); the sooner of its limit and the one given. */
usec_t run_before_wait(struct run *run, usec_t limit);
/** True when idling or age says that the process has done its part. */
bool run_is_over(const struct run *run, bool idle, usec_t idle_since);

/**
 * Make a client of an accepted socket: reads what a `pass` service sends first.
 *
 * @param ret   zero, or a client that was closed: its memory is used again
 * @return 0; negative errno: nothing to serve, the socket was closed
 */
_must_use_ int client_open(struct run *run, int fd, const struct net_addr *peer,
	struct service_client *ret);
/**
 * Deal with a failed accept: -EAGAIN is nothing; other errors are logged, seldom.
 *
 * @return true when resources are short: stop accepting for ACCEPT_PAUSE
 */
bool run_accept_failed(struct run *run, int error);
/** Sleep for ACCEPT_PAUSE. */
void run_pause(void);
/** Close stream and arena; what memory they have stays for the next client. */
void client_close(struct service_client *client);
/** Free what client_close() left. Zero is accepted. */
void client_done(struct service_client *client);

/** The skeletons. */
_noreturn_ void loop_single(struct run *run);
_noreturn_ void loop_threaded(struct run *run);
_noreturn_ void loop_event(struct run *run);
