# SPDX-License-Identifier: Apache-2.0
"""Mail under kill -9, failing system calls, a full and a slow disk: what is accepted reaches one end (threats F3, F4, F5, F14).

While clients send without pause, one after the other: a daemon is killed; calls fail with ENOSPC, EDQUOT, EMFILE, ENOMEM or EIO;
every fsync takes a second; the spool's file system is filled (as root, on a tmpfs of its own); a reload; master itself is
killed and the system started again. After each the mail must flow again by itself. At the end all must be accounted for:
by the sink, the mailboxes and the queue, and by `postqueue --audit`.
"""

import argparse
import collections
import errno
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "crash"), str(HERE.parent / "system")]

import audit  # noqa: E402
import oplog  # noqa: E402
import workload  # noqa: E402
from instance import wait_until  # noqa: E402

# postlogd is left alone here (tests/system/test_kill.py kills it): the ledger needs the log.
VICTIMS = ("smtpd", "qmgr", "smtp", "virtual", "cleanup", "pickup", "bounce", "error", "discard", "trivial-rewrite", "anvil",
           "flush", "showq")
FAULTS = [(calls, e) for e in ("ENOSPC", "EDQUOT", "EMFILE", "ENOMEM") for calls in (("open",), ("write",), ("name",))] + \
    [(("sync",), "EIO"), (("sync",), "ENOSPC"), (("socket",), "EMFILE"), (("read",), "EMFILE"), (("open", "write", "name"), "ENOSPC")]


