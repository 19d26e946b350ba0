/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/submit.c — the file of a submission, from its creation to its end; see submit.h.
 */
#include "intake/submit_priv.h"

#include <errno.h>
#include <pwd.h>
#include <sys/time.h>

#include "base/fd.h"
#include "base/mem.h"

/* The buffer goes to the file when it has grown to this. */
#define FLUSH_BYTES ((size_t)64 * 1024)

static const struct queue_settings *layout(const struct submit_conf *c)
{
	static const struct queue_settings with_short = { .long_ids = false };
	static const struct queue_settings with_long = { .long_ids = true };

	return c->s.enable_long_queue_ids ? &with_long : &with_short;
}

struct submit_conf *submit_conf_new(const struct submit_settings *s)
{
	struct submit_conf *c = mem_new(struct submit_conf);

	c->s = *s;
	c->users = match_new(s->tables, "authorized_submit_users", MATCH_STRING, false,
		str_of(s->authorized_submit_users));
	if (tables_open(s->tables, "local_login_sender_maps", str_of(s->local_login_sender_maps),
		    TABLE_FOLD_FIX | (s->smtputf8_enable ? TABLE_UTF8 : 0), &c->senders,
		    &c->senders_broken) == 0)
		c->senders_broken.text[0] = '\0';
	return c;
}

void submit_conf_free(struct submit_conf *c)
{
	if (c == NULL)
		return;
	match_free(c->users);
	if (c->senders_broken.text[0] == '\0')
		tables_done(&c->senders);
	free(c);
}

const char *submit_conf_changed(const struct submit_conf *c)
{
	const char *name = match_changed(c->users);

	if (name == NULL && c->senders_broken.text[0] == '\0')
		name = tables_changed(&c->senders);
	return name;
}

int submit_user_find(uid_t uid, struct submit_user *ret)
{
	size_t size = (size_t)64 * 1024;
	_cleanup_free_ char *room = mem_alloc(size);
	struct submit_user u = { .uid = uid };
	struct passwd pw;
	struct passwd *found = NULL;
	int e = getpwuid_r(uid, &pw, room, size, &found);

	/* "Not there" has many names in NSS modules: see getpwuid(3). */
	if (found == NULL && e != 0 && e != ENOENT && e != ESRCH && e != EBADF && e != EPERM)
		return -e;
	if (found != NULL) {
		size_t len = strlen(pw.pw_name);

		if (len >= sizeof u.login)
			return -EMSGSIZE;
		memcpy(u.login, pw.pw_name, len + 1);
	}
	*ret = u;
	return 0;
}

enum lookup submit_allowed(const struct submit_conf *c, const struct submit_user *u,
	struct why *why)
{
	const char *name = u->login[0] != '\0' ? u->login : "unknown";
	struct why cause = { "" };
	enum lookup found = match_str(c->users, str_of(name), &cause);

	if (found == LOOKUP_TEMPFAIL)
		(void)why_set(why, -EAGAIN, "authorized_submit_users: %s", cause.text);
	if (found == LOOKUP_NONE)
		(void)why_set(why, -EACCES, "User %s(%ld) is not allowed to submit mail", name,
			(long)u->uid);
	return found;
}

int submit_open(const struct submit_conf *c, const struct submit_user *u, bool on_behalf,
	struct submit **ret, struct why *why)
{
	struct submit *s = mem_new(struct submit);
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	struct timeval now;
	int r;

	s->c = c;
	s->user = *u;
	s->out = BUF((size_t)REC_MAX + 2 * FLUSH_BYTES);
	s->reason = BUF(BUF_SMALL);
	r = queue_create(layout(c), STR(QUEUE_MAILDROP), 0644, &s->file, why);
	if (r < 0) {
		free(s);
		return r;
	}
	check(gettimeofday(&now, NULL) == 0);
	buf_putf(&b, "%lld %ld", (long long)now.tv_sec, (long)now.tv_usec);
	submit_put(s, REC_TIME, buf_str(&b));
	if (on_behalf) {
		buf_clear(&b);
		buf_putf(&b, SUBMIT_UID_ATTR "=%ld", (long)u->uid);
		submit_put(s, REC_ATTR, buf_str(&b));
	}
	*ret = s;
	return 0;
}

const char *submit_id(const struct submit *s)
{
	return s->file.id;
}

static void too_big(struct submit *s)
{
	note(s->c->s.log, NOTE_WARN, "uid=%ld: File too large", (long)s->user.uid);
	s->status |= INTAKE_STAT_SIZE;
}

void submit_flush(struct submit *s)
{
	int r;

	if (s->status != 0 || s->out.len == 0) {
		buf_clear(&s->out);
		return;
	}
	r = fd_write_all(s->file.fd, buf_str(&s->out));
	buf_clear(&s->out);
	if (r == -EFBIG) {
		too_big(s);
	} else if (r < 0) {
		note(s->c->s.log, NOTE_WARN, "uid=%ld: write: %s", (long)s->user.uid,
			strerrordesc_np(-r));
		s->status |= INTAKE_STAT_WRITE;
	}
}

void submit_put(struct submit *s, int type, struct str data)
{
	size_t before = s->out.len;

	if (s->status != 0)
		return;
	if (rec_put(&s->out, type, data) < 0) {
		s->status |= INTAKE_STAT_WRITE;
		return;
	}
	s->size += (int64_t)(s->out.len - before);
	if (s->c->s.message_size_limit > 0 && s->size > s->c->s.message_size_limit)
		too_big(s);
	else if (s->out.len >= FLUSH_BYTES)
		submit_flush(s);
}

static void discard(struct submit *s)
{
	int r = s->kept ? 0 : queue_remove(layout(s->c), STR(QUEUE_MAILDROP), str_of(s->file.id));

	s->kept = true; /* there is no more to remove */
	if (r < 0 && r != -ENOENT)
		note(s->c->s.log, NOTE_WARN, "uid=%ld: remove maildrop/%s: %s", (long)s->user.uid,
			s->file.id, strerrordesc_np(-r));
}

unsigned submit_finish(struct submit *s, struct str *ret_reason)
{
	int r = 0;

	if (s->status == 0 && (!s->seen_sender || !s->seen_rcpt))
		s->status |= INTAKE_STAT_BAD;
	submit_flush(s);
	if (s->status == 0) {
		if (fchmod(s->file.fd, 0744) < 0)
			r = -errno;
		if (r == 0)
			r = fd_sync(s->file.fd);
		if (r == 0)
			r = fd_close_checked(TAKE_FD(s->file.fd));
	}
	if (r < 0) {
		note(s->c->s.log, NOTE_WARN, "uid=%ld: close: %s", (long)s->user.uid,
			strerrordesc_np(-r));
		s->status |= r == -EFBIG ? INTAKE_STAT_SIZE : INTAKE_STAT_WRITE;
	}
	if (s->status == 0)
		s->kept = true;
	else
		discard(s);
	*ret_reason = buf_str(&s->reason);
	return s->status;
}

void submit_free(struct submit *s)
{
	if (s == NULL)
		return;
	discard(s);
	fd_close(s->file.fd);
	buf_done(&s->out);
	buf_done(&s->reason);
	free(s);
}
