/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/config.c — read the resolver's configuration and notice changes.
 */
#include "dns/config_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <resolv.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"

#define DNS_PORT 53
/* A changed file is used within seconds. */
#define CHECK_INTERVAL (5 * USEC_PER_SEC)

static struct dns_config *config_new(void)
{
	struct dns_config *c = mem_new(struct dns_config);

	c->refs = 1;
	c->timeout = 5 * USEC_PER_SEC;
	c->attempts = 2;
	c->ndots = 1;
	return c;
}

void dns_config_free(struct dns_config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_search; i++)
		free(c->search[i]);
	free(c);
}

/* "[addr]:port", "addr:port" (IPv4), "[addr]" or "addr". */
static int parse_server(struct str text, struct net_addr *ret)
{
	ptrdiff_t close = str_chr(text, ']'), colon = str_rchr(text, ':');
	uint64_t port = DNS_PORT;
	bool has_port = colon > close && (close >= 0 || str_chr(text, ':') == colon);

	if (has_port) {
		int r = num_u64(str_skip(text, (size_t)colon + 1), UINT16_MAX, &port);

		if (r < 0)
			return -EINVAL;
		text = str_head(text, (size_t)colon);
	}
	return net_addr_parse(text, (uint16_t)port, ret);
}

int dns_config_parse(struct str servers, struct dns_config **ret, struct why *why)
{
	struct dns_config *c = config_new();
	struct str word;

	while (str_word(&servers, ", \t\r\n", &word)) {
		if (c->n_servers == DNS_MAX_SERVERS)
			break;
		if (parse_server(word, &c->server[c->n_servers]) < 0) {
			dns_config_free(c);
			return why_set(why, -EINVAL, "bad name server \"" STR_FMT "\"",
				STR_ARG(word));
		}
		c->n_servers++;
	}
	/* A server that was named for this purpose is near. */
	c->timeout = 2 * USEC_PER_SEC;
	*ret = c;
	return 0;
}

static void take_server(struct dns_config *c, const struct __res_state *st, int i)
{
	struct net_addr *a = &c->server[c->n_servers];
	const struct sockaddr_in6 *in6 = st->_u._ext.nsaddrs[i];

	if (c->n_servers == DNS_MAX_SERVERS)
		return;
	if (st->nsaddr_list[i].sin_family == AF_INET) {
		a->in = st->nsaddr_list[i];
		a->len = sizeof(a->in);
	} else if (in6 != NULL && in6->sin6_family == AF_INET6) {
		a->in6 = *in6;
		a->len = sizeof(a->in6);
	} else {
		return;
	}
	c->n_servers++;
}

int dns_config_of_host(struct dns_config **ret, struct why *why)
{
	struct __res_state *st = mem_new(struct __res_state);
	struct dns_config *c;

	if (res_ninit(st) != 0) {
		free(st);
		return why_set(why, -EIO, "cannot read the resolver's configuration");
	}
	c = config_new();
	for (int i = 0; i < st->nscount && i < MAXNS; i++)
		take_server(c, st, i);
	for (size_t i = 0; i < ARRAY_LEN(st->dnsrch) && st->dnsrch[i] != NULL; i++)
		if (c->n_search < DNS_MAX_SEARCH && st->dnsrch[i][0] != '\0')
			c->search[c->n_search++] = mem_strdup(st->dnsrch[i]);
	c->timeout = MAX(st->retrans, 1) * USEC_PER_SEC;
	c->attempts = (unsigned)MAX(st->retry, 1);
	c->ndots = st->ndots;
	c->rotate = (st->options & RES_ROTATE) != 0;
	c->tcp = (st->options & RES_USEVC) != 0;
	res_nclose(st);
	free(st);
	*ret = c;
	return 0;
}

/*
 * Under the lock. A file that cannot be read (in a jail) leaves things as they are: res_ninit(3) would
 * take 127.0.0.1 for the answer.
 */
static void check_file(struct dns *d)
{
	_cleanup_close_ int fd = open(_PATH_RESCONF, O_RDONLY | O_CLOEXEC);
	struct dns_config *c;
	struct stat st;

	d->next_check = clock_now() + CHECK_INTERVAL;
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	if (st.st_ino == d->file_ino && st.st_mtim.tv_sec == d->file_time.tv_sec &&
		st.st_mtim.tv_nsec == d->file_time.tv_nsec)
		return;
	d->file_ino = st.st_ino;
	d->file_time = st.st_mtim;
	if (d->config != NULL && dns_config_of_host(&c, NULL) == 0) {
		if (--d->config->refs == 0)
			dns_config_free(d->config);
		d->config = c;
	}
}

struct dns_config *dns_config_get(struct dns *d, unsigned *ret_turn)
{
	struct dns_config *c;

	pthread_mutex_lock(&d->lock);
	if (d->next_check != USEC_NEVER && clock_now() >= d->next_check)
		check_file(d);
	c = d->config;
	c->refs++;
	*ret_turn = c->rotate ? d->turn++ : 0;
	pthread_mutex_unlock(&d->lock);
	return c;
}

void dns_config_put(struct dns *d, struct dns_config *c)
{
	bool last;

	pthread_mutex_lock(&d->lock);
	last = --c->refs == 0;
	pthread_mutex_unlock(&d->lock);
	if (last)
		dns_config_free(c);
}

int dns_new(const struct dns_settings *s, struct dns **ret, struct why *why)
{
	struct dns *d = mem_new(struct dns);
	struct str servers = str_trim(str_of(s->servers));
	int r;

	d->set = *s;
	d->set.servers = NULL;
	check(pthread_mutex_init(&d->lock, NULL) == 0);
	if (servers.len > 0) {
		d->next_check = USEC_NEVER;
		r = dns_config_parse(servers, &d->config, why);
	} else {
		check_file(d);
		r = dns_config_of_host(&d->config, why);
	}
	if (r < 0) {
		dns_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void dns_free(struct dns *d)
{
	if (d == NULL)
		return;
	dns_config_free(d->config);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
