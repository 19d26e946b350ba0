/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit.c — records to postdrop, its answer to an exit status.
 *
 * postdrop is started as it is named in main.cf, without a shell, with one pipe each way. It decides:
 * only after its answer is the message ours no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "intake/intake.h"
#include "ipc/attr.h"
#include "log/log.h"
#include "sendmail.h"

#define TRACE_VERIFY 512
#define TRACE_RECORD 1024

void sendmail_fail(int status, const struct sendmail_user *u, const char *sender, const char *fmt,
	...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_fatal_status(status);
	log_fatal("%s(%ld): %s", sender, (long)u->uid, text);
}

/** A running postdrop. */
struct drop {
	pid_t pid;
	struct stream *io;
	char path[4096];
};

static void start_postdrop(const struct sendmail_conf *c, struct drop *d)
{
	int in[2], out[2];

	if (snprintf(d->path, sizeof d->path, "%s/postdrop", c->command_directory) >=
		(int)sizeof d->path)
		log_fatal("command_directory is too long");
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		log_fatal("pipe: %m");
	d->pid = fork();
	if (d->pid < 0)
		log_fatal("fork: %m");
	if (d->pid == 0) {
		char name[] = "postdrop", dash_r[] = "-r";
		char *argv[] = { name, dash_r, NULL };

		if (dup2(in[0], STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0)
			_exit(EX_OSERR);
		execv(d->path, argv);
		_exit(EX_UNAVAILABLE);
	}
	fd_close(in[0]);
	fd_close(out[1]);
	d->io = stream_new_pair(out[0], in[1]);
}

static int put(struct drop *d, int type, struct str data)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	int r = rec_put(&b, type, data);

	return r < 0 ? r : stream_write(d->io, buf_str(&b));
}

static int put_attr(struct drop *d, const char *name, const char *value)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);
	int r = rec_put_attr(&b, name, str_of(value));

	return r < 0 ? r : stream_write(d->io, buf_str(&b));
}

static int put_number(struct drop *d, const char *name, int value)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%d", value);
	return put_attr(d, name, text);
}

/* With -O: a size record whose only meaning is its last field. */
static int put_sendopts(struct drop *d, const struct sendmail_options *o)
{
	char text[128];
	int bits = (o->smtputf8 ? SENDOPT_SMTPUTF8_REQUESTED : 0) |
		   (o->requiretls ? SENDOPT_REQUIRETLS : 0);

	if (bits == 0)
		return 0;
	(void)snprintf(text, sizeof text, "%15ld %15ld %15ld %15ld %15ld %15d", -1L, -1L, -1L, -1L,
		-1L, bits);
	return put(d, REC_SIZE, str_of(text));
}

static int put_rcpts(struct drop *d, const struct sendmail_options *o, const struct address_list *l)
{
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++) {
		if (o->notify != 0)
			r = put_number(d, "notify_flags", o->notify);
		if (r == 0)
			r = put(d, REC_RCPT, l->v[i]);
	}
	return r;
}

static int put_verp(struct drop *d, const struct sendmail_options *o, const struct sendmail_conf *c,
	const struct sendmail_user *u)
{
	const char *delims = o->verp;

	if (delims == NULL)
		return 0;
	if (delims[0] == '\0')
		delims = c->default_verp_delimiters;
	if (strlen(delims) != 2 || strchr(c->verp_delimiter_filter, delims[0]) == NULL ||
		strchr(c->verp_delimiter_filter, delims[1]) == NULL)
		sendmail_fail(EX_USAGE, u, u->login,
			"bad VERP delimiters \"%s\": use two characters of %s", delims,
			c->verp_delimiter_filter);
	return put(d, REC_VERP, str_of(delims));
}

static int put_envelope(struct drop *d, const struct sendmail_options *o,
	const struct sendmail_conf *c, const struct sendmail_user *u, struct str sender)
{
	int r = put_sendopts(d, o);

	if (r == 0 && o->envid != NULL)
		r = put_attr(d, "envelope_id", o->envid);
	if (r == 0 && o->ret != 0)
		r = put_number(d, "ret_flags", o->ret);
	if (r == 0)
		r = put_attr(d, "rewrite_context", o->gateway ? "remote" : "local");
	if (r == 0 && u->full_name[0] != '\0')
		r = put(d, REC_FULL, str_of(u->full_name));
	if (r == 0)
		r = put(d, REC_FROM, sender);
	if (r == 0 && o->encoding != NULL)
		r = put_attr(d, "encoding", o->encoding);
	if (r == 0 && (o->verify || o->verbose == 1))
		r = put_number(d, "trace_flags", o->verify ? TRACE_VERIFY : TRACE_RECORD);
	return r == 0 ? put_verp(d, o, c, u) : r;
}

static int put_text(struct drop *d, int type, const char *before, struct str text,
	const char *after)
{
	_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);

	if (buf_adds(&b, before) < 0 || buf_add(&b, text) < 0 || buf_adds(&b, after) < 0)
		return -EMSGSIZE;
	return put(d, type, buf_str(&b));
}

