/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c — what is wrong with files and settings, as warnings in the log.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "postfix.h"

#include "conf/master_cf.h"
#include "log/log.h"

/** Defaults have not changed since; the level that a new main.cf gets. */
#define CURRENT_LEVEL "3.11"

/** Owned by root and writable by nobody else; a file that is not there is no matter. */
static void check_root_owned(const struct instance *in, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	if (st.st_uid != in->root && st.st_uid != 0)
		log_warn("not owned by root: %s", path);
	if (!S_ISLNK(st.st_mode) && (st.st_mode & 022) != 0)
		log_warn("group or other writable: %s", path);
}

/** A directory and the regular files in it. */
static void check_tree(const struct instance *in, const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	char path[4096];

	check_root_owned(in, dir);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		int n = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		struct stat st;

		if (n > 0 && (size_t)n < sizeof path && lstat(path, &st) == 0 &&
			S_ISREG(st.st_mode))
			check_root_owned(in, path);
	}
	(void)closedir(d);
}

static void check_place(const struct instance *in, const struct place *p)
{
	struct stat st;
	mode_t extra;

	if (lstat(p->path, &st) < 0) {
		log_warn("missing directory: %s: %s", p->path, strerror(errno));
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		log_warn("not a directory: %s", p->path);
		return;
	}
	if (st.st_uid != p->uid)
		log_warn("not owned by %s: %s", p->uid == in->owner ? in->mail_owner : "root",
			p->path);
	if (in->privileged && p->gid == in->setgid && st.st_gid != p->gid)
		log_warn("not owned by group %s: %s", in->setgid_group, p->path);
	extra = st.st_mode & 0777 & ~p->mode;
	if ((extra & 022) != 0)
		log_warn("group or other writable: %s", p->path);
	else if (extra != 0)
		log_warn("mode %04o should be %04o: %s", (unsigned)(st.st_mode & 07777),
			(unsigned)p->mode, p->path);
}

/** postdrop and postqueue need the group; without it users cannot submit mail. */
static void check_setgid(const struct instance *in, const char *name)
{
	char path[4096];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/%s", in->command_directory, name);
	if (stat(path, &st) < 0)
		return;
	if (st.st_gid != in->setgid)
		log_warn("not owned by group %s: %s", in->setgid_group, path);
	if ((st.st_mode & 02111) != 02111)
		log_warn("not set-gid or not owner+group+world executable: %s", path);
}

/** Expanded text of a parameter; the program ends when it has none. */
static char *text_of(const struct instance *in, const char *name)
{
	struct why why = { "" };
	char *text = NULL;

	if (conf_str(in->conf, name, &text, &why) < 0)
		log_fatal("%s", why.text);
	return text;
}

/** A transport that master.cf does not have: mail of that class would wait for ever. */
static void check_transports(const struct instance *in, const struct master_cf *m)
{
	static const struct {
		const char *transport;
		const char *domains; /* NULL: always in use */
	} classes[] = {
		{ "local_transport", "mydestination" },
		{ "virtual_transport", "virtual_mailbox_domains" },
		{ "relay_transport", "relay_domains" },
		{ "default_transport", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		_cleanup_free_ char *transport = text_of(in, classes[i].transport);
		_cleanup_free_ char *domains = classes[i].domains == NULL
						       ? NULL
						       : text_of(in, classes[i].domains);
		struct str name = str_of(transport);
		ptrdiff_t colon = str_chr(name, ':');

		if (colon >= 0)
			name = str_head(name, (size_t)colon);
		if ((domains != NULL && domains[0] == '\0') ||
			master_cf_find(m, name, MASTER_UNIX) != NULL)
			continue;
		log_warn("%s = %s, but master.cf has no service \"%.*s\": mail for %s will wait in "
			 "the queue",
			classes[i].transport, transport, STR_ARG(name),
			domains == NULL ? "other domains" : classes[i].domains);
	}
}

void check_services(const struct instance *in)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	struct master_cf m = { 0 };
	struct why why = { "" };
	bool old = !conf_compat_at_least(in->conf, "1");

	buf_putf(&path, "%s/master.cf", in->dir);
	if (master_cf_load(buf_cstr(&path), old, &log_notes, &m, &why) < 0)
		log_fatal("%s", why.text);
	if (in->maillog_file[0] != '\0' &&
		master_cf_find(&m, str_of(in->postlog_service_name), MASTER_UNIX_DGRAM) == NULL)
		log_fatal("maillog_file is set, but %s has no service \"%s unix-dgram\"",
			buf_cstr(&path), in->postlog_service_name);
	check_transports(in, &m);
	master_cf_done(&m);
}

/** Read a parameter as what it is: 0 or -EINVAL with why. */
static int try_value(const struct conf *c, const char *name, const struct conf_param *p,
	struct why *why)
{
	char *text = NULL;
	int64_t number;
	usec_t time;
	bool flag;
	int r = 0;

