# SPDX-License-Identifier: Apache-2.0
"""Our smtp where it differs from Debian's 3.7 on purpose, and what a comparison cannot show:
connection cache, name server cases, refusal to send in plaintext, persistence of connections.
"""

import socket
import threading

import pytest

from agent import Agent, Rcpt, Sink, read_list
from instance import wait_until


@pytest.fixture
def agent():
    made = []

    def make(program="smtp", conf=None, **kw):
        made.append(Agent(program, "postroad", conf, **kw))
        return made[-1]
    yield make
    for a in made:
        a.destroy()


@pytest.fixture
def sink():
    made = []

    def make(replies=None, **kw):
        made.append(Sink(replies, **kw))
        return made[-1]
    yield make
    for s in made:
        s.close()


def test_smtputf8_tries_other_hosts(agent, sink):
    a, no, yes = agent(), sink({"EHLO": "250 sink"}), sink({"EHLO": "250-s\r\n250 SMTPUTF8"})
    r = a.deliver(["é@y"], f"{no.nexthop}, {yes.nexthop}", sendopts=9)
    assert r.done and "status=sent" in r.log[-1]
    r = a.deliver(["é@y"], no.nexthop, sendopts=9)
    assert r.done and "dsn=5.6.7, status=bounced (message requires SMTPUTF8, but no server was found" in r.log[-1]


def test_odd_code_is_a_protocol_error(agent, sink):
    r = agent().deliver(["a@y"], sink({"DOT": "354 odd"}).nexthop)
    assert "dsn=5.5.0, status=bounced (Protocol error: host" in r.log[-1]


@pytest.mark.parametrize("nexthop", ["[127.0.0.1]:nosuchservice", "[127.0.0.1", "[127.0.0.1]x"])
def test_bad_destination_defers(agent, nexthop):
    a = agent()
    r = a.deliver(["a@y"], nexthop)
    assert not r.done and "dsn=4.3.5, status=deferred (mail system configuration error" in r.log[-1]
    assert a.process.poll() is None


# ---- connection cache ----

LOAD_AND_STORE = 2048 + 4096


def test_cache(agent, sink):
    a, s = agent(), sink()
    for i in range(3):
        r = a.deliver(["a@y"], s.nexthop, flags=LOAD_AND_STORE)
        assert r.done and (", conn_use=%d," % (i + 1) in r.log[-1]) == (i > 0)
    assert len(s.connections) == 1
    assert "RSET\\MAIL FROM" in s.dialogue()[3]
    # Nobody comes: QUIT after smtp_connection_cache_time_limit.
    wait_until(lambda: s.dialogue()[-1] == "QUIT\\", "QUIT on the idle connection")


def test_cache_not_asked_for(agent, sink):
    a, s = agent(), sink()
    for _ in range(2):
        assert a.deliver(["a@y"], s.nexthop).done
    assert len(s.connections) == 2


def test_cache_when_asked_often(agent, sink):
    """More than ten requests within a second keep connections, whatever the queue manager says."""
    a, s = agent(), sink()
    c, f = a.connect()
    for wire in [a.make_request(["a@y"], s.nexthop)[0] for _ in range(40)]:
        c.sendall(wire)
        assert read_list(f)[-1] == ("status", "0") and read_list(f)[0][0] == "protocol"
    c.close()
    assert 10 <= len(s.connections) < 30
    off = agent(conf={"smtp_connection_cache_on_demand": "no"})
    t = sink()
    for _ in range(15):
        assert off.deliver(["a@y"], t.nexthop).done
    assert len(t.connections) == 15


def test_cache_destinations(agent, sink):
    s = sink()
    a = agent(conf={"smtp_connection_cache_destinations": "127.0.0.1", "smtp_connection_cache_on_demand": "no"})
    for _ in range(2):
        assert a.deliver(["a@y"], s.nexthop).done
    assert len(s.connections) == 1


