# SPDX-License-Identifier: Apache-2.0
"""Power cut tests: run mail, then look at thousands of disks that a power cut may have left.

See docs/durability.md for the model and what is promised. Exit status 1 when something accepted is lost.
"""

import argparse
import collections
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import acts  # noqa: E402
import audit  # noqa: E402
import disk  # noqa: E402
import journalfile  # noqa: E402
import oplog  # noqa: E402
import workload  # noqa: E402
from instance import wait_until  # noqa: E402

# Durability points: whose flushes are left out in the self-check, each of which must be found.
POINTS = {
    "intake": lambda op: op.program in ("smtpd", "cleanup"),
    "postdrop": lambda op: op.program == "postdrop",
    "mailbox": lambda op: op.program == "virtual",
    "bounce": lambda op: op.program == "bounce",
}


# Directories of a queue that must be there.
PLACES = ("incoming", "active", "deferred", "hold", "maildrop", "bounce", "defer", "trace", "flush", "corrupt", "saved", "pid",
          "public", "private")


class Run:
    """A system that ran under the shim, and all that is known about it."""

    def __init__(self, ops, history, mta_dir, root):
        self.ops, self.history, self.dir, self.root = ops, history, mta_dir, root


def record(messages, threads=8, conf=None, big=0, reloads=0, say=print):
    """Run a workload under the shim; a Run."""
    sink = workload.Sink()
    mta = workload.MailSystem(sink.nexthop, conf=conf)
    root = mta.dir / "disk"
    log = oplog.Log(root)
    try:
        mta.log_of_calls = log
        mta.setting(import_environment=log.IMPORT)
        sink.note = log.note
        mta.start()
        began = time.monotonic()
        done = []

        def accepted(n, how):
            log.note(f"accepted {n} {how}")
            done.append(n)
        senders = workload.send_all(mta, messages, accepted, threads, big)
        disturber = workload.Disturber(mta, lambda: len(done), messages, reloads)
        disturber.start()
        workload.join([*senders, disturber])
        mta.run("postqueue", "-c", mta.config, "-f")
        wait_until(lambda: is_done(mta), "the queue is empty", 120)
        took = time.monotonic() - began
        mta.stop()
        ops = log.read()
        history = audit.History(ops, big)
        history.use_replies(mta.log())
        run = Run(ops, history, mta.dir, root)
        say(f"recorded {messages} messages, {len(ops)} operations in {took:.1f} s; "
            "%d flushes of the journal, %d files in incoming/" % how_many(run))
        return run
    finally:
        mta.stop()
        sink.close()
        log.close()
        shutil.rmtree(mta.dir, ignore_errors=True)


def is_done(mta):
    """Nothing is left but what is on hold; two looks, as a message may go from one place to another between them."""
    return all(not mta.queue_ids("maildrop", "incoming", "active", "deferred") and not journalfile.live(mta)
               for _ in range(2))


