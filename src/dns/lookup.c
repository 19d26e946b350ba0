/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/lookup.c — from a name to a definite answer, or to the reason why there is none.
 */
#include <errno.h>

#include "dns/exchange_priv.h"
#include "dns/name_priv.h"

/* One lookup with all its steps. */
struct job {
	struct dns *dns;
	const struct dns_config *config;
	unsigned turn;
	enum dns_type type;
	struct arena *arena;
	struct dns_answer *answer;
	struct why *why;
};

static enum dns_status name_error(const struct job *j, struct str name, enum dns_status status,
	const char *text)
{
	(void)why_set(j->why, 0,
		"Host or domain name not found. Name service error for name=" STR_FMT
		" type=%s: %s",
		STR_ARG(name), dns_type_name(j->type), text);
	return status;
}

static enum dns_status no_answer(const struct job *j, struct str name, int err)
{
	if (err == -EINVAL) {
		(void)why_set(j->why, 0,
			"Name service error for " STR_FMT ": invalid host or domain name",
			STR_ARG(name));
		return DNS_INVALID;
	}
	if (err == -EBADMSG) {
		(void)why_set(j->why, 0,
			"Name service error for name=" STR_FMT
			" type=%s: Malformed or unexpected name server reply",
			STR_ARG(name), dns_type_name(j->type));
		return DNS_INVALID;
	}
	return name_error(j, name, DNS_TEMPFAIL, "Host not found, try again");
}

static enum dns_status bad_rcode(const struct job *j, struct str name, enum dns_rcode rcode)
{
	if (rcode == DNS_RCODE_NXDOMAIN)
		return name_error(j, name, DNS_NXDOMAIN, "Host not found");
	if (rcode == DNS_RCODE_FORMERR)
		return name_error(j, name, DNS_FAIL, "Non-recoverable error");
	/* SERVFAIL; REFUSED and NOTIMP say something of the server, not of the name. */
	return name_error(j, name, DNS_TEMPFAIL, "Host not found, try again");
}

/* Drop what the reply filter does not like. */
static enum dns_status filter(struct job *j, struct str name)
{
	struct dns_rr **p = &j->answer->rr;

	while (*p != NULL) {
		struct buf text = BUF(BUF_MEDIUM);
		enum dns_filter verdict;

		dns_rr_text(&text, *p);
		verdict = j->dns->set.filter(j->dns->set.filter_ctx, buf_str(&text), j->why);
		if (verdict == DNS_FILTER_TEMPFAIL) {
			note(j->dns->set.notes, NOTE_WARN, "%s",
				j->why == NULL ? "DNS reply filter" : j->why->text);
			(void)why_set(j->why, 0,
				"Error looking up name=" STR_FMT
				" type=%s: Invalid DNS reply filter syntax",
				STR_ARG(name), dns_type_name(j->type));
			buf_done(&text);
			return DNS_TEMPFAIL;
		}
		if (verdict == DNS_FILTER_IGNORE) {
			note(j->dns->set.notes, NOTE_INFO, "ignoring DNS RR: %s", buf_cstr(&text));
			*p = (*p)->next;
			j->answer->n--;
		} else {
			p = &(*p)->next;
		}
		buf_done(&text);
	}
	if (j->answer->n > 0)
		return DNS_OK;
	(void)why_set(j->why, 0,
		"Error looking up name=" STR_FMT " type=%s: DNS reply filter drops all results",
		STR_ARG(name), dns_type_name(j->type));
	return DNS_POLICY;
}

/* "." says that there is no mail service, whatever else stands beside it (RFC 7505). */
static bool has_null_mx(const struct dns_packet *p)
{
	for (const struct dns_rr *rr = p->rr; rr != NULL; rr = rr->next)
		if (rr->target.len == 0)
			return true;
	return false;
}

static enum dns_status have_records(struct job *j, struct str name, const struct dns_packet *p)
{
	j->answer->rr = p->rr;
	j->answer->n = p->n;
	if (j->type == DNS_MX && has_null_mx(p)) {
		(void)why_set(j->why, 0, "Domain " STR_FMT " does not accept mail (nullMX)",
			STR_ARG(name));
		return DNS_NULLMX;
	}
	return j->dns->set.filter == NULL ? DNS_OK : filter(j, name);
}

static enum dns_status loop_error(const struct job *j, struct str name)
{
	(void)why_set(j->why, 0, "Name server loop for " STR_FMT, STR_ARG(name));
	return DNS_TEMPFAIL;
}

/* Ask for one name, following CNAMEs over as many queries as needed. */
static enum dns_status ask(struct job *j, struct str name)
{
	unsigned flags = DNS_QUERY_EDNS | (j->dns->set.trust_ad ? DNS_QUERY_DNSSEC : 0);
	struct dns_question q = { .name = name, .type = j->type };
	struct dns_packet p;

	j->answer->secure = j->dns->set.trust_ad;
	for (unsigned hop = 0; hop < DNS_MAX_CNAME; hop++) {
		int r = dns_exchange(j->config, &q, flags, j->turn, j->dns->set.notes, j->arena,
			&p);

		if (r < 0)
			return no_answer(j, name, r);
		j->answer->secure = j->answer->secure && p.ad;
		if (p.cname.len > 0)
			j->answer->cname = p.cname;
		if (p.rr != NULL)
			return have_records(j, name, &p);
		if (p.loop)
			return loop_error(j, name);
		if (p.rcode != DNS_RCODE_NOERROR)
			return bad_rcode(j, name, p.rcode);
		if (p.dropped)
			return no_answer(j, name, -EBADMSG);
		if (p.cname.len == 0 || p.negative)
			return name_error(j, p.cname.len > 0 ? p.cname : q.name, DNS_NODATA,
				"Host found but no data record of requested type");
		q.name = p.cname;
	}
	return loop_error(j, name);
}