def test_cache_reuse_limit(agent, sink):
    s = sink()
    a = agent(conf={"smtp_connection_reuse_count_limit": "1"})
    for _ in range(4):
        assert a.deliver(["a@y"], s.nexthop, flags=LOAD_AND_STORE).done
    assert len(s.connections) == 2


@pytest.mark.parametrize("rset", [None, "500 no", "421 closing"])
def test_cache_stale(agent, sink, rset):
    """A cached connection that is dead costs nothing: the mail goes over a new one, once."""
    a, s = agent(), sink({"RSET": rset})
    for _ in range(2):
        r = a.deliver(["a@y"], s.nexthop, flags=LOAD_AND_STORE)
        assert r.done and "conn_use" not in r.log[-1]
    assert len(s.connections) == 2


def test_cached_host_is_not_asked_twice(agent, sink):
    """A recipient that waits is not tried again at once over a fresh connection to the same host."""
    a, s = agent(), sink({"RCPT": ["250 ok", "450 busy"]})
    assert a.deliver(["a@y"], s.nexthop, flags=LOAD_AND_STORE).done
    r = a.deliver(["b@y"], s.nexthop, flags=LOAD_AND_STORE)
    assert not r.done and len(s.connections) == 1 and b"".join(s.connections[0]).count(b"RCPT") == 2
    # It is about the recipient, so the queue manager must not shun the destination.
    assert r.hop == ("", "")


def test_cache_after_refusal(agent, sink):
    a, s = agent(), sink({"RCPT": ["550 no", "250 ok"], "DATA": ["503 no", "354 go"]})
    a.deliver(["a@y"], s.nexthop, flags=LOAD_AND_STORE)
    r = a.deliver(["a@y"], s.nexthop, flags=LOAD_AND_STORE)
    assert r.done and "conn_use=2" in r.log[-1] and len(s.connections) == 1


# ---- persistence and threads ----

def test_requests_on_one_connection(agent, sink):
    """A fresh greeting follows the answer, so that the queue manager can go on."""
    a, s = agent(), sink()
    c, f = a.connect()
    for _ in range(3):
        assert a.deliver(["a@y"], s.nexthop, connection=(c, f)).done
        assert read_list(f) == [("protocol", "delivery_request_protocol")]
    c.close()


def test_parallel(agent, sink):
    a, s = agent(), sink()
    results = []
    wires = [a.make_request([f"u{i}@y"], s.nexthop)[0] for i in range(20)]

    def one(wire):
        c, f = a.connect()
        c.sendall(wire)
        results.append(read_list(f)[-1])
        c.close()
    threads = [threading.Thread(target=one, args=(w,)) for w in wires]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert results == [("status", "0")] * 20


def test_malformed_request(agent):
    a = agent()
    c, f = a.connect()
    c.sendall(b"flags\0x\0\0")
    assert read_list(f)[-1] == ("status", "4294967295")
    wait_until(lambda: any("malformed delivery request" in x for x in a.lines), "the warning")


# ---- what must not go out in plaintext ----

@pytest.mark.parametrize("conf", [
    {"smtp_tls_security_level": "encrypt"}, {"smtp_tls_security_level": "secure"},
    {"smtp_tls_security_level": "dane-only"}, {"smtp_enforce_tls": "yes"}, {"smtp_tls_wrappermode": "yes"},
    {"smtp_tls_policy_maps": "inline:{{127.0.0.1=encrypt}, {[127.0.0.1]:PORT=encrypt}}"}], ids=str)
def test_tls_is_not_left_out(agent, sink, conf):
    s = sink()
    a = agent(conf={k: v.replace("PORT", str(s.port)) for k, v in conf.items()})
    r = a.deliver(["a@y"], s.nexthop)
    assert not r.done and "status=deferred (TLS is required" in r.log[-1]
    assert s.connections == []


def test_optional_tls_goes_plain(agent, sink):
    s = sink({"EHLO": "250-s\r\n250 STARTTLS"})
    assert agent(conf={"smtp_tls_security_level": "may"}).deliver(["a@y"], s.nexthop).done


