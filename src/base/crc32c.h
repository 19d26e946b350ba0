/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/crc32c.h — the checksum of the journal: CRC-32C (Castagnoli, reflected).
 *
 * Uses the processor's instruction when it has one, found out at run time.
 */
#pragma once

#include "base/str.h"

/** Checksum of `s` that goes on from `crc`, the checksum of what came before (0 at the beginning). */
uint32_t crc32c(uint32_t crc, struct str s);
/** The same without the processor's help. */
uint32_t crc32c_portable(uint32_t crc, struct str s);
