# SPDX-License-Identifier: Apache-2.0
"""What the lint checks share: the files of the tree, C without comments, and the way to report."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tracked(*suffixes):
    """Files of the tree with one of the suffixes, git's view where there is one."""
    try:
        out = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        out = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
    return [ROOT / f for f in sorted(out) if f.endswith(suffixes) and (ROOT / f).is_file()]


def strip_comments(text, strings=True):
    """C text with comments (and the inside of strings) blanked, line numbers kept."""
    def blank(match):
        s = match.group(0)
        if s[0] in "\"'":
            return s[0] + " " * (len(s) - 2) + s[-1] if strings else s
        return re.sub(r"[^\n]", " ", s)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', blank, text,
                  flags=re.S)


def finish(problems, what):
    """Print problems and leave with the status of a check."""
    for p in problems:
        print(p)
    print(f"{what}: {len(problems)} problem(s)")
    sys.exit(1 if problems else 0)


def rel(path):
    return str(path.relative_to(ROOT))