def test_login_is_not_left_out(agent, sink):
    s = sink()
    a = agent(conf={"smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": "inline:{127.0.0.1=user:secret}"})
    r = a.deliver(["a@y"], s.nexthop)
    assert not r.done and "SASL authentication is configured for 127.0.0.1" in r.log[-1]
    assert "secret" not in "".join(a.lines) and s.connections == []


def test_tls_field(agent, sink):
    a = agent(conf={"smtp_log_tls_feature_status": "yes"})
    assert "tls=none, dsn=2.0.0" in a.deliver(["a@y"], sink().nexthop).log[-1]


# ---- content ----

def test_nothing_ends_the_data(agent, sink):
    """What we emit has no bare CR or LF and no line of a lone dot but the last (threats S11)."""
    s = sink()
    lines = ["Subject: x", "", ".", "..", b"a\rb", b"\r.\r", b".\r", b"x\n.\ny", b"a\0b", "."]
    assert agent().deliver(["a@y"], s.nexthop, lines=lines).done
    body = s.content()
    assert b"\r" not in body.replace(b"\r\n", b"") and b"\n" not in body.replace(b"\r\n", b"")
    assert b".\r\n" not in body.split(b"\r\n") and b"." not in body.split(b"\r\n")


def test_no_break_inside_a_character(agent, sink):
    s = sink()
    assert agent().deliver(["a@y"], s.nexthop, lines=["", "x" * 997 + "é" * 600]).done
    for line in s.content().split(b"\r\n"):
        assert len(line) <= 998
        line.decode("utf-8")


def test_control_characters_in_addresses(agent, sink):
    s = sink()
    r = agent().deliver(["a@y", "b\r\nRCPT TO:<evil>@y"], s.nexthop)
    assert "5.1.3" in "".join(r.log) and "status=sent" in r.log[-1]
    assert b"evil" not in b"".join(s.connections[0])


def test_generic_maps(agent, sink):
    s = sink()
    a = agent(conf={"smtp_generic_maps": "inline:{a@local.test=ext@pub.test,@local.test=@glob.test,s@x.test=s@pub.test}"})
    lines = ['From: "A B" <a@local.test>', "To: q@local.test, <z@z.test>", "Subject: a@local.test", "", "a@local.test"]
    assert a.deliver(["a@local.test", "q@local.test"], s.nexthop, lines=lines).done
    assert "MAIL FROM:<s@pub.test>" in s.dialogue()[1] and "RCPT TO:<q@glob.test>" in s.dialogue()[1]
    text = s.content().decode()
    assert 'From: "A B" <ext@pub.test>' in text and "q@glob.test" in text
    assert "Subject: a@local.test" in text and text.endswith("a@local.test\r\n")


def test_generic_lookup_failure_defers(agent, sink):
    r = agent(conf={"smtp_generic_maps": "fail:x"}).deliver(["a@y"], sink().nexthop)
    assert not r.done and "4.3.0" in r.log[-1]


# ---- hostile servers (threats P5) ----

def test_endless_reply(agent):
    """A reply that never ends is given up, and memory stays bounded."""
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        c, _ = server.accept()
        try:
            while True:
                c.sendall(b"220-" + b"x" * 5000 + b"\r\n")
        except OSError:
            pass
    threading.Thread(target=run, daemon=True).start()
    a = agent()
    r = a.deliver(["a@y"], f"[127.0.0.1]:{server.getsockname()[1]}")
    assert not r.done and "lost connection" in r.log[-1]
    server.close()


def test_long_garbage(agent, sink):
    s = sink({"MAIL": "x" * 1000000 + "\r\n250 ok"})
    assert agent().deliver(["a@y"], s.nexthop).done


# ---- name server ----

