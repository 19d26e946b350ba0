/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/value.c — typed values with their ranges.
 */
#include <errno.h>
#include <limits.h>

#include "base/cursor.h"
#include "base/num.h"

#include "conf/conf_priv.h"

static const struct conf_param *entry_of(const char *name)
{
	const struct conf_param *p = conf_param_find(str_of(name));

	check(p != NULL);
	return p;
}

/** Room for an origin. */
struct origin {
	struct why text;
};

/** Where a value comes from, for messages: file and line, "set with -o", "by default". */
static const char *origin_of(const struct conf *c, const char *name, struct origin *o)
{
	const struct conf_set *s = map_get(c->settings, str_of(name));

	if (s == NULL)
		return "by default";
	if (s->override)
		return c->origin != NULL ? c->origin : "set with -o";
	(void)why_set(&o->text, 0, "%s, line %d", c->file, s->line);
	return o->text.text;
}
#define origin(c, name) origin_of(c, name, &(struct origin){ 0 })

/** Expanded value: 0 or -EINVAL with the parameter named. */
static int expanded(const struct conf *c, const char *name, struct buf *ret, struct why *why)
{
	struct why inner = { "" };
	int r = conf_expand(c, name, ret, &inner);

	if (r < 0)
		return why_set(why, r, "parameter %s (%s): %s", name, origin(c, name), inner.text);
	return 0;
}

static int64_t upper(const struct conf_param *p)
{
	if (p->max > 0)
		return p->max;
	return p->type == CONF_LONG ? INT64_MAX : INT_MAX;
}

int conf_str(const struct conf *c, const char *name, char **ret, struct why *why)
{
	const struct conf_param *p = conf_param_find(str_of(name));
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_MEDIUM);
	_cleanup_buf_ struct buf tmp = BUF_LOCAL(BUF_MEDIUM);
	struct str raw = STR_EMPTY;
	int r;

	if (p != NULL && p->type == CONF_RAW) {
		r = conf_text(c, str_of(name), 0, &tmp, &raw, why);
		if (r >= 0)
			r = buf_add(&text, raw);
	} else {
		r = expanded(c, name, &text, why);
	}
	if (r < 0)
		return r;
	if (p != NULL && (p->type == CONF_STR || p->type == CONF_RAW)) {
		if ((int64_t)text.len < p->min)
			return why_set(why, -EINVAL, "bad string length %zu < %lld: %s = %s (%s)",
				text.len, (long long)p->min, name, buf_cstr(&text),
				origin(c, name));
		if (p->max > 0 && (int64_t)text.len > p->max)
			return why_set(why, -EINVAL, "bad string length %zu > %lld: %s = %s (%s)",
				text.len, (long long)p->max, name, buf_cstr(&text),
				origin(c, name));
	}
	*ret = buf_take(&text);
	return 0;
}

int conf_int(const struct conf *c, const char *name, int64_t *ret, struct why *why)
{
	const struct conf_param *p = entry_of(name);
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	int64_t v = 0;
	int r = expanded(c, name, &text, why);

	if (r < 0)
		return r;
	r = num_i64(str_trim(buf_str(&text)), INT64_MIN, INT64_MAX, &v);
	if (r < 0 || (r == 0 && p->type != CONF_LONG && (v > INT_MAX || v < INT_MIN)))
		return why_set(why, r < 0 ? r : -ERANGE,
			"bad numerical configuration: %s = %s (%s; a whole number is expected)",
			name, buf_cstr(&text), origin(c, name));
	if (v < p->min)
		return why_set(why, -ERANGE, "invalid %s parameter value %lld < %lld (%s)", name,
			(long long)v, (long long)p->min, origin(c, name));
	if (v > upper(p))
		return why_set(why, -ERANGE, "invalid %s parameter value %lld > %lld (%s)", name,
			(long long)v, (long long)upper(p), origin(c, name));
	*ret = v;
	return 0;
}

int conf_bool(const struct conf *c, const char *name, bool *ret, struct why *why)
{
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	int r = expanded(c, name, &text, why);
	struct str s;

	if (r < 0)
		return r;
	s = str_trim(buf_str(&text));
	if (!str_ieq(s, STR("yes")) && !str_ieq(s, STR("no")))
		return why_set(why, -EINVAL,
			"bad boolean configuration: %s = %s (%s; yes or no is expected)", name,
			buf_cstr(&text), origin(c, name));
	*ret = str_ieq(s, STR("yes"));
	return 0;
}

int conf_time_parse(struct str text, char unit, usec_t *ret)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	struct cursor c = cur_of(str_trim(text));
	uint64_t n = 0;
	int64_t seconds;

	if (!is_digit((unsigned char)cur_peek(&c)))
		return -EINVAL;
	if (!cur_u64(&c, INT64_MAX, &n))
		return -ERANGE;
	if (!cur_at_end(&c)) {
		unit = (char)ascii_lower((unsigned char)*c.p++);
		if (!cur_at_end(&c))
			return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (units[i].unit != unit)
			continue;
		if (__builtin_mul_overflow((int64_t)n, units[i].seconds, &seconds) ||
			seconds > INT_MAX)
			return -ERANGE;
		*ret = seconds * USEC_PER_SEC;
		return 0;
	}
	return -EINVAL;
}

int conf_time(const struct conf *c, const char *name, usec_t *ret, struct why *why)
{
	const struct conf_param *p = entry_of(name);
	_cleanup_buf_ struct buf text = BUF_LOCAL(BUF_SMALL);
	usec_t v = 0;
	int r = expanded(c, name, &text, why);

	if (r < 0)
		return r;
	r = conf_time_parse(buf_str(&text), p->unit == 0 ? 's' : p->unit, &v);
	if (r < 0)
		return why_set(why, r,
			"parameter %s: bad time value or unit: %s (%s; a number and s, m, h, d or w)",
			name, buf_cstr(&text), origin(c, name));
	if (v / USEC_PER_SEC < p->min)
		return why_set(why, -ERANGE, "invalid %s: %s (min %lld) (%s)", name,
			buf_cstr(&text), (long long)p->min, origin(c, name));
	if (v / USEC_PER_SEC > upper(p))
		return why_set(why, -ERANGE, "invalid %s: %s (max %lld) (%s)", name,
			buf_cstr(&text), (long long)upper(p), origin(c, name));
	*ret = v;
	return 0;
}