	switch (p->type) {
	case CONF_STR:
	case CONF_RAW:
		r = conf_str(c, name, &text, why);
		free(text);
		break;
	case CONF_INT:
	case CONF_NINT:
	case CONF_LONG:
		r = conf_int(c, name, &number, why);
		break;
	case CONF_BOOL:
	case CONF_NBOOL:
		r = conf_bool(c, name, &flag, why);
		break;
	case CONF_TIME:
		r = conf_time(c, name, &time, why);
		break;
	}
	return r;
}

/** The configuration of one service: main.cf and its -o settings; false when one of them is malformed. */
static bool add_options(struct conf *c, const char *file, const struct master_entry *e)
{
	_cleanup_buf_ struct buf name = BUF_LOCAL(BUF_MEDIUM);
	struct why why = { "" };
	struct str setting;
	bool ok = true;

	buf_putf(&name, "service_name=%s", e->name);
	ok = conf_override(c, buf_str(&name), &why) == 0;
	for (size_t i = 0; ok && master_entry_setting(e, &i, &setting);)
		ok = conf_override(c, setting, &why) == 0;
	if (!ok)
		log_warn("%s: line %d: service %s/%s: -o: %s", file, e->line, e->name,
			master_type_name(e->type), why.text);
	return ok;
}

/** The -o values of one service. */
static bool check_options(const struct instance *in, const char *file, const struct master_entry *e)
{
	_cleanup_(conf_freep) struct conf *c = NULL;
	struct why why = { "" };
	struct str name, value;
	size_t pos = 0;
	bool ok;

	if (!master_entry_setting(e, &pos, &name))
		return true;
	if (conf_load(in->dir, NULL, &c, &why) < 0)
		log_fatal("%s", why.text);
	ok = add_options(c, file, e);
	for (pos = 0; master_entry_option(e, &pos, &name, &value);) {
		const struct conf_param *p = conf_param_find(name);
		_cleanup_free_ char *text = str_dup(name);

		if (p == NULL || !p->heeded || try_value(c, text, p, &why) >= 0)
			continue;
		log_warn("%s: line %d: service %s/%s: %s", file, e->line, e->name,
			master_type_name(e->type), why.text);
		ok = false;
	}
	return ok;
}

/** The -o values of all services that run. */
static bool check_all_options(const struct instance *in)
{
	_cleanup_buf_ struct buf file = BUF_LOCAL(BUF_SMALL);
	_cleanup_free_ char *disabled = text_of(in, "master_service_disable");
	struct master_cf m = { 0 };
	bool ok = true;

	/* What is wrong with the file itself is for check_services() and master to say. */
	buf_putf(&file, "%s/master.cf", in->dir);
	if (master_cf_load(buf_cstr(&file), false, NULL, &m, NULL) < 0)
		return true;
	for (size_t i = 0; i < m.n; i++)
		if (!master_cf_disabled(&m.v[i], str_of(disabled)))
			ok = check_options(in, buf_cstr(&file), &m.v[i]) && ok;
	master_cf_done(&m);
	return ok;
}

bool check_values(const struct instance *in)
{
	const char *name, *value;
	size_t pos = 0;
	bool ok = true;

	while (conf_settings_next(in->conf, &pos, &name, &value)) {
		const struct conf_param *p = conf_param_find(str_of(name));
		struct why why = { "" };

		if (p == NULL || !p->heeded || try_value(in->conf, name, p, &why) >= 0)
			continue;
		log_warn("%s", why.text);
		ok = false;
	}
	return check_all_options(in) && ok;
}

void check_level(const struct instance *in)
{
	if (conf_compat_at_least(in->conf, CURRENT_LEVEL))
		return;
	log_info("Postfix is using backwards-compatible default settings");
	log_info("See https://www.postfix.org/COMPATIBILITY_README.html for details");
	log_info(
		"To disable backwards compatibility use \"postconf compatibility_level=" CURRENT_LEVEL
		"\" and \"postfix reload\"");
}

/** For the terminal: master says the same in the log when it starts. */
static void to_stderr(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	if (level >= NOTE_WARN)
		(void)dprintf(STDERR_FILENO, "postfix: warning: %s\n", text);
}

void check_settings(const struct instance *in, bool in_log)
{
	const struct notes terminal = { to_stderr, NULL };

	conf_warn_unheeded(in->conf, in_log ? &log_notes : &terminal);
}

void check_files(const struct instance *in)
{
	struct place p;
	struct stat st, queue;

	check_services(in);
	check_tree(in, in->dir);
	check_tree(in, in->daemon_directory);
	if (strcmp(in->meta_directory, in->dir) != 0)
		check_tree(in, in->meta_directory);
	for (size_t i = 0; layout_place(in, i, &p); i++)
		check_place(in, &p);
	if (stat(in->data_directory, &st) == 0 && stat(in->queue_directory, &queue) == 0 &&
		st.st_ino == queue.st_ino && st.st_dev == queue.st_dev)
		log_fatal("data_directory and queue_directory are the same: %s",
			in->queue_directory);
	if (in->privileged) {
		check_setgid(in, "postdrop");
		check_setgid(in, "postqueue");
	}
}
