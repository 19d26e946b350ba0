/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/service.c — from main() to the loop, in the documented order; see service.h.
 */
#include "service/service.h"

#include <errno.h>
#include <ev.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "conf/lines.h"
#include "ipc/status.h"
#include "log/log.h"
#include "sandbox/sandbox.h"
#include "service/derive.h"
#include "service/run_priv.h"

/* A multi server serves this many connections at once, whatever the process limit. */
#define MULTI_CONNECTIONS 5000
/* The longest life of a process that retires. */
#define RETIRE_MAX (18000 * USEC_PER_SEC)

static const struct conf_var the_vars[] = {
	CV_STR(struct base_conf, queue_directory),
	CV_STR(struct base_conf, data_directory),
	CV_STR(struct base_conf, debugger_command),
	CV_STR(struct base_conf, maillog_file),
	CV_TIME(struct base_conf, daemon_timeout),
	CV_TIME(struct base_conf, ipc_timeout),
	CV_TIME(struct base_conf, max_idle),
	CV_INT(struct base_conf, max_use),
	CV_TIME(struct base_conf, in_flow_delay),
	CV_END,
};

/* The options of each kind of server, for getopt(3); '+' stops at the first argument. */
static const char *letters_of(enum service_kind kind)
{
	switch (kind) {
	case SERVICE_TRIGGER:
		return "+cdDi:lm:n:o:s:St:uvVz";
	case SERVICE_DGRAM:
		return "+cdDi:lm:n:o:s:t:uvVz";
	case SERVICE_SINGLE:
	case SERVICE_THREADED:
	case SERVICE_EVENT:
		break;
	}
	return "+cdDi:lm:n:o:r:s:St:uvVz";
}

static bool transport_ok(enum service_kind kind, const char *name)
{
	static const char *const streams[] = { "inet", "unix", "pass", NULL };
	static const char *const events[] = { "inet", "unix", NULL };
	/* A passed connection has no use for those that answer nothing or want to see the address. */
	static const char *const triggers[] = { "inet", "unix", "fifo", NULL };
	static const char *const dgrams[] = { "unix-dgram", NULL };
	const char *const *list = streams;

	if (kind == SERVICE_EVENT)
		list = events;
	else if (kind == SERVICE_TRIGGER)
		list = triggers;
	else if (kind == SERVICE_DGRAM)
		list = dgrams;
	for (; *list != NULL; list++) {
		if (str_eq(str_of(*list), str_of(name)))
			return true;
	}
	return false;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* -V as a word of its own: needed before the options are parsed. */
static bool wants_stderr(char **argv)
{
	for (; *argv != NULL; argv++) {
		if (str_eq(str_of(*argv), STR("-V")))
			return true;
	}
	return false;
}

/* Until main.cf is read, the environment that master made says where lines go. */
static void early_log(const char *program, bool is_logger, bool to_stderr)
{
	const char *name = getenv("MAIL_LOGTAG");
	_cleanup_buf_ struct buf tag = BUF_LOCAL(BUF_SMALL);
	struct log_settings s = { .facility = "mail",
		.hostname = getenv("POSTLOG_HOSTNAME"),
		.postlog_socket = getenv("POSTLOG_SERVICE"),
		.to_stderr = to_stderr };

	if (buf_addf(&tag, "%s/%s", name == NULL ? "postfix" : name, program) == 0)
		s.tag = buf_cstr(&tag);
	if (s.postlog_socket != NULL && s.postlog_socket[0] == '\0')
		s.postlog_socket = NULL;
	if (is_logger)
		s.postlog_socket = NULL;
	s.no_syslog = s.postlog_socket != NULL;
	log_init(&s);
}

/* Under master -o stands in master.cf; say so in errors. */
static void name_overrides(struct run *run)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);

	if (run->opt.stand_alone || run->opt.by_hand)
		return;
	buf_putf(&b, "set with -o for service %s in %s/master.cf", run->ctx.name,
		conf_dir(run->ctx.conf));
	conf_override_origin(run->ctx.conf, buf_cstr(&b));
}

static void load_conf(struct run *run, const char *program)
{
	struct why why;
	const char *dir = derive_config_dir(NULL);

	if (conf_load(dir, &log_notes, &run->ctx.conf, &why) < 0)
		log_fatal("%s", why.text);
	for (size_t i = 0; i < run->opt.overrides.n; i++) {
		struct str setting = str_of(run->opt.overrides.v[i]);
		struct str name, value;
		const char *wrong = conf_split_setting(setting, &name, &value);

		if (wrong != NULL)
			log_fatal("invalid \"-o %s\" option value: %s", run->opt.overrides.v[i],
				wrong);
		if (conf_override(run->ctx.conf, setting, &why) < 0)
			log_fatal("%s", why.text);
	}
	name_overrides(run);
	derive_process(run->ctx.conf, program, run->ctx.name);
}

/* -v: what the parameters of this process are. */
static void show_conf(const struct conf *conf, const struct conf_var *vars)
{
	for (; vars != NULL && vars->name != NULL; vars++) {
		_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
		struct why why;

		if (conf_expand(conf, vars->name, &text, &why) == 0)
			log_debug("%s = %s", vars->name, buf_cstr(&text));
	}
}