ZONE = {
    ("two.test", "MX"): ["10 mx1.two.test.", "20 mx2.two.test."], ("mx1.two.test", "A"): ["127.0.0.1"],
    ("mx2.two.test", "A"): ["127.0.0.2"], ("null.test", "MX"): ["0 ."], ("serv.test", "MX"): "SERVFAIL",
    ("ref.test", "MX"): "REFUSED", ("noaddr.test", "MX"): ["10 mx.noaddr.test."], ("mx.noaddr.test", "TXT"): ['"x"'],
    ("soft.test", "MX"): ["10 s.soft.test.", "20 mx.noaddr.test."], ("s.soft.test", "A"): "SERVFAIL",
    ("nodata.test", "TXT"): ['"x"'], ("self.test", "MX"): ["10 own.test.", "20 mx2.two.test."],
    ("lost.test", "MX"): ["10 mx.noaddr.test.", "20 own.test."], ("own.test", "A"): ["127.0.0.1"], ("backup.test", "MX"): ["10 mx2.two.test.", "20 own.test."],
    ("many.test", "MX"): [f"10 m{i}.many.test." for i in range(60)], ("loop.test", "CNAME"): ["loop2.test."],
    ("loop2.test", "CNAME"): ["loop.test."], ("silent.test", "MX"): "TIMEOUT",
    **{(f"m{i}.many.test", "A"): [f"127.0.1.{i}"] for i in range(60)},
}

DNS = [
    ("null.test", "5.1.0", "Domain null.test does not accept mail (nullMX)"),
    ("serv.test", "4.4.3", "type=MX: Host not found, try again"),
    ("ref.test", "4.4.3", "name=ref.test type=MX"),
    ("nosuch.test", "5.4.4", "name=nosuch.test type=A: Host not found"),
    ("nodata.test", "5.4.4", "name=nodata.test type=A: Host found but no data record"),
    ("noaddr.test", "5.4.4", "name=mx.noaddr.test type=A"),
    ("soft.test", "4.4.", "Name service error"),
    ("loop.test", "4.4.3", "loop"),
    ("self.test", "5.4.6", "mail for self.test loops back to myself"),
    ("[own.test]", "5.4.6", "mail for own.test loops back to myself"),
    ("[127.0.0.1]", "5.4.6", "mail for 127.0.0.1 loops back to myself"),
    ("lost.test", "4.4.4", "unable to find primary relay for lost.test"),
    ("backup.test", "4.4.1", "connect to mx2.two.test[127.0.0.2]:PORT"),
]


@pytest.mark.parametrize("domain,dsn,text", DNS, ids=[d[0] for d in DNS])
def test_dns(agent, nameserver, domain, dsn, text):
    a = agent(conf={"dns_servers": nameserver(ZONE).servers})
    r = a.deliver(["a@y"], domain)
    assert f"dsn={dsn}" in r.log[-1] and text in r.log[-1]
    assert r.done == dsn.startswith("5")


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "127.7.7.7"])
def test_mail_exchanger_that_is_this_host(agent, nameserver, address):
    """No delivery to ourselves by way of somebody's MX record (threats D3)."""
    zone = {("evil.test", "MX"): ["10 x.evil.test."], ("x.evil.test", "A"): [address]}
    a = agent(conf={"dns_servers": nameserver(zone).servers, "inet_interfaces": "all"})
    r = a.deliver(["a@y"], "evil.test")
    assert r.done and "dsn=5.4.6" in r.log[-1]


def test_dns_preference(agent, sink, nameserver):
    s = sink()
    r = agent(conf={"dns_servers": nameserver(ZONE).servers}).deliver(["a@y"], f"two.test:{s.port}")
    assert r.done and "relay=mx1.two.test[127.0.0.1]" in r.log[-1]


