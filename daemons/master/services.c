/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master/services.c — configuration into services, at start and at reload.
 *
 * Everything new is worked out before anything running is touched: a reload with a bad file changes
 * nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "log/log.h"
#include "master.h"
#include "service/derive.h"

static const struct conf_var the_vars[] = {
	CV_STR(struct master_conf, queue_directory),
	CV_STR(struct master_conf, data_directory),
	CV_STR(struct master_conf, daemon_directory),
	CV_STR(struct master_conf, process_id_directory),
	CV_STR(struct master_conf, import_environment),
	CV_STR(struct master_conf, master_service_disable),
	CV_STR(struct master_conf, inet_interfaces),
	CV_STR(struct master_conf, known_tcp_ports),
	CV_STR(struct master_conf, inet_protocols),
	CV_STR(struct master_conf, syslog_name),
	CV_STR(struct master_conf, maillog_file),
	CV_STR(struct master_conf, postlog_service_name),
	CV_STR(struct master_conf, submission_service_name),
	CV_STR(struct master_conf, myhostname),
	CV_STR(struct master_conf, mail_version),
	CV_STR(struct master_conf, debugger_command),
	CV_STR(struct master_conf, config_directory),
	CV_INT(struct master_conf, default_process_limit),
	CV_INT(struct master_conf, clients_per_process),
	CV_TIME(struct master_conf, service_throttle_time),
	CV_END,
};

/* Fatal at start; at a reload a warning, as often as it happens, that leaves all as it is. */
static int refuse(bool reload, const char *text)
{
	if (!reload)
		log_fatal("%s", text);
	log_warn("%s", text);
	log_warn("the configuration is not reloaded: the last good one stays in force");
	return -EINVAL;
}

static void warn_fixed(const char *name, const char *old, const char *new)
{
	if (str_eq(str_of(old), str_of(new)))
		return;
	log_warn("ignoring %s change", name);
	log_warn("to change %s, stop and start Postfix", name);
}

int master_load_conf(struct master *m, bool reload)
{
	struct conf *fresh = NULL;
	struct master_conf set = { 0 };
	struct why why;

	if (conf_load(m->config_dir, &log_notes, &fresh, &why) < 0)
		return refuse(reload, why.text);
	derive_process(fresh, "master", NULL);
	if (conf_fill(fresh, the_vars, &set, &why) < 0 ||
		derive_owner(fresh, &m->owner_uid, &m->owner_gid, NULL, &why) < 0) {
		conf_free(fresh);
		return refuse(reload, why.text);
	}
	if (reload) {
		warn_fixed("inet_interfaces", m->set.inet_interfaces, set.inet_interfaces);
		warn_fixed("inet_protocols", m->set.inet_protocols, set.inet_protocols);
		warn_fixed("queue_directory", m->set.queue_directory, set.queue_directory);
	}
	conf_free(m->conf);
	m->conf = fresh;
	m->set = set;
	return 0;
}

static void set_env(const char *name, const char *value)
{
	if (value == NULL)
		(void)unsetenv(name);
	else
		check(setenv(name, value, 1) == 0);
}

/* Set "name=value", or keep "name" as it was in the old environment. */
static void import_word(const char *word)
{
	struct str w = str_of(word);
	ptrdiff_t at = str_chr(w, '=');

	if (at > 0) {
		_cleanup_free_ char *name = str_dup(str_rtrim(str_head(w, (size_t)at)));
		_cleanup_free_ char *value = str_dup(str_trim(str_skip(w, (size_t)at + 1)));

		set_env(name, value);
	}
}

/* True when the variable stays: it is listed without a value. */
static bool is_kept(const struct strv *words, const char *assignment)
{
	ptrdiff_t at = str_chr(str_of(assignment), '=');

	return at > 0 && strv_has(words, str_head(str_of(assignment), (size_t)at));
}

void master_clean_environment(const struct master *m)
{
	_cleanup_strv_ struct strv words = { 0 };
	_cleanup_strv_ struct strv kept = { 0 };
	_cleanup_buf_ struct buf socket = BUF_LOCAL(BUF_SMALL);
	bool own_log = m->set.maillog_file[0] != '\0';

	if (strv_split_braces(&words, str_of(m->set.import_environment), ", \t\r\n") < 0)
		log_fatal("import_environment: unbalanced braces");
	for (char **e = environ; *e != NULL; e++) {
		if (is_kept(&words, *e))
			strv_add(&kept, str_of(*e));
	}
	check(clearenv() == 0);
	for (size_t i = 0; i < kept.n; i++)
		import_word(kept.v[i]);
	for (size_t i = 0; i < words.n; i++)
		import_word(words.v[i]);
	/* What our own programs must know is theirs whatever the list says. */
	set_env("MAIL_CONFIG", m->config_dir);
	set_env("MAIL_LOGTAG", m->set.syslog_name);
	if (buf_addf(&socket, "%s/public/%s", m->set.queue_directory, m->set.postlog_service_name) <
		0)
		log_fatal("queue_directory is too long");
	set_env("POSTLOG_SERVICE", own_log ? buf_cstr(&socket) : NULL);
	set_env("POSTLOG_HOSTNAME", own_log ? m->set.myhostname : NULL);
}

static struct service_state *state_new(struct master *m)
{
	struct service_state *s = mem_new(struct service_state);

	s->master = m;
	list_init(&s->node);
	list_init(&s->children);
	list_init(&s->channels);
	return s;
}

/* Stop and free a service; its children become orphans. */
static void state_free(struct service_state *s)
{
	wakeup_stop(s);
	if (s->throttled)
		ev_timer_stop(s->master->ev, &s->throttle_timer);
	service_close_status(s);
	endpoint_close(s);
	children_orphan(s);
	list_remove(&s->node);
	free(s->canonical);
	free(s->shown);
	free(s->path);
	free(s->argv0);
	free(s->addrs);
	strv_done(&s->args);
	free(s);
}

