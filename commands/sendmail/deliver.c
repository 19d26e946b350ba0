/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver.c — a message from standard input to postdrop.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"
#include "queue/record.h"
#include "sendmail.h"

#define TRACE_PROBE  512
#define TRACE_RECORD 1024

struct delivery {
	const struct sendmail_options *o;
	const struct sendmail_conf *c;
	struct arena *a;
	struct postdrop *p;
	struct header_reader *header; /* -t */
	struct str sender;            /* internal form */
	const char *who;
	size_t rcpts;
};

/* ---- who sends ---- */

static struct str login_name(struct arena *a)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwuid(getuid());
	if (pw == NULL && errno != 0 && errno != ENOENT && errno != ESRCH)
		sendmail_die(EX_TEMPFAIL, "user ID %ld: %m", (long)getuid());
	if (pw == NULL)
		sendmail_die(EX_OSERR, "no login name found for user ID %ld", (long)getuid());
	return arena_str(a, str_of(pw->pw_name));
}

/* The user's real name from the password file; '&' is the capitalised login. */
static struct str gecos_name(struct arena *a)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	const struct passwd *pw = getpwuid(getuid());

	if (pw == NULL || pw->pw_gecos == NULL)
		return STR_EMPTY;
	for (const char *c = pw->pw_gecos; *c != '\0' && *c != ',' && *c != ';' && *c != '%'; c++) {
		if (*c != '&') {
			buf_putc(&b, *c);
			continue;
		}
		buf_putc(&b, (char)ascii_upper((unsigned char)pw->pw_name[0]));
		if (pw->pw_name[0] != '\0')
			buf_puts(&b, pw->pw_name + 1);
	}
	return arena_str(a, buf_str(&b));
}

/* On one line, because postdrop refuses others. */
static struct str one_line(struct arena *a, const char *text)
{
	char *copy = arena_alloc(a, strlen(text) + 1);

	for (size_t i = 0; text[i] != '\0'; i++)
		copy[i] = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
	copy[strlen(text)] = '\0';
	return str_of(copy);
}

static struct str full_name(const struct delivery *d)
{
	const char *env = getenv("NAME");

	if (d->o->full_name != NULL)
		return one_line(d->a, d->o->full_name);
	if (env != NULL)
		return one_line(d->a, env);
	return gecos_name(d->a);
}

static struct str parse_sender(const struct delivery *d)
{
	struct address_list list;

	if (d->o->sender == NULL)
		return login_name(d->a);
	address_list_parse(str_of(d->o->sender), 1000, d->a, &list);
	if (list.n > 1)
		log_warn("-f option specified malformed sender: %s", d->o->sender);
	return list.n == 0 ? STR_EMPTY : list.v[0];
}

/* ---- envelope ---- */

static void put_rcpt(struct delivery *d, struct str rcpt)
{
	if (d->o->notify != 0)
		postdrop_putf(d->p, REC_ATTR, "notify_flags=%d", d->o->notify);
	postdrop_put(d->p, REC_RCPT, rcpt);
	d->rcpts++;
}

static void put_sendopts(struct delivery *d)
{
	struct rec_size size = {
		.size = -1,
		.data_offset = -1,
		.rcpt_count = -1,
		.qmgr_opts = -1,
		.cont_length = -1,
		.sendopts = (d->o->smtputf8 ? SENDOPT_SMTPUTF8_REQUESTED : 0) |
			    (d->o->requiretls ? SENDOPT_REQUIRETLS : 0),
	};

	if (size.sendopts == 0)
		return;
	postdrop_putf(d->p, REC_SIZE, "%15lld %15lld %15lld %15lld %15lld %15lld",
		(long long)size.size, (long long)size.data_offset, (long long)size.rcpt_count,
		(long long)size.qmgr_opts, (long long)size.cont_length, (long long)size.sendopts);
}

static void put_envelope(struct delivery *d)
{
	const struct sendmail_options *o = d->o;
	struct str name = full_name(d);
	int trace = o->mode == MODE_VERIFY ? TRACE_PROBE : o->verbose == 1 ? TRACE_RECORD : 0;

	put_sendopts(d);
	if (o->envid != NULL)
		postdrop_putf(d->p, REC_ATTR, "envelope_id=%s", o->envid);
	if (o->ret != 0)
		postdrop_putf(d->p, REC_ATTR, "ret_flags=%d", o->ret);
	postdrop_putf(d->p, REC_ATTR, "rewrite_context=%s", o->gateway ? "remote" : "local");
	if (name.len > 0 || o->full_name != NULL || getenv("NAME") != NULL)
		postdrop_put(d->p, REC_FULL, name);
	postdrop_put(d->p, REC_FROM, d->sender);
	if (o->encoding != NULL)
		postdrop_putf(d->p, REC_ATTR, "encoding=%s", o->encoding);
	if (trace != 0)
		postdrop_putf(d->p, REC_ATTR, "trace_flags=%d", trace);
	if (o->verp != NULL)
		postdrop_put(d->p, REC_VERP,
			str_of(o->verp[0] != '\0' ? o->verp : d->c->default_verp_delimiters));
	for (char **arg = o->recipients; *arg != NULL; arg++) {
		struct address_list list;

		address_list_parse(str_of(*arg), 100000, d->a, &list);
		for (size_t i = 0; i < list.n; i++)
			put_rcpt(d, list.v[i]);
		if (list.n == 0)
			put_rcpt(d, STR_EMPTY);
	}
}

