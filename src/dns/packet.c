/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/packet.c — take a DNS answer apart.
 *
 * Every offset is checked against the end of the message; names are expanded by libresolv, which
 * bounds compression loops. The answer section is walked once for each step of the CNAME chain, so
 * that records may come in any order.
 */
#include <arpa/nameser.h>
#include <errno.h>
#include <resolv.h>

#include "dns/packet_priv.h"

#define HEADER_SIZE 12
/* Longest expanded name, with every octet written \ddd. */
#define NAME_SIZE 1025

struct reader {
	const unsigned char *msg, *end, *p;
	const struct notes *notes;
	struct arena *arena;
};

/* The fixed part of a resource record. */
struct record {
	char name[NAME_SIZE];
	unsigned type, class;
	uint32_t ttl;
	const unsigned char *data;
	size_t len;
};

static bool read_u16(struct reader *r, unsigned *ret)
{
	if (r->end - r->p < 2)
		return false;
	*ret = (unsigned)r->p[0] << 8 | r->p[1];
	r->p += 2;
	return true;
}

static bool read_name(struct reader *r, char *ret)
{
	int n;

	if (r->p >= r->end)
		return false;
	n = ns_name_uncompress(r->msg, r->end, r->p, ret, NAME_SIZE);
	if (n <= 0)
		return false;
	r->p += n;
	return true;
}

static bool read_record(struct reader *r, struct record *ret)
{
	unsigned hi, lo, len;

	if (!read_name(r, ret->name) || !read_u16(r, &ret->type) || !read_u16(r, &ret->class) ||
		!read_u16(r, &hi) || !read_u16(r, &lo) || !read_u16(r, &len))
		return false;
	if ((size_t)(r->end - r->p) < len)
		return false;
	ret->ttl = (uint32_t)hi << 16 | lo;
	if (ret->ttl > INT32_MAX) /* RFC 2181 8 */
		ret->ttl = 0;
	ret->data = r->p;
	ret->len = len;
	r->p += len;
	return true;
}

/* Expand a name in record data that must end where the data end. */
static bool data_name(const struct reader *r, const struct record *rec, size_t skip, char *ret)
{
	struct reader in = *r;

	if (rec->len <= skip)
		return false;
	in.p = rec->data + skip;
	return read_name(&in, ret) && in.p == rec->data + rec->len;
}

static unsigned data_u16(const struct record *rec, size_t pos)
{
	return (unsigned)rec->data[pos] << 8 | rec->data[pos + 1];
}

static bool name_eq(const char *a, struct str b)
{
	struct str s = str_of(a);

	if (str_eq(s, STR(".")))
		s = STR_EMPTY;
	return str_ieq(s, b);
}

/* Is a host name in record data fit for use? "." is, where it has a meaning. */
static bool host_ok(const struct reader *r, const struct record *rec, const char *host,
	bool root_ok)
{
	const char *type = dns_type_name((enum dns_type)rec->type);
	struct net_addr addr;

	if (strcmp(host, ".") == 0)
		return root_ok;
	if (net_addr_parse(str_of(host), 0, &addr) == 0) {
		note(r->notes, NOTE_WARN,
			"numeric domain name in resource data of %s record for %s: %s", type,
			rec->name, host);
		return true;
	}
	if (net_hostname_ok(str_of(host)))
		return true;
	note(r->notes, NOTE_WARN,
		"malformed domain name in resource data of %s record for %s: %.100s", type,
		rec->name, host);
	return false;
}

/* Host name in the data after `skip` octets: 1 taken, 0 unfit for use, or -EBADMSG. */
static int parse_host(const struct reader *r, const struct record *rec, size_t skip,
	struct dns_rr *rr)
{
	char host[NAME_SIZE];
	bool root_ok = rr->type == DNS_MX || rr->type == DNS_SRV;

	if (!data_name(r, rec, skip, host))
		return -EBADMSG;
	if (!host_ok(r, rec, host, root_ok))
		return 0;
	rr->target = strcmp(host, ".") == 0 ? STR_EMPTY : arena_str(r->arena, str_of(host));
	return 1;
}

/* All character strings of a TXT record, joined. */
static int parse_txt(const struct reader *r, const struct record *rec, struct dns_rr *rr)
{
	char *out = arena_alloc(r->arena, rec->len + 1);
	size_t n = 0;

	for (size_t i = 0; i < rec->len;) {
		size_t len = rec->data[i++];

		if (len > rec->len - i)
			return -EBADMSG;
		memcpy(out + n, rec->data + i, len);
		n += len;
		i += len;
	}
	rr->target = str_from(out, n);
	return 1;
}

static int parse_addr(const struct record *rec, struct dns_rr *rr)
{
	if (rr->type == DNS_A) {
		if (rec->len != sizeof(rr->addr.in.sin_addr))
			return -EBADMSG;
		rr->addr.in.sin_family = AF_INET;
		memcpy(&rr->addr.in.sin_addr, rec->data, rec->len);
		rr->addr.len = sizeof(rr->addr.in);
	} else {
		if (rec->len != sizeof(rr->addr.in6.sin6_addr))
			return -EBADMSG;
		rr->addr.in6.sin6_family = AF_INET6;
		memcpy(&rr->addr.in6.sin6_addr, rec->data, rec->len);
		rr->addr.len = sizeof(rr->addr.in6);
	}
	return 1;
}

