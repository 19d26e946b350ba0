/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/query.c — make a DNS query.
 */
#include <errno.h>

#include "dns/packet_priv.h"

static int put_u16(struct buf *b, unsigned v)
{
	const char p[2] = { (char)(v >> 8), (char)v };

	return buf_add(b, str_from(p, sizeof(p)));
}

static int put_name(struct buf *b, struct str name)
{
	if (name.len > 253)
		return -EINVAL;
	while (name.len > 0) {
		ptrdiff_t dot = str_chr(name, '.');
		struct str label = dot < 0 ? name : str_head(name, (size_t)dot);
		int r;

		if (label.len == 0 || label.len > 63)
			return -EINVAL;
		r = buf_addc(b, (char)label.len);
		if (r == 0)
			r = buf_add(b, label);
		if (r < 0)
			return r;
		if (dot >= 0 && (size_t)dot + 1 == name.len)
			return -EINVAL;
		name = str_skip(name, dot < 0 ? name.len : (size_t)dot + 1);
	}
	return buf_addc(b, 0);
}

int dns_query_build(struct buf *b, const struct dns_question *q, unsigned flags)
{
	bool edns = (flags & DNS_QUERY_EDNS) != 0, dnssec = (flags & DNS_QUERY_DNSSEC) != 0;
	size_t start = b->len;
	/* RD, and AD when we want to know; 1 question, 0 answers, 0 authority, 0 or 1 additional. */
	const unsigned head[] = { q->id, dnssec ? 0x0120 : 0x0100, 1, 0, 0, edns };
	/* OPT: root, type 41, size, rcode and version, DO, no data. */
	const unsigned opt[] = { 41, DNS_UDP_SIZE, 0, dnssec ? 0x8000 : 0, 0 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(head) && r == 0; i++)
		r = put_u16(b, head[i]);
	if (r == 0)
		r = put_name(b, q->name);
	if (r == 0)
		r = put_u16(b, (unsigned)q->type);
	if (r == 0)
		r = put_u16(b, 1);
	if (r == 0 && edns)
		r = buf_addc(b, 0);
	for (size_t i = 0; i < ARRAY_LEN(opt) && r == 0 && edns; i++)
		r = put_u16(b, opt[i]);
	if (r < 0)
		buf_truncate(b, start);
	return r;
}
