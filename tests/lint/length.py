#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No file over 1,000 lines, no function over 80."""

import re

from common import finish, rel, strip_comments, tracked

MAX_FILE = 1000
MAX_FUNCTION = 80


def functions(text):
    """(name, first line, lines) of each function: from its head to the brace in column 0."""
    lines = strip_comments(text).splitlines()
    head = None
    for n, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z_].*\(", line) and not line.rstrip().endswith(";"):
            head = (re.search(r"(\w+)\s*\(", line).group(1), n)
        elif line.startswith("}") and head:
            yield head[0], head[1], n - head[1] + 1
            head = None
        elif re.match(r"[A-Za-z_#]", line) and line.rstrip().endswith(";"):
            head = None


def main():
    problems = []
    for f in tracked(".c", ".h", ".py", ".def"):
        text = f.read_text()
        n = text.count("\n")
        if n > MAX_FILE:
            problems.append(f"{rel(f)}: {n} lines, at most {MAX_FILE}")
        if f.suffix in (".c", ".h"):
            for name, line, size in functions(text):
                if size > MAX_FUNCTION:
                    problems.append(f"{rel(f)}:{line}: {name}() has {size} lines, at most {MAX_FUNCTION}")
    finish(problems, "length")


main()
