#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every daemon and command has a manual page that is installed, names it, and refers to pages that exist."""

import re
import shutil
import subprocess

from common import ROOT, finish

# Pages of others that ours refer to.
FOREIGN = {("syslog", "3"), ("init", "8"), ("chroot", "2")}


def main():
    problems = []
    man = ROOT / "man"
    build = (man / "meson.build").read_text()
    listed = set(re.findall(r"^  '([\w.-]+\.\d)',$", build, re.M))
    links = dict(re.findall(r"\['([\w.-]+\.\d)', '([\w.-]+\.\d)'\]", build))
    pages = {p.name for p in man.glob("*.[1-9]")}
    for name in sorted(pages ^ listed):
        problems.append(f"man/{name}: " + ("not in man/meson.build" if name in pages else "listed, but not there"))
    for folder, section in (("daemons", "8"), ("commands", "1")):
        for d in sorted(p.name for p in (ROOT / folder).iterdir() if p.is_dir()):
            if f"{d}.{section}" not in pages:
                problems.append(f"{folder}/{d}: no man/{d}.{section}")
    for name, target in links.items():
        if target not in pages or f".Nm {name[:-2]}" not in (man / target).read_text():
            problems.append(f"man/{target}: does not name {name[:-2]}, which is installed as a name of it")
    known = {tuple(n.rsplit(".", 1)) for n in pages | set(links)} | {("postconf", "5")} | FOREIGN
    for name in sorted(pages) + ["postconf.5.in"]:
        for ref in re.findall(r"^\.Xr (\S+) (\d)", (man / name).read_text(), re.M):
            if ref not in known:
                problems.append(f"man/{name}: refers to {ref[0]}({ref[1]}), which is not there")
    if shutil.which("mandoc"):
        out = subprocess.run(["mandoc", "-T", "lint", "-W", "error", *sorted(man / p for p in pages)],
                             capture_output=True, text=True, check=False).stdout
        problems += out.splitlines()
    finish(problems, "man")


main()
