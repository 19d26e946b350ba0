/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery/groups.c — see groups.h.
 */
#include "delivery/groups.h"

#include <errno.h>

int group_put_recipient(struct buf *b, const struct recipient *r)
{
	int e = attr_put_str(b, ATTR_NUL, "original_recipient", r->orig_addr);

	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "recipient", r->address);
	if (e == 0)
		e = attr_put_long(b, ATTR_NUL, "offset", r->offset);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "dsn_orig_rcpt", r->dsn_orcpt);
	if (e == 0)
		e = attr_put_int(b, ATTR_NUL, "notify_flags", r->dsn_notify);
	return e;
}

int group_get_recipient(struct attr_list *l, struct recipient *ret)
{
	struct recipient r = { 0 };
	int e = attr_str(l, "original_recipient", &r.orig_addr);

	if (e == 0)
		e = attr_str(l, "recipient", &r.address);
	if (e == 0)
		e = attr_long(l, "offset", &r.offset);
	if (e == 0)
		e = attr_str(l, "dsn_orig_rcpt", &r.dsn_orcpt);
	if (e == 0)
		e = attr_int(l, "notify_flags", &r.dsn_notify);
	if (e == 0)
		*ret = r;
	return e;
}

int group_put_dsn(struct buf *b, const struct dsn *d)
{
	int e = attr_put_str(b, ATTR_NUL, "status", d->status);

	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "diag_type", d->dtype);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "diag_text", d->dtext);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "mta_type", d->mtype);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "mta_mname", d->mname);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "action", d->action);
	if (e == 0)
		e = attr_put_str(b, ATTR_NUL, "reason", d->reason);
	return e;
}

int group_get_dsn(struct attr_list *l, struct dsn *ret)
{
	struct dsn d = { 0 };
	int e = attr_str(l, "status", &d.status);

	if (e == 0)
		e = attr_str(l, "diag_type", &d.dtype);
	if (e == 0)
		e = attr_str(l, "diag_text", &d.dtext);
	if (e == 0)
		e = attr_str(l, "mta_type", &d.mtype);
	if (e == 0)
		e = attr_str(l, "mta_mname", &d.mname);
	if (e == 0)
		e = attr_str(l, "action", &d.action);
	if (e == 0)
		e = attr_str(l, "reason", &d.reason);
	if (e == 0)
		*ret = d;
	return e;
}
