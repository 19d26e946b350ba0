# SPDX-License-Identifier: Apache-2.0
"""Mail of every fate for the crash and soak tests: who sends what, a sink that notes what it takes.

A message is known by its number: sender s<n>@test.example, Subject "token <n>", a body made from the number. Recipients by
what becomes of them: r relayed, d deferred once and then relayed, b refused (bounced), m to a Maildir, x discarded. Every
eleventh message goes on hold by a header check. Some go by sendmail, the rest by SMTP in parallel sessions.
"""

import functools
import os
import pathlib
import random
import re
import signal
import smtplib
import socket
import socketserver
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import instance  # noqa: E402

DOMAINS = {"r": "remote.example", "d": "defer.example", "b": "bad.example", "m": "box.example", "x": "discard.example"}


@functools.lru_cache(maxsize=20000)
def body(n, big=0):
    """Text of message n, LF line ends."""
    rng = random.Random(n)
    size = rng.choice((1, 5, 40, 40, 120, 400, big or 400))
    lines = [f"number {n}"] + [f"{n} {i} " + "abcdefghij" * rng.randint(0, 6) for i in range(size)] + [f"end {n}"]
    return "".join(line + "\n" for line in lines)


@functools.lru_cache(maxsize=100000)
def plan(n):
    """(recipients, is_held, by_sendmail) of message n."""
    rng = random.Random(n * 7919)
    kinds = rng.choice(("r", "r", "r", "r", "m", "d", "b", "rb", "rd", "rrm", "rx"))
    rcpts = [f"{k}{n}.{i}@{DOMAINS[k]}" for i, k in enumerate(kinds)]
    return rcpts, n % 11 == 0, n % 7 == 3


def subject(n):
    return f"token {n}" + (" to hold" if plan(n)[1] else "")


