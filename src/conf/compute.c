/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/compute.c — defaults that come from the host or the process, not from a table.
 *
 * myhostname, mydomain, mynetworks; process_id, process_name, service_name. Computed at each
 * question: programs ask once. mynetworks may ask the resolver when inet_interfaces has host names.
 * Source: postconf(5).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "conf/conf_priv.h"

#define SEPARATORS ", \t\r\n"

static int compute_hostname(const struct conf *c, int depth, struct buf *ret, struct why *why)
{
	char host[256] = "";
	const char *domain = conf_setting(c, "mydomain");
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	int r;

	if (gethostname(host, sizeof host - 1) < 0 || host[0] == '\0')
		memcpy(host, "localhost", sizeof "localhost");
	buf_puts(ret, host);
	if (str_chr(str_of(host), '.') >= 0)
		return 0;
	if (domain == NULL)
		domain = "localdomain";
	r = conf_expand_at(c, str_of(domain), depth, &text, why);
	if (r == 0)
		buf_putf(ret, ".%s", buf_cstr(&text));
	return r;
}

static int compute_domain(const struct conf *c, int depth, struct buf *ret, struct why *why)
{
	_cleanup_buf_ struct buf host = BUF_LOCAL(BUF_SMALL);
	ptrdiff_t dot;
	int r = conf_expand_at(c, STR("$myhostname"), depth, &host, why);

	if (r < 0)
		return r;
	dot = str_chr(buf_str(&host), '.');
	buf_put(ret, dot < 0 ? STR("localdomain") : str_skip(buf_str(&host), (size_t)dot + 1));
	return 0;
}

enum style {
	STYLE_HOST,
	STYLE_SUBNET,
	STYLE_CLASS,
};

/** The state of one computation of mynetworks. */
struct networks {
	struct buf *ret;
	size_t start;
	enum style style;
	bool ipv4;
	bool ipv6;
};

/** An own address: 4 or 16 bytes and a mask of the same length. */
struct own {
	int family;
	unsigned char addr[16];
	unsigned char mask[16];
};

static size_t length_of(int family)
{
	return family == AF_INET ? 4 : 16;
}

static int mask_bits(const unsigned char *mask, size_t len)
{
	int bits = 0;

	for (size_t i = 0; i < len * 8; i++) {
		if ((mask[i / 8] & (0x80 >> (i % 8))) == 0)
			break;
		bits++;
	}
	return bits;
}

static int class_bits(unsigned char first)
{
	return first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : 4;
}

/** Append one network unless it is there. */
static void add_network(struct networks *nets, const struct own *own)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(256);
	unsigned char net[16] = { 0 };
	size_t len = length_of(own->family);
	char name[INET6_ADDRSTRLEN] = "";
	int bits = (int)len * 8;
	struct str rest, word;

	if (own->family == AF_INET ? !nets->ipv4 : !nets->ipv6)
		return;
	if (nets->style == STYLE_CLASS && own->family == AF_INET)
		bits = class_bits(own->addr[0]);
	else if (nets->style != STYLE_HOST)
		bits = mask_bits(own->mask, len);
	for (int i = 0; i < bits; i++)
		net[i / 8] |= (unsigned char)(own->addr[i / 8] & (0x80 >> (i % 8)));
	(void)inet_ntop(own->family, net, name, sizeof name);
	buf_putf(&text, own->family == AF_INET ? "%s/%d" : "[%s]/%d", name, bits);
	rest = str_skip(buf_str(nets->ret), nets->start);
	while (str_word(&rest, " ", &word))
		if (str_eq(word, buf_str(&text)))
			return;
	if (nets->ret->len > nets->start)
		buf_putc(nets->ret, ' ');
	buf_put(nets->ret, buf_str(&text));
}

