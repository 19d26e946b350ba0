/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/destination.c — see destination.h.
 */
#include "smtp/destination.h"

#include <errno.h>

#include "base/num.h"

static int parse_port(const struct smtp_destination_settings *s, struct str text, uint16_t *ret,
	struct why *why)
{
	uint64_t n;

	if (num_u64(text, 65535, &n) == 0 && n > 0) {
		*ret = (uint16_t)n;
		return 0;
	}
	n = s->service == NULL ? 0 : s->service(s->ctx, text);
	if (n == 0)
		return why_set(why, -EINVAL, "unknown service: " STR_FMT "/tcp", STR_ARG(text));
	*ret = (uint16_t)n;
	return 0;
}

/* "[host]", "[host]:port": the brackets may hold colons. */
static int parse_bracket(const struct smtp_destination_settings *s, struct str text,
	struct smtp_destination *d, struct why *why)
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
	return parse_port(s, str_skip(rest, 1), &d->port, why);
}

/* Service names that are looked up as SRV records (use_srv_lookup). */
static bool is_srv(const struct smtp_destination_settings *s, struct str service)
{
	struct str list = str_of(s->srv_services), word;

	while (s->use_dns && str_word(&list, ", \t\r\n", &word))
		if (str_ieq(word, service))
			return true;
	return false;
}

static int parse_one(const struct smtp_destination_settings *s, struct str text,
	struct smtp_destination *d, struct why *why)
{
	struct str service;
	ptrdiff_t colon;
	int e;

	*d = (struct smtp_destination){ .text = text, .mx = !s->lmtp && s->use_dns };
	if (s->lmtp && str_starts(text, STR("unix:"))) {
		d->is_unix = true;
		d->name = str_skip(text, 5);
		return d->name.len > 0 ? 0 : why_set(why, -EINVAL, "empty path in \"unix:\"");
	}
	e = parse_port(s, str_of(s->port), &d->port, why);
	if (e < 0)
		return e;
	if (str_starts(text, STR("inet:")))
		text = str_skip(text, 5);
	if (text.len > 0 && text.ptr[0] == '[')
		return parse_bracket(s, text, d, why);
	colon = str_rchr(text, ':');
	service = colon < 0 ? str_of(s->port) : str_skip(text, (size_t)colon + 1);
	if (is_srv(s, service))
		d->srv = service;
	d->name = colon < 0 ? text : str_head(text, (size_t)colon);
	if (d->name.len == 0)
		return why_set(why, -EINVAL, "empty host name in \"" STR_FMT "\"", STR_ARG(text));
	/* The port comes with the SRV record; the name need not be known here. */
	if (d->srv.len > 0 && colon >= 0 && parse_port(s, service, &d->port, NULL) < 0)
		return 0;
	return colon < 0 ? 0 : parse_port(s, service, &d->port, why);
}

int smtp_destinations_parse(const struct smtp_destination_settings *s, struct str list,
	struct smtp_destination *ret, size_t max, struct why *why)
{
	struct str word;
	size_t n = 0;

	while (n < max && str_word(&list, ", \t\r\n", &word)) {
		int e = parse_one(s, word, &ret[n], why);

		if (e < 0)
			return e;
		n++;
	}
	return (int)n;
}
