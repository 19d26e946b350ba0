/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/report_filter.c — replace status and text of an outcome by table.
 *
 * Success stays success and failure stays failure; what breaks that, and what does not look like
 * "X.Y.Z text", is not used. Source: postconf(5), default_delivery_status_filter.
 */
#include "delivery/report_priv.h"
#include "smtp/reply.h"

static bool is_success(struct str status)
{
	return status.len > 0 && status.ptr[0] == '2';
}

void report_filter(const struct report_conf *c, struct dsn *d, struct buf *text)
{
	_cleanup_buf_ struct buf key = BUF_LOCAL(BUF_MEDIUM);
	struct dsn_code code;
	struct why why = { 0 };
	struct str value;
	size_t n;

	if (c->filter.n == 0 ||
		buf_addf(&key, STR_FMT " " STR_FMT, STR_ARG(d->status), STR_ARG(d->reason)) < 0)
		return;
	switch (tables_get(&c->filter, buf_str(&key), false, text, &why)) {
	case LOOKUP_NONE:
		return;
	case LOOKUP_TEMPFAIL:
		note(c->s.log, NOTE_WARN, "delivery status filter: %s", why.text);
		return;
	case LOOKUP_FOUND:
		break;
	}
	value = str_trim(buf_str(text));
	n = dsn_code_parse(value, &code);
	if (n == 0 || n == value.len || !is_space((unsigned char)value.ptr[n]) ||
		is_success(value) != is_success(d->status)) {
		note(c->s.log, NOTE_WARN,
			"delivery status filter: bad result \"" STR_FMT "\" for \"" STR_FMT "\"",
			STR_ARG(value), STR_ARG(buf_str(&key)));
		return;
	}
	d->status = str_head(value, n);
	d->reason = str_trim(str_skip(value, n));
}
