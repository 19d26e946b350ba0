/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/template_text.h — the text of a notice with all $names replaced from a configuration.
 */
#pragma once

#include "conf/conf.h"
#include "delivery/template.h"

/**
 * Append the expanded body of a template.
 *
 * myhostname and mydomain are shown in UTF-8 with smtputf8_enable; delay_warning_time and
 * maximal_queue_lifetime in the unit that their name ends in.
 * @param c     where the names have their values
 * @param t     a template
 * @param ret   text
 * @return 0; -EINVAL a parameter or an expression is not valid, with why
 * Source: bounce(5).
 */
_must_use_ int template_text(const struct conf *c, const struct template *t, struct buf *ret,
	struct why *why);
