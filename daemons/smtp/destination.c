/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination.c — next hops as text: domain, domain:port, [host], [host]:port, lists of them; for
 * LMTP also unix:path and inet:host.
 */
#include <errno.h>
#include <netdb.h>

#include "base/map.h"
#include "base/num.h"
#include "client.h"
#include "service/known_ports.h"

void services_load(struct client *c)
{
	struct servent se, *found = NULL;
	char buf[4096];

	c->services = map_new(NULL);
	setservent(1);
	while (getservent_r(&se, buf, sizeof(buf), &found) == 0 && found != NULL) {
		void *port = (void *)(uintptr_t)ntohs((uint16_t)se.s_port);

		if (strcmp(se.s_proto, "tcp") != 0)
			continue;
		map_set(c->services, str_of(se.s_name), port);
		for (char **alias = se.s_aliases; *alias != NULL; alias++)
			map_set(c->services, str_of(*alias), port);
	}
	endservent();
}

static int parse_port(const struct client *c, struct str text, uint16_t *ret, struct why *why)
{
	uint64_t n;

	text = known_port(str_of(c->p.known_tcp_ports), text);
	if (num_u64(text, 65535, &n) == 0 && n > 0) {
		*ret = (uint16_t)n;
		return 0;
	}
	n = (uintptr_t)map_get(c->services, text);
	if (n == 0)
		return why_set(why, -EINVAL, "unknown service: " STR_FMT "/tcp", STR_ARG(text));
	*ret = (uint16_t)n;
	return 0;
}

/* "[host]", "[host]:port": the brackets may hold colons. */
static int parse_bracket(const struct client *c, struct str text, struct destination *d,
	struct why *why)
{
	ptrdiff_t end = str_chr(text, ']');
	struct str rest;

	if (end < 2)
		return why_set(why, -EINVAL, "bad destination \"" STR_FMT "\"", STR_ARG(text));
	d->name = str_from(text.ptr + 1, (size_t)end - 1);
	d->mx = false;
	rest = str_skip(text, (size_t)end + 1);
	if (rest.len == 0)
		return 0;
	if (rest.ptr[0] != ':')
		return why_set(why, -EINVAL, "garbage after \"]\" in \"" STR_FMT "\"",
			STR_ARG(text));
	return parse_port(c, str_skip(rest, 1), &d->port, why);
}

/* Service names that are looked up as SRV records (use_srv_lookup). */
static bool is_srv(const struct client *c, struct str service)
{
	struct str list = str_of(c->p.use_srv_lookup), word;

	while (c->use_dns && str_word(&list, ", \t\r\n", &word))
		if (str_ieq(word, service))
			return true;
	return false;
}

static int parse_one(const struct client *c, struct str text, struct destination *d,
	struct why *why)
{
	struct str service;
	ptrdiff_t colon;
	int e;

	*d = (struct destination){ .text = text, .mx = !c->lmtp && c->use_dns };
	if (c->lmtp && str_starts(text, STR("unix:"))) {
		d->is_unix = true;
		d->name = str_skip(text, 5);
		return d->name.len > 0 ? 0 : why_set(why, -EINVAL, "empty path in \"unix:\"");
	}
	e = parse_port(c, str_of(c->p.tcp_port), &d->port, why);
	if (e < 0)
		return e;
	if (str_starts(text, STR("inet:")))
		text = str_skip(text, 5);
	if (text.len > 0 && text.ptr[0] == '[')
		return parse_bracket(c, text, d, why);
	colon = str_rchr(text, ':');
	service = colon < 0 ? str_of(c->p.tcp_port) : str_skip(text, (size_t)colon + 1);
	if (is_srv(c, service))
		d->srv = service;
	d->name = colon < 0 ? text : str_head(text, (size_t)colon);
	if (d->name.len == 0)
		return why_set(why, -EINVAL, "empty host name in \"" STR_FMT "\"", STR_ARG(text));
	/* The port comes with the SRV record; the name need not be known here. */
	if (d->srv.len > 0 && colon >= 0 && parse_port(c, service, &d->port, NULL) < 0)
		return 0;
	return colon < 0 ? 0 : parse_port(c, service, &d->port, why);
}

int destinations_parse(const struct client *c, struct str list, struct destination *ret, size_t max,
	struct why *why)
{
	struct str word;
	size_t n = 0;

	while (n < max && str_word(&list, ", \t\r\n", &word)) {
		int e = parse_one(c, word, &ret[n], why);

		if (e < 0)
			return e;
		n++;
	}
	return (int)n;
}
