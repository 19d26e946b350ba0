/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address/verp.c — a sender address that tells which recipient it belongs to.
 */
#include "address/address.h"

int address_verp(struct buf *b, struct str sender, struct str delimiters, struct str recipient)
{
	struct address_parts s = address_split(sender), r = address_split(recipient);
	size_t start = b->len;
	int e;

	check(delimiters.len == 2);
	e = buf_add(b, s.local);
	if (e == 0)
		e = buf_addc(b, delimiters.ptr[0]);
	if (e == 0)
		e = buf_add(b, r.local);
	if (e == 0 && r.has_at)
		e = buf_addc(b, delimiters.ptr[1]);
	if (e == 0)
		e = buf_add(b, r.domain);
	if (e == 0 && s.has_at)
		e = buf_addc(b, '@');
	if (e == 0)
		e = buf_add(b, s.domain);
	if (e < 0)
		buf_truncate(b, start);
	return e;
}