def cuts_of(run, count, seed):
    """Cuts: right after flushes, replies, renames and notes, where segments are claimed, and anywhere."""
    rng = random.Random(seed)
    first = min(run.history.accepted.values())
    good = [op.n + 1 for op in run.ops if op.n > first and
            (op.kind in ("sync_end", "sync_begin", "rename", "unlink", "chmod") or (op.kind == "note"))]
    every = range(first, len(run.ops))
    rare = [n + 1 + i for n, a in enumerate(acts.Acts(run.ops).of) if a in acts.RARE and n >= first for i in range(-4, 5)]
    rare = [n for n in rare if n in every]
    picked = set(rng.sample(rare, min(len(rare), count // 6)))
    picked |= set(rng.sample(good, min(len(good), count // 2)))
    while len(picked) < min(count, len(every)):
        picked.add(rng.choice(every))
    return sorted(picked)


def wanted(path):
    p = path.split("/")
    return p[0] == "mail" and "new" in p or \
        p[0] == "spool" and len(p) > 2 and p[1] in audit.QUEUES + ("maildrop", "bounce", "journal")


def replayed(d, image, cut, scratch):
    """The tree after the journal of an image was replayed by `postsuper -J`; {path: (mode, content)}."""
    target = scratch.dir / "disk"
    shutil.rmtree(target, ignore_errors=True)
    (target / "mail").mkdir(parents=True)
    for q in PLACES:
        scratch.make(q)
    d.write({p: e for p, e in image.items() if p.startswith("spool/")}, target, cut)
    scratch.run("postsuper", "-c", scratch.config, "-J")
    out = {p: (e.mode, e.content) for p, e in image.items() if p.startswith("mail/")}
    for q in audit.QUEUES + ("maildrop", "bounce"):
        for p in (target / "spool" / q).rglob("*"):
            if p.is_file():
                out[str(p.relative_to(target))] = (p.stat().st_mode, p.read_bytes())
    return out


class Scratch(workload.MailSystem):
    """A place for images to be replayed in."""

    def __init__(self, conf=None):
        super().__init__("[127.0.0.1]:9", conf=conf, directory=tempfile.mkdtemp(prefix="postroad-crash-", dir=fast_dir()))

    def make(self, q):
        p = self.queue / q
        p.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(p, "postfix")


def fast_dir():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def judge(run, cuts, models, variants, deaf=lambda op: False, enough=None, conf=None):
    """Audit the image of each cut; (problems, images, windows by (model, variant))."""
    out, images, windows = [], 0, collections.Counter()
    d = disk.Disk(run.ops, run.root, deaf, writeback=max(500, len(run.ops) // 20))
    if d.odd:
        raise AssertionError(f"a call that the model does not know: {d.odd[0]}")
    has_journal = any(op.kind == "create" and b"/spool/journal/" in op.s1 for op in run.ops)
    scratch = Scratch(conf) if has_journal else None
    try:
        for cut in cuts:
            for model in models:
                for how, seed in variants:
                    image = d.image(cut, model, how, seed, wanted)
                    files = replayed(d, image, cut, scratch) if scratch else \
                        {p: (e.mode, e.content) for p, e in image.items()}
                    found, twice = audit.problems(run.history, audit.Tree(files, run.history.big), cut)
                    out += [f"{model} {how} {seed}: {p}" for p in found]
                    images += 1
                    windows[model, how] += twice
            if enough is not None and len(out) >= enough:
                break
    finally:
        if scratch:
            shutil.rmtree(scratch.dir, ignore_errors=True)
    return out, images, windows


def restart(run, d, cut, model, how, seed, conf=None):
    """Start the system on an image, let everything go out, and count; problems."""
    image = d.image(cut, model, how, seed)
    before = audit.Tree({p: (e.mode, e.content) for p, e in image.items() if wanted(p)}, run.history.big)
    sink = workload.Sink(deferrals=0)
    mta = workload.MailSystem(sink.nexthop, conf=conf)
    try:
        d.write({p: e for p, e in image.items() if "/pid/" not in p}, mta.dir / "disk", cut)
        return revive(run.history, cut, before, mta, sink, f"restart after cut {cut} {model} {how} {seed}")
    finally:
        sink.close()
        if not os.environ.get("POSTROAD_KEEP"):
            shutil.rmtree(mta.dir, ignore_errors=True)


def revive(h, cut, before, mta, sink, what):
    """Start `mta`, below which lies a disk after a cut (`before` is its tree), and let everything go to `sink`; problems."""
    out = []
    try:
        mta.start()

        def is_empty():  # pickup may put one on hold again
            mta.run("postsuper", "-c", mta.config, "-H", "ALL")
            mta.run("postqueue", "-c", mta.config, "-f")
            time.sleep(0.1)
            return mta.is_empty()
        try:
            wait_until(is_empty, "the queue is empty", 120)
        except AssertionError:
            out.append(f"{what}: the queue does not become empty: {mta.queue_ids()} {mta.log()[-2000:]}")
    finally:
        mta.stop()
    left = mta.queue_ids()
    out += [f"{what}: the queue was empty, and is not after the stop: {left}"] if left and not out else []
    after = collections.Counter()
    for sender, rcpts, text in sink.taken:
        for kind, r in workload.deliveries(sender, rcpts, text):
            after[kind, r] += 1
        if sender != "" and not workload.is_whole(text, h.big):
            out.append(f"{what}: a message to {rcpts} was cut or changed")
    boxes = audit.Tree({str(p.relative_to(mta.dir / "disk")): (0o700, p.read_bytes())
                        for p in (mta.dir / "disk/mail").rglob("*") if p.is_file() and "new" in p.parts}, h.big)
    out += [f"{what}: {p} is damaged" for p in boxes.damaged]
    for n, at in h.accepted.items():
        for r in workload.plan(n)[0]:
            copies = after["copy", r] + len(boxes.mailbox.get(r, [])) - len(before.mailbox.get(r, []))
            notices = after["notice", r]
            earlier = h.taken_by("copy", r, cut) + h.taken_by("notice", r, cut) + len(before.mailbox.get(r, []))
            if at < cut and copies + notices + earlier == 0 and not r.startswith("x"):
                out.append(f"{what}: message {n}: recipient {r} got nothing")
            # What pickup has passed on may still be in maildrop too.
            if copies > 1 and len(before.queued.get(r, [])) < 2 and \
                    not any(p.startswith("spool/maildrop/") for p in before.queued.get(r, [])):
                out.append(f"{what}: message {n}: recipient {r} got {copies} copies at once")
    return out


def report(found, say):
    for p in found[:12]:
        say("  " + p)
    if len(found) > 12:
        say(f"  ... and {len(found) - 12} more")


def check(run, o, say=print):
    """All of the test on one run: number of problems."""
    bad = 0
    models = o.models.split(",")
    variants = [("lost", 0), ("kept", 0)] + [("torn", s) for s in range(o.torn)]
    began = time.monotonic()
    cuts = cuts_of(run, o.cuts, o.seed)
    text, missing = acts.lines(run.ops, cuts, o.conf.get("queue_journal") != "no")
    say(f"under way at so many of the cuts: {text}")
    if o.every_act and missing:
        say(f"  no cut during: {' '.join(missing)}")
        bad += 1
    found, images, windows = judge(run, cuts, models, variants, conf=o.conf)
    say(f"{images} images of {len(cuts)} cuts: {len(found)} problems, {time.monotonic() - began:.0f} s")
    report(found, say)
    bad += len(found)
    for (model, how), n in sorted(windows.items()):
        each = o.cuts * sum(1 for v in variants if v[0] == how)
        say(f"  {model} {how}: {n / each:.1f} recipients an image may be served twice")
    if o.restarts:
        d = disk.Disk(run.ops, run.root, writeback=max(500, len(run.ops) // 20))
        rng = random.Random(o.seed)
        done = []
        lock = threading.Lock()
        todo = [(c, rng.choice(models), *rng.choice(variants)) for c in cuts_of(run, o.restarts, o.seed + 1)]

        def worker():
            while True:
                with lock:
                    if not todo:
                        return
                    job = todo.pop()
                found = restart(run, d, *job, conf=o.conf)
                with lock:
                    done.append(found)
        threads = [threading.Thread(target=worker) for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        found = [p for f in done for p in f]
        say(f"{len(done)} systems started after a cut: {len(found)} problems")
        report(found, say)
        bad += len(found) + (0 if len(done) == o.restarts else 1)
    for name, deaf in POINTS.items() if o.self_check else ():
        # Look where it would hurt: shortly after a flush that is taken away.
        near = [n for op in run.ops if op.kind == "sync_end" and deaf(op) for n in range(op.n + 1, op.n + 25)]
        rng = random.Random(o.seed + 2)
        cuts = sorted(rng.sample(near, min(len(near), 300)))
        found, images, _ = judge(run, cuts, models[:1], [("lost", 0)] + [("torn", s) for s in range(3)], deaf, 1, o.conf)
        say(f"without the flushes of {name}: {'found' if found else 'NOT FOUND'} ({images} images)")
        bad += not found
    return bad


def how_many(run):
    """(messages that went through the journal, all) by what was begun in which way."""
    segments = {op.ino for op in run.ops if op.kind == "create" and b"/spool/journal/0" in op.s1}
    flushes = sum(1 for op in run.ops if op.kind == "sync_end" and op.ino in segments and op.program in ("smtpd", "cleanup"))
    files = sum(1 for op in run.ops if op.kind == "create" and b"/spool/incoming/" in op.s1 and op.program != "qmgr")
    return flushes, files


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--messages", type=int, default=1500)
    p.add_argument("--cuts", type=int, default=3000)
    p.add_argument("--torn", type=int, default=3, help="torn variants of each cut")
    p.add_argument("--restarts", type=int, default=40, help="whole systems started on an image")
    p.add_argument("--models", default="ordered,loose", help="of " + ",".join(disk.MODELS))
    p.add_argument("--threads", type=int, default=8)
    p.add_argument("--reloads", type=int, default=2, help="reloads while mail is sent")
    p.add_argument("--big", type=int, default=0, help="lines of the longest messages")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--journal", choices=("yes", "no"), help="queue_journal")
    p.add_argument("--every-act", action="store_true", help="fail when an act was under way at no cut (see acts.py)")
    p.add_argument("--no-self-check", dest="self_check", action="store_false")
    p.add_argument("-o", action="append", default=[], metavar="NAME=VALUE", help="main.cf parameter")
    o = p.parse_args()
    o.conf = dict(s.split("=", 1) for s in o.o)
    if o.journal:
        o.conf["queue_journal"] = o.journal
    sys.exit(1 if check(record(o.messages, o.threads, o.conf, o.big, o.reloads), o) else 0)


if __name__ == "__main__":
    main()
