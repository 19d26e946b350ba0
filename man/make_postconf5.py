#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""postconf(5) from the parameter registry: make_postconf5.py OUTPUT HEAD TRANSPORT OLD AREA...

HEAD is the hand-written part; then comes a paragraph a parameter.
"""

import ast
import re
import sys

ENTRY = re.compile(r"^PARAM\((\w+), (\w+),\s*(.*?)\)\n(?=PARAM|\Z)", re.S | re.M)
TAIL = re.compile(r"^(.*?),\s*(\d+), (\d+), ('(\w)'|0), \"([^\"]*)\", \"([^\"]*)\", (YES|NO),\n\t(\".*\")$",
                  re.S)
OLD = re.compile(r"^OLD\((\w+), (\w+), \"([^\"]*)\",\s*\"([^\"]*)\"\)", re.M)
TYPES = {"STR": "text", "RAW": "text, not expanded", "INT": "number", "NINT": "number", "LONG": "number",
         "BOOL": "yes or no", "NBOOL": "yes or no", "TIME": "time"}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def c_text(source):
    """The value of C string literals, or None when macros take part."""
    if re.search(r"\bPOSTROAD_", source):
        return None
    return "".join(ast.literal_eval(s) for s in re.findall(r'"(?:\\.|[^"\\])*"', source))


def roff(text):
    """Text that is shown as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha")
    return text.replace("~", "\\(ti").replace("`", "\\(ga").replace('"', "\\(dq")


def range_of(kind, low, high):
    low, high = int(low), int(high)
    if kind in ("STR", "RAW"):
        return "not empty" if low == 1 else f"at least {low} characters" if low > 1 else ""
    if kind in ("BOOL", "NBOOL"):
        return ""
    unit = " seconds" if kind == "TIME" else ""
    return f"{low} to {high}{unit}" if high else f"at least {low}{unit}" if low else ""


def paragraph(kind, name, rest, old):
    m = TAIL.match(rest)
    assert m, f"{name}: cannot be read"
    default, low, high, _, unit, since, used_by, heeded, about = m.groups()
    default = c_text(default)
    out = [f".It Ic {name} Pq {TYPES[kind]}"]
    out.append(roff(c_text(about)) + ".")
    if default is None:
        out.append("The default was chosen at build time; see")
        out.append(f".Ql postconf \\-d {name} .")
    elif default:
        out.append("Default:")
        out.append(f".Ql {roff(default)} .")
    else:
        out.append("Default: empty, or found at run time.")
    notes = [range_of(kind, low, high)]
    if unit and unit != "s":
        notes.append(f"in {UNITS[unit]} unless a unit is given")
    if since == "postroad":
        notes.append("Postroad's own")
    elif since:
        notes.append(f"since {since}")
    notes = [n for n in notes if n]
    if notes:
        text = ", ".join(notes)
        out.append(roff(text[0].upper() + text[1:]) + ".")
    if name in old:
        kind, release, advice = old[name]
        out.append(roff(f"Deprecated since {release}: {advice}") + ".")
    if used_by:
        out.append(f"Used by: {roff(used_by.replace(',', ', '))}.")
    if heeded == "NO":
        out.append("Known, but no program of this release acts on it.")
    return "\n".join(out) + "\n"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def main():
    output, head, transport, old_file, *areas = sys.argv[1:]
    old = {m.group(2): (m.group(1), m.group(3), m.group(4)) for m in OLD.finditer(read(old_file))}
    entries = {}
    for path in areas:
        for m in ENTRY.finditer(read(path)):
            entries[m.group(2)] = paragraph(m.group(1), m.group(2), m.group(3), old)
    text = [read(head), ".Sh PARAMETERS\n.Bl -tag -width Ds\n"]
    text += [entries[n] for n in sorted(entries)]
    text.append(".El\n.Sh PARAMETERS OF DELIVERY SERVICES\n"
                "Replace\n.Ar transport\nby the name of a service in master.cf.\n.Bl -tag -width Ds\n")
    for m in ENTRY.finditer(read(transport)):
        p = paragraph(m.group(1), m.group(2), m.group(3), old)
        text.append(p.replace(f".It Ic {m.group(2)} ",
                              f".It Ar transport Ns Ic {m.group(2)[len('transport'):]} ", 1))
    text.append(".El\n.Sh NAMES WITH A PAST\n.Bl -tag -width Ds\n")
    for name, (kind, release, advice) in sorted(old.items()):
        if kind == "DEPRECATED":
            continue
        what = "Removed in" if kind == "REMOVED" else "Replaced since"
        text.append(f".It Ic {name}\n{what} {release}: {roff(advice)}.\n")
    text.append(".El\n.Sh SEE ALSO\n.Xr postconf 1 ,\n.Xr master 5\n")
    with open(output, "w", encoding="utf-8") as f:
        f.write("".join(text))


main()