static void fill_conf(struct run *run)
{
	struct why why;
	const char *watchdog = run->def->watchdog_param;

	if (derive_owner(run->ctx.conf, NULL, NULL, NULL, &why) < 0 ||
		derive_families(run->ctx.conf, &why) < 0)
		log_fatal("%s", why.text);

	if (conf_fill(run->ctx.conf, the_vars, &run->conf, &why) < 0)
		log_fatal("%s", why.text);
	if (run->def->vars != NULL &&
		conf_fill(run->ctx.conf, run->def->vars, run->def->conf_base, &why) < 0)
		log_fatal("%s", why.text);
	if (log_verbose() > 0) {
		show_conf(run->ctx.conf, the_vars);
		show_conf(run->ctx.conf, run->def->vars);
	}
	run->watchdog = run->conf.daemon_timeout;
	if (watchdog != NULL && conf_time(run->ctx.conf, watchdog, &run->watchdog, &why) < 0)
		log_fatal("%s", why.text);
	/* As documented, servers that wait for many things have a shorter watch. */
	if (watchdog == NULL &&
		(run->def->kind == SERVICE_EVENT || run->def->kind == SERVICE_TRIGGER ||
			run->def->kind == SERVICE_DGRAM))
		run->watchdog = MIN(run->watchdog, 1000 * USEC_PER_SEC);
	run->ctx.max_use = run->conf.max_use;
	run->ctx.max_idle = run->conf.max_idle;
}

/* When the process retires: -r, or what follows from its limits. */
static void apply_retirement(struct run *run)
{
	usec_t t;

	run->retire_at = USEC_NEVER;
	if (run->opt.retire != NULL) {
		if (conf_time_parse(str_of(run->opt.retire), 's', &t) < 0 || t <= 0)
			log_fatal("invalid retirement time: %s", run->opt.retire);
		run->retire_at = clock_deadline(t);
	} else if ((run->def->flags & SERVICE_RETIRE_ME) != 0) {
		t = RETIRE_MAX;
		if (run->ctx.max_idle > 0 && run->ctx.max_use > 0 &&
			run->ctx.max_idle < RETIRE_MAX / run->ctx.max_use)
			t = run->ctx.max_idle * run->ctx.max_use;
		run->retire_at = clock_deadline(t);
	}
}

static void check_requirements(const struct run *run)
{
	const struct service *def = run->def;

	if ((def->flags & SERVICE_SOLITARY) != 0 && !run->opt.limit_one)
		log_fatal("service %s requires a process limit of 1", run->ctx.name);
	if ((def->flags & SERVICE_UNLIMITED) != 0 && !run->opt.unlimited)
		log_fatal("service %s requires a process limit of 0", run->ctx.name);
	if ((def->flags & SERVICE_PRIVILEGED) != 0 && run->opt.drop && geteuid() == 0)
		log_fatal("service %s requires privileged operation", run->ctx.name);
	if (run->opt.stand_alone)
		return;
	if (run->opt.transport == NULL)
		log_fatal("no transport type specified");
	if (!transport_ok(def->kind, run->opt.transport))
		log_fatal("unsupported transport type: %s", run->opt.transport);
}

static void read_environment(struct run *run)
{
	const char *generation = getenv("GENERATION");
	const char *clients = getenv("POSTROAD_CLIENTS");
	uint64_t n;

	if (generation != NULL) {
		if (num_octal(str_of(generation), UINT32_MAX, &n) < 0)
			log_fatal("bad generation: %s", generation);
		run->generation = (uint32_t)n;
	}
	run->ctx.clients = 1;
	if (run->def->kind != SERVICE_THREADED)
		return;
	if ((run->def->flags & SERVICE_MULTI) != 0) {
		run->ctx.clients = MULTI_CONNECTIONS;
	} else if (clients != NULL) {
		if (num_u64(str_of(clients), 10000, &n) < 0 || n == 0)
			log_fatal("bad number of clients: %s", clients);
		run->ctx.clients = (unsigned)n;
	}
}

/* Inherited descriptors are for this process, not for those that it runs. */
static void guard_descriptors(const struct run *run)
{
	static const int fixed[] = { IPC_FLOW_READ_FD, IPC_FLOW_WRITE_FD, IPC_STATUS_FD };

	if (run->opt.stand_alone)
		return;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		if (fd_cloexec(fixed[i], true) < 0)
			log_fatal("descriptor %d is not there: this program is started by master",
				fixed[i]);
	}
	for (unsigned i = 0; i < run->opt.sockets; i++) {
		int fd = IPC_LISTEN_FD + (int)i;

		if (fd_cloexec(fd, true) < 0 || fd_nonblock(fd, true) < 0)
			log_fatal("descriptor %d is not there: this program is started by master",
				fd);
	}
}

static void call(struct run *run, int (*fn)(struct service_ctx *ctx, struct why *why))
{
	struct why why = { "initialization failed" };

	if (fn != NULL && fn(&run->ctx, &why) < 0)
		log_fatal("%s", why.text);
}

