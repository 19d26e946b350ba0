/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/param.c — the registry: entries, lookup by name, the nearest name to a misspelt one.
 *
 * The tables are made at build time in order of name, so that a lookup is a binary search.
 */
#include "conf/conf.h"

#include "conf/install_dirs.h"

#define YES true
#define NO  false

#define PARAM(type_, name_, def_, min_, max_, unit_, since_, by_, heeded_, about_) \
	{ #name_, CONF_##type_, def_, min_, max_, unit_, since_, by_, heeded_, about_ },
static const struct conf_param params[] = {
#include "conf/params_sorted.inc"
};
static const struct conf_param transport_params[] = {
#include "conf/params_transport.def"
};
#undef PARAM

#define OLD(kind_, name_, since_, advice_) { #name_, CONF_OLD_##kind_, since_, advice_ },
static const struct conf_old old_names[] = {
#include "conf/params_old.inc"
};
#undef OLD

#define OLD_DEPRECATED(name_)
#define OLD_REMOVED(name_)
#define OLD_LEGACY(name_) \
	{ #name_, CONF_STR, "", 0, 0, 0, "", "", true, "Old name of a parameter" },
#define OLD(kind_, name_, since_, advice_) OLD_##kind_(name_)
static const struct conf_param legacy_params[] = {
#include "conf/params_old.inc"
};
#undef OLD

static int compare_name(const void *key, const void *entry)
{
	const struct str *name = key;
	const struct conf_param *p = entry;

	return str_cmp(*name, str_of(p->name));
}

static const struct conf_param *search(struct str name, const struct conf_param *v, size_t n)
{
	return bsearch(&name, v, n, sizeof(v[0]), compare_name);
}

const struct conf_param *conf_param_find(struct str name)
{
	const struct conf_param *p = search(name, params, ARRAY_LEN(params));

	if (p == NULL)
		p = search(name, legacy_params, ARRAY_LEN(legacy_params));
	if (p == NULL)
		p = conf_param_of_transport(name, NULL);
	return p;
}

const struct conf_param *conf_params(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(params);
	return params;
}

const struct conf_param *conf_params_transport(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(transport_params);
	return transport_params;
}

const struct conf_param *conf_param_of_transport(struct str name, struct str *ret_service)
{
	const struct conf_param *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < ARRAY_LEN(transport_params); i++) {
		struct str suffix = str_skip(str_of(transport_params[i].name), strlen("transport"));

		if (suffix.len > best_len && suffix.len < name.len && str_ends(name, suffix)) {
			best = &transport_params[i];
			best_len = suffix.len;
		}
	}
	if (best != NULL && ret_service != NULL)
		*ret_service = str_head(name, name.len - best_len);
	return best;
}

const struct conf_old *conf_old_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(old_names); i++)
		if (str_eq(name, str_of(old_names[i].name)))
			return &old_names[i];
	return NULL;
}

/** Longest name that is compared; no parameter comes near. */
#define NEAR_MAX 128

/** Edit distance with transpositions of neighbours, or `limit` + 1 when it is greater. */
static size_t distance(struct str a, struct str b, size_t limit)
{
	size_t rows[3][NEAR_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	if (a.len > NEAR_MAX || b.len > NEAR_MAX)
		return limit + 1;
	for (size_t j = 0; j <= b.len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t least = row[0] = i, *spare;

		for (size_t j = 1; j <= b.len; j++) {
			size_t cost = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);

			cost = MIN(cost, last[j] + 1);
			cost = MIN(cost, row[j - 1] + 1);
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
				a.ptr[i - 2] == b.ptr[j - 1])
				cost = MIN(cost, before[j - 2] + 1);
			row[j] = cost;
			least = MIN(least, cost);
		}
		if (least > limit)
			return limit + 1;
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b.len];
}

const char *conf_param_nearest(struct str name)
{
	size_t limit = name.len < 6 ? 1 : name.len < 16 ? 2 : 3;
	const char *best = NULL;

	for (size_t i = 0; i < ARRAY_LEN(params); i++) {
		size_t d = distance(name, str_of(params[i].name), limit);

		if (d <= limit) {
			best = params[i].name;
			if (d == 0)
				break;
			limit = d - 1;
		}
	}
	return best;
}
