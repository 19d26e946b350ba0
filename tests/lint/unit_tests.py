#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every file of src/ has a unit test that is built and run."""

import re

from common import ROOT, finish, rel, tracked


def main():
    problems = []
    for f in tracked(".c"):
        parts = f.relative_to(ROOT).parts
        if parts[0] != "src" or len(parts) != 3:
            continue
        lib, stem = parts[1], f.stem
        test = ROOT / "tests/unit" / lib / f"test_{stem}.c"
        build = ROOT / "tests/unit" / lib / "meson.build"
        if not test.is_file():
            problems.append(f"{rel(f)}: no {rel(test)}")
        elif not re.search(r"'" + re.escape(stem) + r"'", build.read_text()):
            problems.append(f"{rel(test)}: not in {rel(build)}")
    finish(problems, "unit tests")


main()