@pytest.mark.parametrize("first,second,want", [
    # The permanent refusal of one recipient must not end another's search, nor bounce it.
    ({"RCPT": ["250 ok", "450 busy", "550 no"]}, {}, ["sent", "sent", "bounced"]),
    ({"RCPT": ["250 ok", "450 busy", "550 no"]}, {"RCPT": "451 y"}, ["sent", "deferred", "bounced"]),
    ({"RCPT": ["550 no", "450 busy", "550 no"]}, None, ["bounced", "deferred", "bounced"]),
    ({"RCPT": ["550 no", "450 busy", "550 no"]}, {"GREETING": "421 x"}, ["bounced", "deferred", "bounced"]),
    ({"RCPT": ["550 no", "450 busy", "550 no"]}, {"GREETING": "554 x"}, ["bounced", "deferred", "bounced"]),
    ({"DOT": "550 spam"}, {}, ["bounced", "bounced", "bounced"]),
    ({"DOT": "450 busy"}, {}, ["sent", "sent", "sent"]),
    ({"RCPT": ["250 ok", "450 busy", "250 ok"], "DOT": "550 no"}, {}, ["bounced", "sent", "bounced"]),
    ({"RCPT": ["250 ok", "450 busy", "250 ok"], "DOT": "550 no"}, {"MAIL": "450 x"}, ["bounced", "deferred", "bounced"]),
    ({"GREETING": "554 x"}, None, ["deferred", "deferred", "deferred"]),
])
def test_dns_next_exchanger(agent, sink, nameserver, first, second, want):
    s = sink(first)
    if second is not None:
        sink(second, address="127.0.0.2", port=s.port)
    a = agent(conf={"dns_servers": nameserver(ZONE).servers})
    r = a.deliver(["a@y", "b@y", "c@y"], f"two.test:{s.port}")
    got = {x.split("to=<")[1][0]: x.split("status=")[1].split()[0] for x in r.log if "status=" in x}
    assert [got["a"], got["b"], got["c"]] == want
    assert r.done == ("deferred" not in want)


def test_dns_address_limit(agent, nameserver):
    """However many the name server sends (threats D4)."""
    a = agent(conf={"dns_servers": nameserver(ZONE).servers, "smtp_mx_address_limit": "3"})
    r = a.deliver(["a@y"], "many.test:1")
    assert sum(x.startswith("connect to") for x in r.log) == 3


def test_dns_best_mx_transport(agent, nameserver):
    a = agent(conf={"dns_servers": nameserver(ZONE).servers, "best_mx_transport": "nosuch"})
    r = a.deliver(["a@y"], "self.test")
    assert not r.done and "4.3.0" in r.log[-1]


@pytest.mark.parametrize("program,name,done", [("discard", "taker", True), ("error", "retry", False)])
def test_dns_best_mx_transport_takes_over(agent, nameserver, program, name, done):
    """Mail for which we are the best exchanger goes to another agent, which reports and marks."""
    a = agent(conf={"dns_servers": nameserver(ZONE).servers, "best_mx_transport": f"{name}:thanks"})
    a.spawn(program, name)
    r = a.deliver(["a@y", "b@y"], "self.test", flags=1)
    assert r.done == done and r.marks == ("DD" if done else "RR")
    assert sum("(thanks)" in x for x in r.log) == 2


def test_srv(agent, sink, nameserver):
    s, dead = sink(), sink()
    dead.close()
    zone = {("_submission._tcp.s.test", "SRV"): [f"20 0 {s.port} b.s.test.", f"10 0 {dead.port} a.s.test."],
            ("a.s.test", "A"): ["127.0.0.1"], ("b.s.test", "A"): ["127.0.0.1"],
            ("_submission._tcp.none.test", "SRV"): ["0 0 0 ."], ("plain.test", "A"): ["127.0.0.1"],
            ("_submission._tcp.serv.test", "SRV"): "SERVFAIL"}
    conf = {"dns_servers": nameserver(zone).servers, "use_srv_lookup": "submission"}
    a = agent(conf=conf)
    r = a.deliver(["a@y"], "s.test:submission")
    assert r.done and r.log[0].startswith("connect to a.s.test") and "relay=b.s.test" in r.log[-1]
    assert "5.4.4" in a.deliver(["a@y"], "none.test:submission").log[-1]
    assert "name=_submission._tcp.plain.test type=SRV" in a.deliver(["a@y"], "plain.test:submission").log[-1]
    assert "4.4.3" in a.deliver(["a@y"], "serv.test:submission").log[-1]
    a = agent(conf={**conf, "allow_srv_lookup_fallback": "yes", "ignore_srv_lookup_error": "yes"})
    assert "connect to plain.test[127.0.0.1]" in a.deliver(["a@y"], "plain.test:submission").log[-1]
    assert "name=serv.test type=A" in a.deliver(["a@y"], "serv.test:submission").log[-1]


