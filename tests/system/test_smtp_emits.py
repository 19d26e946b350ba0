# SPDX-License-Identifier: Apache-2.0
"""Whatever we accept, what we emit is one message for every kind of receiver (threats S10, S11).

Hostile bodies come in by DATA and by BDAT and are relayed: to a server whose bytes we look at, and through
other mail systems, which must hand on exactly as many messages as they got from us. Exim and OpenSMTPD
are among them when bench/ has unpacked their packages.
"""

import os
import pathlib
import socket
import subprocess
import sys

import pytest

from agent import Sink
from instance import ROOT, DebianPostfix, free_port, loopback_address, read_reply

SECOND = b"MAIL FROM:<evil@b.c>\r\nRCPT TO:<victim@here.example>\r\nDATA\r\nSubject: second\r\n\r\nx\r\n.\r\n"
ENDS = {"S1": b"a\n.\r\n", "S2": b"a\n.\n", "S3": b"a\r\n.\n", "S4": b"a\r.\r", "S5": b"a\r\n.\r", "S6": b"a\r\r\n.\r\r\n",
        "S7": b"\n\r\n.\r", "S8": b"a\r\n\0.\r\n", "dots": b".\r\n..\r\n...\r\n. \r\n.", "long": b"x" * 5000 + b"\r\n" + b"." * 2000 + b"\r\n",
        "edge": b"y" * 997 + b"\r\n" + b"z" * 998 + b"\r\n" + b"." * 998 + b".\r\n", "nul": b"a\0b\r\n", "lone_cr": b"\r", "high": b"\xff\xfe\r\n"}
CONF = {"smtpd_peername_lookup": "no", "smtpd_error_sleep_time": "0", "mynetworks": "127.0.0.0/8",
        "smtp_connection_cache_on_demand": "no"}


def body(case):
    return b"Subject: " + case.encode() + b"\r\n\r\n" + ENDS[case] + SECOND


def inject(m, case, chunked):
    """One message in; the text of the last reply."""
    with socket.create_connection((m.address, m.smtp_port), 20) as s, s.makefile("rb") as f:
        read_reply(f)
        for line in (b"EHLO x", b"MAIL FROM:<a@b.c> BODY=8BITMIME", b"RCPT TO:<u@there.example>"):
            s.sendall(line + b"\r\n")
            read_reply(f)
        text = body(case)
        if chunked:
            half = len(text) // 2
            s.sendall(b"BDAT %d\r\n" % half + text[:half] + b"BDAT %d LAST\r\n" % (len(text) - half) + text[half:])
            read_reply(f)
        else:
            s.sendall(b"DATA\r\n")
            read_reply(f)
            # The dots of whole lines are stuffed, as an honest client does; the tricks are not.
            s.sendall(text.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        reply = read_reply(f)
        s.sendall(b"QUIT\r\n")
        return reply


def inject_all(m):
    """Every body both ways; how many were accepted."""
    replies = {(case, chunked): inject(m, case, chunked) for case in ENDS for chunked in (False, True)}
    taken = [k for k, r in replies.items() if "queued as" in r]
    assert len(taken) >= len(ENDS), replies
    return len(taken)


def test_bytes(mta):
    """No bare CR or LF, dots stuffed, one lone dot a message, lines of at most 998 bytes."""
    sink = Sink({"EHLO": "250-s\r\n250-8BITMIME\r\n250 SIZE"})
    try:
        m = mta({**CONF, "relayhost": sink.nexthop})
        n = inject_all(m)
        m.wait_log(r"status=sent", n)
        sink.settle()
        assert len(sink.connections) == n
        for chunks in sink.connections:
            data = b"".join(chunks).split(b"DATA\r\n", 1)[1]
            plain = data.replace(b"\r\n", b"")
            assert b"\r" not in plain and b"\n" not in plain and b"\0" not in plain
            lines = data.split(b"\r\n")
            assert lines.count(b".") == 1 and lines[lines.index(b".") + 1:] in ([b"QUIT", b""], [b"QUIT", b"<EOF>"]), lines[-4:]
            assert max(map(len, lines)) <= 999
            assert all(x.startswith(b"..") for x in lines[:lines.index(b".")] if x.startswith(b"."))
    finally:
        sink.close()


def count(messages):
    """Final messages; none of them may be the second one."""
    assert all(x["from"] == "a@b.c" and x["to"] == ["u@there.example"] for x in messages)
    return len(messages)


def test_aiosmtpd(mta, smtp_sink):
    sink = smtp_sink()
    n = inject_all(mta({**CONF, "relayhost": sink.nexthop}))
    assert count(sink.wait(n)) == n


@pytest.mark.root
def test_postfix(mta, debian, smtp_sink):
    sink = smtp_sink()
    other = debian({**CONF, "relayhost": sink.nexthop, "smtpd_forbid_bare_newline": "no"})
    m = mta({**CONF, "relayhost": f"[{other.address}]:{other.smtp_port}"})
    n = inject_all(m)
    assert count(sink.wait(n)) == n
    other.wait_empty()
    assert count(sink.messages) == n


@pytest.mark.root
@pytest.mark.skipif(not DebianPostfix.available(), reason="smtp-sink is Debian's")
def test_smtp_sink(mta):
    """Debian's smtp-sink, which counts."""
    address = loopback_address()
    port = free_port(address)
    out = pathlib.Path(f"/tmp/postroad-sink-{os.getpid()}")
    out.mkdir()
    out.chmod(0o777)
    p = subprocess.Popen(["smtp-sink", "-u", "nobody", "-d", "%M-", f"{address}:{port}", "100"], cwd=out)
    try:
        m = mta({**CONF, "relayhost": f"[{address}]:{port}"})
        n = inject_all(m)
        m.wait_log(r"status=sent", n)
        m.wait_empty()
        assert len(list(out.iterdir())) == n, list(out.iterdir())
        assert not any(b"evil@b.c" in f.read_bytes().split(b"\n\n", 1)[0] for f in out.iterdir())
    finally:
        p.kill()
        p.wait()
        subprocess.run(["rm", "-rf", out], check=True)


PACKAGES = pathlib.Path(os.environ.get("BENCH_PACKAGES", "/tmp/postroad-bench-packages"))


@pytest.mark.root
@pytest.mark.parametrize("name,package", [("Exim", "exim4-daemon-light"), ("OpenSmtpd", "opensmtpd")])
def test_other_systems(mta, smtp_sink, name, package):
    if not (PACKAGES / package).exists() or not (ROOT / "bench/systems.py").exists():
        pytest.skip(f"bench/ has not unpacked {package}")
    sys.path.append(str(ROOT / "bench"))
    import systems
    sink = smtp_sink()
    other = getattr(systems, name)((sink.address, sink.port))
    try:
        address, port = other.start()
        n = inject_all(mta({**CONF, "relayhost": f"[{address}]:{port}"}))
        assert count(sink.wait(n)) == n
    finally:
        other.close()
