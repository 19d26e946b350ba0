/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pickup — takes what postdrop left in the maildrop to cleanup.
 *
 * Woken by triggers. A file that cleanup has taken, or that makes no sense, is removed; one that
 * could not be handed over now stays for the next time.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "intake/intake.h"
#include "log/log.h"
#include "pickup.h"
#include "sandbox/sandbox.h"
#include "service/derive.h"
#include "service/intake_settings.h"
#include "service/service.h"

struct pickup_conf {
	const char *myhostname;
	const char *mail_name;
	const char *content_filter;
	const char *receive_override_options;
	const char *cleanup_service_name;
	const char *info_log_address_format;
	const char *smtputf8_autodetect_classes;
	bool smtputf8_enable;
	usec_t ipc_timeout;
};

static struct pickup_conf the_conf;
static unsigned the_flags;
static uid_t the_owner;
static char *the_cleanup_path;

#define P struct pickup_conf
static const struct conf_var vars[] = {
	CV_STR(P, myhostname),
	CV_STR(P, mail_name),
	CV_STR(P, content_filter),
	CV_STR(P, receive_override_options),
	CV_STR(P, cleanup_service_name),
	CV_STR(P, info_log_address_format),
	CV_STR(P, smtputf8_autodetect_classes),
	CV_BOOL(P, smtputf8_enable),
	CV_TIME(P, ipc_timeout),
	CV_END,
};

/* The maildrop is never hashed. */
static const struct queue_settings the_layout;

enum outcome {
	GONE,    /* the file was dealt with */
	KEPT,    /* try this one again later */
	BLOCKED, /* cleanup cannot be reached: try all again later */
};

/* What cleanup could not do may work next time, unless the message itself is to blame. */
static bool is_temporary(unsigned status)
{
	return (status & (INTAKE_STAT_WRITE | INTAKE_STAT_DEFER | INTAKE_STAT_PROXY)) != 0;
}

static enum outcome hand_over(struct pickup_job *j)
{
	struct str reason = STR_EMPTY;
	unsigned status = 0;
	struct why why;

	switch (pickup_copy(j)) {
	case COPY_MALFORMED:
		return GONE;
	case COPY_FAILED:
		log_warn("maildrop/%s: error writing %s: the connection broke", j->id,
			post_id(j->post));
		return KEPT;
	case COPY_DONE:
		break;
	}
	if (post_finish(j->post, &status, &reason, &why) < 0) {
		log_warn("maildrop/%s: error writing %s: %s", j->id, post_id(j->post), why.text);
		return KEPT;
	}
	if (status == 0)
		return GONE;
	log_warn("maildrop/%s: error writing %s: %s", j->id, post_id(j->post),
		intake_status_text(status)->text);
	return is_temporary(status) ? KEPT : GONE;
}

static enum outcome submit(struct pickup_job *j, const struct stat *st)
{
	struct why why;
	enum outcome outcome;
	unsigned flags;

	j->uid = (long)st->st_uid;
	j->mtime = (int64_t)st->st_mtime;
	j->requeued = st->st_uid == the_owner && (st->st_mode & S_IROTH) == 0;
	j->by_owner = st->st_uid == the_owner && !j->requeued;
	flags = j->requeued ? the_flags & ~(unsigned)INTAKE_MILTER : the_flags;
	if (post_open(the_cleanup_path, flags, the_conf.ipc_timeout, &j->post, &why) < 0) {
		log_warn("%s", why.text);
		return BLOCKED;
	}
	outcome = hand_over(j);
	post_free(j->post);
	return outcome;
}

/* One file: complete, regular, and not linked elsewhere. */
static enum outcome pick(struct str id)
{
	struct pickup_job j = {
		.id = id.ptr,
		.content_filter = the_conf.content_filter,
		.myhostname = the_conf.myhostname,
		.mail_name = the_conf.mail_name,
		.info_address_internal = str_ieq(str_of(the_conf.info_log_address_format),
			STR("internal")),
	};
	enum outcome outcome = KEPT;
	struct stat st;
	struct why why;
	int r = queue_message_open(&the_layout, STR(QUEUE_MAILDROP), id, false, &j.msg, &why);

	if (r < 0) {
		if (r != -ENOENT)
			log_warn("%s", why.text);
		return KEPT;
	}
	if (fstat(queue_message_fd(j.msg), &st) == 0 &&
		(st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY)
		outcome = submit(&j, &st);
	queue_message_close(j.msg);
	if (outcome == GONE) {
		r = queue_remove(&the_layout, STR(QUEUE_MAILDROP), id);
		if (r < 0 && r != -ENOENT)
			log_warn("remove maildrop/%s: %s", j.id, strerrordesc_np(-r));
	}
	return outcome;
}

/* One pass over the directory: how many files were dealt with; -1: no use in going on. */
static int scan(void)
{
	struct queue_scan *s;
	struct str id;
	int count = 0;
	int r = queue_scan_open(STR(QUEUE_MAILDROP), &s);

	if (r < 0) {
		log_warn("open %s: %s", QUEUE_MAILDROP, strerrordesc_np(-r));
		return -1;
	}
	while ((r = queue_scan_next(s, &id)) > 0) {
		_cleanup_free_ char *copy = str_dup(id);
		enum outcome outcome = pick(str_of(copy));

		if (outcome == BLOCKED) {
			count = -1;
			break;
		}
		count += outcome == GONE;
	}
	queue_scan_close(s);
	return count;
}

static void trigger(struct service_ctx *ctx, struct str request)
{
	(void)ctx;
	(void)request;
	/* Files that come while we work may have been passed by. */
	while (scan() > 0)
		;
}

static bool autodetects(void)
{
	struct str rest = str_of(the_conf.smtputf8_autodetect_classes);
	struct str word;

	while (the_conf.smtputf8_enable && str_word(&rest, ", \t\r\n", &word))
		if (str_ieq(word, STR("sendmail")) || str_ieq(word, STR("all")))
			return true;
	return false;
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	_cleanup_buf_ struct buf path = BUF(BUF_SMALL);
	gid_t gid;
	gid_t setgid;
	int r = intake_override_flags(the_conf.receive_override_options,
		INTAKE_BOUNCE | INTAKE_EXTERNAL, &the_flags, why);

	if (r == 0)
		r = derive_owner(ctx->conf, &the_owner, &gid, &setgid, why);
	if (r < 0)
		return r;
	if (autodetects())
		the_flags |= INTAKE_AUTOUTF8;
	buf_putf(&path, "public/%s", the_conf.cleanup_service_name);
	the_cleanup_path = buf_take(&path);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct service pickup = {
		.name = "pickup",
		.kind = SERVICE_TRIGGER,
		.flags = SERVICE_SOLITARY,
		.vars = vars,
		.conf_base = &the_conf,
		.promises = P_STDIO | P_UNIX | P_READ | P_QUEUE,
		.pre_jail = pre_jail,
		.trigger = trigger,
	};

	service_main(argc, argv, &pickup);
}
