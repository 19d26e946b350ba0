/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postqueue/audit.c — `postqueue --audit`: the log and the queue against each other.
 *
 * The log is read, then the queue, then what was logged meanwhile: so the system may run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"
#include "log/log.h"
#include "postqueue.h"
#include "queue/journal.h"
#include "service/journal_settings.h"

static const char *const queues[] = { QUEUE_MAILDROP, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED,
	QUEUE_HOLD, QUEUE_CORRUPT };

struct audit {
	struct ledger *ledger;
	struct queue_settings layout;
	struct journal_params journal;
	FILE *last; /* the newest log, at the end of its last whole line */
};

/* Read lines to the end; a last one without its end is left, unless nothing follows. */
static void read_lines(struct audit *a, FILE *f, const char *name, bool is_final)
{
	char *line = NULL;
	size_t room = 0;
	off_t at = ftello(f);
	ssize_t n;

	while ((n = getline(&line, &room, f)) > 0) {
		if (line[n - 1] != '\n' && !is_final)
			break;
		ledger_line(a->ledger, str_from(line, (size_t)n));
		at += n;
	}
	free(line);
	if (ferror(f))
		log_fatal("read %s: %m", name);
	clearerr(f);
	if (f != stdin)
		(void)fseeko(f, at, SEEK_SET);
}

static void read_logs(struct audit *a, int n, char **names)
{
	for (int i = 0; i < n; i++) {
		bool is_stdin = strcmp(names[i], "-") == 0;
		FILE *f = is_stdin ? stdin : fopen(names[i], "re");

		if (f == NULL)
			log_fatal("open %s: %m", names[i]);
		read_lines(a, f, names[i], is_stdin || i < n - 1);
		if (i == n - 1)
			a->last = f;
		else if (!is_stdin)
			(void)fclose(f);
	}
}

static void scan(struct audit *a, const char *queue)
{
	struct queue_scan *s;
	struct str id;
	int r = queue_scan_open(str_of(queue), &s);

	if (r == -ENOENT)
		return;
	while (r == 0 && (r = queue_scan_next(s, &id)) > 0) {
		struct stat st;

		r = 0;
		if (lstat(queue_scan_path(s), &st) == 0 && S_ISREG(st.st_mode))
			ledger_queued(a->ledger, id, str_of(queue),
				(st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY);
	}
	if (r < 0)
		log_fatal("scan queue %s: %s", queue, strerrordesc_np(-r));
	queue_scan_close(s);
}

static int take_young(void *arg, const struct journal_entry *e)
{
	struct audit *a = arg;

	ledger_queued(a->ledger, str_of(e->id), STR(QUEUE_ACTIVE), true);
	return 0;
}

/* A message may have moved while the queues were read one after the other. */
static void look_again(void *arg, struct str id)
{
	struct audit *a = arg;

	for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
		_cleanup_buf_ struct buf path = BUF_LOCAL(QUEUE_PATH_MAX);
		struct stat st;

		queue_path(&a->layout, &path, str_of(queues[i]), id);
		if (lstat(buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode))
			ledger_queued(a->ledger, id, str_of(queues[i]),
				(st.st_mode & QUEUE_MODE_READY) == QUEUE_MODE_READY);
	}
}

static void read_queue(struct audit *a)
{
	int r;

	for (size_t i = 0; i < ARRAY_LEN(queues); i++)
		scan(a, queues[i]);
	r = journal_each(&a->journal.s, take_young, a);
	if (r < 0 && r != -ENOENT)
		log_fatal("read the journal: %s", strerrordesc_np(-r));
	ledger_each_open(a->ledger, look_again, a);
}

static void count_open(void *arg, struct str id)
{
	size_t *n = arg;

	(void)id;
	(*n)++;
}

/*
 * What is neither in the queue nor has an end may be on its way, or its last line not written yet: the
 * verdict waits for that, not long.
 */
static void read_rest(struct audit *a)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };

	ledger_only_known(a->ledger);
	for (int i = 0; i < 20; i++) {
		size_t n = 0;

		read_lines(a, a->last, "the log", a->last == stdin);
		ledger_each_open(a->ledger, count_open, &n);
		if (n == 0 || a->last == stdin)
			break;
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		ledger_each_open(a->ledger, look_again, a);
	}
	read_lines(a, a->last, "the log", true);
}

/* ---- the result ---- */

static void print_finding(void *arg, const struct ledger_finding *f)
{
	FILE *out = arg;

	fprintf(out, "%s: " STR_FMT, ledger_end_name(f->end), STR_ARG(f->id));
	if (f->end == LEDGER_LOST)
		fputs(" was accepted, has no end in the log and is not in the queue", out);
	else if (f->end == LEDGER_UNREPORTED)
		fprintf(out, " was removed, the log tells of %u of its %u recipients", f->reported,
			f->recipients);
	else if (f->end == LEDGER_RETURNED)
		fputs(" has ended, and is in the queue", out);
	else
		fputs(" was begun; whether it was accepted is not in the log", out);
	fputs(f->has_beginning ? "\n" : " (began before this log)\n", out);
}

static int print(const struct ledger_counts *c, FILE *out)
{
	size_t whole = 0, partial = 0, bad = 0;

	for (int i = 0; i < LEDGER_END_COUNT; i++) {
		whole += c->whole[i];
		partial += c->partial[i];
	}
	fprintf(out, "%-24s%12s%12s\n", "", "in this log", "begun before");
	for (int i = 0; i < LEDGER_END_COUNT; i++)
		fprintf(out, "%-24s%12zu%12zu\n", ledger_end_name((enum ledger_end)i), c->whole[i],
			c->partial[i]);
	fprintf(out, "%-24s%12zu%12zu\n", "messages", whole, partial);
	fprintf(out, "%-24s%12zu\n", "only in the queue", c->only_queued);
	for (int i = LEDGER_LOST; i < LEDGER_END_COUNT; i++)
		bad += c->whole[i] + c->partial[i];
	return bad > 0 ? 1 : 0;
}

int audit(struct conf *conf, char **hashed, int n, char **names)
{
	struct audit a = { .ledger = ledger_new(),
		.layout = { .hashed = (const char *const *)hashed,
			.hash_depth = (unsigned)the_conf.hash_queue_depth,
			.long_ids = the_conf.enable_long_queue_ids } };
	char *maillog[] = { strdup(the_conf.maillog_file) };
	struct ledger_counts counts;
	struct why why;
	int status;

	/* For those who may read log and queue by themselves. */
	if (setregid(getgid(), getgid()) < 0)
		log_fatal("setregid: %m");
	if (n == 0 && (maillog[0] == NULL || maillog[0][0] == '\0'))
		log_fatal("maillog_file is not set: name the log files, the oldest first");
	if (journal_params_fill(conf, &a.layout, &log_notes, &a.journal, &why) < 0)
		log_fatal("%s", why.text);
	read_logs(&a, n == 0 ? 1 : n, n == 0 ? maillog : names);
	if (chdir(the_conf.queue_directory) < 0)
		log_fatal("chdir %s: %m", the_conf.queue_directory);
	read_queue(&a);
	read_rest(&a);
	if (a.last != stdin)
		(void)fclose(a.last);
	ledger_close(a.ledger, print_finding, stdout, &counts);
	status = print(&counts, stdout);
	if (fflush(stdout) != 0)
		log_fatal("write output: %m");
	ledger_free(a.ledger);
	journal_params_done(&a.journal);
	free(maillog[0]);
	return status;
}
