# SPDX-License-Identifier: Apache-2.0
"""CPU time and memory of everything below a process."""

import os
import pathlib

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    f = text.rsplit(")", 1)[1].split()
    return int(f[1]), (int(f[11]) + int(f[12])) / TICK, (int(f[13]) + int(f[14])) / TICK


def _descendants(root):
    """Pids of everything below a process, it included."""
    parents = {}
    for p in pathlib.Path("/proc").iterdir():
        if p.name.isdigit():
            try:
                parents.setdefault(_stat(p.name)[0], []).append(int(p.name))
            except OSError:
                continue
    out = [root]
    for pid in out:
        out += parents.get(pid, [])
    return out


def below(root):
    """CPU seconds of all that ran below a process: its reaped children and all living descendants."""
    total = _stat(root)[2]
    for pid in _descendants(root)[1:]:
        try:
            _, own, reaped = _stat(pid)
            total += own + reaped
        except OSError:
            continue
    return total


def pss_below(root):
    """Resident memory of a process's descendants in bytes, shared pages counted once (PSS)."""
    total = 0
    for pid in _descendants(root)[1:]:
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total
