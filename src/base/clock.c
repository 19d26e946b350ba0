/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/clock.c — clocks and dates, without the locale; see clock.h.
 */
#include "base/clock.h"

#include <limits.h>

static const char the_days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char the_months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
	"Sep", "Oct", "Nov", "Dec" };

static usec_t read_clock(clockid_t id)
{
	struct timespec ts;

	check(clock_gettime(id, &ts) == 0);
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

usec_t clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

usec_t clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

usec_t clock_deadline(usec_t timeout)
{
	usec_t at;

	if (timeout <= 0 || __builtin_add_overflow(clock_now(), timeout, &at))
		return USEC_NEVER;
	return at;
}

int clock_poll_ms(usec_t deadline)
{
	usec_t left;

	if (deadline == USEC_NEVER)
		return -1;
	left = deadline - clock_now();
	if (left <= 0)
		return 0;
	return (int)MIN((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (usec_t)INT_MAX);
}

static void local(time_t when, struct tm *ret)
{
	if (localtime_r(&when, ret) == NULL) {
		/* A year that does not fit: any fixed date will do. */
		when = 0;
		check(localtime_r(&when, ret) != NULL);
	}
}

void clock_rfc5322(struct buf *b, time_t when)
{
	struct tm tm;
	long off;

	local(when, &tm);
	off = tm.tm_gmtoff / 60;
	buf_putf(b, "%s, %02d %s %04ld %02d:%02d:%02d %c%02ld%02ld", the_days[tm.tm_wday],
		tm.tm_mday, the_months[tm.tm_mon], tm.tm_year + 1900L, tm.tm_hour, tm.tm_min,
		tm.tm_sec, off < 0 ? '-' : '+', labs(off) / 60, labs(off) % 60);
	if (tm.tm_zone != NULL && tm.tm_zone[0] != '\0')
		buf_putf(b, " (%s)", tm.tm_zone);
}

void clock_syslog(struct buf *b, time_t when)
{
	struct tm tm;

	local(when, &tm);
	buf_putf(b, "%s %02d %02d:%02d:%02d", the_months[tm.tm_mon], tm.tm_mday, tm.tm_hour,
		tm.tm_min, tm.tm_sec);
}

void clock_ctime(struct buf *b, time_t when)
{
	struct tm tm;

	local(when, &tm);
	buf_putf(b, "%s %s %2d %02d:%02d:%02d %ld", the_days[tm.tm_wday], the_months[tm.tm_mon],
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900L);
}
