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


class Sink(workload.Sink):
    """Counts what it takes instead of keeping it: an hour's mail is long."""

    def __init__(self, **kw):
        self.copies = collections.Counter()  # as workload.deliveries() names them
        self.ids = set()  # queue ids of what was taken, and of what the notices are about
        self.damaged = []
        super().__init__(**kw)

    def _keep(self, sender, rcpts, text):
        self.copies.update(workload.deliveries(sender, rcpts, text))
        self.ids.update(m.decode() for m in re.findall(rb"\bid (\w+)[;\s]", text.partition(b"\n\n")[0]))
        self.ids.update(m.decode() for m in re.findall(rb"^X-Postfix-Queue-ID: (\w+)", text, re.M))
        # The postmaster hears of the troubles too.
        if re.match(r"s\d+@", sender) and not workload.is_whole(text):
            self.damaged.append(rcpts)


class Soak:
    def __init__(self, o, say):
        self.o, self.say = o, say
        self.rng = random.Random(o.seed)
        self.sink = Sink(deferrals=1)
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
            if self.o.rate:
                time.sleep(max(0, self.end - self.o.seconds + n / self.o.rate - time.monotonic()))
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

    def release(self):
        """What is on hold may go."""
        p = self.mta.run("postsuper", "-c", self.mta.config, "-H", "ALL", check=False, deadline=120)
        self.done["release"] += 1
        if "still in the journal" in p.stderr:
            raise AssertionError(f"what is in the journal does not become files: {p.stderr}")

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
        trouble = [self.kill] * 5 + [self.fault] * 5 + [self.fill] * 2 + [self.slow, self.reload, self.release, self.kill_master]
        if not self.o.master:
            trouble.remove(self.kill_master)
        first, slowest = list(dict.fromkeys(trouble))[::-1], collections.Counter()
        told = began
        while any(s.is_alive() for s in self.senders):
            what = first.pop() if first else self.rng.choice(trouble)
            what()
            slowest[what.__name__] = max(slowest[what.__name__], self._flows())
            if time.monotonic() - told > 300:
                told = time.monotonic()
                self.say(f"{told - began:.0f} s: {len(self.accepted)} messages accepted, {sum(self.done.values())} troubles, "
                         f"mail flowed again after at most {max(slowest.values()):.1f} s")
        workload.join(self.senders)
        self.calls.fault()
        took = time.monotonic() - began
        for s in self.senders:
            self.refusals.update({str(k): v for k, v in s.refusals.items()})
        self.say(f"{len(self.accepted)} messages accepted in {took:.0f} s under {sum(self.done.values())} troubles; "
                 "mail flowed again after at most " + ", ".join(f"{v:.1f} s ({k})" for k, v in slowest.most_common()))
        self.say("troubles: " + ", ".join(f"{k} {v}" for k, v in sorted(self.done.items())))
        self.say("refused for now: " + (", ".join(f"{k}: {v}" for k, v in sorted(self.refusals.items())) or "nothing"))
        self._drain()
        return self._account()

    def _drain(self):
        def is_empty():
            self.mta.run("postqueue", "-c", self.mta.config, "-f", check=False)
            time.sleep(0.3)
            # What moves may be in neither place of one look, nor in the listing of that moment.
            return all(not self.mta.queue_ids("maildrop", "incoming", "active", "deferred") and not self._young() for _ in range(3))
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

    def _plan(self, n):
        """The recipients of message n for which it was accepted."""
        return set(workload.plan(n)[0]) - self.missed.get(n, set())

    def _lines(self):
        with open(self.mta.log_path, errors="replace") as f:
            yield from f

    def _account(self):
        self.mta.stop()
        copies = self.sink.copies
        ends, problems = collections.Counter(), [f"a message to {rcpts} is cut or changed" for rcpts in self.sink.damaged]
        disk = self.mta.dir / "disk"
        tree = audit.Tree({str(p.relative_to(disk)): (p.stat().st_mode, p.read_bytes())
                           for p in disk.rglob("*") if p.is_file() and ("new" in p.parts or "hold" in p.parts)})
        problems += [f"{p} is damaged" for p in tree.damaged]
        discarded = {m.group(1) for ln in self._lines() if (m := re.search(r"discard\[\d+\]: \w+: to=<(\S+?)>.*status=sent", ln))}
        twice = 0
        self.missed = {n: r for s in self.senders for n, r in s.missed.items()}
        for n in self.accepted:
            for r in self._plan(n):
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
        total = sum(len(self._plan(n)) for n in self.accepted)
        self.say(f"accepted {total} recipients = " + " + ".join(f"{v} {k}" for k, v in sorted(ends.items(), key=str)) +
                 f"; {twice} of them served more than once")
        if sum(v for k, v in ends.items() if k) != total:
            problems.append("the sum is wrong")
        problems += self._ledger(copies, tree)
        for n in list(dict.fromkeys(m for p in problems for m in re.findall(r"message (\d+)", p)))[:3]:
            self.say(f"what the log has of message {n}:\n" + self._history(rf": (\w+): from=<s{n}@test.example>"))
        for i in list(dict.fromkeys(m for p in problems for m in re.findall(r"ledger: \w+ (\w+)", p)))[:3]:
            self.say(f"what the log has of {i}:\n" + self._history(rf": ({i}): "))
        return problems

    def _history(self, pattern):
        ids = {m.group(1) for ln in self._lines() if (m := re.search(pattern, ln))}
        return "".join(ln for ln in self._lines() if any(i in ln for i in ids)).rstrip()

    def _ledger(self, copies, tree):
        """What the ledger finds lost must be what a killed program did without a line about it."""
        p = self.mta.run("postqueue", "-c", self.mta.config, "--audit", check=False, deadline=120)
        (self.mta.dir / "audit").write_text(p.stdout)
        found = dict(m[::-1] for m in re.findall(r"^(lost|returned|unreported|unfinished): (\S+)", p.stdout, re.M))
        counts = dict(re.findall(r"^([a-z][a-z ]*?) +(\d+)", p.stdout, re.M))
        self.say("ledger: " + ", ".join(f"{k} {v}" for k, v in counts.items() if v != "0"))
        numbers = {m.group(1): int(m.group(2)) for ln in self._lines()
                   if (m := re.search(r": (\w+): from=<s(\d+)@test.example>", ln)) and m.group(1) in found}
        out = []
        for ident, kind in found.items():
            # The sink knows better: each recipient of a message of ours, the only one of any other.
            n = numbers.get(ident)
            served = ident in self.sink.ids if n is None else all(
                copies["copy", r] or copies["notice", r] or r in tree.mailbox or r[0] == "x" for r in self._plan(n))
            if kind in ("lost", "returned") and not served:
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

    def explain(self):
        """The end of the log; with POSTROAD_KEEP also the queue, which would go with its file system."""
        lines = collections.deque(self._lines(), 30)
        self.say("".join(ln[:300] for ln in lines).rstrip())
        if os.environ.get("POSTROAD_KEEP") and self.is_mounted:
            shutil.copytree(self.mta.queue, self.mta.dir / "spool-kept", ignore=shutil.ignore_patterns("private", "public", "open"))

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
    o = argparse.Namespace(**{"messages": 500, "seconds": 0, "threads": 6, "seed": 1, "disk": 64, "rate": 0, "conf": {}, "master": True, **kw})
    s = Soak(o, say)
    try:
        return s.run()
    except BaseException:
        s.explain()
        raise
    finally:
        s.close()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--messages", type=int, default=20000, help="at least so many")
    p.add_argument("--seconds", type=int, default=0, help="at least so long")
    p.add_argument("--rate", type=float, default=0, help="at most so many a second")
    p.add_argument("--threads", type=int, default=8)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--disk", type=int, default=64, help="size of the spool's tmpfs in MB, as root")
    p.add_argument("--no-master", dest="master", action="store_false", help="never kill master")
    p.add_argument("-o", action="append", default=[], metavar="NAME=VALUE", help="main.cf parameter")
    o = vars(p.parse_args())
    o["conf"] = dict(s.split("=", 1) for s in o.pop("o"))
    problems = soak(say=lambda text: print(text, flush=True), **o)
    for x in problems[:20]:
        print("PROBLEM", x)
    print("nothing is missing" if not problems else f"{len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