/* -bv: nothing is read; the body says whom it is about. */
static int put_probe(struct drop *d, struct str sender, const struct address_list *rcpts)
{
	int r = sender.len > 0 ? put_text(d, REC_NORM, "From: ", sender, "") : 0;

	if (r == 0)
		r = put(d, REC_NORM, STR("Subject: probe"));
	if (r == 0)
		r = put(d, REC_CONT, STR("To:"));
	for (size_t i = 0; i < rcpts->n && r == 0; i++) {
		_cleanup_buf_ struct buf b = BUF(BUF_MEDIUM);

		r = address_quote(&b, rcpts->v[i]);
		if (r == 0)
			r = put_text(d, REC_NORM, "\t", buf_str(&b), i + 1 < rcpts->n ? "," : "");
	}
	return r;
}

static int exit_of(unsigned status)
{
	if ((status & INTAKE_STAT_BAD) != 0)
		return EX_SOFTWARE;
	if ((status & INTAKE_STAT_WRITE) != 0)
		return EX_TEMPFAIL;
	return (status & INTAKE_STAT_NOPERM) != 0 ? EX_NOPERM : EX_UNAVAILABLE;
}

/* The end of postdrop without an answer: its own message went to standard error. */
_noreturn_ static void no_answer(struct drop *d, const struct sendmail_user *u, const char *sender)
{
	int status = 0;

	if (waitpid(d->pid, &status, 0) == d->pid && WIFEXITED(status) &&
		WEXITSTATUS(status) == EX_UNAVAILABLE)
		sendmail_fail(EX_UNAVAILABLE, u, sender, "unable to execute %s -r: %s", d->path,
			access(d->path, X_OK) < 0 ? strerrordesc_np(errno) : "it gave no answer");
	sendmail_fail(EX_UNAVAILABLE, u, sender, "%s did not take the message (status %d)", d->path,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void finish(struct drop *d, struct arena *a, const struct sendmail_user *u,
	const char *sender)
{
	struct attr_list l;
	struct str reason;
	int status;

	if (stream_flush(d->io) < 0 || attr_list_read(d->io, ATTR_NUL, BUF_SMALL, a, &l) < 0 ||
		attr_int(&l, "status", &status) < 0 || attr_str(&l, "reason", &reason) < 0)
		no_answer(d, u, sender);
	if (status != 0) {
		const struct intake_status_text *t = intake_status_text((unsigned)status);

		if (reason.len == 0)
			reason = str_of(t == NULL ? "internal error" : t->text);
		sendmail_fail(exit_of((unsigned)status), u, sender, STR_FMT, STR_ARG(reason));
	}
	(void)waitpid(d->pid, NULL, 0);
}

/* Content: standard input, or a probe. */
static int put_content(struct drop *d, struct content *text, struct str sender,
	const struct address_list *rcpts, const struct sendmail_user *u, const char *shown)
{
	_cleanup_stream_ struct stream *in = NULL;
	bool write_failed;
	int r;

	if (text->opt->verify)
		return put_probe(d, sender, rcpts);
	in = stream_new_pair(STDIN_FILENO, -1);
	r = content_copy(text, in, &write_failed);
	if (r < 0 && !write_failed) {
		if (r == -EMSGSIZE)
			sendmail_fail(EX_DATAERR, u, shown,
				"unable to extract recipients: a header is larger than header_size_limit");
		sendmail_fail(EX_DATAERR, u, shown, "error reading input: %s", strerrordesc_np(-r));
	}
	return r;
}

int submit(const struct sendmail_options *o, const struct sendmail_conf *c, struct arena *a,
	const struct sendmail_user *u)
{
	struct str sender = o->sender == NULL ? str_of(u->login) : argument_sender(o->sender, a);
	const char *shown = sender.len == 0 ? "" : arena_cstr(a, sender);
	struct address_list rcpts = { 0 }, l;
	struct drop d = { .pid = -1 };
	struct content text = { .opt = o, .conf = c, .arena = a };
	struct attr_list greeting;
	int r;

	for (char **p = o->rcpt; *p != NULL; p++) {
		argument_recipients(*p, a, &l);
		list_append(&rcpts, &l, a);
	}
	if (rcpts.n == 0 && !o->extract)
		sendmail_fail(EX_USAGE, u, shown,
			"Recipient addresses must be specified on the command line or via the -t option");
	start_postdrop(c, &d);
	text.out = d.io;
	if (attr_list_read(d.io, ATTR_NUL, BUF_SMALL, a, &greeting) < 0)
		no_answer(&d, u, shown);
	r = put_envelope(&d, o, c, u, sender);
	if (r == 0)
		r = put_rcpts(&d, o, &rcpts);
	if (r == 0)
		r = put(&d, REC_MESG, STR_EMPTY);
	if (r == 0)
		r = put_content(&d, &text, sender, &rcpts, u, shown);
	if (r == 0)
		r = put(&d, REC_XTRA, STR_EMPTY);
	if (r == 0 && o->extract) {
		/* Without E postdrop drops what it has. */
		if (rcpts.n + content_recipients(&text)->n == 0)
			sendmail_fail(EX_USAGE, u, shown,
				"No recipient addresses found in message header");
		r = put_rcpts(&d, o, content_recipients(&text));
	}
	if (r == 0)
		r = put(&d, REC_END, STR_EMPTY);
	finish(&d, a, u, shown);
	return r == 0 ? EX_OK : EX_TEMPFAIL;
}
