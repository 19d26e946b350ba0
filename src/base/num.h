/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/num.h — numbers from text, whole and in range or not at all.
 */
#pragma once

#include "base/str.h"

/** Decimal without sign, digits only: 0, or -EINVAL, or -ERANGE above `max`. */
_must_use_ int num_u64(struct str s, uint64_t max, uint64_t *ret);
/** Decimal with optional sign: 0, or -EINVAL, or -ERANGE outside [min, max]. */
_must_use_ int num_i64(struct str s, int64_t min, int64_t max, int64_t *ret);
/** Octal digits only: 0, or -EINVAL, or -ERANGE above `max`. */
_must_use_ int num_octal(struct str s, uint64_t max, uint64_t *ret);
/** Hexadecimal digits only: 0, or -EINVAL, or -ERANGE above `max`. */
_must_use_ int num_hex(struct str s, uint64_t max, uint64_t *ret);