static void free_all(struct list *services)
{
	LIST_FOREACH_SAFE(it, services)
		state_free(list_entry(it, struct service_state, node));
}

static char *program_path(const struct master *m, const char *command)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	if (command[0] == '/')
		return mem_strdup(command);
	if (buf_addf(&b, "%s/%s", m->set.daemon_directory, command) < 0)
		log_fatal("daemon_directory is too long");
	return buf_take(&b);
}

static int make_state(struct master *m, const struct master_entry *e, struct service_state **ret,
	struct why *why)
{
	struct service_state *s = state_new(m);
	int r = endpoint_resolve(m, e, s, why);

	if (r < 0) {
		state_free(s);
		return r;
	}
	s->shown = mem_strdup(e->name);
	s->type = e->type;
	s->unprivileged = e->unprivileged;
	s->chroot = e->chroot;
	s->wakeup = e->wakeup;
	s->wakeup_if_used = e->wakeup_if_used;
	s->limit = e->maxproc < 0 ? m->set.default_process_limit : e->maxproc;
	s->argv0 = mem_strdup(e->command);
	s->path = program_path(m, e->command);
	for (size_t i = 0; i < e->args.n; i++)
		strv_add(&s->args, str_of(e->args.v[i]));
	if (e->chroot_default && e->chroot)
		log_info("%s/master.cf: line %d: using backwards-compatible default setting "
			 "chroot=y",
			m->config_dir, e->line);
	*ret = s;
	return 0;
}

static struct service_state *find_state(const struct list *services, const struct service_state *s)
{
	LIST_FOREACH(it, services) {
		struct service_state *have = list_entry(it, struct service_state, node);

		if (have->type == s->type && str_eq(str_of(have->canonical), str_of(s->canonical)))
			return have;
	}
	return NULL;
}

/* The services that a file asks for, none of them started. */
static int read_services(struct master *m, struct list *ret, struct why *why)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	struct master_cf cf = { 0 };
	bool chroot_default = !conf_compat_at_least(m->conf, "1");
	int r = buf_addf(&path, "%s/master.cf", m->config_dir);

	if (r == 0)
		r = master_cf_load(buf_cstr(&path), chroot_default, &log_notes, &cf, why);
	for (size_t i = 0; r == 0 && i < cf.n; i++) {
		struct service_state *s = NULL;
		struct service_state *twin;
		struct why cause;

		if (master_cf_disabled(&cf.v[i], str_of(m->set.master_service_disable)))
			continue;
		if (make_state(m, &cf.v[i], &s, &cause) < 0) {
			r = why_set(why, -EINVAL, "%s: line %d: %s", buf_cstr(&path), cf.v[i].line,
				cause.text);
			break;
		}
		twin = find_state(ret, s);
		if (twin != NULL) {
			log_warn("duplicate master.cf entry for service \"%s\" (%s) -- using the "
				 "last entry",
				s->shown, s->canonical);
			state_free(twin);
		}
		list_push(ret, &s->node);
	}
	master_cf_done(&cf);
	return r;
}

static int start_service(struct master *m, struct service_state *s, bool reload)
{
	struct why why;

	if (endpoint_open(s, &why) < 0) {
		if (!reload)
			log_fatal("%s", why.text);
		log_warn("service %s: %s: the service is not started", s->canonical, why.text);
		return -EINVAL;
	}
	list_remove(&s->node);
	list_push(&m->services, &s->node);
	service_open_status(s);
	if (!s->wakeup_if_used)
		wakeup_start(s, true);
	service_adjust(s);
	return 0;
}

#define SWAP(a, b)                     \
	do {                           \
		typeof(a) swap_ = (a); \
		(a) = (b);             \
		(b) = swap_;           \
	} while (0)

/* Give a running service the settings of a new one. */
static void update_service(struct service_state *s, struct service_state *fresh)
{
	SWAP(s->shown, fresh->shown);
	SWAP(s->path, fresh->path);
	SWAP(s->argv0, fresh->argv0);
	SWAP(s->args, fresh->args);
	s->unprivileged = fresh->unprivileged;
	s->chroot = fresh->chroot;
	s->wakeup = fresh->wakeup;
	s->wakeup_if_used = fresh->wakeup_if_used;
	s->limit = fresh->limit;
	s->stress_until = 0;
	if (s->throttled) {
		ev_timer_stop(s->master->ev, &s->throttle_timer);
		s->throttled = false;
	}
	service_restart(s);
}

/* Settings for those that go on; those that are not listed any more end, and free their addresses. */
static void settle_running(struct master *m, const struct list *fresh)
{
	LIST_FOREACH_SAFE(it, &m->services) {
		struct service_state *have = list_entry(it, struct service_state, node);
		struct service_state *s = find_state(fresh, have);

		if (s == NULL) {
			state_free(have);
			continue;
		}
		update_service(have, s);
		state_free(s);
	}
}

int master_load_services(struct master *m, bool reload)
{
	struct list fresh;
	struct why why;
	size_t failed = 0;

	list_init(&fresh);
	if (read_services(m, &fresh, &why) < 0) {
		free_all(&fresh);
		return refuse(reload, why.text);
	}
	settle_running(m, &fresh);
	m->bind_deadline = clock_deadline(BIND_PATIENCE);
	LIST_FOREACH_SAFE(it, &fresh) {
		struct service_state *s = list_entry(it, struct service_state, node);

		if (start_service(m, s, reload) < 0) {
			state_free(s);
			failed++;
		}
	}
	if (failed > 0)
		log_warn("%zu service%s could not be started", failed, failed == 1 ? "" : "s");
	return 0;
}
