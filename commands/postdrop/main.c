/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postdrop — put a message from standard input into the maildrop queue: postdrop [-c dir] [-r] [-v].
 *
 * Runs set-group-id so that users may add to a directory that they cannot read. Speaks first on
 * standard output (protocol and queue id), reads records up to E, answers with status and reason.
 * Whatever ends the program before the answer removes the file; after status 0 the message is on
 * stable storage.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/attr.h"
#include "ipc/client.h"
#include "log/log.h"
#include "postdrop.h"
#include "service/derive.h"
#include "service/table_settings.h"

#define P struct postdrop_conf
static const struct conf_var vars[] = {
	CV_STR(P, queue_directory),
	CV_STR(P, import_environment),
	CV_STR(P, authorized_submit_users),
	CV_STR(P, local_login_sender_maps),
	CV_STR(P, empty_address_local_login_sender_maps_lookup_key),
	CV_STR(P, recipient_delimiter),
	CV_STR(P, pickup_service_name),
	CV_INT(P, message_size_limit),
	CV_INT(P, line_length_limit),
	CV_TIME(P, trigger_timeout),
	CV_BOOL(P, enable_long_queue_ids),
	CV_BOOL(P, smtputf8_enable),
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
		_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);

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
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	if (attr_put_str(&b, ATTR_NUL, "protocol", STR("postdrop_protocol")) < 0 ||
		attr_put_str(&b, ATTR_NUL, "queue_id", str_of(id)) < 0 || send_list(s, &b) < 0)
		log_fatal("uid=%ld: cannot write to standard output", (long)getuid());
}

static void answer(struct stream *s, const struct message *m)
{
	_cleanup_buf_ struct buf b = BUF(BUF_SMALL);

	if (attr_put_int(&b, ATTR_NUL, "status", (int)m->status) < 0 ||
		attr_put_str(&b, ATTR_NUL, "reason", buf_str(&m->reason)) < 0 ||
		send_list(s, &b) < 0)
		log_warn("uid=%ld: cannot write the status to standard output", (long)getuid());
}

/* Put the file on stable storage: failures become status bits. */
static void finish(struct message *m)
{
	int r = 0;

	message_flush(m);
	if (m->status != 0)
		return;
	if (fchmod(m->fd, 0744) < 0)
		r = -errno;
	if (r == 0)
		r = fd_sync(m->fd);
	if (r == 0)
		r = fd_close_checked(TAKE_FD(m->fd));
	if (r < 0) {
		log_warn("uid=%ld: close: %s", (long)getuid(), strerrordesc_np(-r));
		m->status |= r == -EFBIG ? INTAKE_STAT_SIZE : INTAKE_STAT_WRITE;
	}
}

static void wake_pickup(void)
{
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);

	buf_putf(&path, "public/%s", the_conf.pickup_service_name);
	/* When it is not there it will find the file as soon as it starts. */
	(void)!ipc_trigger(buf_cstr(&path), STR("W"), the_conf.trigger_timeout);
}

/* Create the file and forget it at any end but success. */
static void create(struct queue_file *file)
{
	const struct queue_settings layout = { .long_ids = the_conf.enable_long_queue_ids };
	_cleanup_buf_ struct buf path = BUF(sizeof(the_path) - 1);
	struct why why;

	if (queue_create(&layout, STR(QUEUE_MAILDROP), 0644, file, &why) < 0)
		log_fatal("%s", why.text);
	queue_path(&layout, &path, STR(QUEUE_MAILDROP), str_of(file->id));
	memcpy(the_path, path.ptr, path.len + 1);
	log_on_fatal(remove_file);
}

/* E came: take the message or refuse it. */
static void conclude(struct message *m, struct stream *s)
{
	if (!m->seen_sender || !m->seen_rcpt)
		m->status |= INTAKE_STAT_BAD;
	finish(m);
	if (m->status == 0) {
		the_path[0] = '\0';
		wake_pickup();
	} else {
		remove_file();
	}
	answer(s, m);
}

int main(int argc, char **argv)
{
	static char name[] = "postdrop";
	struct table_settings tables;
	struct message m = { .c = &the_conf, .tables = &tables };
	struct queue_file file;
	struct stream *s;
	struct conf *conf;
	struct why why;
	int status;

	(void)umask(022);
	fd_open_std();
	if (argc > 0)
		argv[0] = name;
	conf = configure(argc, argv);
	if (table_settings_from_conf(conf, &log_notes, &tables, &why) < 0)
		log_fatal("%s", why.text);
	limit_file_size();
	clean_environment();
	if (chdir(the_conf.queue_directory) < 0)
		log_fatal("chdir %s: %m", the_conf.queue_directory);
	access_check_submit(&the_conf, &tables);
	catch_signals();
	create(&file);
	m.fd = file.fd;
	m.out = BUF(BUF_MEDIUM);
	m.reason = BUF(BUF_SMALL);
	s = stream_new_pair(STDIN_FILENO, STDOUT_FILENO);
	greet(s, file.id);
	if (message_copy(&m, s))
		conclude(&m, s);
	else
		remove_file();
	status = (int)(m.status & 0xff);
	stream_free(s);
	buf_done(&m.out);
	buf_done(&m.reason);
	fd_close(m.fd);
	conf_free(conf);
	return m.status != 0 && status == 0 ? 1 : status;
}
