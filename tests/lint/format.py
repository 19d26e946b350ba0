#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole tree is formatted by clang-format with .clang-format."""

import shutil
import subprocess
import sys

from common import ROOT, finish, tracked


def main():
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if tool is None:
        print("clang-format is not installed")
        sys.exit(77)
    files = [str(f) for f in tracked(".c", ".h")]
    out = subprocess.run([tool, "--dry-run", "-Werror", *files], cwd=ROOT, capture_output=True,
                         text=True).stderr
    finish([line for line in out.splitlines() if "error:" in line], "format")


main()
