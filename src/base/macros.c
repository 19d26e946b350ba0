/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/macros.c — what check() calls: one line on descriptor 2, then abort.
 */
#include "base/macros.h"

#include <stdio.h>
#include <unistd.h>

void check_failed(const char *file, int line, const char *cond)
{
	char text[512];
	int n = snprintf(text, sizeof text, "panic: %s:%d: check failed: %s\n", file, line, cond);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len >= sizeof text) {
		len = sizeof text - 1;
		text[len - 1] = '\n';
	}
	if (write(STDERR_FILENO, text, len) < 0) {
		/* nothing is left to be told */
	}
	abort();
}