class Soak:
    def __init__(self, o, say):
        self.o, self.say = o, say
        self.rng = random.Random(o.seed)
        self.sink = workload.Sink(deferrals=1)
        self.mta = workload.MailSystem(self.sink.nexthop, conf=o.conf)
        self.accepted = {}
        self.lock = threading.Lock()
        self.next = 0
        self.stopping = False
        self.senders = []
        self.done = collections.Counter()
        self.refusals = collections.Counter()
        self.filler = self.mta.queue / "filler"
        self.is_mounted = self._mount()
        self.calls = oplog.Log(self.mta.dir / "disk", size=1 << 20, logged=False, dev_of=self.mta.queue)
        self.mta.log_of_calls = self.calls
        self.mta.setting(import_environment=oplog.Log.IMPORT)

    def _mount(self):
        self.mta.queue.mkdir(exist_ok=True)
        return os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.o.disk}m,mode=755", "postroad-soak", self.mta.queue],
            stderr=subprocess.DEVNULL).returncode == 0

    # ---- clients ----

    def _numbers(self):
        while True:
            with self.lock:
                if self.stopping or (self.next >= self.o.messages and time.monotonic() > self.end):
                    return
                self.next += 1
                n = self.next - 1
            yield n

    def _took(self, n, how):
        with self.lock:
            self.accepted[n] = how

    # ---- what goes wrong ----

    def _children(self):
        master = self.mta.master_pid()
        for p in pathlib.Path("/proc").iterdir():
            if p.name.isdigit():
                try:
                    if int((p / "stat").read_text().rsplit(")", 1)[1].split()[1]) == master:
                        yield int(p.name), os.readlink(p / "exe").rsplit("/", 1)[-1].removesuffix(" (deleted)")
                except (OSError, IndexError):
                    pass

    def kill(self):
        victims = [(p, n) for p, n in self._children() if n in VICTIMS]
        names = sorted({n for _, n in victims})
        if names:
            name = self.rng.choice(names)
            for pid, n in victims:
                if n == name:
                    try:
                        os.kill(pid, signal.SIGKILL)
                        self.done[f"kill {name}"] += 1
                    except ProcessLookupError:
                        pass

    def kill_master(self):
        pid = self.mta.master_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
            self.done["kill master"] += 1
            wait_until(lambda: self.mta.run("postfix", "-c", self.mta.config, "start", check=False).returncode == 0,
                       "the system starts again", 60)

    def fault(self):
        calls, name = self.rng.choice(FAULTS)
        before = self.calls.failed()
        self.calls.fault(calls, getattr(errno, name), self.rng.choice((100, 500, 1000)))
        time.sleep(self.rng.uniform(0.2, 1.0))
        self.calls.fault()
        self.done[f"{name} at {'+'.join(calls)}"] += self.calls.failed() - before

    def slow(self):
        self.calls.fault(sync_delay_ms=1000)
        time.sleep(2.5)
        self.calls.fault()
        self.done["fsync takes a second"] += 1

    def fill(self):
        if not self.is_mounted:
            return self.fault()
        with open(self.filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(65536))
            except OSError:
                pass
        time.sleep(self.rng.uniform(0.3, 1.5))
        self.filler.unlink()
        self.done["disk full"] += 1

    def reload(self):
        self.mta.run("postfix", "-c", self.mta.config, "reload", check=False)
        self.done["reload"] += 1

    def _flows(self):
        """Mail is accepted again, without help."""
        with self.lock:
            before = len(self.accepted)
        began = time.monotonic()
        wait_until(lambda: len(self.accepted) > before + 2 or not any(s.is_alive() for s in self.senders),
                   "mail flows again", 60)
        return time.monotonic() - began

    # ---- the whole ----

    def run(self):
        self.mta.start()
        began = time.monotonic()
        self.end = began + self.o.seconds
        self.senders = [workload.Sender(self.mta, self._numbers(), self._took) for _ in range(self.o.threads)]
        for s in self.senders:
            s.start()
        trouble = [self.kill] * 5 + [self.fault] * 5 + [self.fill] * 2 + [self.slow, self.reload, self.kill_master]
        if not self.o.master:
            trouble.remove(self.kill_master)
        first, slowest = list(dict.fromkeys(trouble))[::-1], 0.0
        while any(s.is_alive() for s in self.senders):
            (first.pop() if first else self.rng.choice(trouble))()
            slowest = max(slowest, self._flows())
        workload.join(self.senders)
        self.calls.fault()
        took = time.monotonic() - began
        for s in self.senders:
            self.refusals.update({str(k): v for k, v in s.refusals.items()})
        self.say(f"{len(self.accepted)} messages accepted in {took:.0f} s under {sum(self.done.values())} troubles; "
                 f"mail flowed again after at most {slowest:.1f} s")
        self.say("troubles: " + ", ".join(f"{k} {v}" for k, v in sorted(self.done.items())))
        self.say("refused for now: " + (", ".join(f"{k}: {v}" for k, v in sorted(self.refusals.items())) or "nothing"))
        self._drain()
        return self._account()

    def _drain(self):
        def is_empty():
            self.mta.run("postqueue", "-c", self.mta.config, "-f", check=False)
            time.sleep(0.3)
            return not self.mta.queue_ids("maildrop", "incoming", "active", "deferred") and not self._young()
        try:
            wait_until(is_empty, "the queue is empty", 90)
        except AssertionError:
            p = self.mta.run("postqueue", "-c", self.mta.config, "-p", check=False)
            left = {q: self.mta.queue_ids(q)[:5] for q in ("maildrop", "incoming", "active", "deferred") if self.mta.queue_ids(q)}
            listed = [ln for ln in p.stdout.splitlines() if re.match(r"\w+[* ] ", ln)]
            lines = [ln for ln in self.mta.log().splitlines() for ids in [*left.values(), [re.match(r"\w+", x).group() for x in listed[:3]]]
                     for i in ids if i in ln]
            lines += [ln for ln in self.mta.log().splitlines() if re.search(r"qmgr.*(journal|warning|fatal|panic)", ln)][-20:]
            raise AssertionError(f"the queue does not get empty: {left} {listed[:5]} {p.stderr}\n" + "\n".join(lines[-50:])) from None

    def _young(self):
        p = self.mta.run("postqueue", "-c", self.mta.config, "-j", check=False)
        return p.returncode != 0 or re.search(r'"queue_name": "(active|incoming|deferred|maildrop)"', p.stdout)

    def _account(self):
        self.mta.stop()
        ends, problems = collections.Counter(), []
        copies = collections.Counter()
        for sender, rcpts, text in self.sink.taken:
            for what in workload.deliveries(sender, rcpts, text):
                copies[what] += 1
            # The postmaster hears of the troubles too.
            if re.match(r"s\d+@", sender) and not workload.is_whole(text):
                problems.append(f"a message to {rcpts} is cut or changed")
        disk = self.mta.dir / "disk"
        tree = audit.Tree({str(p.relative_to(disk)): (p.stat().st_mode, p.read_bytes())
                           for p in disk.rglob("*") if p.is_file() and ("new" in p.parts or "hold" in p.parts)})
        problems += [f"{p} is damaged" for p in tree.damaged]
        discarded = set(re.findall(r"discard\[\d+\]: \w+: to=<(\S+?)>.*status=sent", self.mta.log()))
        twice = 0
        missed = {n: r for s in self.senders for n, r in s.missed.items()}
        for n in self.accepted:
            for r in set(workload.plan(n)[0]) - missed.get(n, set()):
                got = copies["copy", r] + len(tree.mailbox.get(r, []))
                failed = copies["notice", r]
                kind = "held" if r in tree.queued else "delivered" if got else "bounced" if failed else \
                    "discarded" if r in discarded else None
                # An agent that is killed between its delivery and the line about it says nothing; the queue has no trace.
                if kind is None and r.startswith("x"):
                    kind = "discarded, unlogged"
                if kind is None:
                    problems.append(f"message {n} ({self.accepted[n]}): recipient {r} has no end")
                twice += max(0, got + failed + len(tree.queued.get(r, [])) - 1)
                ends[kind] += 1
        total = sum(len(set(workload.plan(n)[0]) - missed.get(n, set())) for n in self.accepted)
        self.say(f"accepted {total} recipients = " + " + ".join(f"{v} {k}" for k, v in sorted(ends.items(), key=str)) +
                 f"; {twice} of them served more than once")
        if sum(v for k, v in ends.items() if k) != total:
            problems.append("the sum is wrong")
        problems += self._ledger(copies, tree)
        for n in list(dict.fromkeys(m for p in problems for m in re.findall(r"message (\d+)", p)))[:3]:
            self.say(f"what the log has of message {n}:\n" + self._history(n))
        return problems

    def _history(self, n):
        log = self.mta.log()
        ids = set(re.findall(rf": (\w+): from=<s{n}@test.example>", log))
        return "\n".join(ln for ln in log.splitlines() if any(i in ln for i in ids))

    def _ledger(self, copies, tree):
        p = self.mta.run("postqueue", "-c", self.mta.config, "--audit", check=False, deadline=120)
        found = re.findall(r"^(lost|returned|unreported|unfinished): (\S+)", p.stdout, re.M)
        counts = dict(re.findall(r"^([a-z][a-z ]*?) +(\d+)", p.stdout, re.M))
        self.say("ledger: " + ", ".join(f"{k} {v}" for k, v in counts.items() if v != "0"))
        log = self.mta.log()
        out = []
        for kind, ident in found:
            # A program that was killed has not logged all that it did: the sink knows better.
            m = re.search(rf": {ident}: from=<s(\d+)@test.example>", log)
            n = int(m.group(1)) if m else None
            served = n is not None and all(copies["copy", r] or copies["notice", r] or r in tree.mailbox or r[0] == "x"
                                           for r in workload.plan(n)[0])
            if kind in ("lost", "returned") and not served and not (m is None and re.search(rf": {ident}: from=<>", log)):
                out.append(f"ledger: {kind} {ident} (message {n})")
        return out

    def _kill_rest(self):
        """What outlived its master, by its environment."""
        mark = f"MAIL_CONFIG={self.mta.config}".encode()
        for p in pathlib.Path("/proc").iterdir():
            try:
                if p.name.isdigit() and mark in (p / "environ").read_bytes().split(b"\0"):
                    os.kill(int(p.name), signal.SIGKILL)
            except OSError:
                pass

    def close(self):
        try:
            self.calls.fault()
            self.mta.stop()
            self._kill_rest()
        finally:
            self.sink.close()
            if self.is_mounted:
                subprocess.run(["umount", "-l", self.mta.queue], check=False)
            if not os.environ.get("POSTROAD_KEEP"):
                shutil.rmtree(self.mta.dir, ignore_errors=True)
            self.calls.close()


def soak(say=print, **kw):
    """Run it; list of problems. Options: messages, seconds, threads, seed, disk (MB), conf."""
    o = argparse.Namespace(**{"messages": 500, "seconds": 0, "threads": 6, "seed": 1, "disk": 64, "conf": {}, "master": True, **kw})
    s = Soak(o, say)
    try:
        return s.run()
    finally:
        s.close()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--messages", type=int, default=20000, help="at least so many")
    p.add_argument("--seconds", type=int, default=0, help="at least so long")
    p.add_argument("--threads", type=int, default=8)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--disk", type=int, default=64, help="size of the spool's tmpfs in MB, as root")
    p.add_argument("--no-master", dest="master", action="store_false", help="never kill master")
    p.add_argument("-o", action="append", default=[], metavar="NAME=VALUE", help="main.cf parameter")
    o = vars(p.parse_args())
    o["conf"] = dict(s.split("=", 1) for s in o.pop("o"))
    problems = soak(**o)
    for x in problems[:20]:
        print("PROBLEM", x)
    print("nothing is missing" if not problems else f"{len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
