# SPDX-License-Identifier: Apache-2.0
"""The harness itself, on Debian's Postfix: relay to a sink, log, queue, name server."""

import socket

import dns.message
import dns.query


def test_debian_relays_to_sink(debian, smtp_sink):
    sink = smtp_sink()
    m = debian({"relayhost": sink.nexthop})
    qid = m.send("a@test.example", ["b@remote.example"])
    got = sink.wait(1)[0]
    assert got["from"] == "a@test.example" and got["to"] == ["b@remote.example"]
    m.wait_log(rf"{qid}: to=<b@remote.example>, relay=.*status=sent")
    m.wait_log(rf"{qid}: removed")
    assert m.queue_ids() == []
    assert m.dialogue(["HELO x"])[1] == "250 mail.test.example"


def test_scripted_server(scripted):
    s = scripted(["220 hello", ("expect", "HELO"), "421 go away", ("close",)])
    with socket.create_connection((s.address, s.port), 10) as c:
        f = c.makefile("rb")
        assert f.readline() == b"220 hello\r\n"
        c.sendall(b"HELO me\r\n")
        assert f.readline() == b"421 go away\r\n"
        assert f.readline() == b""
    assert s.lines == [["HELO me"]]


def test_nameserver(nameserver):
    ns = nameserver({("a.example.", "MX"): ["10 m.example."], ("m.example.", "A"): ["127.0.0.9"],
                     ("bad.example.", "MX"): "SERVFAIL"})
    ask = lambda n, t: dns.query.udp(dns.message.make_query(n, t), ns.address, 5, ns.port)  # noqa: E731
    assert "10 m.example." in ask("a.example", "MX").answer[0].to_text()
    assert ask("none.example", "A").rcode() == 3
    assert ask("bad.example", "MX").rcode() == 2
    assert ask("m.example", "MX").answer == [] and ask("m.example", "MX").rcode() == 0
