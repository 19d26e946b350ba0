# SPDX-License-Identifier: Apache-2.0
"""Power cut tests with a real file system: its disk writes down every write and flush.

A whole system runs on a file system on a loop device whose file is served by blockdev.c. For each cut disks are made that may be
left, the kernel's file system recovers each, `postsuper -J` replays the journal on it, and what is there is audited by the rules
of crashtest.py. For a sample the whole system is started on the recovered file system. See docs/durability.md. To be run by
tools/blocktest, as root.
"""

import argparse
import bisect
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import audit  # noqa: E402
import blockdisk  # noqa: E402
import blocklog  # noqa: E402
import crashtest  # noqa: E402
import workload  # noqa: E402
from instance import wait_until  # noqa: E402


NOT_HERE = 77  # exit status: this machine has not what is needed


class History(audit.History):
    """As audit.History, in nanoseconds instead of numbers of operations."""

    def __init__(self, big=0):
        super().__init__([], big)

    def note(self, text):
        """The sink is about to say 250."""
        _, what, rcpt = text.split()
        self.taken.setdefault((what, rcpt), []).append(time.monotonic_ns())

    def accept(self, n, _):
        self.accepted[n] = time.monotonic_ns()


def record(kind, place, o, say):
    """Run the workload on a new file system; (log, base, history)."""
    history = History(o.big)
    sink = workload.Sink(history.note)
    system = pathlib.Path(tempfile.mkdtemp(prefix="system-", dir=place))
    (system / "disk").mkdir()
    disk = blockdisk.Recorded(kind, place, system / "disk")
    mta = None
    try:
        mta = workload.MailSystem(sink.nexthop, conf=o.conf, directory=system)
        mta.start()
        began = time.monotonic()
        senders = workload.send_all(mta, o.messages, history.accept, o.threads, o.big)
        disturber = workload.Disturber(mta, lambda: len(history.accepted), o.messages, o.reloads, o.kills)
        disturber.start()
        workload.join([*senders, disturber])
        mta.run("postqueue", "-c", mta.config, "-f")
        wait_until(lambda: crashtest.is_done(mta), "the queue is empty", 120)
        took = time.monotonic() - began
    finally:
        if mta:
            mta.stop()
        sink.close()
        disk.close()
    log = blocklog.Log(disk.log)
    say(f"{kind}: recorded {o.messages} messages in {took:.1f} s: {len(log)} operations of the disk, "
        f"{len(log.flushes())} flushes")
    return log, disk.base, history


