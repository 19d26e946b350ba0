/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/report_format.c — the delivery line of the mail log.
 */
#include <errno.h>

#include "address/address.h"
#include "delivery/report_priv.h"

void report_delay(struct buf *b, usec_t delay, int64_t digits)
{
	usec_t unit = USEC_PER_SEC;
	int64_t decimals = 0;
	char frac[8];

	if (delay < 0)
		delay = 0;
	/* One decimal more for each power of ten below ten seconds: two significant digits. */
	for (usec_t top = 10 * USEC_PER_SEC; decimals < MIN(digits, (int64_t)6) && delay < top;
		top /= 10) {
		decimals++;
		unit /= 10;
	}
	delay = (delay + unit / 2) / unit * unit;
	buf_putf(b, "%lld", (long long)(delay / USEC_PER_SEC));
	delay %= USEC_PER_SEC;
	for (int i = 5; i >= 0; i--, delay /= 10)
		frac[i] = (char)('0' + delay % 10);
	while (decimals > 0 && frac[decimals - 1] == '0')
		decimals--;
	if (decimals > 0)
		buf_putf(b, ".%.*s", (int)decimals, frac);
}

static usec_t stamp(struct timeval tv)
{
	return (usec_t)tv.tv_sec * USEC_PER_SEC + tv.tv_usec;
}

static void put_delays(const struct report_conf *c, struct buf *b, const struct msg_stats *s)
{
	int64_t digits = c->s.delay_logging_resolution_limit;
	usec_t in = stamp(s->incoming_arrival), act = stamp(s->active_arrival);
	usec_t hand = stamp(s->agent_handoff), conn = stamp(s->conn_setup_done);
	usec_t done = s->deliver_done.tv_sec != 0 ? stamp(s->deliver_done) : clock_wall();
	usec_t part[4] = { 0 };

	if (act == 0)
		act = in;
	part[0] = act - in;
	if (hand == 0) {
		part[1] = done - act;
	} else {
		part[1] = hand - act;
		part[2] = conn == 0 ? 0 : conn - hand;
		part[3] = done - (conn == 0 ? hand : conn);
	}
	buf_puts(b, ", delay=");
	report_delay(b, done - in, digits);
	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		buf_puts(b, i == 0 ? ", delays=" : "/");
		report_delay(b, part[i], digits);
	}
}

static void put_address(const struct report_conf *c, struct buf *b, struct str addr)
{
	if (c->s.info_address_internal || address_quote(b, addr) < 0)
		buf_put(b, addr);
}

/* Replies of several lines are one line of log. */
static void put_reason(struct buf *b, struct str reason)
{
	size_t start = b->len;
	char *p;

	buf_put(b, reason);
	p = b->ptr + start;
	while ((p = memchr(p, '\n', (size_t)(b->ptr + b->len - p))) != NULL)
		*p++ = ' ';
}

void report_format(const struct report_conf *c, struct buf *b, const struct report *r,
	const char *status)
{
	const struct recipient *rcpt = r->rcpt;

	buf_puts(b, "to=<");
	put_address(c, b, rcpt->address);
	buf_puts(b, ">");
	if (rcpt->orig_addr.len > 0 && !str_ieq(rcpt->orig_addr, rcpt->address)) {
		buf_puts(b, ", orig_to=<");
		put_address(c, b, rcpt->orig_addr);
		buf_puts(b, ">");
	}
	buf_putf(b, ", relay=" STR_FMT, STR_ARG(r->relay.len > 0 ? r->relay : STR("none")));
	if (r->stats.reuse_count > 0)
		buf_putf(b, ", conn_use=%d", r->stats.reuse_count + 1);
	put_delays(c, b, &r->stats);
	if (c->s.smtp_log_tls_feature_status && r->tls.len > 0)
		buf_putf(b, ", tls=" STR_FMT, STR_ARG(r->tls));
	buf_putf(b, ", dsn=" STR_FMT ", status=%s (", STR_ARG(r->dsn.status), status);
	put_reason(b, r->dsn.reason);
	buf_puts(b, ")");
}
