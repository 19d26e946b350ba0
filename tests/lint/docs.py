#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every public function has a doc comment, and @param names what exists and leaves out nothing odd."""

import re

from common import ROOT, finish, rel, tracked

# Parameters whose meaning is a convention of the house (CONTRIBUTING.md); the first one is the object.
KNOWN = re.compile(r"^(why|a|b|ret\w*|ctx|conf|n|notes|deadline|timeout|flags|max|limit|len|size|fmt|ap)$")


def prototypes(text):
    """(comment before, name, parameter names, line) of each function declared or defined."""
    pattern = re.compile(
        r"(/\*\*(?:[^*]|\*(?!/))*\*/\s*)?"
        r"^((?:_\w+_(?:\([^)]*\))?\s+|__attribute__\(\(.*?\)\)\s+|static inline |extern )*"
        r"(?:const )?(?:struct |enum |unsigned |signed )?\w+[\s*]+(?:const )?\**)(\w+)\(([^;{]*?)\)"
        r"(?:\s+_\w+_(?:\([^)]*\))?)*\s*(;|\n\{)", re.S | re.M)
    for m in pattern.finditer(text):
        if m.group(2).strip() in ("return", "typedef", "else"):
            continue
        params = []
        for p in re.sub(r"\([^()]*\)\([^()]*\)", "fn", m.group(4)).split(","):
            w = re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", p))
            if len(w) > 1 and w[-1] not in ("int", "char", "void"):
                params.append(w[-1])
        yield m.group(1) or "", m.group(3), params, text.count("\n", 0, m.start(3)) + 1


def main():
    problems = []
    for f in tracked(".h"):
        if f.relative_to(ROOT).parts[0] != "src" or f.name.endswith("_priv.h"):
            continue
        text = f.read_text()
        if not re.search(r"/\*\n \* \w+/\w+\.h", text):
            problems.append(f"{rel(f)}:1: no header comment that says what the file is")
        for comment, name, params, line in prototypes(text):
            where = f"{rel(f)}:{line}: {name}()"
            static = re.search(r"static inline[^;{]*\b" + name + r"\(", text)
            obvious = re.search(r"_(free|done|close|unref|clear)p?$", name) or \
                re.match(r"(is|has|cur_at)_", name) or static
            if not comment:
                if not obvious:
                    problems.append(f"{where} has no doc comment")
                continue
            for p in re.findall(r"@param\s+(\w+)", comment):
                if p not in params:
                    problems.append(f"{where} documents @param {p}, which it does not have")
            if "@param" in comment:
                for p in params[1:]:
                    if not KNOWN.match(p) and not re.search(r"\b" + p + r"\b", comment):
                        problems.append(f"{where} does not document {p}")
    finish(problems, "docs")


main()
