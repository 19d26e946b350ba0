/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log/log.h — one call a line, in the shapes that Postfix's log tools know.
 *
 * "postfix/smtpd[123]: warning: text". A text is at most 2,000 bytes, longer ones are cut at a
 * character; control characters and invalid UTF-8 become '?' here, once, so callers pass what they
 * have. Sinks: postlogd (datagram), syslog (datagram to /dev/log), file, stdout, stderr.
 * Thread-safe; a line is one write, but lines that come while another thread's line is on its way to
 * postlogd go with that thread, in one datagram. Nothing here blocks for longer than a few datagrams or one
 * write, and a failing sink never fails the caller (threats F17).
 * Only service/, daemons and commands include this; libraries send note()s.
 */
#pragma once

#include "base/why.h"

enum log_sev {
	LOG_SEV_INFO,
	LOG_SEV_WARN,
	LOG_SEV_ERROR,
	LOG_SEV_FATAL,
	LOG_SEV_PANIC,
};

/** Where lines go, tried in this order; the first configured one that works takes the line. */
struct log_settings {
	const char *tag;      /* "postfix/smtpd": syslog_name or MAIL_LOGTAG, '/', program */
	const char *hostname; /* first label is written by postlogd and file sinks */
	const char
		*postlog_socket; /* absolute path of public/postlog; NULL: no maillog_file in use */
	const char *
		file; /* maillog_file, written directly when postlogd is not there; may be "/dev/stdout" */
	const char *facility; /* syslog facility name, "mail" */
	bool to_stderr;       /* also write to descriptor 2 ("postdrop: warning: text") */
	bool no_syslog;       /* never fall back to /dev/log (tests) */
	bool no_wait; /* a line for which postlogd has no room goes to the next sink at once */
};

/**
 * Set up logging; may be called again with other settings. Copies what it needs.
 *
 * Not thread-safe against itself: call before threads start.
 */
void log_init(const struct log_settings *s);
/** Close the sinks; lines then go to descriptor 2 until the next log_init(). */
void log_done(void);
/** True for a known syslog facility name. */
bool log_facility_ok(const char *name);
/** Lines that no sink took since log_init(). */
uint64_t log_dropped(void);
/**
 * While held, lines for postlogd wait for log_flush() or for a full datagram. For a program with one
 * thread and a loop, which flushes before it waits.
 */
void log_hold(bool on);
/** Send lines that wait. log_fatal(), log_done() and the end of the process do this too. */
void log_flush(void);
/** Verbose level: debug lines are written when it is above 0 (-v counts). */
void log_set_verbose(int level);
/** Current verbose level. */
int log_verbose(void);

/** Log one line. LOG_SEV_PANIC aborts; LOG_SEV_FATAL returns (see log_fatal()). */
void log_msg(enum log_sev sev, const char *fmt, ...) _printf_(2, 3);
/** Log one line whatever its severity, without consequences: for postlog, which relays lines. */
void log_record(enum log_sev sev, const char *text);
/** "text". */
#define log_info(...) log_msg(LOG_SEV_INFO, __VA_ARGS__)
/** "warning: text". */
#define log_warn(...) log_msg(LOG_SEV_WARN, __VA_ARGS__)
/** "error: text". After 13 errors the process ends as for fatal (documented behaviour). */
#define log_error(...) log_msg(LOG_SEV_ERROR, __VA_ARGS__)
/** Only when verbose. */
#define log_debug(...)                                      \
	do {                                                \
		if (log_verbose() > 0)                      \
			log_msg(LOG_SEV_INFO, __VA_ARGS__); \
	} while (0)

/** Run before a fatal exit (remove a half-written file); one function, NULL to forget. */
void log_on_fatal(void (*fn)(void));
/** Exit status of log_fatal(): 1 unless set (sendmail uses 75). */
void log_fatal_status(int status);
/** "fatal: text", then exit; daemons pause one second first (log_fatal_pause). */
_noreturn_ void log_fatal(const char *fmt, ...) _printf_(1, 2);
/** Seconds to wait before a fatal exit, so that a failing program does not spin; 0 for commands. */
void log_fatal_pause(unsigned seconds);

/** A notes sink that logs: DEBUG when verbose, INFO, WARN and ERROR by severity. */
extern const struct notes log_notes;
