/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/why.h — the human text that goes with a negative errno, and notes from libraries.
 *
 * A `struct why` lives on the caller's stack. Functions that fail fill it (when it is not NULL) and
 * return a negative errno; the daemon that gives up logs it once.
 */
#pragma once

#include "base/str.h"

struct why {
	char text[512];
};

/**
 * Record a reason and return `err` unchanged, for `return why_set(why, -EINVAL, "...");`.
 *
 * Text that does not fit is cut; control characters become '?'.
 */
int why_set(struct why *why, int err, const char *fmt, ...) _printf_(3, 4);
/** As why_set with ": " and the text of errno value -err appended. */
int why_errno(struct why *why, int err, const char *fmt, ...) _printf_(3, 4);

/** How loud a note is; the daemon maps it to a log severity. */
enum note_level {
	NOTE_DEBUG,
	NOTE_INFO,
	NOTE_WARN,
	NOTE_ERROR,
};

/** Receives one line of text, without newline. Called from any thread. */
typedef void (*note_fn)(void *ctx, enum note_level level, const char *text);

/**
 * Where a library sends remarks that are not failures (a skipped line in a table, a log line whose
 * text it owns). Libraries never log: daemons pass log_notes() of log/log.h, tests a collector.
 */
struct notes {
	note_fn fn;
	void *ctx;
};

/** Send a note; `n` NULL or without fn: nothing happens. */
void note(const struct notes *n, enum note_level level, const char *fmt, ...) _printf_(3, 4);
