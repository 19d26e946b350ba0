/* SPDX-License-Identifier: Apache-2.0 */
/* table/regexp.c — regexp: tables with POSIX regular expressions of the C library. */
#include <errno.h>
#include <regex.h>

#include "base/mem.h"
#include "table/rulefile.h"
#include "table/rules.h"

static bool read_options(const struct table *t, int line, struct str options, int *ret)
{
	int cflags = REG_EXTENDED | REG_ICASE;

	for (size_t i = 0; i < options.len; i++) {
		switch (options.ptr[i]) {
		case 'i':
			cflags ^= REG_ICASE;
			break;
		case 'm':
			cflags ^= REG_NEWLINE;
			break;
		case 'x':
			cflags ^= REG_EXTENDED;
			break;
		default:
			rule_note(t, line, "unknown regexp option \"%c\": skipping this rule",
				options.ptr[i]);
			return false;
		}
	}
	*ret = cflags;
	return true;
}

static void *posix_compile(const struct table *t, int line, struct str pattern, struct str options,
	size_t *ret_groups)
{
	int cflags;

	if (!read_options(t, line, options, &cflags))
		return NULL;

	_cleanup_free_ char *source = str_dup(pattern);
	regex_t *re = mem_new(regex_t);
	int err = regcomp(re, source, cflags);

	if (err != 0) {
		char text[200];

		(void)regerror(err, re, text, sizeof(text));
		rule_note(t, line, "%s", text);
		free(re);
		return NULL;
	}
	*ret_groups = re->re_nsub;
	return re;
}

static void posix_free(void *re)
{
	regfree(re);
	free(re);
}

static int posix_match(const void *re, struct str key, struct rx_span *spans, size_t n,
	struct why *why)
{
	_cleanup_free_ regmatch_t *m = mem_array(n, sizeof(*m));

	/* The bounds go in by REG_STARTEND: a key may hold NUL bytes. */
	m[0].rm_so = 0;
	m[0].rm_eo = (regoff_t)key.len;

	int err = regexec(re, key.ptr, n, m, REG_STARTEND);

	if (err == REG_NOMATCH)
		return 0;
	if (err != 0) {
		char text[200];

		(void)regerror(err, re, text, sizeof(text));
		return why_set(why, -EIO, "%s", text);
	}
	for (size_t i = 0; i < n; i++)
		spans[i] = (struct rx_span){ .from = m[i].rm_so, .to = m[i].rm_eo };
	return 1;
}

static const struct rx_engine posix_engine = {
	.skipping = "skipping",
	.bad_index = "out-of-range",
	.compile = posix_compile,
	.free = posix_free,
	.match = posix_match,
};

static int regexp_open(struct table *t, struct why *why)
{
	return rules_open(t, &posix_engine, why);
}

const struct table_ops table_regexp_ops = {
	.type = "regexp",
	.pattern = true,
	.open = regexp_open,
	.close = rules_close,
	.get = rules_get,
};
