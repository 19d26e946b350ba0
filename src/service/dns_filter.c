/* SPDX-License-Identifier: Apache-2.0 */
/* service/dns_filter.c — see dns_filter.h. */
#include "service/dns_filter.h"

enum dns_filter dns_filter_ask(void *ctx, struct str text, struct why *why)
{
	const struct tables *t = ctx;
	_cleanup_buf_ struct buf v = BUF_LOCAL(BUF_SMALL);

	switch (tables_get(t, text, false, &v, why)) {
	case LOOKUP_NONE:
		return DNS_FILTER_KEEP;
	case LOOKUP_TEMPFAIL:
		return DNS_FILTER_TEMPFAIL;
	case LOOKUP_FOUND:
		break;
	}
	if (str_ieq(str_trim(buf_str(&v)), STR("IGNORE")))
		return DNS_FILTER_IGNORE;
	(void)why_set(why, 0, "%s: unknown DNS filter action: \"%s\"", t->title, buf_cstr(&v));
	return DNS_FILTER_TEMPFAIL;
}

void dns_filter_use(struct dns_settings *s, struct tables *t)
{
	s->filter = t->n > 0 ? dns_filter_ask : NULL;
	s->filter_ctx = t;
}
