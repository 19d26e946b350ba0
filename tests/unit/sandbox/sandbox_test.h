/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_test.h — run a function in a child that has entered a sandbox.
 */
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "sandbox/sandbox.h"

/** Status of a child whose sandbox could not be entered. */
#define ST_NOT_ENTERED 99

/**
 * Fork, enter, call fn: its result is the child's exit status. SIGSYS gives 128 + signal, as in
 * shells. Sanitizers: -1, and the caller skips.
 */
static inline int st_run(const struct sandbox_settings *s, int (*fn)(void))
{
	if (!sandbox_is_active())
		return -1;

	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct sigaction dfl = { .sa_handler = SIG_DFL };
		struct why why = { "" };

		/* cmocka catches these. */
		(void)sigaction(SIGSYS, &dfl, NULL);
		(void)sigaction(SIGABRT, &dfl, NULL);
		if (sandbox_enter(s, &why) < 0) {
			(void)fprintf(stderr, "%s\n", why.text);
			_exit(ST_NOT_ENTERED);
		}
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/** Skip the running test by name where sandboxes are off. */
static inline void st_need_active(void)
{
	if (!sandbox_is_active()) {
		print_message("skipped: sandboxes are off under sanitizers\n");
		skip();
	}
}
