#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A parameter is marked heeded in src/conf/params_*.def exactly when a program of ours acts on it.

A program acts on a parameter when a CV_* table entry or a string in daemons/, commands/, src/service
or src/conf names it, or when the default of such a parameter refers to it. For parameters of
transports the string is the part behind the service's name ("_recipient_limit"). A comment
`heeds: NAME NAME...` (a trailing * stands for any text) declares names that are composed at run time.

heeded.py --fix sets the marks.
"""

import re
import sys

from common import ROOT, finish, rel, strip_comments, tracked

ENTRY = re.compile(r"^PARAM\((\w+), (\w+),(.*?)\)\n(?=PARAM|\Z)", re.S | re.M)
MARK = re.compile(r'^(.*", )(YES|NO)(,\n\t".*)$', re.S)
# Reads and edits every name, heeds none; the registry itself.
NOT_USERS = ("commands/postconf/", "src/conf/param", "src/conf/warn.c", "src/conf/names.c")
# Lists of names that may be used, not uses.
LISTS = ("proxy_read_maps", "proxy_write_maps", "parent_domain_matches_subdomains")


def entries():
    """file -> [(name, default text, heeded, match)]."""
    found = {}
    for f in tracked(".def"):
        if re.fullmatch(r"params_\w+\.def", f.name) and f.name != "params_old.def":
            text = f.read_text()
            found[f] = []
            for m in ENTRY.finditer(text):
                mark = MARK.match(m.group(3))
                assert mark, f"{rel(f)}: {m.group(2)}: no YES or NO"
                found[f].append((m.group(2), mark.group(1), mark.group(2) == "YES", m))
    return found


def uses(names):
    """Names that the programs use, with a place for each."""
    used = {}
    for f in tracked(".c", ".h", ".def"):
        name = rel(f)
        if not name.startswith(("daemons/", "commands/", "src/service/", "src/conf/")) or \
                name.startswith(NOT_USERS):
            continue
        text = f.read_text()
        for m in re.finditer(r"heeds: ((?:[\w*]+[ \n*]*)+)", text):
            for word in m.group(1).split():
                pattern = re.compile(re.escape(word).replace(r"\*", r"\w*"))
                for n in names:
                    if word.strip("*") and pattern.fullmatch(n):
                        used.setdefault(n, name)
        code = strip_comments(text, strings=False)
        code = re.sub(r"^\s*#\s*include.*$", "", code, flags=re.M)
        words = re.findall(r'"(\w+)"', code)
        words += re.findall(r"\bCV_[A-Z]+\(\s*(?:struct\s+)?\w+,\s*(\w+)\s*\)", code)
        words += re.findall(r'"\$\{?(\w+)\}?"', code)
        for w in words:
            if w in names:
                used.setdefault(w, name)
            if w.startswith("_") and "transport" + w in names:
                used.setdefault("transport" + w, name)
    return used


def main():
    found = entries()
    defaults = {n: d for v in found.values() for n, d, _, _ in v}
    used = uses(defaults)
    todo = list(used)
    while todo:
        n = todo.pop()
        if n in LISTS:
            continue
        for ref in re.findall(r"\$[{(]*(\w+)", defaults[n]):
            if ref in defaults and ref not in used:
                used[ref] = f"default of {n}"
                todo.append(ref)
    problems = []
    for f, v in found.items():
        text, out, last = f.read_text(), [], 0
        for n, _, heeded, m in v:
            if heeded != (n in used):
                problems.append(f"{rel(f)}: {n} is marked {'YES' if heeded else 'NO'}, but " +
                                (f"{used[n]} uses it" if n in used else "nothing uses it"))
            body = MARK.sub(lambda k, n=n: k.group(1) + ("YES" if n in used else "NO") + k.group(3),
                            m.group(3))
            out += [text[last:m.start(3)], body]
            last = m.end(3)
        if "--fix" in sys.argv:
            f.write_text("".join(out) + text[last:])
    if "--fix" in sys.argv:
        problems = []
    assert ROOT.is_dir()
    finish(problems, "heeded")


main()
