/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/format.h — formatted text, at less cost than stdio's.
 *
 * Log lines, replies and records are made of a few plain conversions, some forty of them a message;
 * in vsnprintf(3) they took a tenth of the processor time of smtpd (bench/README.md).
 */
#pragma once

#include <stdarg.h>

#include "base/macros.h"

/**
 * As vsnprintf(3): the text and a NUL to `p`, cut at `room` bytes.
 *
 * %s %.*s %c %d %i %u %x %X %% (with l, ll, z, and a width with leading zeros) are done here; a format
 * with any other conversion goes to vsnprintf as a whole.
 *
 * @param p      may be NULL when `room` is 0
 * @param room   bytes, the NUL's included
 * @return the length of the whole text, which was cut when it is not less than `room`
 */
size_t format_text(char *p, size_t room, const char *fmt, va_list ap) _printf_(3, 0);
