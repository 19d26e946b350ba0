/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postdrop — put a message from standard input into the maildrop queue: postdrop [-c dir] [-r] [-v].
 *
 * Runs set-group-id so that users may add to a directory that they cannot read. Speaks first on
 * standard output (protocol and queue id), reads records up to E, answers with status and reason.
 * Whatever ends the program before the answer removes the file; after status 0 the message is on
 * stable storage. What a user may send is said in src/intake/submit.h. Where the maildrop cannot be
 * written to (set-group-id has no effect under no_new_privs) relay.c takes over.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "intake/recread.h"
#include "ipc/attr.h"
#include "ipc/client.h"
#include "log/log.h"
#include "postdrop.h"
#include "service/derive.h"
#include "service/submit_settings.h"
#include "service/table_settings.h"

#define P struct postdrop_conf
static const struct conf_var vars[] = {
	CV_STR(P, queue_directory),
	CV_STR(P, import_environment),
	CV_STR(P, pickup_service_name),
	CV_STR(P, submission_service_name),
	CV_INT(P, message_size_limit),
	CV_INT(P, line_length_limit),
	CV_TIME(P, trigger_timeout),
	CV_TIME(P, ipc_timeout),
	CV_END,
};

static struct postdrop_conf the_conf;
/* The unfinished file, for signal handlers; empty: none. */
static char the_path[QUEUE_PATH_MAX];

static void remove_file(void)
{
	if (the_path[0] != '\0')
		(void)unlink(the_path);
	the_path[0] = '\0';
}

static void on_signal(int sig)
{
	if (the_path[0] != '\0')
		(void)unlink(the_path);
	_exit(sig);
}

/* A signal that the user asked us to ignore (nohup) stays ignored, but for those of the keyboard. */
static void catch_signals(void)
{
	static const struct {
		int sig;
		bool always;
	} all[] = { { SIGINT, true }, { SIGQUIT, true }, { SIGTERM, false }, { SIGHUP, false } };
	struct sigaction act = { .sa_handler = on_signal };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction old;

	check(sigfillset(&act.sa_mask) == 0);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].always ||
			(sigaction(all[i].sig, NULL, &old) == 0 && old.sa_handler == SIG_DFL))
			check(sigaction(all[i].sig, &act, NULL) == 0);
	check(sigaction(SIGPIPE, &ignore, NULL) == 0);
	check(sigaction(SIGXFSZ, &ignore, NULL) == 0);
}

/* Nothing of the user's environment but what import_environment lists. */
static void clean_environment(void)
{
	_cleanup_strv_ struct strv words = { 0 };
	_cleanup_strv_ struct strv keep = { 0 };

	if (strv_split_braces(&words, str_of(the_conf.import_environment), ", \t\r\n") < 0)
		log_fatal("import_environment: unbalanced braces");
	for (size_t i = 0; i < words.n; i++) {
		const char *value = strchr(words.v[i], '=') == NULL ? getenv(words.v[i]) : NULL;
		_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_MEDIUM);

		if (strchr(words.v[i], '=') != NULL)
			strv_add(&keep, str_of(words.v[i]));
		else if (value != NULL && buf_addf(&b, "%s=%s", words.v[i], value) == 0)
			strv_add(&keep, buf_str(&b));
	}
	check(clearenv() == 0);
	for (size_t i = 0; i < keep.n; i++) {
		char *eq = strchr(keep.v[i], '=');

		*eq = '\0';
		check(setenv(keep.v[i], eq + 1, 1) == 0);
	}
}

static void limit_file_size(void)
{
	struct rlimit limit;

	if (the_conf.message_size_limit <= 0)
		return;
	check(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = (rlim_t)the_conf.message_size_limit;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < limit.rlim_cur)
		limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		log_fatal("setrlimit: %m");
}

static struct conf *configure(int argc, char **argv)
{
	const char *dir = NULL;
	struct conf *conf;
	struct why why;
	int verbose = 0;
	int c;

	while ((c = getopt(argc, argv, "+c:rv")) > 0) {
		switch (c) {
		case 'c':
			dir = optarg;
			break;
		case 'r':
			break;
		case 'v':
			verbose++;
			break;
		default:
			log_fatal("usage: postdrop [-c config_dir] [-v]");
		}
	}
	conf = derive_command_conf("postdrop", dir);
	if (geteuid() == 0)
		log_set_verbose(verbose);
	if (conf_fill(conf, vars, &the_conf, &why) < 0)
		log_fatal("%s", why.text);
	return conf;
}

static int send_list(struct stream *s, struct buf *b)
{
	int r = attr_put_end(b, ATTR_NUL);

	if (r == 0)
		r = stream_write(s, buf_str(b));
	return r == 0 ? stream_flush(s) : r;
}

static void greet(struct stream *s, const char *id)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	if (attr_put_str(&b, ATTR_NUL, "protocol", STR("postdrop_protocol")) < 0 ||
		attr_put_str(&b, ATTR_NUL, "queue_id", str_of(id)) < 0 || send_list(s, &b) < 0)
		log_fatal("uid=%ld: cannot write to standard output", (long)getuid());
}

static void answer(struct stream *s, unsigned status, struct str reason)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);

	if (attr_put_int(&b, ATTR_NUL, "status", (int)status) < 0 ||
		attr_put_str(&b, ATTR_NUL, "reason", reason) < 0 || send_list(s, &b) < 0)
		log_warn("uid=%ld: cannot write the status to standard output", (long)getuid());
}