/* ---- text ---- */

/* A mailbox separator before the header, quoted or not. */
static bool is_from_line(struct str line)
{
	while (line.len > 0 && line.ptr[0] == '>')
		line = str_skip(line, 1);
	return str_starts(line, STR("From "));
}

struct text_state {
	bool first;    /* no line was kept yet */
	bool mid_line; /* the last piece did not end its line */
	bool strip_cr;
	bool decide_cr; /* by the first line */
};

static void put_text(struct delivery *d, struct text_state *t, struct str line, bool whole)
{
	postdrop_put(d->p, whole ? REC_NORM : REC_CONT, line);
	if (d->header != NULL)
		header_reader_line(d->header, line, !whole);
	t->first = false;
	t->mid_line = !whole;
}

/* One piece of input; false: the end of the message. */
static bool text_piece(struct delivery *d, struct text_state *t, struct str line, bool whole)
{
	bool start = !t->mid_line;

	if (whole && t->decide_cr) {
		t->strip_cr = line.len > 0 && line.ptr[line.len - 1] == '\r';
		t->decide_cr = false;
	}
	while (whole && t->strip_cr && line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (start && d->o->dot_ends && str_eq(line, STR(".")))
		return false;
	if (start && whole && t->first && is_from_line(line))
		return true;
	put_text(d, t, line, whole);
	return true;
}

static void copy_text(struct delivery *d)
{
	_cleanup_buf_ struct buf line = BUF_LOCAL((size_t)d->c->line_length_limit + 2);
	_cleanup_stream_ struct stream *in = stream_new_pair(STDIN_FILENO, -1);
	const char *fix = d->c->sendmail_fix_line_endings;
	struct text_state t = {
		.first = true,
		.strip_cr = strcmp(fix, "always") == 0,
		.decide_cr = strcmp(fix, "strict") == 0,
	};
	bool more = true;

	while (more) {
		int r;

		buf_clear(&line);
		r = stream_line(in, (size_t)d->c->line_length_limit, &line);
		if (r == -ENODATA)
			break;
		if (r < 0)
			sendmail_die(EX_DATAERR, "%s: error reading input: %s", d->who,
				strerrordesc_np(-r));
		if (r == 1)
			line.len--;
		more = text_piece(d, &t, buf_str(&line), r == 1);
	}
}

static void probe_text(struct delivery *d)
{
	_cleanup_buf_ struct buf quoted = BUF_LOCAL(BUF_MEDIUM);

	if (d->sender.len > 0 && address_quote(&quoted, d->sender) == 0)
		postdrop_putf(d->p, REC_NORM, "From: %s", buf_cstr(&quoted));
	postdrop_put(d->p, REC_NORM, STR("Subject: probe"));
	postdrop_put(d->p, REC_CONT, STR("To:"));
	for (char **arg = d->o->recipients; *arg != NULL; arg++)
		postdrop_putf(d->p, REC_NORM, "\t%s%s", *arg, arg[1] == NULL ? "" : ",");
}

static void put_extracted(struct delivery *d)
{
	struct address_list list;
	const char *error;

	if (d->header == NULL)
		return;
	error = header_reader_end(d->header, &list);
	if (error != NULL)
		sendmail_die(EX_DATAERR, "%s: unable to extract recipients: %s", d->who, error);
	for (size_t i = 0; i < list.n; i++)
		put_rcpt(d, list.v[i]);
}

static void need_rcpts(const struct delivery *d)
{
	if (d->rcpts > 0)
		return;
	if (d->o->extract)
		sendmail_die(EX_USAGE, "%s: No recipient addresses found in message header",
			d->who);
	sendmail_die(EX_USAGE,
		"%s: Recipient addresses must be specified on the command line or via the -t "
		"option",
		d->who);
}

void deliver(const struct sendmail_options *o, const struct sendmail_conf *c)
{
	struct delivery d = { .o = o, .c = c, .a = arena_new(0) };

	d.sender = parse_sender(&d);
	d.who = arena_fmt(d.a, STR_FMT "(%ld)", STR_ARG(str_head(d.sender, 200)), (long)getuid())
			.ptr;
	if (!o->extract && o->recipients[0] == NULL)
		need_rcpts(&d);
	if (o->extract)
		d.header = header_reader_new(c, d.a);
	d.p = postdrop_start(c, d.who, o->verbose > 1 ? o->verbose : 0);
	put_envelope(&d);
	postdrop_put(d.p, REC_MESG, STR_EMPTY);
	if (o->mode == MODE_VERIFY)
		probe_text(&d);
	else
		copy_text(&d);
	postdrop_put(d.p, REC_XTRA, STR_EMPTY);
	put_extracted(&d);
	need_rcpts(&d);
	postdrop_put(d.p, REC_END, STR_EMPTY);
	postdrop_finish(d.p);
	if (d.header != NULL)
		header_reader_free(d.header);
	if (o->mode == MODE_VERIFY || o->verbose == 1)
		(void)printf("Mail Delivery Status Report will be mailed to <" STR_FMT ">.\n",
			STR_ARG(d.sender));
	arena_free(d.a);
}
