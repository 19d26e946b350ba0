#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that have no place here, and shells between us and commands."""

import re

from common import ROOT, finish, rel, strip_comments, tracked

BANNED = ("strcpy stpcpy strcat sprintf vsprintf strncpy strncat strtok strtok_r sscanf fscanf scanf atoi "
          "atol atoll atof strtol strtoul strtoll strtoull gets system popen tmpnam tempnam mktemp localtime "
          "gmtime ctime asctime rand srand signal alloca setjmp longjmp vfork execlp execvp getenv_s").split()
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
EXIT = re.compile(r"(?<![\w.>])(_?exit|abort)\s*\(")
# postlock runs the command that its caller names, by the caller's PATH and with the caller's rights;
# command.c the one in master.cf, by the PATH that it gives it. Files without "#!" are then for sh, as ever.
EXCEPTIONS = {("commands/postlock/main.c", "execvp"), ("src/delivery/command.c", "execvp")}
# Programs end in main.c and in the skeleton; the base ends a process that cannot go on, a child that cannot
# run its command ends.
EXIT_OK = re.compile(r"^(src/service/|src/log/|src/base/(mem|macros)\.c|src/delivery/command\.c|(daemons|commands)/[^/]+/main\.c)"
                     r"|^(daemons/master|commands)/|^tests/|^bench/|^tools/")


def main():
    problems = []
    for f in tracked(".c", ".h"):
        name = rel(f)
        text = strip_comments(f.read_text())
        for n, line in enumerate(text.splitlines(), 1):
            for m in CALL.finditer(line):
                if (name, m.group(1)) not in EXCEPTIONS:
                    problems.append(f"{name}:{n}: {m.group(1)}() is banned")
            if EXIT.search(line) and not EXIT_OK.search(name):
                problems.append(f"{name}:{n}: programs end only in service/ and main.c")
            if re.search(r"#\s*include\s*<assert\.h>", line):
                problems.append(f"{name}:{n}: use check(), not assert()")
    for f in tracked(".c", ".h", ".py", ".build", ".def", ".sh"):
        head = f.read_text()[:400]
        if "SPDX-License-Identifier: Apache-2.0" not in head:
            problems.append(f"{rel(f)}: no SPDX line")
    assert ROOT.is_dir()
    finish(problems, "banned")


main()
