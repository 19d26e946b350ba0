/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log/log.c — the one call that logs; see log.h.
 *
 * Logging is the process's own: its state is global, set before threads start and read only after.
 */
#include "log/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/format.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/sink_priv.h"

/* The longest text of a record, severity included. */
#define TEXT_MAX 2000
/* The longest tag. */
#define TAG_MAX 200
/* As many errors as a process may log before it gives up. */
#define ERRORS_MAX 13

static struct {
	struct sinks *sinks;
	char *tag;
	bool to_stderr;
	int fatal_status;
	unsigned fatal_pause;
	void (*on_fatal)(void);
	bool at_exit;    /* log_flush() runs then */
	_Atomic int pid; /* getpid() is a system call */
	_Atomic int verbose;
	_Atomic int errors;
} the_log = { .fatal_status = 1 };

static const struct {
	const char *prefix;
	int priority;
} the_severities[] = {
	[LOG_SEV_INFO] = { "", LOG_INFO },
	[LOG_SEV_WARN] = { "warning: ", LOG_WARNING },
	[LOG_SEV_ERROR] = { "error: ", LOG_ERR },
	[LOG_SEV_FATAL] = { "fatal: ", LOG_CRIT },
	[LOG_SEV_PANIC] = { "panic: ", LOG_CRIT },
};

static void set_pid(void)
{
	atomic_store(&the_log.pid, (int)getpid());
}

/* A user may choose it (postlog -t): it must not begin a line of its own, nor fill one. */
static char *clean_tag(const char *tag)
{
	struct buf b = BUF(BUF_SMALL);

	if (tag == NULL)
		return NULL;
	text_printable(&b, str_head(str_of(tag), TAG_MAX), true);
	return buf_take(&b);
}

void log_init(const struct log_settings *s)
{
	struct sinks *old = the_log.sinks;
	char *tag = clean_tag(s->tag);

	if (!the_log.at_exit) {
		the_log.at_exit = true;
		check(atexit(log_flush) == 0);
		set_pid();
		check(pthread_atfork(NULL, NULL, set_pid) == 0);
	}
	the_log.sinks = sinks_new(s);
	sinks_free(old);
	free(the_log.tag);
	the_log.tag = tag;
	the_log.to_stderr = s->to_stderr;
}

void log_done(void)
{
	sinks_free(TAKE(the_log.sinks));
	free(TAKE(the_log.tag));
	the_log.to_stderr = false;
	the_log.errors = 0;
}

void log_hold(bool on)
{
	if (the_log.sinks != NULL)
		sinks_hold(the_log.sinks, on);
}

void log_flush(void)
{
	if (the_log.sinks != NULL)
		sinks_flush(the_log.sinks);
}

void log_set_verbose(int level)
{
	the_log.verbose = level;
}

int log_verbose(void)
{
	return the_log.verbose;
}

uint64_t log_dropped(void)
{
	return the_log.sinks == NULL ? 0 : sinks_dropped(the_log.sinks);
}

/* Cut a text that is too long at a character. */
static struct str cut(struct str s)
{
	if (s.len <= TEXT_MAX)
		return s;
	s.len = TEXT_MAX;
	while (s.len > 0 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

/* "program: text" for people at a terminal. */
static void to_stderr(const char *tag, struct str text)
{
	_cleanup_buf_ struct buf b = BUF_LOCAL(BUF_SMALL);
	const char *slash = tag == NULL ? NULL : strrchr(tag, '/');

	if (tag != NULL)
		buf_putf(&b, "%s: ", slash == NULL ? tag : slash + 1);
	buf_put(&b, text);
	buf_putc(&b, '\n');
	if (write(STDERR_FILENO, b.ptr, b.len) < 0) {
		/* nobody can be told */
	}
}

/* The time of a line: many are of the same second. */
static void put_stamp(struct buf *b)
{
	static _Thread_local struct {
		time_t when;
		char text[SINK_STAMP + 1];
	} last;
	time_t now = time(NULL);

	if (last.when != now || last.text[0] == '\0') {
		clock_syslog(b, now);
		check(b->len == SINK_STAMP);
		memcpy(last.text, buf_cstr(b), SINK_STAMP);
		last.when = now;
		return;
	}
	buf_put(b, str_from(last.text, SINK_STAMP));
}

static void emit(enum log_sev sev, const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf raw = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf line = BUF_LOCAL(BUF_SMALL);
	_cleanup_buf_ struct buf stamp = BUF_LOCAL(BUF_SMALL);
	struct str text;
	char room[TEXT_MAX + 8];
	size_t n;

	buf_puts(&raw, the_severities[sev].prefix);
	n = format_text(room, sizeof room, fmt, ap);
	text_printable(&raw, str_from(room, MIN(n, sizeof room - 1)), true);
	text = cut(buf_str(&raw));
	if (the_log.to_stderr || the_log.sinks == NULL)
		to_stderr(the_log.tag, text);
	if (the_log.sinks == NULL)
		return;
	buf_putf(&line, "%s[%d]: ", the_log.tag == NULL ? "postfix" : the_log.tag,
		atomic_load(&the_log.pid));
	buf_put(&line, text);
	put_stamp(&stamp);
	sinks_write(the_log.sinks, buf_str(&stamp), buf_str(&line), the_severities[sev].priority);
}

/* The end after a fatal line. */
static _noreturn_ void die(void)
{
	void (*fn)(void) = the_log.on_fatal;

	the_log.on_fatal = NULL;
	if (fn != NULL)
		fn();
	log_flush();
	if (the_log.fatal_pause > 0) {
		struct timespec ts = { .tv_sec = the_log.fatal_pause };

		(void)nanosleep(&ts, NULL);
	}
	(void)fflush(NULL);
	_exit(the_log.fatal_status);
}

void log_msg(enum log_sev sev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(sev, fmt, ap);
	va_end(ap);
	if (sev == LOG_SEV_PANIC) {
		log_flush();
		abort();
	}
	if (sev == LOG_SEV_ERROR && atomic_fetch_add(&the_log.errors, 1) + 1 >= ERRORS_MAX)
		log_fatal("too many errors - program terminated");
}

static _printf_(2, 3) void emit_args(enum log_sev sev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(sev, fmt, ap);
	va_end(ap);
}

void log_record(enum log_sev sev, const char *text)
{
	emit_args(sev, "%s", text);
}

void log_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_SEV_FATAL, fmt, ap);
	va_end(ap);
	die();
}

void log_on_fatal(void (*fn)(void))
{
	the_log.on_fatal = fn;
}

void log_fatal_status(int status)
{
	the_log.fatal_status = status;
}

void log_fatal_pause(unsigned seconds)
{
	the_log.fatal_pause = seconds;
}

static void log_note(void *ctx, enum note_level level, const char *text)
{
	(void)ctx;
	switch (level) {
	case NOTE_DEBUG:
		log_debug("%s", text);
		break;
	case NOTE_INFO:
		log_info("%s", text);
		break;
	case NOTE_WARN:
		log_warn("%s", text);
		break;
	case NOTE_ERROR:
		log_error("%s", text);
		break;
	}
}

const struct notes log_notes = { log_note, NULL };
