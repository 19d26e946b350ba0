/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/names.c — which names a configuration knows and uses.
 */
#include "conf/names.h"

static bool is_name(unsigned char c)
{
	return is_alnum(c) || c == '_';
}

static size_t name_length(struct str s)
{
	size_t n = 0;

	while (n < s.len && is_name((unsigned char)s.ptr[n]))
		n++;
	return n;
}

void conf_names_in_text(struct map *names, struct str text)
{
	for (size_t i = 0; i + 1 < text.len; i++) {
		struct str rest;
		size_t n;

		if (text.ptr[i] != '$')
			continue;
		i++;
		if (text.ptr[i] == '$')
			continue;
		rest = str_skip(text, i);
		if (rest.ptr[0] == '{' || rest.ptr[0] == '(')
			rest = str_skip(rest, 1);
		while (rest.len > 0 && is_space((unsigned char)rest.ptr[0]))
			rest = str_skip(rest, 1);
		n = name_length(rest);
		if (n > 0)
			map_set(names, str_head(rest, n), NULL);
		i--;
	}
}

/** Words of a list parameter become names (restriction classes). */
static void add_words(const struct conf *c, const char *param, struct map *names)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
	struct str rest, word;

	if (conf_expand(c, param, &text, NULL) < 0)
		return;
	rest = buf_str(&text);
	while (str_word(&rest, ", \t\r\n", &word))
		map_set(names, word, NULL);
}

static const char *const source_types[] = { "ldap:", "mysql:", "pgsql:", "sqlite:", "memcache:",
	"mongodb:" };

/** TYPE:NAME in a value, for table types whose settings may stand in main.cf. */
static void add_sources(struct map *names, struct str text)
{
	struct str word;

	while (str_word(&text, ", \t\r\n{}", &word)) {
		if (str_starts(word, STR("proxy:")))
			word = str_skip(word, strlen("proxy:"));
		for (size_t i = 0; i < ARRAY_LEN(source_types); i++) {
			size_t n = strlen(source_types[i]);

			if (str_starts(word, str_of(source_types[i])) && word.len > n &&
				word.ptr[n] != '/')
				map_set(names, word, NULL);
		}
	}
}

static void add_args(const struct master_entry *e, struct map *names)
{
	for (size_t i = 0; i < e->args.n; i++)
		conf_names_in_text(names, str_of(e->args.v[i]));
}

struct map *conf_names_used(const struct conf *c, const struct master_cf *m)
{
	struct map *names = map_new(NULL);
	const char *name, *value;
	size_t pos = 0, n = 0;
	const struct conf_param *all = conf_params(&n);

	while (conf_settings_next(c, &pos, &name, &value)) {
		conf_names_in_text(names, str_of(value));
		add_sources(names, str_of(value));
	}
	for (size_t i = 0; i < n; i++)
		conf_names_in_text(names, str_of(all[i].def));
	add_words(c, "smtpd_restriction_classes", names);
	for (size_t i = 0; m != NULL && i < m->n; i++)
		add_args(&m->v[i], names);
	return names;
}

bool conf_transport_has(const struct master_entry *e, const struct conf_param *p)
{
	static const char *const agents[] = { "local", "error", "virtual", "smtp", "lmtp", "pipe" };
	struct str command = str_of(e->command);
	ptrdiff_t slash = str_rchr(command, '/');

	if (slash >= 0)
		command = str_skip(command, (size_t)slash + 1);
	if (str_eq(str_of(p->name), STR("transport_time_limit")))
		return str_eq(command, STR("pipe")) || str_eq(command, STR("spawn"));
	for (size_t i = 0; i < ARRAY_LEN(agents); i++)
		if (str_eq(command, str_of(agents[i])))
			return true;
	return false;
}

/** True when some value has TYPE:NAME for a table type whose settings may stand in main.cf. */
static bool is_table_source(struct str name, const struct map *used)
{
	for (ptrdiff_t i = str_rchr(name, '_'); i > 0;
		i = str_rchr(str_head(name, (size_t)i), '_')) {
		for (size_t t = 0; t < ARRAY_LEN(source_types); t++) {
			_cleanup_buf_ struct buf key = BUF_LOCAL(BUF_SMALL);

			buf_putf(&key, "%s%.*s", source_types[t], (int)i, name.ptr);
			if (map_has(used, buf_str(&key)))
				return true;
		}
	}
	return false;
}

enum conf_name_kind conf_name_kind(struct str name, const struct map *used,
	const struct master_cf *m)
{
	const struct conf_param *p = conf_param_find(name);
	struct str service;

	if (p != NULL && str_eq(str_of(p->name), name))
		return CONF_NAME_PARAM;
	if (conf_param_of_transport(name, &service) != NULL) {
		p = conf_param_of_transport(name, &service);
		for (size_t i = 0; m != NULL && i < m->n; i++)
			if (str_eq(service, str_of(m->v[i].name)) &&
				conf_transport_has(&m->v[i], p))
				return CONF_NAME_TRANSPORT;
	}
	if (map_has(used, name) || is_table_source(name, used))
		return CONF_NAME_USER;
	return CONF_NAME_UNUSED;
}
