# SPDX-License-Identifier: Apache-2.0
"""Processes die between any two steps: each program of a running system ends, as if killed, behind its n-th operation on the spool.

For every program and every n, until a round has fewer operations: a message of each fate is sent while the program is to die; then
all of them must reach their ends, without help. A death behind an operation is one before the next. tools/crashtest --deaths.
"""

import argparse
import collections
import shutil
import sys
import time

import audit
import crashtest  # noqa: F401  the search path
import oplog
import workload
from instance import wait_until

PROGRAMS = ("qmgr", "smtpd", "cleanup", "pickup", "postdrop", "smtp", "virtual", "bounce", "discard")
# Copies of one message that a death may make: the one that was answered and not marked, and for a client that heard no
# answer each of its own attempts.
COPIES = 3


def kinds_of(n):
    rcpts, held, by_sendmail = workload.plan(n)
    return ("held " if held else "") + ("sendmail " if by_sendmail else "smtp ") + "".join(r[0] for r in rcpts)


def a_round(first):
    """Numbers of messages from `first` on, one of each fate, and the next free number."""
    wanted = {"smtp r", "smtp d", "smtp m", "smtp rb", "smtp rx", "sendmail r", "sendmail b"}
    out = []
    while wanted:
        if kinds_of(first) in wanted:
            wanted.discard(kinds_of(first))
            out.append(first)
        first += 1
    return out, first


class Ends:
    """What became of recipients: looked up in the sink and the mailboxes."""

    def __init__(self, sink, mta):
        self.sink, self.mta = sink, mta
        self.counts, self.looked = collections.Counter(), 0
        self.boxes = None

    def look(self):
        with self.sink.lock:
            taken, self.looked = self.sink.taken[self.looked:], len(self.sink.taken)
        for sender, rcpts, text in taken:
            for _, r in workload.deliveries(sender, rcpts, text):
                self.counts[r] += 1
            if sender and not workload.is_whole(text):
                raise AssertionError(f"a message to {rcpts} was cut or changed")
        self.boxes = audit.Tree({str(p.relative_to(self.mta.dir / "disk")): (0o700, p.read_bytes())
                                 for p in (self.mta.dir / "disk/mail").rglob("*") if p.is_file() and "new" in p.parts})

    def of(self, rcpt):
        return self.counts[rcpt] + len(self.boxes.mailbox.get(rcpt, []))

    def missing(self, numbers):
        self.look()
        return [r for n in numbers for r in workload.plan(n)[0] if r[0] != "x" and self.of(r) == 0]


def is_over(mta, ends, numbers):
    """All are served and no file is left.

    As in Postfix, a qmgr that has died is started by the next message or flush, or within five minutes, and a file that an agent
    of the one before still had is looked at again after a minute: not waited for. What a writer had not told of when it
    died stays in the journal until the next replay: that is no message yet.
    """
    if not ends.missing(numbers) and not mta.queue_ids("maildrop", "incoming", "active", "deferred"):
        return True
    mta.run("postqueue", "-c", mta.config, "-f", check=False)
    time.sleep(0.2)
    return False


def test_program(mta, log, ends, program, first, o, say):
    """All n of one program; (rounds, next free number of a message)."""
    for n in range(o.first, 10000):
        numbers, first = a_round(first)
        died = log.died()
        log.kill_after(program, n)
        senders = [workload.Sender(mta, [k], lambda *_: None, deadline=120) for k in numbers]
        for s in senders:
            s.start()
        workload.join(senders)
        try:
            wait_until(lambda k=numbers: is_over(mta, ends, k), "all have reached their ends, and the queue is empty", 60)
        except AssertionError as e:
            raise AssertionError(f"{program} died behind operation {n}: {e}: {ends.missing(numbers)} {mta.queue_ids()}"
                                 f"\n{mta.log()[-6000:]}") from None
        log.kill_after(program, 0)
        many = [r for k in numbers for r in workload.plan(k)[0] if ends.of(r) > COPIES]
        if many:
            raise AssertionError(f"{program} died behind operation {n}: served too often: {many}")
        if log.died() == died:
            return n - 1, first
        say(f"  {program} {n}", end="\r", flush=True)
    raise AssertionError("no end")


def run(o, say=print):
    """All programs; problems."""
    sink = workload.Sink()
    mta = workload.MailSystem(sink.nexthop, conf=o.conf)
    log = oplog.Log(mta.dir / "disk", size=1 << 30)
    found, first = 0, 0
    try:
        mta.log_of_calls = log
        mta.setting(import_environment=log.IMPORT)
        mta.start()
        ends = Ends(sink, mta)
        for program in o.programs or PROGRAMS:
            began = time.monotonic()
            try:
                rounds, first = test_program(mta, log, ends, program, first, o, say)
                say(f"{program}: {rounds} deaths, {time.monotonic() - began:.0f} s: nothing lost")
            except AssertionError as e:
                say(str(e))
                log.kill_after(program, 0)
                found, first = found + 1, first + 500
    finally:
        log.kill_after("", 0)
        mta.stop()
        sink.close()
        log.close()
        shutil.rmtree(mta.dir, ignore_errors=True)
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("programs", nargs="*", help="of " + " ".join(PROGRAMS))
    p.add_argument("--first", type=int, default=1, help="begin at this operation")
    p.add_argument("--journal", choices=("yes", "no"), default="yes", help="queue_journal")
    o = p.parse_args()
    o.conf = {"queue_journal": o.journal, "queue_journal_segment_size": 1 << 20, "queue_journal_limit": 3 << 20}
    sys.exit(1 if run(o) else 0)


if __name__ == "__main__":
    main()
