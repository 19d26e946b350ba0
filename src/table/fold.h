/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/fold.h — folding of lookup keys.
 */
#pragma once

#include "base/buf.h"

/**
 * Append `s` folded for comparison: ASCII letters in lower case; with `utf8`, Unicode case folding.
 *
 * @return 0; -EILSEQ not UTF-8 (only with utf8); -EMSGSIZE limit of b
 */
_must_use_ int table_fold(struct buf *b, struct str s, bool utf8);
