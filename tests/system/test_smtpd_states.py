# SPDX-License-Identifier: Apache-2.0
"""Random command sequences against a model of the protocol's states (threats M1 to M5, M9, R3)."""

import random
import re
import socket
import subprocess

from instance import read_reply, wait_until

CONF = {"mydestination": "here.example", "mynetworks": "192.0.2.0/24", "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_peername_lookup": "no", "smtpd_error_sleep_time": "0", "smtpd_hard_error_limit": "1000000",
        "smtpd_junk_command_limit": "1000000", "smtpd_recipient_limit": "3", "smtpd_client_connection_count_limit": "0",
        "smtpd_end_of_data_restrictions": "check_sender_access inline:{evil@b.example=REJECT}",
        "smtpd_sender_restrictions": "check_sender_access inline:{{gone@b.example=DISCARD}, {hold@b.example=HOLD}}",
        "relay_domains": "relay.example", "relay_transport": "discard", "local_transport": "discard", "message_size_limit": "3000"}
SENDERS = ["a@b.example", "evil@b.example", "gone@b.example", "hold@b.example", ""]
RCPTS = ["u@here.example", "v@relay.example", "x@elsewhere.example", "bad@@x..y"]


class Model:
    """What the replies must be, as the documentation has it."""

    def __init__(self):
        self.cut = False
        self.forget()

    def forget(self):
        self.mail = self.rcpts = 0
        self.chunks = None
        self.size = self.skipped = 0
        self.sender = None

    def end(self, size):
        sender, self.last = self.sender, size
        self.forget()
        if size > 3000:
            return ("552",)
        return ("554",) if sender == "evil@b.example" else ("250",)

    def step(self, op):
        """Codes that the reply may have."""
        name, arg = op
        if name in ("EHLO", "RSET"):
            self.forget()
            return ("250",)
        if name in ("NOOP",):
            return ("250",)
        if name == "VRFY":
            return ("252",) if arg in RCPTS[:2] else ("554", "501", "252")  # nothing is checked after DISCARD
        if name == "MAIL":
            if self.mail or self.chunks == "error":
                return ("503",)
            self.mail, self.sender = 1, arg
            return ("250",)
        if name == "RCPT":
            if not self.mail or self.chunks:
                return ("503",)
            if arg == RCPTS[3]:
                return ("501",)
            if self.rcpts >= 3:
                return ("452",)
            if arg == RCPTS[2] and self.sender != "gone@b.example":
                return ("554",)
            self.rcpts += 1
            return ("250",)
        if name == "DATA":
            if self.chunks:
                return ("503",)
            if not self.rcpts:
                return ("554",) if self.mail else ("503",)
            return ("354", self.end(arg)[0])
        assert name == "BDAT"
        n, last = arg
        if self.chunks == "error":
            self.skipped += n
            if self.skipped > 4500:
                self.cut = True
                return ("551", "")  # who sends that much in vain is cut off (R2)
            if last:
                self.forget()
            return ("551",)
        if not self.rcpts or (n == 0 and not last) or n > 3000 - self.size:
            code = ("554" if self.mail else "503") if not self.rcpts else ("551" if n == 0 and not last else "552")
            self.forget()
            if not last:
                self.chunks, self.skipped = "error", n
            return (code,)
        self.chunks, self.size = "ok", self.size + n
        if last:
            codes = self.end(0)
            return (codes[0], "552")
        return ("250",)


def wire(op):
    name, arg = op
    if name == "MAIL":
        return f"MAIL FROM:<{arg}>\r\n".encode()
    if name == "RCPT":
        return f"RCPT TO:<{arg}>\r\n".encode()
    if name == "VRFY":
        return f"VRFY {arg}\r\n".encode()
    if name == "BDAT":
        return f"BDAT {arg[0]}{' LAST' if arg[1] else ''}\r\n".encode() + (b"line\r\n" * 1000)[:arg[0]]
    if name == "EHLO":
        return b"EHLO x\r\n"
    return name.encode() + b"\r\n"