static void drop_privileges(const struct run *run)
{
	struct why why;
	uid_t uid;
	gid_t gid;
	_cleanup_free_ char *owner = NULL;

	tzset();
	if ((!run->opt.chroot && !run->opt.drop) || geteuid() != 0)
		return;
	if (derive_owner(run->ctx.conf, &uid, &gid, NULL, &why) < 0 ||
		conf_str(run->ctx.conf, "mail_owner", &owner, &why) < 0)
		log_fatal("%s", why.text);
	if (sandbox_identity(run->opt.chroot ? run->conf.queue_directory : NULL,
		    run->opt.drop ? owner : NULL, uid, gid, &why) < 0)
		log_fatal("%s", why.text);
}

static void enter_sandbox(const struct run *run)
{
	bool jailed = run->opt.chroot && geteuid() != 0;
	const char *paths[] = { jailed ? "/" : run->conf.queue_directory,
		jailed ? NULL : run->conf.data_directory, NULL };
	struct sandbox_settings s = { .promises = run->def->promises,
		.write_paths = paths,
		.notes = &log_notes };
	struct why why;

	/* A stand-alone server works for its invoker and may have to run programs (postdrop). */
	if (run->def->promises == 0 || run->opt.stand_alone || !sandbox_is_active())
		return;
	if (sandbox_enter(&s, &why) < 0)
		log_fatal("%s", why.text);
}

static void ignore_signals(void)
{
	struct sigaction ign = { .sa_handler = SIG_IGN };
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	/* Who ignores the end of children cannot wait for them. */
	(void)sigaction(SIGCHLD, &dfl, NULL);
	(void)sigaction(SIGPIPE, &ign, NULL);
	(void)sigaction(SIGXFSZ, &ign, NULL);
}

static _noreturn_ void enter_loop(struct run *run)
{
	switch (run->def->kind) {
	case SERVICE_SINGLE:
		loop_single(run);
	case SERVICE_THREADED:
		loop_threaded(run);
	case SERVICE_EVENT:
	case SERVICE_TRIGGER:
	case SERVICE_DGRAM:
		break;
	}
	loop_event(run);
}

/*
 * Every thread's heap grows in steps worth the system call, and is not given back between two
 * messages. Setting one of these turns glibc's own adaptation off, so all are set.
 */
static void tune_malloc(void)
{
	(void)mallopt(M_TOP_PAD, 256 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	(void)mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
}

void service_main(int argc, char **argv, const struct service *def)
{
	/* Never freed: workers and exit handlers may look at it to the last. */
	struct run *run = mem_new(struct run);
	const char *program = base_name(argc > 0 ? argv[0] : def->name);
	/* The datagram service is postlogd: its lines must not come back to it. */
	bool is_logger = def->kind == SERVICE_DGRAM;
	struct why why;

	tune_malloc();
	fd_open_std();
	ignore_signals();
	early_log(program, is_logger, wants_stderr(argv));
	log_fatal_pause(1);
	if (getenv("MAIL_VERBOSE") != NULL)
		log_set_verbose(1);
	run->def = run->ctx.def = def;
	if (service_options_parse(argc, argv, letters_of(def->kind), &run->opt, &why) < 0)
		log_fatal("%s", why.text);
	log_set_verbose(log_verbose() + run->opt.verbose);
	run->opt.debugger = run->opt.debugger || getenv("MAIL_DEBUG") != NULL;
	run->ctx.name = run->opt.name != NULL ? run->opt.name : program;
	run->ctx.transport_type = run->opt.transport == NULL ? "" : run->opt.transport;
	run->ctx.args = run->opt.args;
	run->ctx.stand_alone = run->opt.stand_alone;
	load_conf(run, program);
	if (is_logger)
		derive_log_direct(run->ctx.conf, program, run->opt.to_stderr);
	else
		derive_log(run->ctx.conf, program, false, run->opt.to_stderr);
	if (!run->opt.stand_alone && !run->opt.by_hand && isatty(STDIN_FILENO) == 1)
		log_fatal("do not run this command by hand");
	fill_conf(run);
	apply_retirement(run);
	check_requirements(run);
	read_environment(run);
	run->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->end_fd < 0)
		log_fatal("eventfd: %s", strerror(errno));
	if (run->opt.debugger)
		derive_debug(run->conf.debugger_command);
	guard_descriptors(run);
	if (chdir(run->conf.queue_directory) < 0)
		log_fatal("chdir(\"%s\"): %s", run->conf.queue_directory, strerror(errno));
	if (def->kind == SERVICE_EVENT || def->kind == SERVICE_TRIGGER ||
		def->kind == SERVICE_DGRAM)
		/* Not the default loop, which would reap children that the daemon wants to. */
		run->ctx.loop = ev_loop_new(EVFLAG_AUTO);
	if (is_logger)
		run_note_parent(run);
	call(run, def->pre_jail);
	drop_privileges(run);
	call(run, def->post_jail);
	enter_sandbox(run);
	enter_loop(run);
}