static size_t count_dots(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '.';
	return n;
}

static bool is_definite_no(enum dns_status s)
{
	return s == DNS_NXDOMAIN || s == DNS_NODATA;
}

/* How many of the search domains apply to a name. */
static size_t search_domains(const struct job *j, size_t dots)
{
	if (j->dns->set.dnsrch)
		return j->config->n_search;
	return dots == 0 && j->dns->set.defnames ? MIN(j->config->n_search, (size_t)1) : 0;
}

/* As res_nsearch(3): the name as it is, and with search domains where that was asked for. */
static enum dns_status search(struct job *j, struct str name)
{
	const struct dns_config *c = j->config;
	size_t dots = count_dots(name);
	size_t n = search_domains(j, dots);
	bool first = dots >= c->ndots || n == 0;
	enum dns_status status = DNS_NXDOMAIN;

	if (first) {
		status = ask(j, name);
		if (!is_definite_no(status))
			return status;
	}
	for (size_t i = 0; i < n; i++) {
		struct str full = arena_fmt(j->arena, STR_FMT ".%s", STR_ARG(name), c->search[i]);
		struct why why = { .text = "" }, *saved = j->why;

		j->why = &why;
		status = ask(j, full);
		j->why = saved;
		if (status == DNS_OK || status == DNS_TEMPFAIL) {
			if (j->why != NULL)
				*j->why = why;
			return status;
		}
	}
	return first && n == 0 ? status : ask(j, name);
}

/* Is this the first answer that was not validated, after none that was? */
static bool is_probe_due(struct dns *d, bool secure)
{
	bool due;

	(void)pthread_mutex_lock(&d->lock);
	d->seen_secure = d->seen_secure || secure;
	due = !d->seen_secure && !d->probed;
	if (due)
		d->probed = true;
	(void)pthread_mutex_unlock(&d->lock);
	return due;
}

static bool parse_probe(struct str text, struct dns_question *q)
{
	static const enum dns_type types[] = { DNS_NS, DNS_A, DNS_AAAA, DNS_MX, DNS_SOA, DNS_TXT,
		DNS_SRV, DNS_TLSA, DNS_PTR, DNS_CNAME };
	ptrdiff_t colon = str_chr(text, ':');

	if (colon < 0)
		return false;
	q->name = str_skip(text, (size_t)colon + 1);
	if (str_ends(q->name, STR(".")))
		q->name.len--;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		q->type = types[i];
		if (str_ieq(str_of(dns_type_name(types[i])), str_head(text, (size_t)colon)))
			return true;
	}
	return false;
}

/* Validation was asked for and did not happen: is it to be had at all? Said once. */
static void probe(const struct job *j)
{
	const char *text = j->dns->set.probe;
	const struct notes *notes = j->dns->set.notes;
	struct dns_question q;
	struct dns_packet p;
	int r;

	if (!parse_probe(str_of(text), &q)) {
		note(notes, NOTE_WARN, "ignoring bad dnssec_probe value: %s", text);
		return;
	}
	r = dns_exchange(j->config, &q, DNS_QUERY_EDNS | DNS_QUERY_DNSSEC, j->turn, notes, j->arena,
		&p);
	if (r == 0 && p.ad)
		return;
	note(notes, NOTE_WARN, "DNSSEC validation may be unavailable");
	note(notes, NOTE_WARN,
		r < 0 ? "reason: dnssec_probe '%s' received no response"
		      : "reason: dnssec_probe '%s' received a response that is not DNSSEC validated",
		text);
}

enum dns_status dns_lookup(struct dns *d, struct str name, enum dns_type type, struct arena *a,
	struct dns_answer *ret, struct why *why)
{
	struct job j = { .dns = d, .type = type, .arena = a, .answer = ret, .why = why };
	struct dns_config *c;
	struct str ascii;
	enum dns_status status;
	bool absolute;

	*ret = (struct dns_answer){ .cname = STR_EMPTY };
	if (dns_to_ascii(name, a, &ascii) < 0)
		return no_answer(&j, name, -EINVAL);
	absolute = str_ends(ascii, STR("."));
	if (absolute)
		ascii.len--;
	if (!net_hostname_ok(ascii))
		return no_answer(&j, name, -EINVAL);
	j.config = c = dns_config_get(d, &j.turn);
	status = absolute ? ask(&j, ascii) : search(&j, ascii);
	if (d->set.trust_ad && d->set.probe != NULL && d->set.probe[0] != '\0' &&
		is_probe_due(d, ret->secure))
		probe(&j);
	dns_config_put(d, c);
	return status;
}

enum dns_status dns_reverse(struct dns *d, const struct net_addr *addr, struct arena *a,
	struct dns_answer *ret, struct why *why)
{
	struct net_addr plain = *addr;

	net_addr_unmap(&plain);
	return dns_lookup(d, dns_reverse_name(&plain, a), DNS_PTR, a, ret, why);
}
