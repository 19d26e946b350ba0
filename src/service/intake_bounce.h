/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/intake_bounce.h — return a message that intake refuses after its submitter has gone.
 */
#pragma once

#include "intake/intake.h"

/**
 * Log every recipient of the unfinished file as bounced, then have the bounce service send the notice.
 *
 * @param ctx   struct intake_params
 * @return 0; negative errno: the message must be kept by the submitter
 * Blocks: on the bounce service.
 */
int intake_bounce(void *ctx, const struct intake_bounce *b);
