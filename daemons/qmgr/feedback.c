/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/feedback.c — parsing and computing concurrency feedback.
 */
#include "feedback.h"

#include <errno.h>
#include <math.h>

#include "base/cursor.h"

/* A number such as "1", "0.25" or ".5"; at most nine digits on each side. */
static bool take_number(struct cursor *c, double *ret)
{
	uint64_t whole = 0;
	double scale = 1;
	double frac = 0;
	bool any = cur_u64(c, 999999999, &whole);

	if (cur_char(c, '.')) {
		while (!cur_at_end(c) && is_digit((unsigned char)cur_peek(c)) && scale > 1e-9) {
			scale /= 10;
			frac += scale * (double)(cur_peek(c) - '0');
			c->p++;
			any = true;
		}
	}
	*ret = (double)whole + frac;
	return any;
}

int feedback_parse(struct str text, struct feedback *ret, struct why *why)
{
	struct cursor c = cur_of(str_trim(text));
	struct feedback f = { .kind = FEEDBACK_CONST };
	double divisor;

	if (!take_number(&c, &f.base))
		goto bad;
	(void)cur_skip_ws(&c);
	if (cur_char(&c, '/')) {
		(void)cur_skip_ws(&c);
		if (cur_lit(&c, STR("concurrency"))) {
			f.kind = FEEDBACK_PER_N;
		} else if (cur_lit(&c, STR("sqrt_concurrency"))) {
			f.kind = FEEDBACK_PER_SQRT_N;
		} else {
			if (!take_number(&c, &divisor) || divisor <= 0)
				goto bad;
			f.base /= divisor;
		}
	}
	if (!cur_at_end(&c) || f.base < 0 || f.base > 1)
		goto bad;
	*ret = f;
	return 0;
bad:
	return why_set(why, -EINVAL, "bad concurrency feedback \"" STR_FMT "\"", STR_ARG(text));
}

double feedback_of(const struct feedback *f, unsigned n)
{
	switch (f->kind) {
	case FEEDBACK_PER_N:
		return f->base / (double)n;
	case FEEDBACK_PER_SQRT_N:
		return f->base / sqrt((double)n);
	case FEEDBACK_CONST:
		break;
	}
	return f->base;
}
