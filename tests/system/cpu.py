# SPDX-License-Identifier: Apache-2.0
"""CPU time of a mail system: master, its children that live and those that have ended."""

import os
import pathlib

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    f = text.rsplit(")", 1)[1].split()
    return int(f[1]), (int(f[11]) + int(f[12])) / TICK, (int(f[13]) + int(f[14])) / TICK


def tree_seconds(master):
    """CPU seconds (user and system) of a process, of its reaped children and of its living ones."""
    _, own, reaped = _stat(master)
    total = own + reaped
    for p in pathlib.Path("/proc").iterdir():
        if p.name.isdigit():
            try:
                parent, mine, waited = _stat(p.name)
            except OSError:
                continue
            if parent == master:
                total += mine + waited
    return total


def tree_rss(master):
    """Resident memory of a process and its children in bytes, shared pages counted once (PSS)."""
    total = 0
    for p in pathlib.Path("/proc").iterdir():
        if not p.name.isdigit():
            continue
        try:
            if int(p.name) != master and _stat(p.name)[0] != master:
                continue
            for line in (p / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total
