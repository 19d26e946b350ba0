# SPDX-License-Identifier: Apache-2.0
"""Is everything that was accepted still there? Judges an image of the disk, or what a restarted system did with it."""

import bisect
import re

import queuefiles
import workload

QUEUES = ("incoming", "active", "deferred", "hold")


class History:
    """What the clients and the sink noted: when each message was accepted, each copy and notice taken."""

    def __init__(self, ops, big=0):
        self.big = big
        replies, self.accepted, self.began = {}, {}, {}
        self.taken = {}
        self.ids = {}
        for op in ops:
            if op.kind != "note":
                continue
            w = op.s1.decode().split()
            if w[0] == "reply":
                replies.setdefault(w[1], op.n)
            elif w[0] == "accepted":
                self.accepted[int(w[1])] = op.n
            elif w[0] == "taken":
                self.taken.setdefault((w[1], w[2]), []).append(op.n)
        self.replies = replies

    def use_replies(self, mta_log):
        """The moment the server decided to say 250 is earlier than the one the client heard it: take that one."""
        for m in re.finditer(r": (\w+): (?:message-id|client)=.*|: (\w+): from=<s(\d+)@test.example>", mta_log):
            if m.group(2) and m.group(2) in self.replies and int(m.group(3)) in self.accepted:
                n = int(m.group(3))
                self.accepted[n] = min(self.accepted[n], self.replies[m.group(2)])

    def was_sent(self, rcpt):
        """A recipient of a message that was accepted at some time: every message is sent until it is."""
        n = re.match(r"[a-z](\d+)\.", rcpt)
        return n is not None and int(n.group(1)) in self.accepted and rcpt in workload.plan(int(n.group(1)))[0]

    def taken_by(self, what, rcpt, cut):
        """How often it was taken before a cut."""
        return bisect.bisect_left(self.taken.get((what, rcpt), ()), cut)


class Tree:
    """The spool and the mailboxes of an image: {path: (mode, content)}."""

    cache = {}

    def __init__(self, files, big=0):
        self.queued = {}     # recipient: [path of a complete file where it is undone]
        self.mailbox = {}    # recipient: [path]
        self.notices = {}    # recipient that failed: [path]
        self.damaged = []
        self.big = big
        ids = set()
        for path, (mode, content) in files.items():
            parts = path.split("/")
            if parts[0] == "mail" and "new" in parts:
                self._box(path, content)
            elif parts[0] == "spool" and parts[1] in QUEUES + ("maildrop",) and (mode & 0o700) == 0o700 \
                    and "." not in parts[-1]:
                if self._message(path, parts, content):
                    ids.add(parts[-1])
        for path, (mode, content) in files.items():
            parts = path.split("/")
            if parts[0] == "spool" and parts[1] == "bounce" and parts[-1] in ids:
                for r in queuefiles.bounced(content):
                    self.notices.setdefault(r, []).append(path)

    @classmethod
    def parse(cls, content):
        key = hash(content)
        if key not in cls.cache:
            if len(cls.cache) > 20000:
                cls.cache.clear()
            cls.cache[key] = queuefiles.Message(content)
        return cls.cache[key]

    def _message(self, path, parts, content):
        m = self.parse(content)
        if not m.complete:
            return False  # the queue manager will find the same and put it aside
        if m.is_notice:
            if m.undone:
                for r in m.failed:
                    self.notices.setdefault(r, []).append(path)
            return True
        if m.undone and not workload.is_whole(m.text, self.big):
            self.damaged.append(path)
        for r in m.undone:
            self.queued.setdefault(r, []).append(path)
        return True

    def _box(self, path, content):
        """A Maildir file counts when it is whole."""
        m = workload.TOKEN.search(content)
        if m is None or not workload.is_whole(content, self.big):
            self.damaged.append(path)
            return
        for line in content.split(b"\n\n")[0].split(b"\n"):
            if line.startswith(b"Delivered-To: "):
                self.mailbox.setdefault(line[14:].decode(), []).append(path)


def problems(history, tree, cut):
    """Sentences, one a violation; and the number of windows in which a copy is allowed to be made twice."""
    out, windows = [], 0
    for path in tree.damaged:
        out.append(f"cut {cut}: {path} is complete but not what was sent")
    for n, at in history.accepted.items():
        if at >= cut:
            continue
        for r in workload.plan(n)[0]:
            found = tree.queued.get(r, [])
            seen = history.taken_by("copy", r, cut) + len(tree.mailbox.get(r, []))
            failed = history.taken_by("notice", r, cut) + len(tree.notices.get(r, []))
            if not found and not seen and not failed and not r.startswith("x"):
                out.append(f"cut {cut}: message {n}, accepted at {at}: recipient {r} is nowhere")
            if len(found) > 1:
                # pickup's message is committed before the file in maildrop goes.
                if len([p for p in found if not p.startswith("spool/maildrop/")]) > 1:
                    out.append(f"cut {cut}: message {n} is in the queue more than once: {found}")
                windows += 1
            if found and (seen or failed):
                windows += 1
    for where in (tree.queued, tree.mailbox, tree.notices):
        out += [f"cut {cut}: nobody sent a message to {r}: {where[r]}" for r in where if not history.was_sent(r)]
    for r, found in tree.queued.items():
        if len([p for p in found if not p.startswith("spool/maildrop/")]) > 1 and not any(r in o for o in out):
            out.append(f"cut {cut}: recipient {r} is in the queue more than once: {found}")
    return out, windows
