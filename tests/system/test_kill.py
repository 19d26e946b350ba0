# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every daemon in turn while mail flows: what got 250 arrives or is in the queue (threats F5)."""

import os
import pathlib
import re
import signal
import smtplib
import threading
import time

import journalfile
import mailboxes
from instance import DEADLINE, wait_until

MESSAGES = int(os.environ.get("POSTROAD_KILL_MESSAGES", "2000"))
VICTIMS = ("smtpd", "qmgr", "smtp", "virtual", "cleanup", "pickup", "bounce", "error", "trivial-rewrite", "anvil", "flush", "showq",
           "postlogd")


def children(pid):
    """(pid, program) of the direct children of a process."""
    out = []
    for p in pathlib.Path("/proc").iterdir():
        if not p.name.isdigit():
            continue
        try:
            stat = (p / "stat").read_text()
            name = os.readlink(p / "exe").rsplit("/", 1)[-1]
        except OSError:
            continue
        if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
            out.append((int(p.name), name.removesuffix(" (deleted)")))
    return out


def recipient(n):
    """Two of three messages go to the sink, the third one to a Maildir."""
    return f"r{n}@box.example" if n % 3 == 0 else f"r{n}@remote.example"


def recipients(n):
    """Every twentieth message has forty recipients at the sink."""
    return [f"r{n}.{i}@remote.example" for i in range(40)] if n % 20 == 7 else [recipient(n)]


class Sender(threading.Thread):
    """Sends numbered messages until each was accepted; every tenth one by sendmail, the rest by SMTP."""

    def __init__(self, mta, numbers):
        super().__init__()
        self.mta, self.numbers = mta, numbers
        self.accepted = []
        self.failed = None

    def run(self):
        s = None
        for n in self.numbers:
            end = time.monotonic() + 4 * DEADLINE
            while True:
                if time.monotonic() > end:
                    self.failed = f"message {n} was never accepted"
                    return
                try:
                    if n % 10 == 0:
                        p = self.mta.sendmail("-f", f"s{n}@test.example", recipient(n), text=f"Subject: {n}\n\nnumber {n}\n",
                                              check=False)
                        if p.returncode != 0:
                            continue
                    else:
                        s = s or self.mta.smtp()
                        s.sendmail(f"s{n}@test.example", recipients(n), f"Subject: {n}\r\n\r\nnumber {n}\r\n")
                    self.accepted.append(n)
                    break
                except (smtplib.SMTPException, OSError):
                    s = None
                    time.sleep(0.02)


def test_kill_every_daemon(mta, smtp_sink):
    sink = smtp_sink()
    m = mta(start=False)
    m.setting(**mailboxes.settings(m.dir))
    m.setting(**{"virtual_mailbox_maps": "static:all/", "relayhost": sink.nexthop, "minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1s",
             "transport_retry_time": "1s", "service_throttle_time": "1s", "smtpd_client_connection_count_limit": "0"})
    m.start()
    m.sendmail("-f", "local@test.example", "local@remote.example")
    master = m.master_pid()
    step = MESSAGES // 4
    senders = [Sender(m, range(i * step, (i + 1) * step)) for i in range(4)]
    for s in senders:
        s.start()
    killed = {v: 0 for v in VICTIMS}
    while any(s.is_alive() for s in senders):
        for victim in VICTIMS:
            for pid, name in children(master):
                if name == victim:
                    try:
                        os.kill(pid, signal.SIGKILL)
                        killed[victim] += 1
                    except ProcessLookupError:
                        pass
            done = sum(len(s.accepted) for s in senders)
            wait_until(lambda: sum(len(s.accepted) for s in senders) > done or not any(s.is_alive() for s in senders),
                       "mail flows after a kill", 2 * DEADLINE)
    assert [s.failed for s in senders if s.failed] == []
    for must in ("smtpd", "qmgr", "smtp", "virtual", "pickup", "cleanup", "postlogd"):
        assert killed[must] > 0, killed
    accepted = {n for s in senders for n in s.accepted}
    assert len(accepted) == MESSAGES

    box = m.dir / "mail/all/new"

    def arrived():
        relayed = {t for g in list(sink.messages) for t in g["to"]}
        return relayed | {f"r{p.read_text().rsplit('number ', 1)[1].strip()}@box.example" for p in box.iterdir()}
    wanted = {t for n in accepted for t in recipients(n)}
    m.run("postqueue", "-c", m.config, "-f")
    wait_until(lambda: wanted <= arrived(), "all accepted messages arrive", 4 * DEADLINE)
    wait_until(lambda: any("local@remote.example" in g["to"] for g in sink.messages), "the local message arrives")
    m.wait_empty(2 * DEADLINE)
    assert m.queue_ids("corrupt") == []
    # Young messages were under way all the time; what was left of them is gone as the files are.
    assert len(journalfile.records(m)) > 0
    wait_until(lambda: journalfile.live(m) == [], "nothing is left in the journal")
    # A kill of an agent or of qmgr repeats the recipients of requests under way, no others: each of the forty at most
    # once for each attempt, and the queue manager's marks keep the sum small.
    many = [t for g in sink.messages for t in g["to"] if "." in t.split("@")[0]]
    assert len(many) - len(set(many)) <= len(set(many)), "recipients that were marked were tried again"
    # Whole: nothing cut, nothing mixed.
    for g in sink.messages:
        for t in g["to"]:
            if t[1].isdigit():
                assert g["data"].endswith(f"\r\n\r\nnumber {re.match('r([0-9]+)', t).group(1)}\r\n".encode())
