#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""master.cf with the services whose programs are in this build: make_master_cf.py IN OUT PROGRAM..."""

import sys


def main():
    programs = set(sys.argv[3:])
    if "smtp" in programs:
        programs.add("lmtp")
    out, missing, keep = [], [], True
    with open(sys.argv[1], encoding="utf-8") as f:
        for line in f:
            if line.startswith("#"):
                out.append(line)
                continue
            if not line[0].isspace():
                name, *_, command = line.split()
                keep = command in programs
                if not keep:
                    missing.append(name)
            if keep:
                out.append(line)
    if missing:
        out.append(f"# Not in this build, so left out: {', '.join(missing)}.\n")
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.writelines(out)


main()
