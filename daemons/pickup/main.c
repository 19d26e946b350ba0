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

/* Further than this in the future is a broken clock; older than this deserves a remark. */
#define FUTURE_MAX (2 * 60 * 60)
#define OLD_AGE    (24 * 60 * 60)

/* How long one trigger may keep us looking for more. */
#define ROUND_MAX (300 * USEC_PER_SEC)

struct pickup_conf {
	const char *myhostname;
	const char *mail_name;
	const char *content_filter;
	const char *receive_override_options;
	const char *cleanup_service_name;
	const char *info_log_address_format;
	const char *smtputf8_autodetect_classes;
	int64_t line_length_limit;
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
	CV_INT(P, line_length_limit),
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

/*
 * Is a message that cleanup did not take of no use to anybody? What is wrong with its content cleanup
 * tells the sender itself; when it could not do even that, the message waits for the next time.
 */
static bool is_hopeless(unsigned status)
{
	return (status & (INTAKE_STAT_BAD | INTAKE_STAT_RCPT)) != 0 &&
	       (status & (INTAKE_STAT_WRITE | INTAKE_STAT_DEFER | INTAKE_STAT_PROXY)) == 0;
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
	return is_hopeless(status) ? GONE : KEPT;
}

/* When the file was written is when the message came; a clock may be wrong. */
static void check_age(struct pickup_job *j)
{
	int64_t now = clock_wall() / USEC_PER_SEC;

	if (j->mtime > now + FUTURE_MAX) {
		log_warn("%s: message dated %lld seconds into the future", post_id(j->post),
			(long long)(j->mtime - now));
		j->mtime = now;
	} else if (j->mtime < now - OLD_AGE) {
		log_warn("%s: message has been queued for %lld days", post_id(j->post),
			(long long)((now - j->mtime) / OLD_AGE));
	}
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
	/* A requeued message was filtered, and its need for SMTPUTF8 found out, when it came. */
	flags = j->requeued ? the_flags & ~(unsigned)(INTAKE_MILTER | INTAKE_AUTOUTF8) : the_flags;
	if (post_open(the_cleanup_path, flags, the_conf.ipc_timeout, &j->post, &why) < 0) {
		log_warn("%s", why.text);
		return BLOCKED;
	}
	check_age(j);
	outcome = hand_over(j);
	post_free(j->post);
	return outcome;
}

static enum outcome discard(const struct pickup_job *j)
{
	int r = queue_remove(&the_layout, STR(QUEUE_MAILDROP), str_of(j->id));

	if (r == 0 || r == -ENOENT)
		return GONE;
	log_warn("remove maildrop/%s: %s", j->id, strerrordesc_np(-r));
	return KEPT;
}

/* A name in the maildrop: is it a complete file? What is not there, or not yet, is no news. */
static bool is_candidate(struct str id)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	struct stat st;

	queue_path(&the_layout, &path, STR(QUEUE_MAILDROP), id);
	if (lstat(buf_cstr(&path), &st) < 0) {
		if (errno != ENOENT)
			log_warn("lstat %s: %m", buf_cstr(&path));
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		log_warn("%s: uid %ld: not a regular file", buf_cstr(&path), (long)st.st_uid);
		return false;
	}
	return (st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY;
}

/* One file: complete, regular, and not linked elsewhere. */
static enum outcome pick(struct str id)
{
	struct pickup_job j = {
		.id = id.ptr,
		.content_filter = the_conf.content_filter,
		.myhostname = the_conf.myhostname,
		.mail_name = the_conf.mail_name,
		.record_max = (size_t)the_conf.line_length_limit,
		.info_address_internal = str_ieq(str_of(the_conf.info_log_address_format),
			STR("internal")),
	};
	enum outcome outcome = KEPT;
	struct stat st;
	struct why why;
	int r;

	if (!is_candidate(id))
		return KEPT;
	r = queue_message_open(&the_layout, STR(QUEUE_MAILDROP), id, false, &j.msg, &why);
	if (r == -ENOENT)
		return KEPT;
	if (r == -EINVAL) {
		/* A second name of a file from elsewhere, most likely: the first one stays. */
		log_warn("open input file maildrop/%s: %s", j.id, why.text);
		return discard(&j);
	}
	if (r < 0) {
		log_warn("open input file maildrop/%s: cannot open file: %s", j.id,
			strerrordesc_np(-r));
		return KEPT;
	}
	if (fstat(queue_message_fd(j.msg), &st) == 0 &&
		(st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY)
		outcome = submit(&j, &st);
	queue_message_close(j.msg);
	return outcome == GONE ? discard(&j) : outcome;
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
	queue_scan_flat(s);
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
	usec_t end = clock_now() + ROUND_MAX;

	(void)request;
	/*
	 * Files that come while we work may have been passed by. But who never stops coming must not
	 * keep the process from its other duties: those files have triggers of their own.
	 */
	while (scan() > 0 && clock_now() < end && !service_is_ending(ctx))
		;
}

/* Is mail from here looked at for its need of SMTPUTF8? 1, 0, or -EINVAL. */
static int autodetects(struct why *why)
{
	static const char *const classes[] = { "sendmail", "smtpd", "qmqpd", "forward", "bounce",
		"notify", "verify", "all" };
	struct str rest = str_of(the_conf.smtputf8_autodetect_classes);
	struct str word;
	int found = 0;

	while (str_word(&rest, ", \t\r\n", &word)) {
		size_t i = 0;

		while (i < ARRAY_LEN(classes) && !str_ieq(word, str_of(classes[i])))
			i++;
		if (i == ARRAY_LEN(classes))
			return why_set(why, -EINVAL,
				"unknown smtputf8_autodetect_classes value \"" STR_FMT
				"\" in \"%s\"",
				STR_ARG(word), the_conf.smtputf8_autodetect_classes);
		if (i == 0 || i == ARRAY_LEN(classes) - 1)
			found = 1;
	}
	return found;
}

static int pre_jail(struct service_ctx *ctx, struct why *why)
{
	_cleanup_buf_ struct buf path = BUF_LOCAL(BUF_SMALL);
	gid_t gid;
	gid_t setgid;
	int r = intake_override_flags(the_conf.receive_override_options,
		INTAKE_BOUNCE | INTAKE_EXTERNAL, &the_flags, why);

	if (r == 0)
		r = derive_owner(ctx->conf, &the_owner, &gid, &setgid, why);
	if (r == 0)
		r = autodetects(why);
	if (r < 0)
		return r;
	if (r > 0)
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