def cuts_of(log, history, count, seed):
    """Before records: half of them right behind a flush, half anywhere; from the first acceptance on."""
    rng = random.Random(seed)
    first = bisect.bisect_left(log.time, min(history.accepted.values()))
    last = len(log) - 1
    good = [i + 1 for i in log.flushes() if first <= i < last]
    picked = set(rng.sample(good, min(len(good), count // 2)))
    while len(picked) < min(count, last - first):
        picked.add(rng.randint(first, last))
    return sorted(picked)


def tree_of(root, big):
    """What is on a mounted file system."""
    files = {}
    for top in ("mail", *[f"spool/{q}" for q in audit.QUEUES + ("maildrop", "bounce")]):
        for p in (root / top).rglob("*"):
            if p.is_file():
                path = str(p.relative_to(root))
                if crashtest.wanted(path):
                    files[path] = (p.stat().st_mode, p.read_bytes())
    return audit.Tree(files, big)


def look(kind, image, history, at, o, what):
    """Recover, replay, audit; problems."""
    scratch = crashtest.Scratch(o.conf)
    try:
        (scratch.dir / "disk/spool").mkdir(exist_ok=True)
        with blockdisk.After(kind, image, scratch.dir / "disk"):
            for q in crashtest.PLACES:
                scratch.make(q)
            p = scratch.run("postsuper", "-c", scratch.config, "-J", check=False)
            if p.returncode != 0:
                return [f"{what}: postsuper -J: {p.stderr}"]
            found, _ = audit.problems(history, tree_of(scratch.dir / "disk", o.big), at)
            orphans = sum(1 for _ in (scratch.dir / "disk").glob("lost+found/*"))
            return [f"{what}: {f}" + (f" ({orphans} files in lost+found)" if orphans else "") for f in found]
    finally:
        shutil.rmtree(scratch.dir, ignore_errors=True)


def revive(kind, image, history, at, o, what, place):
    """Start the whole system on the disk; problems."""
    sink = workload.Sink(deferrals=0)
    system = pathlib.Path(tempfile.mkdtemp(prefix="revived-", dir=place))
    (system / "disk").mkdir()
    try:
        with blockdisk.After(kind, image, system / "disk"):
            before = tree_of(system / "disk", o.big)
            mta = workload.MailSystem(sink.nexthop, conf=o.conf, directory=system)
            return crashtest.revive(history, at, before, mta, sink, what)
    finally:
        sink.close()
        shutil.rmtree(system, ignore_errors=True)


def has_teeth(kind, log, base, place, history, o, say):
    """When the last flush before an acceptance is taken away, something must be missing."""
    disks, image, n = blocklog.Disks(log, base, blockdisk.FILE_SYSTEMS[kind].sectors), place / "after", 0
    moments = sorted(random.Random(o.seed).sample(sorted(history.accepted.values()), min(60, len(history.accepted))))
    try:
        for at in moments:
            disks.go_to(bisect.bisect_left(log.time, at), ignored=1)
            disks.make(image, "lost")
            n += 1
            if look(kind, image, history, at + 1, o, "self-check"):
                say(f"{kind}: without the last flush before an answer: found ({n} disks)")
                return True
    finally:
        disks.close()
    say(f"{kind}: without the last flush before an answer: NOT FOUND ({n} disks)")
    return False


def check(kind, place, o, say=print):
    """All of the test on one kind of file system: number of problems."""
    log, base, history = record(kind, place, o, say)
    shutil.copyfile(base, place / "base-2")
    bad = 0 if has_teeth(kind, log, place / "base-2", place, history, o, say) else 1
    (place / "base-2").unlink()
    disks = blocklog.Disks(log, base, blockdisk.FILE_SYSTEMS[kind].sectors)
    image = place / "after"
    rng = random.Random(o.seed)
    variants = [("lost", 0), ("kept", 0)] + [("torn", s) for s in range(o.torn)]
    cuts = cuts_of(log, history, o.cuts, o.seed)
    starts = set(rng.sample(cuts, min(o.restarts, len(cuts))))
    found, trees, pending, began = [], 0, 0, time.monotonic()
    try:
        for cut in cuts:
            disks.go_to(cut)
            pending += len(disks.pending)
            for how, seed in variants if disks.pending else variants[:1]:
                disks.make(image, how, seed)
                found += look(kind, image, history, log.time[cut], o, f"{kind} record {cut} {how} {seed}")
                trees += 1
            if cut in starts:
                how, seed = rng.choice(variants)
                disks.make(image, how, seed)
                found += revive(kind, image, history, log.time[cut], o, f"{kind} start {cut} {how} {seed}", place)
    finally:
        disks.close()
        log.close()
    say(f"{kind}: {len(cuts)} cuts ({pending / max(1, len(cuts)):.1f} writes of each not flushed), {trees} disks, "
        f"{len(starts)} systems started: {len(found)} problems, {time.monotonic() - began:.0f} s")
    crashtest.report(found, say)
    return bad + len(found)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("kinds", nargs="*", default=["ext4"], help="of " + ", ".join(blockdisk.FILE_SYSTEMS))
    p.add_argument("--messages", type=int, default=400)
    p.add_argument("--cuts", type=int, default=300)
    p.add_argument("--torn", type=int, default=2, help="torn variants of each cut")
    p.add_argument("--restarts", type=int, default=5, help="whole systems started on a disk")
    p.add_argument("--threads", type=int, default=8)
    p.add_argument("--reloads", type=int, default=2, help="reloads while mail is sent")
    p.add_argument("--kills", type=int, default=2, help="kills of qmgr while mail is sent")
    p.add_argument("--big", type=int, default=0, help="lines of the longest messages")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--journal", choices=("yes", "no"), default="yes", help="queue_journal")
    p.add_argument("-o", action="append", default=[], metavar="NAME=VALUE", help="main.cf parameter")
    o = p.parse_args()
    # A small journal, so that segments are full, settled and used again.
    o.conf = {"queue_journal": o.journal, "queue_journal_segment_size": 1 << 20, "queue_journal_limit": 3 << 20,
              **dict(s.split("=", 1) for s in o.o)}
    bad = 0
    for kind in o.kinds:
        why = blockdisk.why_not(kind)
        if why:
            print(f"{kind}: not possible here: {why}")
            sys.exit(NOT_HERE)
        place = pathlib.Path(tempfile.mkdtemp(prefix="postroad-block-", dir=crashtest.fast_dir()))
        place.chmod(0o755)
        try:
            bad += check(kind, place, o)
        except blockdisk.NoDisk as e:
            print(f"{kind}: not possible here: {e}")
            sys.exit(NOT_HERE)
        finally:
            if not os.environ.get("POSTROAD_KEEP"):
                shutil.rmtree(place, ignore_errors=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
