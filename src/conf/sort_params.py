#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Merge parameter definitions into one list in order of name: sort_params.py OUTPUT INPUT..."""

import re
import sys


def entries(path):
    """(name, text) of each PARAM( or OLD( entry of a file."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    for m in re.finditer(r"^(PARAM|OLD)\(\w+, (\w+),.*?\)\n(?=PARAM|OLD|\Z)", text, re.S | re.M):
        yield m.group(2), m.group(0)


def main():
    found = {}
    for path in sys.argv[2:]:
        for name, text in entries(path):
            if name in found:
                sys.exit(f"{path}: {name} is defined twice")
            found[name] = text
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write("".join(found[name] for name in sorted(found)))


main()
