# SPDX-License-Identifier: Apache-2.0
"""Garbage on every local socket: no daemon ends by it, and mail still flows (threats X1, X8)."""

import os
import random
import re
import socket

import mailboxes
import pytest
from instance import wait_until


def garbage():
    """What a hostile or broken local program may send; the seed is fixed."""
    rnd = random.Random(7)
    attr = b"request\0rewrite\0"
    yield "nothing", b""
    yield "one byte", b"\0"
    yield "random", rnd.randbytes(3000)
    yield "text", b"GET / HTTP/1.0\r\n\r\n"
    yield "lines", b"\n" * 5000
    yield "nul", b"\0" * 100000
    yield "no end", b"x" * 300000
    yield "long name", b"n" * 100000 + b"\0value\0\0"
    yield "long value", b"request\0" + b"v" * 2000000 + b"\0\0"
    yield "many attributes", attr * 20000 + b"\0"
    yield "half a list", attr
    yield "wrong protocol", b"protocol\0something_else\0\0"
    yield "old text attributes", b"request=rewrite\nrule=canonical\naddress=x\n\n"
    yield "delivery request", (b"flags\0" + b"0\0queue_name\0../../etc\0queue_id\0../passwd\0offset\0-1\0size\0999999999999999999999\0"
                               b"nexthop\0x\0encoding\08bit\0sendopts\04294967296\0sender\0\0envelope_id\0\0ret_flags\0-5\0\0")
    yield "log request", b"nrequest\0" + b"0\0queue_id\0../../x\0original_recipient\0a\0recipient\0b\0offset\0-1\0dsn_orig_rcpt\0\0notify_flags\0x\0\0"
    yield "numbers", b"nrequest\0" + str(2**63).encode() + b"\0flags\0" + str(-2**63).encode() + b"\0\0"
    yield "records", b"".join(bytes([t]) + b"\xff\xff\xff\xff\x7f" + b"abc" for t in range(32, 127))
    yield "short records", b"".join(bytes([t, 3]) + b"a\nb" for t in range(256))
    yield "flags and records", b"flags\0" + b"0\0\0" + b"".join(bytes([t, 3]) + b"a\0b" for t in b"TSARNLEXMCW")


def poke(path, text, half_close):
    """One connection that sends a text and reads what comes until nothing does."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        try:
            s.connect(path)
            s.settimeout(0.2)
            s.sendall(text)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass


def poke_all(queue):
    """Everything to every socket; runs in a child with another identity."""
    for d in ("public", "private"):
        for name in sorted(os.listdir(f"{queue}/{d}")):
            path = f"{queue}/{d}/{name}"
            for label, text in garbage():
                if name == "postlog":
                    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                        s.settimeout(5)
                        s.connect(path)
                        try:
                            s.send(text)
                        except OSError:  # longer than a datagram can be
                            s.send(text[:60000])
                    continue
                poke(path, text, half_close=label != "half a list")


def as_user(uid, fn, *args):
    """Run a function in a child process under another identity: its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            fn(*args)
            os._exit(0)
        except BaseException as e:
            os.write(2, f"{e!r}\n".encode())
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.timeout(240)
def test_garbage(mta, smtp_sink):
    sink = smtp_sink()
    m = mta(start=False)
    m.setting(**mailboxes.settings(m.dir), relayhost=sink.nexthop)
    m.start()
    m.send("alice@box.example", ["alice@box.example", "x@remote.example"])
    m.wait_log("removed")
    # Let everybody in: what only mail_owner may do by the directories' modes, anybody does here.
    for d in ("public", "private"):
        (m.queue / d).chmod(0o755)
    assert as_user(65534, poke_all, str(m.queue)) == 0
    m.send("bob@box.example", ["bob@box.example", "y@remote.example"])
    wait_until(lambda: mailboxes.maildir(m.dir, "bob") and len(sink.messages) == 2, f"mail after the garbage\n{m.log()[-5000:]}")
    m.run("postqueue", "-c", m.config, "-f")
    bad = [x for x in m.log().splitlines() if re.search(r"panic|fatal:|killed by|exit status|throttling|watchdog|too many errors", x)]
    assert bad == []
    assert m.queue_ids("corrupt") == []
    # They did see it.
    noticed = {p for p, t in m.events() if t.startswith("warning: ")}
    assert noticed >= {"anvil", "bounce", "cleanup"}, noticed


@pytest.mark.root
def test_private_sockets_are_private(mta):
    """Other users reach the public services by group only, and the private ones not at all."""
    m = mta()

    def connect(path):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
    for path in ("private/rewrite", "public/cleanup"):
        assert as_user(65534, connect, str(m.queue / path)) == 1, path
        assert as_user(m.queue.joinpath("private").stat().st_uid, connect, str(m.queue / path)) == 0, path
