/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dns.c — answers of name servers (threats P6, D4, T14).
 *
 * The first byte chooses the type asked for; the rest is the message, which answers a question for
 * "a.test" with its own id.
 */
#include "dns/packet_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_MX, DNS_PTR, DNS_TXT, DNS_SRV,
		DNS_TLSA, DNS_CNAME, DNS_NS, DNS_SOA };
	struct dns_question q = { .name = STR("a.test") };
	struct dns_packet p;
	struct arena *a;

	if (size < 3 || size > 65535)
		return 0;
	q.type = types[data[0] % ARRAY_LEN(types)];
	q.id = (uint16_t)(data[1] << 8 | data[2]);
	a = arena_new(0);
	if (dns_packet_parse(str_from((const char *)data + 1, size - 1), &q, NULL, a, &p) == 0) {
		struct buf b = BUF(BUF_MEDIUM);
		size_t n = 0;

		for (const struct dns_rr *rr = p.rr; rr != NULL; rr = rr->next, n++) {
			check(rr->type == q.type);
			if (rr->target.len > 0 && q.type != DNS_TXT)
				check(!str_has_8bit(rr->target));
			dns_rr_text(&b, rr);
		}
		check(n == p.n && n <= DNS_MAX_RR);
		buf_done(&b);
	}
	arena_free(a);
	return 0;
}
