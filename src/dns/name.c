/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/name.c — names: types, international domains, reverse names, the text form of records.
 */
#include <errno.h>
#include <idn2.h>

#include "base/text.h"
#include "dns/dns.h"
#include "dns/name_priv.h"

const char *dns_type_name(enum dns_type t)
{
	switch (t) {
	case DNS_A:
		return "A";
	case DNS_NS:
		return "NS";
	case DNS_CNAME:
		return "CNAME";
	case DNS_SOA:
		return "SOA";
	case DNS_PTR:
		return "PTR";
	case DNS_MX:
		return "MX";
	case DNS_TXT:
		return "TXT";
	case DNS_AAAA:
		return "AAAA";
	case DNS_SRV:
		return "SRV";
	case DNS_TLSA:
		return "TLSA";
	}
	return "unknown";
}

int dns_to_ascii(struct str domain, struct arena *a, struct str *ret)
{
	const char *text;
	char *out = NULL;
	bool empty_label;

	if (!str_has_8bit(domain)) {
		*ret = arena_str(a, domain);
		return 0;
	}
	if (!utf8_is_valid(domain))
		return -EILSEQ;
	/* Nothing that is valid is longer; libidn2's cost grows with the square of a label. */
	if (domain.len > 1024 || memchr(domain.ptr, '\0', domain.len) != NULL)
		return -EINVAL;
	text = arena_cstr(a, domain);
	if (idn2_to_ascii_8z(text, &out, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return -EINVAL;
	/* Characters that mean nothing are dropped; a label must not vanish with them. */
	empty_label = out[0] == '.' || str_find(str_of(out), STR("..")) >= 0;
	if (!empty_label)
		*ret = arena_str(a, str_of(out));
	idn2_free(out);
	return empty_label ? -EINVAL : 0;
}

struct str dns_to_utf8(struct str domain, struct arena *a)
{
	struct str copy = arena_str(a, domain);
	char *out = NULL;

	if (domain.len > 1024 || str_has_8bit(domain) ||
		memchr(copy.ptr, '\0', domain.len) != NULL || str_find(domain, STR("--")) < 0)
		return copy;
	if (idn2_to_unicode_8z8z(copy.ptr, &out, 0) == IDN2_OK) {
		if (utf8_is_valid(str_of(out)))
			copy = arena_str(a, str_of(out));
		idn2_free(out);
	}
	return copy;
}

struct str dns_reverse_name(const struct net_addr *addr, struct arena *a)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p;
	char out[4 * 16 + 1];

	if (addr->sa.sa_family == AF_INET) {
		p = (const unsigned char *)&addr->in.sin_addr;
		return arena_fmt(a, "%d.%d.%d.%d.in-addr.arpa", p[3], p[2], p[1], p[0]);
	}
	if (addr->sa.sa_family != AF_INET6)
		return STR_EMPTY;
	p = (const unsigned char *)&addr->in6.sin6_addr;
	for (size_t i = 0; i < 16; i++) {
		out[4 * i] = hex[p[15 - i] & 15];
		out[4 * i + 1] = out[4 * i + 3] = '.';
		out[4 * i + 2] = hex[p[15 - i] >> 4];
	}
	out[64] = '\0';
	return arena_fmt(a, "%sip6.arpa", out);
}

static void put_hex(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_putf(b, "%02X", (unsigned)(unsigned char)s.ptr[i]);
}

void dns_rr_text(struct buf *b, const struct dns_rr *rr)
{
	char addr[NET_ADDR_TEXT];

	buf_putf(b, STR_FMT ". %u IN %s ", STR_ARG(rr->name), rr->ttl, dns_type_name(rr->type));
	switch (rr->type) {
	case DNS_A:
	case DNS_AAAA:
		net_addr_text(&rr->addr, addr);
		buf_puts(b, addr);
		break;
	case DNS_MX:
		buf_putf(b, "%u " STR_FMT ".", rr->pref, STR_ARG(rr->target));
		break;
	case DNS_SRV:
		buf_putf(b, "%u %u %u " STR_FMT ".", rr->pref, rr->weight, rr->port,
			STR_ARG(rr->target));
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		buf_putf(b, STR_FMT ".", STR_ARG(rr->target));
		break;
	case DNS_TXT:
		text_printable(b, rr->target, false);
		break;
	case DNS_TLSA:
		if (rr->data.len >= 3)
			buf_putf(b, "%d %d %d ", (unsigned char)rr->data.ptr[0],
				(unsigned char)rr->data.ptr[1], (unsigned char)rr->data.ptr[2]);
		put_hex(b, str_skip(rr->data, 3));
		break;
	case DNS_SOA:
		put_hex(b, rr->data);
		break;
	}
}