def some_op(rnd):
    name = rnd.choices(["EHLO", "RSET", "NOOP", "VRFY", "MAIL", "RCPT", "DATA", "BDAT"], [1, 1, 1, 1, 6, 10, 4, 8])[0]
    if name == "MAIL":
        return name, rnd.choice(SENDERS)
    if name in ("RCPT", "VRFY"):
        return name, rnd.choices(RCPTS, [6, 4, 2, 1])[0]
    if name == "BDAT":
        return name, (rnd.choice([0, 1, 6, 60, 600, 1800]), rnd.random() < 0.4)
    if name == "DATA":
        return name, rnd.choice([0, 10, 1000, 4000])
    return name, None


def content(size):
    return (b"x" * 70 + b"\r\n") * (size // 72) + b".\r\n"


def test_random_sequences(mta):
    m = mta(CONF)
    rnd = random.Random(20261121)
    for _ in range(20):
        model, done = Model(), []
        with socket.create_connection((m.address, m.smtp_port), 20) as s:
            f = s.makefile("rb")
            read_reply(f)
            s.sendall(b"EHLO x\r\n")
            read_reply(f)
            for _ in range(150):
                op = some_op(rnd)
                done.append(op)
                want = model.step(op)
                s.sendall(wire(op))
                got = read_reply(f)
                if op[0] == "DATA" and want[0] == "354":
                    assert got[:3] == "354", (done[-12:], got)
                    s.sendall(content(op[1]))
                    got, want = read_reply(f), want[1:]
                assert got[:3] in want, (done[-12:], want, got)
                if not got or model.cut:
                    break
            else:
                s.sendall(b"QUIT\r\n")
                assert read_reply(f).startswith("221")
    wait_until(lambda: not m.queue_ids("incoming", "active"), "all is delivered")
    assert not any("panic" in t or "fatal" in t for _, t in m.events("smtpd"))


def test_quit_behind_data(mta):
    """M9: QUIT in the same segment as the end of data takes nothing away."""
    m = mta(CONF)
    r = m.dialogue(["EHLO x", b"MAIL FROM:<a@b.example>\r\nRCPT TO:<u@here.example>\r\nDATA\r\n"])
    assert r[2] == "250 2.1.0 Ok"
    with socket.create_connection((m.address, m.smtp_port), 20) as s:
        f = s.makefile("rb")
        read_reply(f)
        for line in (b"EHLO x\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<u@here.example>\r\n", b"DATA\r\n"):
            s.sendall(line)
            read_reply(f)
        s.sendall(b"Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
        s.shutdown(socket.SHUT_WR)
        assert read_reply(f).startswith("250 2.0.0 Ok: queued as")
        assert read_reply(f).startswith("221")
    m.wait_log(r"status=sent")


def rss_kb(m):
    pids = [p.split()[0] for p in subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines()
            if f"smtpd -n {m.address}:{m.smtp_port}" in p]
    return sum(int(line.split()[1]) for p in pids for line in open(f"/proc/{p}/status") if line.startswith("VmRSS"))


def test_floods(mta):
    """M5, R3: many recipients and many tiny chunks: memory does not grow with them."""
    m = mta({**CONF, "message_size_limit": "10240000"})
    with socket.create_connection((m.address, m.smtp_port), 60) as s:
        f = s.makefile("rb")
        read_reply(f)

        def many(block, n):
            for _ in range(n // 100):
                s.sendall(block * 100)
                for _ in range(100):
                    read_reply(f)
        s.sendall(b"EHLO x\r\n")
        read_reply(f)
        s.sendall(b"MAIL FROM:<a@b.example>\r\n")
        read_reply(f)
        many(b"RCPT TO:<u@here.example> ORCPT=rfc822;" + b"x" * 1000 + b"\r\n", 200)
        before = rss_kb(m)
        many(b"RCPT TO:<x@elsewhere.example> ORCPT=rfc822;" + b"x" * 1000 + b"\r\n", 5000)
        many(b"BDAT 1\r\nx", 5000)
        s.sendall(b"BDAT 0 LAST\r\n")
        assert re.match(r"250 2\.0\.0 Ok: 50\d\d bytes queued as", read_reply(f))
        many(b"BDAT 1\r\nx", 5000)
        if b"__asan_init" not in (m.daemons / "smtpd").read_bytes():  # which keeps freed memory
            assert rss_kb(m) < before + 5000
