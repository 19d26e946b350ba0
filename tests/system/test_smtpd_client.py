# SPDX-License-Identifier: Apache-2.0
"""Who the client is: names that both directions confirm, clients from postscreen, VERP, and the disk."""

import array
import os
import re
import socket

import pytest

from instance import read_reply, wait_until

CONF = {"mydestination": "here.example", "mynetworks": "192.0.2.0/24", "smtpd_relay_restrictions": "reject_unauth_destination",
        "smtpd_error_sleep_time": "0"}
PTR = ("1.0.0.127.in-addr.arpa", "PTR")


@pytest.mark.parametrize("case, zone, name, client, reverse", [
    ("good", {PTR: ["c.example."], ("c.example", "A"): ["127.0.0.1"]}, "c.example", "250", "250"),
    ("no name", {}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("forged", {PTR: ["c.example."], ("c.example", "A"): ["192.0.2.7"]}, "unknown", "450 4.7.25", "250"),
    ("no address", {PTR: ["c.example."]}, "unknown", "450 4.7.25", "250"),
    ("reverse fails", {PTR: "SERVFAIL"}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("forward fails", {PTR: ["c.example."], ("c.example", "A"): "SERVFAIL"}, "unknown", "450 4.7.25", "250"),
    ("numeric", {PTR: ["127.0.0.1."]}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("nonsense", {PTR: ["a\\013b.example."]}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("lines", {PTR: ["a\\013\\010RSET.example."]}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("shell", {PTR: ["$(id)\\059x.example."]}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("null byte", {PTR: ["a\\000b.example."]}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("utf8", {PTR: ["\\195\\169.example."]}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("brackets", {PTR: ["a\\091192.0.2.1\\093.example."]}, "unknown", "450 4.7.25", "450 4.7.1"),
    ("longest", {PTR: [".".join(["x" * 61] * 4) + ".ab."]}, "unknown", "450 4.7.25", "250"),
])
def test_names(mta, nameserver, case, zone, name, client, reverse):
    """D10 among them: what stands in a PTR record is data."""
    ns = nameserver(zone)
    m = mta({**CONF, "dns_servers": ns.servers, "smtpd_restriction_classes": "rev", "rev": "reject_unknown_reverse_client_hostname",
             "smtpd_recipient_restrictions": "check_recipient_access inline:{{rev@here.example=rev}, "
             "{fwd@here.example=reject_unknown_client_hostname}}"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<fwd@here.example>", "RCPT TO:<rev@here.example>", "QUIT"])
    assert r[3].startswith(client) and r[4].startswith(reverse), (case, r)
    m.wait_log(rf"connect from {re.escape(name)}\[127\.0\.0\.1\]$")
    assert all(x.isprintable() for x in m.log().splitlines())
    if case in ("forged", "no address", "forward fails"):
        m.wait_log(r"warning: hostname c\.example does not resolve to address 127\.0\.0\.1")


def test_dns_reply_filter(mta, nameserver, workdir):
    """smtpd_dns_reply_filter: a record that it leaves out is not there for restrictions."""
    (workdir / "filter").write_text("/^drop.* IN A /i IGNORE\n/^bad.* IN A /i NONSENSE\n")
    ns = nameserver({("keep.example", "A"): ["192.0.2.1"], ("drop.example", "A"): ["192.0.2.1"], ("bad.example", "A"): ["192.0.2.1"]})
    m = mta({**CONF, "dns_servers": ns.servers, "smtpd_dns_reply_filter": f"regexp:{workdir}/filter", "inet_protocols": "ipv4",
             "smtpd_sender_restrictions": "reject_unknown_sender_domain", "smtpd_peername_lookup": "no",
             "smtpd_delay_reject": "no"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@keep.example>", "RSET", "MAIL FROM:<a@drop.example>", "MAIL FROM:<a@bad.example>", "QUIT"])
    assert r[2].startswith("250 ") and r[4].startswith("450 4.1.8"), r
    m.wait_log(r"ignoring DNS RR: drop\.example\. \d+ IN A 192\.0\.2\.1")
    m.wait_log(r"warning: smtpd_dns_reply_filter: unknown DNS filter action: \"NONSENSE\"")


def test_port_logging(either):
    m = either({**CONF, "smtpd_client_port_logging": "yes", "smtpd_peername_lookup": "no"})
    m.dialogue(["QUIT"])
    m.wait_log(r"connect from unknown\[127\.0\.0\.1\]:\d+$")


def test_pass_service(either):
    """A connection handed over by postscreen, with the addresses that it saw."""
    m = either({**CONF, "smtpd_peername_lookup": "no", "smtpd_recipient_restrictions": "reject"}, extra_master="smtpd pass - - n - - smtpd\n")
    listener = socket.create_server(("127.0.0.1", 0))
    mine = socket.create_connection(listener.getsockname())
    theirs, _ = listener.accept()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(m.queue / "private/smtpd"))
        s.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
        theirs.close()
        s.sendall(b"\0".join([b"client_address", b"192.0.2.200", b"client_port", b"1234", b"server_address", b"192.0.2.1",
                              b"server_port", b"25", b"", b""]))
        f = mine.makefile("rb")
        assert read_reply(f).startswith("220 ")
        for line in ("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>"):
            mine.sendall(line.encode() + b"\r\n")
            last = read_reply(f)
        assert last == "554 5.7.1 <u@here.example>: Recipient address rejected: Access denied"
        mine.sendall(b"QUIT\r\n")
        assert read_reply(f).startswith("221")
        mine.close()
    m.wait_log(r"connect from unknown\[192\.0\.2\.200\]$")
    m.wait_log(r"reject: RCPT from unknown\[192\.0\.2\.200\]: 554 5\.7\.1 ")
    listener.close()


def test_verp(either):
    m = either({**CONF, "smtpd_authorized_verp_clients": "127.0.0.0/8", "smtpd_peername_lookup": "no",
                "smtpd_data_restrictions": "check_client_access static:HOLD"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<> XVERP", "MAIL FROM:<a@b> XVERP=xx", "MAIL FROM:<a@b> XVERP=+=", "RCPT TO:<u@here.example>",
                    "DATA", "Subject: x\r\n."])
    assert "\n250-XVERP\n" in r[1]
    assert r[2] == "503 5.5.4 Error: XVERP requires non-null sender"
    assert r[3] == "501 5.5.4 Error: XVERP needs two characters from -=+"
    assert r[4] == "250 2.1.0 Ok"
    qid = r[7].split()[-1]
    wait_until(lambda: qid in m.queue_ids("hold"), "the message is on hold")
    assert "verp_delimiters: +=\n" in m.run("postcat", "-c", m.config, "-q", qid).stdout


def test_disk(either):
    """F4: no room, no mail, and a reply that says so."""
    free = os.statvfs("/tmp")
    m = either({**CONF, "queue_minfree": str(free.f_bavail * free.f_frsize * 2), "smtpd_peername_lookup": "no"})
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b>", "RSET"])
    assert r[2:] == ["452 4.3.1 Insufficient system storage", "250 2.0.0 Ok"]
    m.wait_log(r"warning: not enough free space in mail queue: \d+ bytes < ")


def test_unwritable_queue(mta):
    """A queue that cannot be written is a deferral, and the server lives on."""
    m = mta({**CONF, "smtpd_peername_lookup": "no", "queue_journal": "no"})
    (m.queue / "incoming").rename(m.queue / "incoming.away")
    r = m.dialogue(["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>", "NOOP"])
    assert r[3] == "451 4.3.0 Error: queue file write error" and r[4] == "250 2.0.0 Ok"
    (m.queue / "incoming.away").rename(m.queue / "incoming")
    assert m.dialogue(["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<u@here.example>"])[3] == "250 2.1.5 Ok"
