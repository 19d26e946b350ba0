# SPDX-License-Identifier: Apache-2.0
"""What was under way at a cut: each operation of the log is part of an act (intake, settling, a bounce, ...).

The long form of the power cut tests counts at how many of its points each act was under way, and fails when one never was.
"""

import collections

NEAR = 10  # an act is under way at a cut when one of so many operations before or behind it is part of it
JOURNAL = ("settling", "claiming", "recycling", "marking")
RARE = ("claiming", "recycling")
ALL = ("intake", "maildrop", "deferral", "bounce", "mailbox", "removal", "hold") + JOURNAL


class Acts:
    """Acts of each operation, by its number."""

    def __init__(self, ops):
        self.of = [None] * len(ops)
        self._segments, self._claimed, self._settled, self._maildrop = set(), set(), set(), set()
        for op in ops:
            self.of[op.n] = self._act(op)

    def _act(self, op):
        path = (op.s1 if op.kind in ("create", "unlink", "rename", "link") else b"").decode(errors="replace")
        if op.kind == "create":
            self._claimed.discard(op.ino)
            for known, part in ((self._segments, "/spool/journal/0"), (self._maildrop, "/spool/maildrop/")):
                (known.add if part in path else known.discard)(op.ino)
            (self._settled.add if op.program in ("qmgr", "postsuper") and "/spool/" in path else
             self._settled.discard)(op.ino)
        if op.ino in self._segments:
            return self._on_segment(op)
        if op.program == "bounce":
            return "bounce"
        if op.program == "virtual":
            return "mailbox"
        if op.ino in self._maildrop:
            return "maildrop"
        if op.kind == "rename" and b"/spool/hold/" in op.s2 or "/spool/hold/" in path:
            return "hold"
        if op.kind == "rename" and b"/spool/deferred/" in op.s2 or "/spool/defer" in path:
            return "deferral"
        if op.kind == "unlink" and op.program == "qmgr":
            return "removal"
        if op.ino in self._settled:
            return "settling"
        return "intake" if op.program in ("smtpd", "cleanup", "submitd") and op.kind != "note" else None

    def _on_segment(self, op):
        if op.kind == "write" and op.a == 0:
            before = op.ino in self._claimed
            self._claimed.add(op.ino)
            return "recycling" if before else "claiming"
        if op.kind == "write" and op.b == 1:
            return "marking"
        return "intake"

    def at(self, cut):
        """Acts under way at a cut."""
        return {a for a in self.of[max(0, cut - NEAR):cut + NEAR] if a is not None}

    def count(self, cuts):
        """How many of the cuts fell into each act."""
        return collections.Counter(a for cut in cuts for a in self.at(cut))


def lines(ops, cuts, has_journal):
    """(text, acts that no cut fell into)."""
    acts = Acts(ops)
    n = acts.count(cuts)
    expected = [a for a in ALL if has_journal or a not in JOURNAL]
    return ", ".join(f"{a} {n[a]}" for a in expected), [a for a in expected if n[a] == 0]
