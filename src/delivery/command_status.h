/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/command_status.h — what a command's end means for the mail. Pure.
 */
#pragma once

#include "base/arena.h"
#include "delivery/command.h"
#include "delivery/dsn.h"

/**
 * Append output as it is shown to people: blanks for line ends and tabs, '_' for other control
 * characters and for what is not valid UTF-8 (all bytes above 0x7f without `utf8`), nothing from the
 * first NUL byte on.
 */
void command_output_text(struct buf *b, struct str output, bool utf8);

/**
 * The outcome of a command that did not exit with status 0.
 *
 * An exit status is read as in sysexits.h; output that begins with an enhanced status code replaces
 * status and reason. A signal is a temporary failure, the time limit a permanent one.
 * @param name   argv[0], for texts
 * @param text   what command_output_text() made of the output
 * @param a      owns the strings of *ret
 * @param ret    status of class 4: try again; any other: return the mail
 * Source: pipe(8), local(8), DIAGNOSTICS; texts as Postfix logs them.
 */
void command_verdict(const struct command_result *r, const char *name, struct str text,
	struct arena *a, struct dsn *ret);
/** The outcome when the command could not be run; `text` is logged and shown, empty: none is shown. */
void command_not_run(struct str text, struct arena *a, struct dsn *ret);