class Sink:
    """Takes mail by SMTP on a thread a connection; note(text) is called before each 250.

    Refuses bad.example for good, and defer.example the first `deferrals` times an address comes.
    """

    def __init__(self, note=lambda text: None, deferrals=1):
        self.note, self.deferrals = note, deferrals
        self.taken, self.seen = [], {}
        self.lock = threading.Lock()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            wbufsize = 0

            def handle(self):
                try:
                    outer._serve(self.rfile, self.wfile)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 200

        self.address = instance.loopback_address()
        self.server = Server((self.address, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def nexthop(self):
        return f"[{self.address}]:{self.port}"

    def _keep(self, sender, rcpts, text):
        self.taken.append((sender, rcpts, text))

    def _rcpt(self, addr):
        if addr.endswith("@bad.example"):
            return b"550 5.1.1 no such user\r\n"
        if addr.endswith("@defer.example"):
            with self.lock:
                self.seen[addr] = self.seen.get(addr, 0) + 1
                if self.seen[addr] <= self.deferrals:
                    return b"450 4.2.0 come again\r\n"
        return b"250 2.1.5 ok\r\n"

    def _serve(self, rfile, wfile):
        wfile.write(b"220 sink ESMTP\r\n")
        sender, rcpts = "", []
        for line in rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                wfile.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"MAIL":
                sender, rcpts = re.search(rb"<(.*?)>", line).group(1).decode(), []
                wfile.write(b"250 2.1.0 ok\r\n")
            elif verb == b"RCPT":
                addr = re.search(rb"<(.*?)>", line).group(1).decode()
                reply = self._rcpt(addr)
                if reply[:1] == b"2":
                    rcpts.append(addr)
                wfile.write(reply)
            elif verb == b"DATA":
                if not rcpts:
                    wfile.write(b"554 5.5.1 no valid recipients\r\n")
                    continue
                wfile.write(b"354 go\r\n")
                self._take(rfile, sender, rcpts)
                wfile.write(b"250 2.0.0 taken\r\n")
            elif verb == b"QUIT":
                wfile.write(b"221 2.0.0 bye\r\n")
                return
            else:
                wfile.write(b"250 2.0.0 ok\r\n")

    def _take(self, rfile, sender, rcpts):
        data = []
        for line in rfile:
            if line == b".\r\n":
                break
            data.append(line[1:] if line.startswith(b".") else line)
        else:
            raise OSError("cut short")
        text = b"".join(data).replace(b"\r\n", b"\n")
        with self.lock:
            self._keep(sender, rcpts, text)
        for what in deliveries(sender, rcpts, text):
            self.note(" ".join(("taken", *what)))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


FINAL = re.compile(rb"^Final-Recipient: rfc822; (\S+)", re.M)
TOKEN = re.compile(rb"^Subject: token (\d+)", re.M)


def deliveries(sender, rcpts, text):
    """What a taken message proves: ("copy", recipient) or ("notice", recipient that failed)."""
    if sender == "":
        return [("notice", r.decode()) for r in FINAL.findall(text)]
    return [("copy", r) for r in rcpts]


@functools.lru_cache(maxsize=20000)
def is_whole(text, big=0):
    """True when the text of a message (not a notice) has all of its body and nothing after it."""
    m = TOKEN.search(text)
    return m is not None and text.partition(b"\n\n")[2] == body(int(m.group(1)), big).encode()


class MailSystem(instance.Instance):
    """Ours, with everything that must survive below dir/disk."""

    def __init__(self, nexthop, log=None, conf=None, directory=None):
        super().__init__(directory=directory)
        (self.dir / "disk").mkdir(exist_ok=True)
        self.log_of_calls = log
        mail = self.dir / "disk/mail"
        mail.mkdir(exist_ok=True)
        uid, gid = os.geteuid(), os.getegid()
        if uid == 0:
            uid, gid = 8, 8
            os.chown(mail, uid, gid)
        self.setting(**{
            "queue_directory": self.queue, "relayhost": nexthop, "virtual_mailbox_domains": "box.example",
            "virtual_mailbox_base": mail, "virtual_mailbox_maps": "static:all/", "virtual_uid_maps": f"static:{uid}",
            "virtual_gid_maps": f"static:{gid}", "virtual_minimum_uid": "1", "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s", "queue_run_delay": "1s", "transport_retry_time": "1s",
            "service_throttle_time": "1s", "smtpd_client_connection_count_limit": "0", "in_flow_delay": "0",
            "enable_long_queue_ids": "yes", "smtp_destination_concurrency_limit": "50",
            "smtp_destination_concurrency_failed_cohort_limit": "0", "smtpd_error_sleep_time": "0",
            "default_destination_concurrency_failed_cohort_limit": "0",
            "transport_maps": "inline:{ {discard.example=discard:} }",
            "header_checks": "regexp:{ {/^Subject: token [0-9]+ to hold/ HOLD} }",
            **({"import_environment": log.IMPORT} if log else {}), **(conf or {})})

    @property
    def queue(self):
        return self.dir / "disk/spool"

    def _write(self):
        (self.dir / "disk").mkdir(exist_ok=True)
        super()._write()

    def run(self, program, *args, **kw):
        if self.log_of_calls is not None:
            kw["env"] = {**self.log_of_calls.environment(), **kw.get("env", {})}
        return super().run(program, *args, **kw)


class Sender(threading.Thread):
    """Sends numbered messages, each until it is accepted; calls accepted(n, how)."""

    def __init__(self, mta, numbers, accepted, big=0, deadline=600):
        super().__init__(daemon=True)
        self.mta, self.numbers, self.accepted, self.big = mta, numbers, accepted, big
        self.deadline = deadline
        self.failed = None
        self.refusals = {}
        self.missed = {}  # number: recipients that were refused while others were taken
        self.session = None

    def run(self):
        try:
            for n in self.numbers:
                self._send_until(n)
        except Exception as e:  # reported by whoever joins
            self.failed = repr(e)
        if self.session is not None:
            self.session.close()

    def _send_until(self, n):
        end = time.monotonic() + self.deadline
        while not self._try(n):
            if time.monotonic() > end:
                raise AssertionError(f"message {n} was never accepted: {self.refusals}")
            time.sleep(0.02)

    def _try(self, n):
        rcpts, _, by_sendmail = plan(n)
        text = f"Subject: {subject(n)}\n\n{body(n, self.big)}"
        if by_sendmail:
            p = self.mta.run("sendmail", "-C", self.mta.config, "-i", "-f", f"s{n}@test.example", *rcpts, input=text,
                             check=False)
            if p.returncode == 0:
                self.accepted(n, "sendmail")
            else:
                self.refusals[f"sendmail {p.returncode}"] = self.refusals.get(f"sendmail {p.returncode}", 0) + 1
            return p.returncode == 0
        try:
            self.session = self.session or smtplib.SMTP(self.mta.address, self.mta.smtp_port, "client.test.example", timeout=120)
            refused = self.session.sendmail(f"s{n}@test.example", rcpts, text.replace("\n", "\r\n"))
            if refused:  # it has some of the recipients only: accepted for those
                self.refusals["some recipients"] = self.refusals.get("some recipients", 0) + 1
                self.missed.setdefault(n, set()).update(refused)
        except (smtplib.SMTPException, OSError) as e:
            code = getattr(e, "smtp_code", None) or type(e).__name__
            if isinstance(e, smtplib.SMTPRecipientsRefused):
                code = next(iter(e.recipients.values()))[0]
            self.refusals[code] = self.refusals.get(code, 0) + 1
            if isinstance(code, int) and code >= 500:
                raise
            if self.session is not None:
                self.session.close()
            self.session = None
            return False
        self.accepted(n, "smtp")
        return True


def send_all(mta, count, accepted, threads=8, big=0, first=0):
    """Start the senders of messages first .. first + count - 1; the threads."""
    senders = [Sender(mta, range(first + i, first + count, threads), accepted, big) for i in range(threads)]
    for s in senders:
        s.start()
    return senders


class Disturber(threading.Thread):
    """While `total` messages are sent, at even distances: reloads the system, then kills its qmgr, as often as is said."""

    def __init__(self, mta, progress, total, reloads=0, kills=0):
        super().__init__(daemon=True)
        self.mta, self.progress, self.total = mta, progress, total
        self.acts = [self._reload] * reloads + [self._kill] * kills
        self.failed = None

    def _reload(self):
        self.mta.run("postfix", "-c", self.mta.config, "reload")

    def _kill(self):
        instance.wait_until(lambda: any(killed(p) for p, name in children(self.mta.master_pid()) if name == "qmgr"),
                            "qmgr runs", 60)

    def run(self):
        try:
            for i, act in enumerate(self.acts, 1):
                instance.wait_until(lambda at=i: self.progress() >= self.total * at // (len(self.acts) + 1), "more mail", 600)
                act()
        except Exception as e:  # reported by join()
            self.failed = repr(e)


def killed(pid):
    """False: it had ended by itself, as one does that is told to."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def children(pid):
    """(pid, program) of the children of a process."""
    out = []
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (p / "stat").read_text().partition(" (")[2].rpartition(") ")
        except OSError:
            continue  # it has just ended
        if rest.split()[1] == str(pid):
            out.append((int(p.name), name))
    return out


def join(senders):
    for s in senders:
        s.join()
        if s.failed:
            raise AssertionError(s.failed)


def wait_port(address, port):
    instance.wait_until(lambda: socket.socket().connect_ex((address, port)) == 0, f"{address}:{port} listens")