static bool own_from(const struct sockaddr *sa, const struct sockaddr *mask, struct own *ret)
{
	*ret = (struct own){ .family = sa->sa_family };
	memset(ret->mask, 0xff, sizeof ret->mask);
	if (sa->sa_family == AF_INET) {
		memcpy(ret->addr, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		if (mask != NULL)
			memcpy(ret->mask,
				&((const struct sockaddr_in *)(const void *)mask)->sin_addr, 4);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(ret->addr, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		if (mask != NULL)
			memcpy(ret->mask,
				&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool is_loopback(const struct own *own)
{
	static const unsigned char v6[16] = { [15] = 1 };

	return own->family == AF_INET ? own->addr[0] == 127 : memcmp(own->addr, v6, 16) == 0;
}

/** All interface addresses (or the loopback ones, or the one that equals `only`). */
static void add_interfaces(struct networks *nets, const struct ifaddrs *all, bool loopback,
	const struct own *only)
{
	struct own own;

	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0 ||
			!own_from(i->ifa_addr, i->ifa_netmask, &own))
			continue;
		if (loopback && !is_loopback(&own))
			continue;
		if (only != NULL &&
			(only->family != own.family ||
				memcmp(only->addr, own.addr, length_of(own.family)) != 0))
			continue;
		add_network(nets, &own);
	}
}

/** A host name or address in inet_interfaces. */
static int add_host(struct networks *nets, const struct ifaddrs *all, struct str word,
	struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	_cleanup_free_ char *host = NULL;
	struct own own;
	int r;

	if (word.len > 2 && word.ptr[0] == '[' && word.ptr[word.len - 1] == ']')
		word = str_from(word.ptr + 1, word.len - 2);
	host = str_dup(word);
	r = getaddrinfo(host, NULL, &hints, &list);
	if (r != 0)
		return why_set(why, -EINVAL, "config variable inet_interfaces: host not found: %s",
			host);
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
		if (own_from(a->ai_addr, NULL, &own))
			add_interfaces(nets, all, false, &own);
	freeaddrinfo(list);
	return 0;
}

/** Expand a text and add its words: 0 or -EINVAL. */
static int words_of(const struct conf *c, struct str text, int depth, struct strv *ret,
	struct why *why)
{
	_cleanup_buf_ struct buf list = BUF_LOCAL(BUF_SMALL);
	int r = conf_expand_at(c, text, depth, &list, why);

	if (r == 0)
		strv_split(ret, buf_str(&list), SEPARATORS);
	return r;
}

static int style_of(const struct conf *c, int depth, enum style *ret, struct why *why)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	int r = conf_expand_at(c, STR("$mynetworks_style"), depth, &text, why);

	if (r < 0)
		return r;
	if (str_eq(buf_str(&text), STR("host")))
		*ret = STYLE_HOST;
	else if (str_eq(buf_str(&text), STR("subnet")))
		*ret = STYLE_SUBNET;
	else if (str_eq(buf_str(&text), STR("class")))
		*ret = STYLE_CLASS;
	else
		return why_set(why, -EINVAL,
			"unknown mynetworks_style value: %s (host, subnet, class)",
			buf_cstr(&text));
	return 0;
}

static int compute_networks(const struct conf *c, int depth, struct buf *ret, struct why *why)
{
	_cleanup_strv_ struct strv interfaces = { 0 }, protocols = { 0 };
	struct networks nets = { .ret = ret, .start = ret->len };
	struct ifaddrs *all = NULL;
	int r = style_of(c, depth, &nets.style, why);

	if (r == 0)
		r = words_of(c, STR("$inet_interfaces"), depth, &interfaces, why);
	if (r == 0)
		r = words_of(c, STR("$inet_protocols"), depth, &protocols, why);
	if (r < 0)
		return r;
	nets.ipv4 = strv_has(&protocols, STR("all")) || strv_has(&protocols, STR("ipv4"));
	nets.ipv6 = strv_has(&protocols, STR("all")) || strv_has(&protocols, STR("ipv6"));
	if (getifaddrs(&all) < 0)
		return why_errno(why, -EINVAL, "list of network interfaces");
	for (size_t i = 0; r == 0 && i < interfaces.n; i++) {
		struct str word = str_of(interfaces.v[i]);

		if (str_ieq(word, STR("all")))
			add_interfaces(&nets, all, false, NULL);
		else if (str_ieq(word, STR("loopback-only")))
			add_interfaces(&nets, all, true, NULL);
		else
			r = add_host(&nets, all, word, why);
	}
	freeifaddrs(all);
	return r;
}

int conf_compute(const struct conf *c, struct str name, int depth, struct buf *ret, struct why *why)
{
	int r = 0;

	if (str_eq(name, STR("myhostname")))
		r = compute_hostname(c, depth, ret, why);
	else if (str_eq(name, STR("mydomain")))
		r = compute_domain(c, depth, ret, why);
	else if (str_eq(name, STR("mynetworks")))
		r = compute_networks(c, depth, ret, why);
	else if (str_eq(name, STR("process_id")))
		buf_putf(ret, "%ld", (long)getpid());
	else if (str_eq(name, STR("process_name")))
		buf_puts(ret, program_invocation_short_name);
	else if (str_eq(name, STR("service_name")))
		buf_puts(ret, "amnesiac");
	else
		return 0;
	return r < 0 ? r : 1;
}
