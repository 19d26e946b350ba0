/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/status_log.c — write, read and remove the logs of bounce/, defer/ and trace/.
 */
#include "delivery/status_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "address/address.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "io/stream.h"

/* Longest line that is looked at; the rest of a longer one is dropped. */
#define MAX_LINE ((size_t)100 * 1024)
/* All strings of one entry. */
#define MAX_ENTRY ((size_t)4 * 1024 * 1024)

/* ---- writing ---- */

static void put_field(struct buf *b, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	buf_putf(b, "%s=", name);
	text_printable(b, str_head(value, MAX_LINE - 100), true);
	buf_putc(b, '\n');
}

static void put_address(struct buf *b, const char *name, struct str internal)
{
	struct buf quoted = BUF(2 * internal.len + 3);

	if (internal.len == 0)
		buf_puts(&quoted, "<>");
	else
		check(address_quote(&quoted, internal) == 0);
	put_field(b, name, buf_str(&quoted));
	buf_done(&quoted);
}

/* The line that versions before the fields wrote. */
static void put_compat(struct buf *b, const struct status_entry *e)
{
	struct str addr = e->rcpt.address;

	buf_putc(b, '<');
	text_printable(b, str_head(addr.len > 0 ? addr : STR(""), MAX_LINE / 2), true);
	buf_puts(b, ">: ");
	text_printable(b, str_head(e->dsn.reason, MAX_LINE / 2), true);
	buf_putc(b, '\n');
}

static const char *default_action(struct str service, const struct dsn *dsn)
{
	if (str_eq(service, STR(QUEUE_DEFER)))
		return "delayed";
	return str_starts(dsn->status, STR("2")) ? "delivered" : "failed";
}

static void format_entry(struct buf *b, struct str service, const struct status_entry *e,
	bool compat)
{
	const struct recipient *r = &e->rcpt;
	const struct dsn *d = &e->dsn;

	buf_putc(b, '\n');
	if (compat)
		put_compat(b, e);
	put_address(b, "recipient", r->address);
	if (r->orig_addr.len > 0 && !str_ieq(r->orig_addr, r->address))
		put_address(b, "original_recipient", r->orig_addr);
	if (r->offset > 0)
		buf_putf(b, "offset=%lld\n", (long long)r->offset);
	put_field(b, "dsn_orig_rcpt", r->dsn_orcpt);
	if (r->dsn_notify != 0)
		buf_putf(b, "notify_flags=%d\n", r->dsn_notify);
	put_field(b, "status", d->status);
	put_field(b, "action", d->action.len > 0 ? d->action : str_of(default_action(service, d)));
	if (d->dtype.len > 0 && d->dtext.len > 0) {
		put_field(b, "diag_type", d->dtype);
		put_field(b, "diag_text", d->dtext);
	}
	if (d->mtype.len > 0 && d->mname.len > 0) {
		put_field(b, "mta_type", d->mtype);
		put_field(b, "mta_mname", d->mname);
	}
	put_field(b, "reason", d->reason);
	buf_putc(b, '\n');
}

/* Open and lock; a log that was deleted while we waited for the lock is not the one. */
static int open_locked(const struct queue_settings *q, struct str service, struct str id)
{
	for (;;) {
		int fd = queue_open(q, service, id, O_WRONLY | O_APPEND | O_CREAT, 0600), r;
		struct stat st;

		if (fd < 0)
			return fd;
		r = fd_flock(fd, LOCK_EX);
		if (r == 0 && fstat(fd, &st) < 0)
			r = -errno;
		if (r == 0 && st.st_nlink > 0)
			return fd;
		fd_close(fd);
		if (r < 0)
			return r;
	}
}

static int append_bytes(int fd, struct str bytes)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	r = fd_write_all(fd, bytes);
	if (r == 0)
		r = fd_sync(fd);
	if (r < 0 && ftruncate(fd, st.st_size) < 0)
		return -errno;
	return r;
}

int status_log_append(const struct queue_settings *q, struct str service, struct str id,
	const struct status_entry *e, bool compat, struct why *why)
{
	struct buf b = BUF(MAX_ENTRY);
	int fd = open_locked(q, service, id), r, closed;

	if (fd < 0)
		return why_errno(why, fd, "open file " STR_FMT " " STR_FMT, STR_ARG(service),
			STR_ARG(id));
	format_entry(&b, service, e, compat);
	r = append_bytes(fd, buf_str(&b));
	buf_done(&b);
	closed = fd_close_checked(fd);
	if (r == 0)
		r = closed;
	return r < 0 ? why_errno(why, r, "append file " STR_FMT " " STR_FMT, STR_ARG(service),
			       STR_ARG(id))
		     : 0;
}

/* ---- reading ---- */

struct status_log {
	struct stream *stream;
	struct arena *arena; /* of one entry */
	struct buf line;
	bool is_defer;
};

int status_log_open(const struct queue_settings *q, struct str service, struct str id,
	struct status_log **ret)
{
	int fd = queue_open(q, service, id, O_RDWR, 0);
	struct status_log *l;

