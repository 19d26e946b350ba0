/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/addr.c — addresses as values; see addr.h.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "base/cursor.h"
#include "base/num.h"

/* The bytes of the address proper; 0 for anything but IPv4 and IPv6. */
static size_t raw_bytes(const struct net_addr *a, const unsigned char **ret)
{
	if (a->sa.sa_family == AF_INET) {
		*ret = (const unsigned char *)&a->in.sin_addr;
		return 4;
	}
	if (a->sa.sa_family == AF_INET6) {
		*ret = a->in6.sin6_addr.s6_addr;
		return 16;
	}
	*ret = NULL;
	return 0;
}

static unsigned char *raw_mutable(struct net_addr *a)
{
	return a->sa.sa_family == AF_INET ? (unsigned char *)&a->in.sin_addr
					  : a->in6.sin6_addr.s6_addr;
}

/* Zero everything and set the family. */
static void start(struct net_addr *a, sa_family_t family)
{
	memset(a, 0, sizeof *a);
	a->ss.ss_family = family;
	a->len = family == AF_INET ? sizeof a->in : sizeof a->in6;
}

/* An address without brackets or tag. */
static int parse_bare(struct str text, struct net_addr *ret)
{
	struct net_addr a;
	char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
	ptrdiff_t scope = str_chr(text, '%');

	if (text.len == 0 || text.len >= sizeof host || str_chr(text, '\0') >= 0)
		return -EINVAL;
	memcpy(host, text.ptr, text.len);
	host[text.len] = '\0';
	start(&a, AF_INET);
	if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1) {
		*ret = a;
		return 0;
	}
	start(&a, AF_INET6);
	if (scope > 0) {
		uint64_t id;

		host[scope] = '\0';
		a.in6.sin6_scope_id = if_nametoindex(host + scope + 1);
		if (a.in6.sin6_scope_id == 0) {
			if (num_u64(str_of(host + scope + 1), UINT32_MAX, &id) < 0)
				return -EINVAL;
			a.in6.sin6_scope_id = (uint32_t)id;
		}
	}
	if (inet_pton(AF_INET6, host, &a.in6.sin6_addr) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

int net_addr_parse(struct str text, uint16_t port, struct net_addr *ret)
{
	struct net_addr a;
	bool tagged;

	if (str_starts(text, STR("["))) {
		if (!str_ends(text, STR("]")))
			return -EINVAL;
		text = str_from(text.ptr + 1, text.len - 2);
	}
	tagged = str_istarts(text, STR("ipv6:"));
	if (tagged)
		text = str_skip(text, 5);
	if (parse_bare(text, &a) < 0 || (tagged && a.sa.sa_family != AF_INET6))
		return -EINVAL;
	net_addr_set_port(&a, port);
	*ret = a;
	return 0;
}

void net_addr_text(const struct net_addr *a, char ret[NET_ADDR_TEXT])
{
	char name[IF_NAMESIZE];
	size_t len;

	ret[0] = '\0';
	if (a->sa.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &a->in.sin_addr, ret, NET_ADDR_TEXT);
	} else if (a->sa.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a->in6.sin6_addr, ret, NET_ADDR_TEXT);
		len = strlen(ret);
		if (a->in6.sin6_scope_id == 0)
			return;
		if (if_indextoname(a->in6.sin6_scope_id, name) != NULL)
			(void)snprintf(ret + len, NET_ADDR_TEXT - len, "%%%s", name);
		else
			(void)snprintf(ret + len, NET_ADDR_TEXT - len, "%%%u",
				a->in6.sin6_scope_id);
	} else if (a->sa.sa_family == AF_UNIX && a->len > offsetof(struct sockaddr_un, sun_path)) {
		len = a->len - offsetof(struct sockaddr_un, sun_path);
		len = strnlen(a->un.sun_path, MIN(len, sizeof a->un.sun_path));
		memcpy(ret, a->un.sun_path, len);
		ret[len] = '\0';
	}
}

uint16_t net_addr_port(const struct net_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}

void net_addr_set_port(struct net_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

bool net_addr_eq(const struct net_addr *a, const struct net_addr *b, bool with_port)
{
	const unsigned char *pa;
	const unsigned char *pb;
	size_t n = raw_bytes(a, &pa);

	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_UNIX)
		return a->len == b->len && memcmp(&a->un, &b->un, a->len) == 0;
	(void)raw_bytes(b, &pb);
	if (n == 0 || memcmp(pa, pb, n) != 0)
		return false;
	if (n == 16 && a->in6.sin6_scope_id != b->in6.sin6_scope_id)
		return false;
	return !with_port || net_addr_port(a) == net_addr_port(b);
}

