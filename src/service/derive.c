/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/derive.c — settings that programs derive the same way; see derive.h.
 */
#include "service/derive.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/socket.h"

const char *derive_config_dir(const char *option)
{
	const char *env;

	if (option != NULL)
		return option;
	env = secure_getenv("MAIL_CONFIG");
	return env != NULL && env[0] != '\0' ? env : POSTROAD_CONFIG_DIR;
}

/* A string parameter that must be valid; the program ends when it is not. */
static char *get(const struct conf *c, const char *name)
{
	struct why why;
	char *value = NULL;

	if (conf_str(c, name, &value, &why) < 0)
		log_fatal("%s", why.text);
	return value;
}

enum log_way {
	LOG_BY_SOCKET = 1 << 0,
	LOG_TO_FILE = 1 << 1,
	LOG_TO_STDERR = 1 << 2,
	LOG_NO_WAIT = 1 << 3,
};

static void set_log(const struct conf *c, const char *tag, unsigned ways)
{
	_cleanup_free_ char *facility = get(c, "syslog_facility");
	_cleanup_free_ char *file = get(c, "maillog_file");
	_cleanup_free_ char *host = get(c, "myhostname");
	_cleanup_free_ char *queue = get(c, "queue_directory");
	_cleanup_free_ char *service = get(c, "postlog_service_name");
	_cleanup_buf_ struct buf socket = BUF_LOCAL(BUF_SMALL);
	struct log_settings s = { .tag = tag,
		.facility = facility,
		.hostname = host,
		.to_stderr = (ways & LOG_TO_STDERR) != 0,
		.no_wait = (ways & LOG_NO_WAIT) != 0 };

	if (buf_addf(&socket, "%s/public/%s", queue, service) < 0)
		log_fatal("queue_directory is too long");
	if (file[0] != '\0') {
		s.postlog_socket = (ways & LOG_BY_SOCKET) != 0 ? buf_cstr(&socket) : NULL;
		s.file = (ways & LOG_TO_FILE) != 0 ? file : NULL;
		s.no_syslog = true;
	}
	log_init(&s);
	if (!log_facility_ok(facility))
		log_warn("unknown syslog_facility \"%s\": using \"mail\"", facility);
}

static unsigned ways_of(bool write_file, bool to_stderr)
{
	return LOG_BY_SOCKET | (write_file ? (unsigned)LOG_TO_FILE : 0) |
	       (to_stderr ? (unsigned)LOG_TO_STDERR : 0);
}

/* "$syslog_name/program" */
static char *tag_of(const struct conf *c, const char *program)
{
	_cleanup_free_ char *name = get(c, "syslog_name");
	_cleanup_buf_ struct buf tag = BUF_LOCAL(BUF_SMALL);

	if (buf_addf(&tag, "%s/%s", name, program) < 0)
		log_fatal("syslog_name is too long");
	return buf_take(&tag);
}

void derive_log_tag(const struct conf *c, const char *tag, bool write_file, bool to_stderr)
{
	set_log(c, tag, ways_of(write_file, to_stderr));
}

void derive_log(const struct conf *c, const char *program, bool write_file, bool to_stderr)
{
	_cleanup_free_ char *tag = tag_of(c, program);

	set_log(c, tag, ways_of(write_file, to_stderr));
}

void derive_log_direct(const struct conf *c, const char *program, bool to_stderr)
{
	_cleanup_free_ char *tag = tag_of(c, program);

	set_log(c, tag, ways_of(true, to_stderr) & ~(unsigned)LOG_BY_SOCKET);
}

void derive_log_master(const struct conf *c, bool to_stderr)
{
	_cleanup_free_ char *tag = tag_of(c, "master");

	set_log(c, tag, ways_of(true, to_stderr) | LOG_NO_WAIT);
}

static void set(struct conf *c, const char *name, const char *value)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct why why = { "text is too long" };

	if (buf_addf(&b, "%s=%s", name, value) < 0 || conf_override(c, buf_str(&b), &why) < 0)
		log_fatal("parameter %s: %s", name, why.text);
}

void derive_process(struct conf *c, const char *program, const char *service)
{
	char id[32];

	(void)snprintf(id, sizeof id, "%d", (int)getpid());
	set(c, "process_name", program);
	set(c, "process_id", id);
	if (service != NULL)
		set(c, "service_name", service);
}

/* Is `dir` in a list parameter of the default main.cf? */
static bool is_listed(const struct conf *c, const char *param, const char *dir)
{
	_cleanup_free_ char *list = get(c, param);
	struct str rest = str_of(list);
	struct str word;

	while (str_word(&rest, ", \t\r\n", &word))
		if (str_eq(word, str_of(dir)))
			return true;
	return false;
}

/*
 * A set-gid command follows the user only to configurations that the administrator has listed; else
 * its privileges would serve whatever main.cf the user writes.
 */
static void check_config_dir(const char *dir)
{
	struct conf *c = NULL;
	struct why why;

	if (getauxval(AT_SECURE) == 0 || getuid() == 0 || strcmp(dir, POSTROAD_CONFIG_DIR) == 0)
		return;
	if (conf_load(POSTROAD_CONFIG_DIR, &log_notes, &c, &why) < 0)
		log_fatal("%s", why.text);
	if (!is_listed(c, "alternate_config_directories", dir) &&
		!is_listed(c, "multi_instance_directories", dir)) {
		log_error("unauthorized configuration directory name: %s", dir);
		log_fatal("specify \"alternate_config_directories = %s\" or "
			  "\"multi_instance_directories = %s\" in %s/main.cf",
			dir, dir, POSTROAD_CONFIG_DIR);
	}
	conf_free(c);
}

