/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/level.h — compatibility levels: major[.minor[.patch]], compared part by part.
 *
 * Source: postconf(5) compatibility_level, the operators <level ... >level.
 */
#pragma once

#include "base/str.h"

/** A level as one number that orders as levels do: 0; -EINVAL malformed or a part over 1,000,000. */
_must_use_ int conf_level_parse(struct str s, uint64_t *ret);