bool net_addr_is_loopback(const struct net_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
	if (a->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
	return a->sa.sa_family == AF_UNIX;
}

void net_addr_unmap(struct net_addr *a)
{
	struct net_addr v4;

	if (a->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return;
	start(&v4, AF_INET);
	memcpy(&v4.in.sin_addr, a->in6.sin6_addr.s6_addr + 12, 4);
	v4.in.sin_port = a->in6.sin6_port;
	*a = v4;
}

/* Zero the bits after the prefix; true when some was set. */
static bool mask_host(struct net_addr *a, unsigned bits)
{
	unsigned char *p = raw_mutable(a);
	size_t n = a->sa.sa_family == AF_INET ? 4 : 16;
	bool some = false;

	for (size_t i = 0; i < n; i++) {
		unsigned here = bits > i * 8 ? MIN(bits - (unsigned)i * 8, 8U) : 0;
		unsigned char mask = (unsigned char)(0xff00U >> here);

		some = some || (p[i] & (unsigned char)~mask) != 0;
		p[i] &= mask;
	}
	return some;
}

/*
 * Take off brackets, around the address alone or around all; the rest is "address[/length]".
 */
static int split_cidr(struct str text, struct str *ret_addr, struct str *ret_mask, bool *ret_has)
{
	struct str addr = text;
	struct str rest;
	ptrdiff_t at;

	if (str_starts(text, STR("["))) {
		at = str_chr(text, ']');
		if (at < 0)
			return -ENOENT;
		addr = str_from(text.ptr + 1, (size_t)at - 1);
		rest = str_skip(text, (size_t)at + 1);
		if (rest.len > 0 && rest.ptr[0] != '/')
			return -EINVAL;
		*ret_has = rest.len > 0;
		*ret_mask = str_skip(rest, 1);
		*ret_addr = addr;
		if (rest.len > 0)
			return 0;
	}
	at = str_chr(addr, '/');
	*ret_has = at >= 0;
	*ret_mask = at < 0 ? STR_EMPTY : str_skip(addr, (size_t)at + 1);
	*ret_addr = at < 0 ? addr : str_head(addr, (size_t)at);
	return 0;
}

int net_cidr_parse(struct str text, struct net_cidr *ret, struct why *why)
{
	struct net_cidr c;
	struct str addr;
	struct str mask;
	char shown[NET_ADDR_TEXT];
	uint64_t bits;
	uint64_t max;
	bool has_mask;
	int r = split_cidr(text, &addr, &mask, &has_mask);

	if (r == -ENOENT)
		return why_set(why, -EINVAL, "missing ']' character after \"" STR_FMT "\"",
			STR_ARG(text));
	if (r < 0)
		return why_set(why, -EINVAL, "garbage after \"]\": \"" STR_FMT "\"", STR_ARG(text));
	if (has_mask && !str_all_digits(mask))
		return why_set(why, -EINVAL, "bad mask value in \"" STR_FMT "\"", STR_ARG(text));
	if (parse_bare(addr, &c.addr) < 0)
		return has_mask ? why_set(why, -EINVAL, "bad network value in \"" STR_FMT "\"",
					  STR_ARG(text))
				: why_set(why, -EINVAL, "bad address pattern: \"" STR_FMT "\"",
					  STR_ARG(text));
	max = c.addr.sa.sa_family == AF_INET ? 32 : 128;
	bits = max;
	if (has_mask && num_u64(mask, max, &bits) < 0)
		return why_set(why, -EINVAL, "bad mask length in \"" STR_FMT "\"", STR_ARG(text));
	c.prefix = (unsigned)bits;
	if (mask_host(&c.addr, c.prefix)) {
		net_addr_text(&c.addr, shown);
		return why_set(why, -EINVAL,
			"non-null host address bits in \"" STR_FMT
			"\", perhaps you should use \"%s/%u\" instead",
			STR_ARG(text), shown, c.prefix);
	}
	*ret = c;
	return 0;
}

bool net_cidr_has(const struct net_cidr *c, const struct net_addr *a)
{
	const unsigned char *p;
	const unsigned char *q;
	size_t whole = c->prefix / 8;
	unsigned rest = c->prefix % 8;

	if (c->addr.sa.sa_family != a->sa.sa_family || raw_bytes(a, &p) == 0)
		return false;
	(void)raw_bytes(&c->addr, &q);
	if (memcmp(p, q, whole) != 0)
		return false;
	return rest == 0 || ((p[whole] ^ q[whole]) & (0xff00U >> rest & 0xff)) == 0;
}

void net_addr_network(struct buf *b, const struct net_addr *a, unsigned bits)
{
	struct net_addr net = *a;
	char text[NET_ADDR_TEXT];

	if (a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6) {
		(void)mask_host(&net, bits);
		net_addr_text(&net, text);
		buf_putf(b, "%s/%u", text, bits);
	} else {
		net_addr_text(a, text);
		buf_puts(b, text);
	}
}

static bool is_host_char(unsigned char c)
{
	return is_alnum(c) || c == '-' || c == '_';
}

bool net_hostname_ok(struct str name)
{
	struct cursor c = cur_of(name);
	struct str label;

	if (name.len == 0 || name.len > 255)
		return false;
	do {
		if (!cur_token(&c, is_host_char, 63, &label) || label.ptr[0] == '-' ||
			label.ptr[label.len - 1] == '-')
			return false;
	} while (cur_char(&c, '.'));
	return cur_at_end(&c) && !str_all_digits(name);
}
