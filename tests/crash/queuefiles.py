# SPDX-License-Identifier: Apache-2.0
"""Reading queue files and maildrop files, from bytes."""

import re

import workload


class Message:
    """sender, undone and done recipients, text; `complete` when it ends as it should."""

    def __init__(self, data):
        self.sender, self.undone, self.done, self.complete = None, [], [], False
        lines, held = [], b""
        try:
            for kind, value in records(data):
                if kind == "S":
                    self.sender = value.decode()
                elif kind == "R":
                    self.undone.append(value.decode())
                elif kind == "D":
                    self.done.append(value.decode())
                elif kind == "N":
                    lines.append(held + value)
                    held = b""
                elif kind == "L":
                    held += value
                elif kind == "E":
                    self.complete = self.sender is not None
        except (ValueError, IndexError):
            self.complete = False
        self.text = b"\n".join(lines) + b"\n"
        m = workload.TOKEN.search(self.text)
        self.number = int(m.group(1)) if m else None
        self.is_notice = self.sender == ""
        self.failed = [r.decode() for r in workload.FINAL.findall(self.text)] if self.is_notice else []


def records(data):
    """(type, bytes) in reading order: pointers are followed as a reader of the message does."""
    at, jumps = 0, 0
    while at < len(data):
        kind = chr(data[at])
        at += 1
        length = shift = 0
        while True:
            c = data[at]
            at += 1
            length |= (c & 0x7F) << shift
            shift += 7
            if not c & 0x80:
                break
            if shift > 28:
                raise ValueError("length")
        value = data[at:at + length]
        if len(value) < length or kind not in "MCTcFILSDRO/WVA>K<ionXNwEPredfmp":
            raise ValueError("record")
        at += length
        if kind == "p":
            to = int(value)
            jumps += 1
            if jumps > 1000:
                raise ValueError("loop")
            if to > 0:
                at = to
            continue
        yield kind, value
        if kind == "E":
            return


def bounced(log):
    """Recipients of the whole entries of a bounce log; an empty line ends one, and what a cut has torn belongs to the next."""
    found = [re.findall(rb"^recipient=(\S+)$", entry, re.M) for entry in log.split(b"\n\n")[:-1]]
    return [names[-1].decode() for names in found if names]
