/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/pcre.c — pcre: tables with Perl-compatible regular expressions (PCRE2).
 *
 * Work is bounded: a pattern that exceeds the match, depth or heap limit makes the lookup fail; it
 * is not taken for "no match". JIT code is made when the table is opened, before any sandbox, and
 * is done without where the system forbids it.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <pcre2.h>

#include "base/mem.h"
#include "table/rulefile.h"
#include "table/rules.h"

/* About a quarter of a second of backtracking on a slow core; sane patterns need hundreds. */
#define MATCH_LIMIT 2000000u
#define DEPTH_LIMIT 100000u
/* In units of 1024 bytes. */
#define HEAP_LIMIT 20000u

struct pcre {
	pcre2_code *code;
	pcre2_match_context *limits;
};

/* Option letters; toggled, since some are on from the start. */
static bool read_options(const struct table *t, int line, struct str options, uint32_t *ret)
{
	static const struct {
		char letter;
		uint32_t bit;
	} known[] = {
		{ 'i', PCRE2_CASELESS },
		{ 'm', PCRE2_MULTILINE },
		{ 's', PCRE2_DOTALL },
		{ 'x', PCRE2_EXTENDED },
		{ 'A', PCRE2_ANCHORED },
		{ 'E', PCRE2_DOLLAR_ENDONLY },
		{ 'U', PCRE2_UNGREEDY },
	};
	uint32_t bits = PCRE2_CASELESS | PCRE2_DOTALL;

	if ((t->flags & TABLE_UTF8) != 0)
		bits |= PCRE2_UTF;
	for (size_t i = 0; i < options.len; i++) {
		char c = options.ptr[i];
		size_t k = 0;

		while (k < ARRAY_LEN(known) && known[k].letter != c)
			k++;
		if (k < ARRAY_LEN(known)) {
			bits ^= known[k].bit;
		} else if (c == 'X') {
			rule_note(t, line, "ignoring obsolete regexp option \"X\"");
		} else {
			rule_note(t, line, "unknown regexp option \"%c\": skipping this rule", c);
			return false;
		}
	}
	*ret = bits;
	return true;
}

static pcre2_match_context *new_limits(void)
{
	pcre2_match_context *c = pcre2_match_context_create(NULL);

	if (c != NULL) {
		(void)pcre2_set_match_limit(c, MATCH_LIMIT);
		(void)pcre2_set_depth_limit(c, DEPTH_LIMIT);
		(void)pcre2_set_heap_limit(c, HEAP_LIMIT);
	}
	return c;
}

static void perl_free(void *re)
{
	struct pcre *p = re;

	pcre2_match_context_free(p->limits);
	pcre2_code_free(p->code);
	free(p);
}

static void *perl_compile(const struct table *t, int line, struct str pattern, struct str options,
	size_t *ret_groups)
{
	uint32_t bits = 0, groups = 0;
	int err = 0;
	PCRE2_SIZE at = 0;

	if (!read_options(t, line, options, &bits))
		return NULL;

	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, bits, &err, &at,
		NULL);

	if (code == NULL) {
		PCRE2_UCHAR text[200] = { 0 };

		(void)pcre2_get_error_message(err, text, sizeof(text));
		rule_note(t, line, "error in regex at offset %zu: %s", at, (const char *)text);
		return NULL;
	}

	struct pcre *p = mem_new(struct pcre);

	p->code = code;
	p->limits = new_limits();
	if (p->limits == NULL) {
		rule_note(t, line, "no memory for match limits: skipping this rule");
		perl_free(p);
		return NULL;
	}
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	(void)pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	*ret_groups = groups;
	return p;
}

/* The documented words for running into a limit; others as the library puts them. */
static int match_error(int err, struct why *why)
{
	PCRE2_UCHAR text[200] = { 0 };

	if (err == PCRE2_ERROR_MATCHLIMIT)
		return why_set(why, -ELOOP, "match limit exceeded");
	(void)pcre2_get_error_message(err, text, sizeof(text));
	return why_set(why, -EIO, "%s", (const char *)text);
}

static int perl_match(const void *re, struct str key, struct rx_span *spans, size_t n,
	struct why *why)
{
	const struct pcre *p = re;
	pcre2_match_data *md = pcre2_match_data_create((uint32_t)n, NULL);

	if (md == NULL)
		return why_set(why, -ENOMEM, "no memory");

	uint32_t options = PCRE2_NO_UTF_CHECK; /* table_get() has checked */
	int r = pcre2_match(p->code, (PCRE2_SPTR)key.ptr, key.len, 0, options, md, p->limits);

	if (r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = pcre2_match(p->code, (PCRE2_SPTR)key.ptr, key.len, 0, options | PCRE2_NO_JIT,
			md, p->limits);
	if (r >= 0) {
		const PCRE2_SIZE *v = pcre2_get_ovector_pointer(md);

		for (size_t i = 0; i < n; i++) {
			bool set = v[2 * i] != PCRE2_UNSET;

			spans[i].from = set ? (ptrdiff_t)v[2 * i] : -1;
			spans[i].to = set ? (ptrdiff_t)v[2 * i + 1] : -1;
		}
	}
	pcre2_match_data_free(md);
	if (r >= 0)
		return 1;
	return r == PCRE2_ERROR_NOMATCH ? 0 : match_error(r, why);
}

static const struct rx_engine perl_engine = {
	.skipping = "ignoring",
	.bad_index = "out of range",
	.compile = perl_compile,
	.free = perl_free,
	.match = perl_match,
};

static int pcre_open(struct table *t, struct why *why)
{
	return rules_open(t, &perl_engine, why);
}

const struct table_ops table_pcre_ops = {
	.type = "pcre",
	.pattern = true,
	.open = pcre_open,
	.close = rules_close,
	.get = rules_get,
};
