#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Arrows run one way: holds the include table of docs/architecture.md."""

import re

from common import ROOT, finish, rel, tracked

# A folder may include itself and what stands behind its name.
TABLE = {
    "base": "",
    "log": "base",
    "conf": "base",
    "net": "base",
    "io": "base net",
    "sandbox": "base",
    "ipc": "base net io",
    "table": "base net io",
    "mime": "base",
    "smtp": "base",
    "dns": "base net",
    "address": "base net io ipc table mime dns",
    "queue": "base io ipc",
    "access": "base net io ipc table mime smtp dns address",
    "intake": "base net io ipc table mime smtp address queue",
    "delivery": "base net io ipc table mime smtp address queue",
    "service": "base log conf net io sandbox ipc table mime smtp dns address queue access intake delivery",
}
TABLE = {k: set(v.split()) | {k} for k, v in TABLE.items()}


def main():
    problems = []
    for f in tracked(".c", ".h"):
        parts = f.relative_to(ROOT).parts
        if parts[0] not in ("src", "daemons", "commands"):
            continue
        for n, line in enumerate(f.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m:
                continue
            target = m.group(1)
            where = f"{rel(f)}:{n}: includes {target}"
            if parts[0] != "src":
                own = "/".join(parts[:2])
                if (ROOT / own / target).is_file():
                    continue
                if not (ROOT / "src" / target).is_file():
                    problems.append(f"{where}: neither its own nor a library's header")
                elif target.endswith("_priv.h"):
                    problems.append(f"{where}: a private header of another folder")
                continue
            lib, to = parts[1], target.split("/")[0]
            if "/" not in target:
                problems.append(f"{where}: write the folder, \"{lib}/{target}\"")
            elif lib not in TABLE:
                problems.append(f"{where}: folder src/{lib} is not in the include table")
            elif to not in TABLE[lib]:
                problems.append(f"{where}: src/{lib} must not use src/{to}")
            elif target.endswith("_priv.h") and to != lib:
                problems.append(f"{where}: a private header of another folder")
    # The table in the documentation is the same one.
    doc = (ROOT / "docs/architecture.md").read_text()
    for lib, allowed in TABLE.items():
        want = f"| {lib} | {' '.join(sorted(allowed - {lib})) or '-'} |"
        if want not in doc:
            problems.append(f"docs/architecture.md: the include table lacks the row {want}")
    finish(problems, "includes")


main()
