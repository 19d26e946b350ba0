/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/submit_settings.h — struct submit_settings of src/intake, filled from a configuration: for
 * postdrop, and for submitd, which does the same for those whose postdrop has no privileges.
 */
#pragma once

#include "conf/conf.h"
#include "intake/submit.h"

/**
 * Fill `ret` with what main.cf says of local submissions.
 *
 * @param c        the configuration; strings belong to it
 * @param tables   how tables are opened; lives as long as *ret
 * @param n        receives remarks; usually &log_notes
 * @return 0; -EINVAL or -ERANGE with why
 */
_must_use_ int submit_settings_fill(struct conf *c, const struct table_settings *tables,
	const struct notes *n, struct submit_settings *ret, struct why *why);
