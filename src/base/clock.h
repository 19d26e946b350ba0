/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/clock.h — time: usec_t for durations and deadlines, wall clock for stamps, dates as mail has.
 */
#pragma once

#include <sys/time.h>
#include <time.h>

#include "base/buf.h"

/** Microseconds; of the monotonic clock where it is a point in time. */
typedef int64_t usec_t;

#define USEC_PER_SEC  ((usec_t)1000000)
#define USEC_PER_MSEC ((usec_t)1000)
/** No deadline. */
#define USEC_NEVER INT64_MAX

/** Monotonic now. */
usec_t clock_now(void);
/** Wall clock, microseconds since 1970. */
usec_t clock_wall(void);
/** Monotonic now + `timeout`; USEC_NEVER when timeout is 0 or negative (no limit). */
usec_t clock_deadline(usec_t timeout);
/** Milliseconds until a deadline for poll(2): -1 for never, 0 when past, at least 1 otherwise. */
int clock_poll_ms(usec_t deadline);

/**
 * Append an RFC 5322 date with zone name: "Sat, 21 Nov 2026 08:20:29 +0000 (UTC)".
 *
 * Two-digit day as Postfix 3.9 and later. Source: RFC 5322 3.3.
 * @param when   seconds since 1970
 */
void clock_rfc5322(struct buf *b, time_t when);
/** Append "Mmm dd hh:mm:ss" in local time, day zero padded (log and statistics lines). */
void clock_syslog(struct buf *b, time_t when);
/** Append the 24 characters of ctime(3) without newline (mbox From_ lines, mailq). */
void clock_ctime(struct buf *b, time_t when);
