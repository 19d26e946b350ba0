#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Install files where there are none yet: install_once.py DIRECTORY FILE...

A configuration that is there belongs to the administrator and is never touched. DESTDIR is honoured.
"""

import os
import pathlib
import shutil
import sys


def main():
    target = sys.argv[1]
    root = os.environ.get("DESTDIR")
    if root:
        target = root + os.sep + target.lstrip(os.sep)
    directory = pathlib.Path(target)
    directory.mkdir(parents=True, exist_ok=True)
    for source in sys.argv[2:]:
        to = directory / pathlib.Path(source).name
        if to.exists() or to.is_symlink():
            print(f"{to} is there and stays as it is")
            continue
        shutil.copyfile(source, to)
        to.chmod(0o644)
        print(f"Installing {to.name} to {directory}")


main()