	if (fd == -EACCES || fd == -EROFS || fd == -EPERM) /* EPERM: showq promised only to read */
		fd = queue_open(q, service, id, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	l = mem_new(struct status_log);
	l->stream = stream_new(fd);
	l->arena = arena_new(MAX_ENTRY);
	l->line = BUF(MAX_LINE + 1);
	l->is_defer = str_eq(service, STR(QUEUE_DEFER));
	*ret = l;
	return 0;
}

int status_log_lock(struct status_log *l)
{
	return fd_flock(stream_fd(l->stream), LOCK_EX);
}

/* One line without its end: 1, 0 at end of file, or errno. */
static int read_line(struct status_log *l, struct str *ret)
{
	int r;

	buf_clear(&l->line);
	r = stream_line(l->stream, MAX_LINE, &l->line);
	if (r == -ENODATA)
		return 0;
	if (r < 0)
		return r;
	*ret = str_rtrim(buf_str(&l->line));
	while (r == 0) { /* the rest of a long line */
		struct buf rest = BUF(MAX_LINE + 1);

		r = stream_line(l->stream, MAX_LINE, &rest);
		buf_done(&rest);
		if (r == -ENODATA)
			r = 1;
		if (r < 0)
			return r;
	}
	return 1;
}

/* A copy that lives as long as the entry: false when there is no room. */
static bool keep(struct status_log *l, struct str value, struct str *ret)
{
	char *p = arena_try(l->arena, value.len + 1);

	if (p == NULL)
		return false;
	if (value.len > 0)
		memcpy(p, value.ptr, value.len);
	*ret = str_from(p, value.len);
	return true;
}

static bool keep_address(struct status_log *l, struct str value, struct str *ret)
{
	struct buf b = BUF(value.len + 1);
	bool ok;

	if (str_eq(value, STR("<>")))
		ok = keep(l, STR_EMPTY, ret);
	else if (address_unquote(&b, value) == 0)
		ok = keep(l, buf_str(&b), ret);
	else
		ok = keep(l, value, ret);
	buf_done(&b);
	return ok;
}

/* "name=value"; names that we do not know are left out. */
static bool take_field(struct status_log *l, struct str name, struct str value,
	struct status_entry *e, bool *has_rcpt)
{
	const struct {
		const char *name;
		struct str *dest;
	} texts[] = {
		{ "dsn_orig_rcpt", &e->rcpt.dsn_orcpt },
		{ "status", &e->dsn.status },
		{ "action", &e->dsn.action },
		{ "diag_type", &e->dsn.dtype },
		{ "diag_text", &e->dsn.dtext },
		{ "mta_type", &e->dsn.mtype },
		{ "mta_mname", &e->dsn.mname },
		{ "reason", &e->dsn.reason },
	};
	int64_t n;

	if (str_eq(name, STR("recipient"))) {
		*has_rcpt = true;
		return keep_address(l, value, &e->rcpt.address);
	}
	if (str_eq(name, STR("original_recipient")))
		return keep_address(l, value, &e->rcpt.orig_addr);
	if (str_eq(name, STR("offset")) && num_i64(value, 0, INT64_MAX, &n) == 0)
		e->rcpt.offset = n;
	else if (str_eq(name, STR("notify_flags")) && num_i64(value, 0, INT32_MAX, &n) == 0)
		e->rcpt.dsn_notify = (int)n;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (str_eq(name, str_of(texts[i].name)))
			return keep(l, value, texts[i].dest);
	return true;
}

/* "<address>: reason" of old versions. */
static bool take_compat(struct status_log *l, struct str line, struct status_entry *e,
	bool *has_rcpt)
{
	ptrdiff_t end = str_find(line, STR(">: "));

	if (end < 0)
		return true;
	*has_rcpt = true;
	return keep_address(l, str_from(line.ptr + 1, (size_t)end - 1), &e->rcpt.address) &&
	       keep(l, str_skip(line, (size_t)end + 3), &e->dsn.reason);
}

static void set_defaults(const struct status_log *l, struct status_entry *e, bool has_rcpt)
{
	if (!has_rcpt)
		e->rcpt.address = STR("(recipient address unavailable)");
	if (e->dsn.reason.len == 0)
		e->dsn.reason = STR("(description unavailable)");
	if (e->dsn.status.len == 0)
		e->dsn.status = l->is_defer ? STR("4.0.0") : STR("5.0.0");
	if (e->dsn.action.len == 0)
		e->dsn.action = l->is_defer ? STR("delayed") : STR("failed");
}

static void entry_init(struct status_entry *e)
{
	*e = (struct status_entry){ .rcpt = { .offset = -1 } };
	e->rcpt.address = e->rcpt.orig_addr = e->rcpt.dsn_orcpt = STR_EMPTY;
	e->dsn = (struct dsn){ STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY,
		STR_EMPTY };
}

int status_log_next(struct status_log *l, struct status_entry *ret)
{
	bool any = false, has_rcpt = false, ok = true;
	struct str line;
	int r;

	arena_clear(l->arena);
	entry_init(ret);
	while ((r = read_line(l, &line)) > 0 && !(line.len == 0 && any)) {
		ptrdiff_t eq = str_chr(line, '=');

		if (line.len == 0)
			continue;
		if (line.ptr[0] == '<')
			ok = take_compat(l, line, ret, &has_rcpt);
		else if (is_alnum((unsigned char)line.ptr[0]) && eq > 0)
			ok = take_field(l, str_head(line, (size_t)eq),
				str_skip(line, (size_t)eq + 1), ret, &has_rcpt);
		if (!ok)
			return -EBADMSG;
		any = true;
	}
	if (r < 0 || !any)
		return r;
	set_defaults(l, ret, has_rcpt);
	return 1;
}

void status_log_close(struct status_log *l)
{
	if (l == NULL)
		return;
	stream_free(l->stream);
	arena_free(l->arena);
	buf_done(&l->line);
	free(l);
}

int status_log_remove(const struct queue_settings *q, struct str service, struct str id)
{
	int r = queue_remove(q, service, id);

	return r == -ENOENT ? 0 : r;
}
