/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/template.h — replacement text of a rule: literal pieces and $n, ${n}, $(n); $$ is a dollar.
 */
#pragma once

#include "base/buf.h"
#include "base/why.h"

struct template_part {
	struct str text; /* literal, when group is 0 */
	unsigned group;  /* 1.. */
};

struct template
{
	char *source; /* what the literals point into */
	struct template_part *parts;
	size_t n;
	unsigned max_group; /* 0: no substitution */
};

/** What template_parse() thinks of a text. */
enum template_error {
	TEMPLATE_OK,
	TEMPLATE_EMPTY_NAME, /* a lone $ */
	TEMPLATE_TRUNCATED,  /* no closing brace */
	TEMPLATE_NOT_NUMBER, /* $x; `ret_what` is the name */
	TEMPLATE_ZERO,       /* $0 */
};

/**
 * Parse a text.
 *
 * @param ret        free with template_done(); set only with TEMPLATE_OK
 * @param ret_what   for errors: the part that is wrong, borrowed from text
 */
_must_use_ enum template_error template_parse(struct str text, struct template *ret,
	struct str *ret_what);
void template_done(struct template *t);
