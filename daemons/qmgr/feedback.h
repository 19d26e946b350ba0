/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmgr/feedback.h — how much one delivery changes a destination's concurrency.
 *
 * "1", "0.5", "1/2", "1/concurrency", "1/sqrt_concurrency": a number, or a number over the present
 * concurrency or its square root. Pure.
 */
#pragma once

#include "base/why.h"

enum feedback_kind {
	FEEDBACK_CONST,
	FEEDBACK_PER_N,
	FEEDBACK_PER_SQRT_N,
};

struct feedback {
	enum feedback_kind kind;
	double base; /* 0..1 */
};

/**
 * Parse a setting.
 *
 * @return 0; -EINVAL no number, unknown divisor, or a value outside 0..1
 * Source: postconf(5), default_destination_concurrency_positive_feedback.
 */
_must_use_ int feedback_parse(struct str text, struct feedback *ret, struct why *why);
/** Feedback of one delivery at concurrency `n` (1..). */
double feedback_of(const struct feedback *f, unsigned n);
