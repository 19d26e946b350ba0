/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/master.h — what the parts of master share.
 *
 * Master owns one `struct service_state` for each entry of master.cf and one `struct child` for each
 * process that it started. It waits in one libev loop, does nothing that blocks for long, and starts
 * a process when somebody knocks at a service that has no process to open.
 *
 * Invariants: child->owner lists the child; a service watches its listeners only while it is not
 * throttled, no child of it is available, and its clients do not exhaust the process limit. The
 * limit counts clients: a child counts for as many as it may serve at once.
 */
#pragma once

#include <ev.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/map.h"
#include "base/strv.h"
#include "conf/conf.h"
#include "conf/master_cf.h"
#include "net/addr.h"

/** How long stress mode lasts, and how often a reached process limit is mentioned. */
#define STRESS_TIME (1000 * USEC_PER_SEC)
#define WARN_LIMIT  (1000 * USEC_PER_SEC)
/** How long a start or a reload may wait in all for addresses that ending processes still hold. */
#define BIND_PATIENCE (5 * USEC_PER_SEC)
/** Most addresses that one inet service listens on. */
#define MAX_ENDPOINTS 256

/** Parameters; strings belong to the conf. */
struct master_conf {
	const char *queue_directory;
	const char *data_directory;
	const char *daemon_directory;
	const char *process_id_directory;
	const char *import_environment;
	const char *master_service_disable;
	const char *inet_interfaces;
	const char *known_tcp_ports;
	const char *inet_protocols;
	const char *syslog_name;
	const char *maillog_file;
	const char *postlog_service_name;
	const char *submission_service_name;
	const char *myhostname;
	const char *mail_version;
	const char *debugger_command;
	const char *config_directory;
	int64_t default_process_limit;
	int64_t clients_per_process;
	usec_t service_throttle_time;
};

struct master {
	struct ev_loop *ev;
	struct conf *conf;
	struct master_conf set;
	const char *config_dir;
	bool debug;      /* -d */
	int verbose;     /* -v */
	uid_t owner_uid; /* mail_owner; the own ids when not root */
	gid_t owner_gid;
	int flow[2];
	uint32_t generation;
	struct list services;
	struct list orphans; /* children of services that are gone */
	bool stopping;
	usec_t bind_deadline; /* monotonic */
};

/** One entry of master.cf. */
struct service_state {
	struct list node;
	struct master *master;
	char *canonical; /* "25", "[127.0.0.1]:25", "private/smtp" */
	char *shown;     /* name as written */
	enum master_type type;
	bool unprivileged;
	bool chroot;
	bool remote; /* clients may come from other hosts */
	int64_t wakeup;
	bool wakeup_if_used;
	int64_t limit; /* clients at once, 0: none */
	char *path;    /* of the program */
	char *argv0;   /* command as written */
	struct strv args;

	struct net_addr *addrs; /* inet: what the listeners are bound to */
	struct ev_io *listeners;
	size_t n_listeners;
	bool watching;

	struct channel *status; /* of the children that serve; NULL when there is none */
	struct list channels;   /* all, also those of before a restart */
	struct list children;
	size_t n_children;
	size_t n_available;
	int64_t clients; /* sum over the children */

	bool throttled;
	struct ev_timer throttle_timer;
	struct ev_timer wakeup_timer;
	bool wakeup_running;
	usec_t stress_until;
	usec_t warned_until;
};

/**
 * A status channel, shared by the children that were started while it was the service's.
 *
 * When the service restarts, ours sends end of file and goes on reading: the processes of before
 * still say how many clients they have left, so that the limit holds.
 */
struct channel {
	struct list node;
	struct service_state *owner;
	int ours, theirs; /* theirs is -1 after a restart */
	struct ev_io io;
};

struct child {
	struct list node;
	struct service_state *owner; /* NULL once the service is gone */
	pid_t pid;
	uint32_t generation;
	bool available;
	bool old;       /* from before the last restart of the service: it leaves when it can */
	bool announced; /* it said how many clients it serves at once */
	int64_t clients;
	int64_t granted; /* most clients it was told it may serve at once */
	uint64_t uses;
	bool terminated; /* master sent SIGTERM */
	char *path;
};

/* ---- services.c ---- */

/** Read main.cf: fills conf and set. At a reload the old one stays when it fails. 0 or -EINVAL. */
_must_use_ int master_load_conf(struct master *m, bool reload);
/** Read master.cf; starts, changes and stops services. At a reload nothing changes when it fails. */
_must_use_ int master_load_services(struct master *m, bool reload);
/** The environment for children, from import_environment. */
void master_clean_environment(const struct master *m);

/* ---- endpoint.c ---- */

/** Work out path or addresses and canonical name: 0 or negative errno with why. */
_must_use_ int endpoint_resolve(struct master *m, const struct master_entry *e,
	struct service_state *ret, struct why *why);
/**
 * Open the listeners: 0 or negative errno with why.
 *
 * The processes of a system that was just stopped may hold an address for some moments more, so an
 * address in use is tried again until m->bind_deadline.
 */
_must_use_ int endpoint_open(struct service_state *s, struct why *why);
/** Close the listeners. */
void endpoint_close(struct service_state *s);

/* ---- children.c ---- */

/** Start or stop watching the listeners, as the state demands. */
void service_adjust(struct service_state *s);
/** Make the status channel and listen on it. */
void service_open_status(struct service_state *s);
/** Tell the children to go when they are idle. They no longer count as available. */
void service_retire_status(struct service_state *s);
/** Close all channels. */
void service_close_status(struct service_state *s);
/** New channel, new timers; the processes of before leave when they can. */
void service_restart(struct service_state *s);
/** Collect all that ended. */
void children_reap(struct master *m);
/** Signal every child. */
void children_kill(struct master *m, int sig);
/** How many processes there are. */
size_t children_count(const struct master *m);
/** Stop the children of a service that is going away; they become orphans. */
void children_orphan(struct service_state *s);

/* ---- spawn.c ---- */

/** fork and exec: pid, or negative errno. */
_must_use_ pid_t spawn(struct service_state *s, uint32_t generation, int64_t clients, bool stress);

/* ---- wakeup.c ---- */

/** Start the wakeup timer if the service has one; at once when `now`. */
void wakeup_start(struct service_state *s, bool now);
void wakeup_stop(struct service_state *s);