static void wake_pickup(void)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	int r;

	buf_putf(&path, "public/%s", the_conf.pickup_service_name);
	/* When it is not there it will find the file as soon as it starts. */
	r = ipc_trigger(buf_cstr(&path), STR("W"), the_conf.trigger_timeout);
	if (r == -ENOENT)
		log_warn("unable to look up %s: %s", buf_cstr(&path), strerrordesc_np(-r));
}

/*
 * Create the file so that any end but success removes it: no signal comes between the file and the
 * knowledge of its name.
 */
static int create(const struct submit_conf *c, const struct submit_user *u, struct submit **ret,
	struct why *why)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(sizeof(the_path) - 1);
	sigset_t all;
	sigset_t old;
	int r;

	check(sigfillset(&all) == 0 && sigprocmask(SIG_SETMASK, &all, &old) == 0);
	r = submit_open(c, u, false, ret, why);
	if (r == 0) {
		buf_putf(&path, QUEUE_MAILDROP "/%s", submit_id(*ret));
		memcpy(the_path, path.ptr, path.len + 1);
		log_on_fatal(remove_file);
	}
	check(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	return r;
}

int next_record(struct stream *in, size_t max, struct buf *slow, struct str *ret_data)
{
	int type = recread(in, max, slow, ret_data);

	if (type < 0 && type != -ENODATA && type != -EBADMSG)
		log_fatal("uid=%ld: malformed input", (long)getuid());
	if (type == -EBADMSG)
		*ret_data = STR_EMPTY;
	return type == -EBADMSG ? 0 : type;
}

/* Copy up to E: true; false at a clean end before it. */
static bool copy(struct submit *m, struct stream *in)
{
	size_t max = (size_t)the_conf.line_length_limit;
	_cleanup_buf_ struct buf slow = BUF_LOCAL(max + 2);
	struct why why = { "" };
	int r = 1;

	while (r > 0) {
		struct str data;
		int type = next_record(in, max, &slow, &data);

		if (type == -ENODATA)
			return false;
		r = submit_record(m, type, data, &why);
	}
	if (r < 0)
		log_fatal("%s", why.text);
	return true;
}

/* The message goes into a file of ours: exit status. */
static int store(struct submit *m, struct stream *s)
{
	struct str reason = STR_EMPTY;
	unsigned status = 0;

	greet(s, submit_id(m));
	if (copy(m, s)) {
		status = submit_finish(m, &reason);
		the_path[0] = '\0';
		if (status == 0)
			wake_pickup();
		answer(s, status, reason);
	}
	submit_free(m);
	the_path[0] = '\0';
	return status != 0 && (status & 0xff) == 0 ? 1 : (int)(status & 0xff);
}

/* Can we write to the maildrop? 0 or negative errno. */
static int has_privileges(void)
{
	return faccessat(AT_FDCWD, QUEUE_MAILDROP, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

static bool lacks_privileges(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS || r == -ENOENT;
}

/* Ends the program unless the user may submit mail. */
static void check_user(const struct submit_conf *c, struct submit_user *ret)
{
	struct why why = { "" };
	int r = submit_user_find(getuid(), ret);

	if (r < 0)
		log_fatal("user ID %ld: %s", (long)getuid(), strerrordesc_np(-r));
	if (submit_allowed(c, ret, &why) != LOOKUP_FOUND)
		log_fatal("%s", why.text);
}

static struct submit_conf *open_rules(struct conf *conf, const struct table_settings *tables)
{
	struct submit_settings set;
	struct why why;

	if (submit_settings_fill(conf, tables, &log_notes, &set, &why) < 0)
		log_fatal("%s", why.text);
	return submit_conf_new(&set);
}

static int take_message(struct conf *conf, struct stream *s)
{
	struct table_settings tables;
	struct submit_user user;
	struct submit_conf *rules;
	struct submit *m;
	struct why why;
	int status;

	if (table_settings_from_conf(conf, &log_notes, &tables, &why) < 0)
		log_fatal("%s", why.text);
	rules = open_rules(conf, &tables);
	check_user(rules, &user);
	if (create(rules, &user, &m, &why) < 0)
		log_fatal("%s", why.text);
	status = store(m, s);
	submit_conf_free(rules);
	return status;
}

int main(int argc, char **argv)
{
	static char name[] = "postdrop";
	struct stream *s;
	struct conf *conf;
	struct why why;
	int status;
	int r;

	(void)umask(022);
	fd_open_std();
	if (argc > 0)
		argv[0] = name;
	conf = configure(argc, argv);
	limit_file_size();
	clean_environment();
	if (chdir(the_conf.queue_directory) < 0)
		log_fatal("chdir %s: %m", the_conf.queue_directory);
	catch_signals();
	s = stream_new_pair(STDIN_FILENO, STDOUT_FILENO);
	r = has_privileges();
	if (lacks_privileges(r)) {
		(void)why_errno(&why, r, "%s/" QUEUE_MAILDROP, the_conf.queue_directory);
		status = relay_message(&the_conf, s, why.text);
	} else {
		status = take_message(conf, s);
	}
	stream_free(s);
	conf_free(conf);
	return status;
}