/* Fill a record from its data: 1 taken, 0 left out, -EBADMSG. */
static int parse_data(const struct reader *r, const struct record *rec, struct dns_rr *rr)
{
	switch (rr->type) {
	case DNS_A:
	case DNS_AAAA:
		return parse_addr(rec, rr);
	case DNS_MX:
		if (rec->len < 3)
			return -EBADMSG;
		rr->pref = (uint16_t)data_u16(rec, 0);
		return parse_host(r, rec, 2, rr);
	case DNS_SRV:
		if (rec->len < 7)
			return -EBADMSG;
		rr->pref = (uint16_t)data_u16(rec, 0);
		rr->weight = (uint16_t)data_u16(rec, 2);
		rr->port = (uint16_t)data_u16(rec, 4);
		return parse_host(r, rec, 6, rr);
	case DNS_PTR:
	case DNS_CNAME:
	case DNS_NS:
		return parse_host(r, rec, 0, rr);
	case DNS_TXT:
		return parse_txt(r, rec, rr);
	case DNS_SOA:
	case DNS_TLSA:
		break;
	}
	rr->data = arena_str(r->arena, str_from((const char *)rec->data, rec->len));
	return 1;
}

/* Take a record of the type asked for into the result: 0 or -EBADMSG. */
static int take_record(const struct reader *r, const struct record *rec, struct dns_rr ***tail,
	struct dns_packet *ret)
{
	struct dns_rr *rr;
	int n;

	if (ret->n >= DNS_MAX_RR)
		return 0;
	rr = arena_obj(r->arena, struct dns_rr);
	rr->type = (enum dns_type)rec->type;
	rr->ttl = rec->ttl;
	rr->name = arena_str(r->arena, str_of(rec->name));
	rr->target = rr->data = STR_EMPTY;
	n = parse_data(r, rec, rr);
	if (n < 0)
		return n;
	if (n == 0) {
		ret->dropped = true;
		return 0;
	}
	**tail = rr;
	*tail = &rr->next;
	ret->n++;
	return 0;
}

/* One walk over the answers for one name: records into *ret, a CNAME into alias. */
static int walk(struct reader r, unsigned count, struct str name, enum dns_type type, char *alias,
	struct dns_packet *ret)
{
	struct dns_rr **tail = &ret->rr;
	struct record rec;

	alias[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		int n = 0;

		if (!read_record(&r, &rec))
			return -EBADMSG;
		if (rec.class != ns_c_in || !name_eq(rec.name, name))
			continue;
		if (rec.type == (unsigned)type)
			n = take_record(&r, &rec, &tail, ret);
		else if (rec.type == DNS_CNAME && !data_name(&r, &rec, 0, alias))
			n = -EBADMSG;
		if (n < 0)
			return n;
	}
	return 0;
}

static int follow(struct reader *r, unsigned count, const struct dns_question *q,
	struct dns_packet *ret)
{
	struct str name = q->name;
	char alias[NAME_SIZE];

	for (unsigned hop = 0; hop <= DNS_MAX_CNAME; hop++) {
		int n = walk(*r, count, name, q->type, alias, ret);

		if (n < 0)
			return n;
		if (ret->rr != NULL || ret->dropped || alias[0] == '\0')
			return 0;
		name = strcmp(alias, ".") == 0 ? STR_EMPTY : arena_str(r->arena, str_of(alias));
		ret->cname = name;
	}
	ret->loop = true;
	return 0;
}

/* Does the authority section prove that there is nothing? */
static int read_authority(struct reader *r, unsigned answers, unsigned count,
	struct dns_packet *ret)
{
	struct record rec;

	for (unsigned i = 0; i < answers + count; i++) {
		if (!read_record(r, &rec))
			return -EBADMSG;
		if (i >= answers && rec.type == DNS_SOA)
			ret->negative = true;
	}
	return 0;
}

static int read_question(struct reader *r, const struct dns_question *q)
{
	char name[NAME_SIZE];
	unsigned type, class;

	if (!read_name(r, name) || !read_u16(r, &type) || !read_u16(r, &class))
		return -EBADMSG;
	return name_eq(name, q->name) && type == (unsigned)q->type && class == ns_c_in ? 0
										       : -ENOMSG;
}

int dns_packet_parse(struct str packet, const struct dns_question *q, const struct notes *notes,
	struct arena *a, struct dns_packet *ret)
{
	const unsigned char *msg = (const unsigned char *)packet.ptr;
	struct reader r = { msg, msg + packet.len, msg, notes, a };
	unsigned id, flags, questions, answers, authority, additional;
	int n;

	*ret = (struct dns_packet){ .cname = STR_EMPTY };
	if (!read_u16(&r, &id) || !read_u16(&r, &flags) || !read_u16(&r, &questions) ||
		!read_u16(&r, &answers) || !read_u16(&r, &authority) || !read_u16(&r, &additional))
		return -ENOMSG;
	if (id != q->id || (flags & 0x8000) == 0 || (flags >> 11 & 15) != 0)
		return -ENOMSG;
	ret->rcode = (enum dns_rcode)(flags & 15);
	ret->truncated = (flags & 0x0200) != 0;
	ret->ad = (flags & 0x0020) != 0;
	/* Servers that do not understand a query may leave out the question. */
	if (questions == 0 && ret->rcode != DNS_RCODE_NOERROR && ret->rcode != DNS_RCODE_NXDOMAIN)
		return 0;
	if (questions != 1)
		return -ENOMSG;
	n = read_question(&r, q);
	if (n < 0 || ret->truncated)
		return n;
	n = follow(&r, answers, q, ret);
	return n < 0 ? n : read_authority(&r, answers, authority, ret);
}