struct conf *derive_command_conf(const char *program, const char *config_dir)
{
	const char *env = getenv("MAIL_CONFIG");
	const char *dir = config_dir != NULL              ? config_dir
			  : env != NULL && env[0] != '\0' ? env
							  : POSTROAD_CONFIG_DIR;
	struct log_settings early = { .tag = program, .to_stderr = true, .no_syslog = true };
	struct conf *c = NULL;
	struct why why;

	log_init(&early);
	check_config_dir(dir);
	if (conf_load(dir, &log_notes, &c, &why) < 0)
		log_fatal("%s", why.text);
	check(setenv("MAIL_CONFIG", dir, 1) == 0);
	derive_process(c, program, NULL);
	derive_log(c, program, true, true);
	return c;
}

void derive_debug(const char *command)
{
	pid_t pid;

	if (command[0] == '\0')
		log_fatal("no debugger_command variable set up");
	log_info("running: %s", command);
	pid = fork();
	if (pid < 0)
		log_fatal("fork: %s", strerror(errno));
	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
	}
}

int derive_families(const struct conf *c, struct why *why)
{
	_cleanup_free_ char *text = NULL;
	struct str rest;
	struct str word;
	unsigned families = 0;
	int r = conf_str(c, "inet_protocols", &text, why);

	if (r < 0)
		return r;
	rest = str_of(text);
	while (str_word(&rest, ", \t\r\n", &word)) {
		if (str_ieq(word, STR("all")))
			families |= NET_IPV4 | NET_IPV6;
		else if (str_ieq(word, STR("ipv4")))
			families |= NET_IPV4;
		else if (str_ieq(word, STR("ipv6")))
			families |= NET_IPV6;
		else
			return why_set(why, -EINVAL,
				"unknown inet_protocols value \"" STR_FMT "\" in \"%s\"",
				STR_ARG(word), text);
	}
	return families != 0 ? (int)families
			     : why_set(why, -EINVAL, "inet_protocols: no protocol is listed");
}

/* The addresses of one word of inet_interfaces; how many were added. */
static int add_word(struct str word, unsigned families, struct net_addr *v, size_t room,
	struct why *why)
{
	struct net_addr a;
	struct str host = word;
	int n;

	if (str_ieq(word, STR("all")))
		return net_interfaces(families, v, room, why);
	if (str_ieq(word, STR("loopback-only"))) {
		size_t kept = 0;

		n = net_interfaces(families, v, room, why);
		for (int i = 0; i < n; i++) {
			if (net_addr_is_loopback(&v[i]))
				v[kept++] = v[i];
		}
		return n < 0 ? n : (int)kept;
	}
	if (net_addr_parse(word, 0, &a) == 0) {
		if ((a.sa.sa_family == AF_INET6 && (families & NET_IPV6) == 0) ||
			(a.sa.sa_family == AF_INET && (families & NET_IPV4) == 0))
			return 0;
		v[0] = a;
		return 1;
	}
	n = net_resolve(host, STR("0"), families, v, room, why);
	return n;
}

int derive_own_addrs(const struct conf *c, const char *param, struct net_addr *ret, size_t max,
	struct why *why)
{
	_cleanup_free_ char *text = NULL;
	struct str rest;
	struct str word;
	size_t n = 0;
	int families = derive_families(c, why);
	int r;

	if (families < 0)
		return families;
	r = conf_str(c, param, &text, why);
	if (r < 0)
		return r;
	rest = str_of(text);
	while (n < max && str_word(&rest, ", \t\r\n", &word)) {
		struct why cause;

		r = add_word(word, (unsigned)families, ret + n, max - n, &cause);
		if (r < 0)
			return why_set(why, r, "parameter %s: %s", param, cause.text);
		n += (size_t)r;
	}
	return (int)n;
}

/* Look a user up; -ENOENT when unknown. */
static int find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	char room[4096];
	struct passwd pw;
	struct passwd *found = NULL;
	int e = getpwnam_r(name, &pw, room, sizeof room, &found);

	if (found == NULL)
		return e == 0 ? -ENOENT : -e;
	*ret_uid = pw.pw_uid;
	*ret_gid = pw.pw_gid;
	return 0;
}

static int find_group(const char *name, gid_t *ret_gid)
{
	_cleanup_free_ char *room = mem_alloc((size_t)64 * 1024);
	struct group gr;
	struct group *found = NULL;
	int e = getgrnam_r(name, &gr, room, (size_t)64 * 1024, &found);

	if (found == NULL)
		return e == 0 ? -ENOENT : -e;
	*ret_gid = gr.gr_gid;
	return 0;
}

int derive_owner(const struct conf *c, uid_t *ret_uid, gid_t *ret_gid, gid_t *ret_setgid,
	struct why *why)
{
	_cleanup_free_ char *owner = NULL;
	_cleanup_free_ char *group = NULL;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	gid_t setgid_group = getegid();
	int r = conf_str(c, "mail_owner", &owner, why);

	if (r == 0)
		r = conf_str(c, "setgid_group", &group, why);
	if (r < 0)
		return r;
	if (uid == 0) {
		r = find_user(owner, &uid, &gid);
		if (r < 0)
			return why_set(why, r,
				"file %s/main.cf: parameter mail_owner: unknown user "
				"name value: %s",
				derive_config_dir(NULL), owner);
		r = find_group(group, &setgid_group);
		if (r < 0)
			return why_set(why, r,
				"file %s/main.cf: parameter setgid_group: unknown "
				"group name: %s",
				derive_config_dir(NULL), group);
	}
	if (ret_uid != NULL)
		*ret_uid = uid;
	if (ret_gid != NULL)
		*ret_gid = gid;
	if (ret_setgid != NULL)
		*ret_setgid = setgid_group;
	return 0;
}
