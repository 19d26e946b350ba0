/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/sandbox_priv.h — the two halves of sandbox_enter().
 */
#pragma once

#include "sandbox/sandbox.h"

/** Bind file access to paths: 0, also when the kernel has no landlock (noted); negative errno. */
_must_use_ int sandbox_landlock(const struct sandbox_settings *s, struct why *why);
/** Allow the system calls of the promises: 0; negative errno. */
_must_use_ int sandbox_seccomp(const struct sandbox_settings *s, struct why *why);