def test_srv_weights(agent, nameserver):
    """A host of weight 0 next to a heavy one comes last nearly always."""
    zone = {("_submission._tcp.w.test", "SRV"): ["10 0 1 light.w.test.", "10 60000 1 heavy.w.test."],
            ("light.w.test", "A"): ["127.0.0.1"], ("heavy.w.test", "A"): ["127.0.0.2"]}
    a = agent(conf={"dns_servers": nameserver(zone).servers, "use_srv_lookup": "submission"})
    first = [a.deliver(["a@y"], "w.test:submission").log[0] for _ in range(5)]
    assert all("heavy" in x for x in first)


def test_fallback_relay(agent, sink, nameserver):
    s = sink()
    a = agent(conf={"dns_servers": nameserver(ZONE).servers, "smtp_fallback_relay": s.nexthop})
    for domain in ("nosuch.test", "serv.test", "two.test:1"):
        assert "status=sent" in a.deliver(["a@y"], domain).log[-1], domain
    # Not where this host is an exchanger itself.
    assert "5.4.6" in a.deliver(["a@y"], "self.test").log[-1]
    assert "4.4.4" in a.deliver(["a@y"], "lost.test").log[-1]


@pytest.mark.parametrize("relay", ["nosuch.test", "[nosuch.test]", "null.test", "self.test"])
def test_relayhost_that_is_not_there_defers(agent, nameserver, relay):
    r = agent(conf={"dns_servers": nameserver(ZONE).servers, "relayhost": relay}).deliver(["a@y"], relay)
    assert not r.done and "warning: relayhost configuration problem" in r.log and "dsn=4.3.5" in r.log[-1]


def test_notify_success_is_left_to_dsn_servers(agent, sink):
    a = agent()
    assert a.deliver([Rcpt("a@y", "", "", 2)], sink().nexthop).told == []
    told = a.deliver([Rcpt("a@y", "", "", 2)], sink({"EHLO": "250 x"}).nexthop).told
    assert [t[0] for t in told] == ["trace"] and told[0][1]["action"] == "relayed"


REQUIRETLS = 0x20


def test_requiretls(agent, sink, nameserver):
    """A message that asks for TLS does not go without, except where the policy says so."""
    s = sink()
    zone = {("far.test", "A"): ["127.0.0.1"], ("a.near.test", "A"): ["127.0.0.1"]}
    a = agent(conf={"dns_servers": nameserver(zone).servers, "mydomain": "near.test"})
    r = a.deliver(["a@y"], f"far.test:{s.port}", sendopts=REQUIRETLS, old_names=False)
    assert not r.done and "Sender requested REQUIRETLS" in r.log[-1] and s.connections == []
    # The default policy: own domain and address literals are as safe as the network.
    for nexthop in (f"a.near.test:{s.port}", s.nexthop):
        assert a.deliver(["a@y"], nexthop, sendopts=REQUIRETLS, old_names=False).done


def test_tls_required_no(agent, sink):
    """"TLS-Required: no" overrules the level."""
    a = agent(conf={"smtp_tls_security_level": "encrypt"})
    assert a.deliver(["a@y"], sink().nexthop, sendopts=0x10, old_names=False).done


@pytest.mark.root
def test_jail(agent, sink, nameserver):
    """In an empty chroot: names of services, the resolver and the log work all the same."""
    s = sink()
    a = agent(conf={"dns_servers": nameserver({("far.test", "A"): ["127.0.0.1"]}).servers}, args=("-c",))
    assert a.deliver(["a@y"], f"far.test:{s.port}").done
    r = a.deliver(["a@y"], "far.test:submission")
    assert "connect to far.test[127.0.0.1]:PORT: Connection refused" in r.log[-1]
    assert a.deliver(["a@y"], "nosuch.test").done
