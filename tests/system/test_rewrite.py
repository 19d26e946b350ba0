# SPDX-License-Identifier: Apache-2.0
"""The rewrite service, spoken to over its socket: ours and Debian's give the same answers."""

import socket

import pytest

from instance import wait_until

CONF = {
    "mydestination": "mail.test.example, localhost, test.example",
    "virtual_alias_domains": "alias.test",
    "virtual_alias_maps": "inline:{a@alias.test=b@c.d}",
    "virtual_mailbox_domains": "vmb.test",
    "relay_domains": "relay.test",
    "append_dot_mydomain": "yes",
    "recipient_delimiter": "+",
    "transport_maps": "inline:{{slow.test=slow:},{.slow.test=:[hub.test]:26},{u@x.test=error:5.7.1 no}}",
    "relocated_maps": "inline:{{gone@x.test=new@y.test}}",
    "sender_dependent_relayhost_maps": "inline:{{@s.test=[relay.s.test]}}",
    "sender_dependent_default_transport_maps": "inline:{{t@t.test=other:hop}}",
    "address_verify_default_transport": "probe:",
}

REWRITES = {
    ("local", "a"): "a@test.example",
    ("local", "a@b"): "a@b.test.example",
    ("local", "b.c!a"): "a@b.c",
    ("local", "a%b.c"): "a@b.c",
    ("local", "@x,@y:a@b.c."): "a@b.c",
    ("local", '"a b"'): '"a b"@test.example',
    ("local", ""): "",
    ("remote", "a"): "a",
    ("remote", "a@b"): "a@b",
}

# request, sender, address -> transport, nexthop, recipient, flags
RESOLVES = {
    ("resolve", "", ""): ("local", "mail.test.example", "MAILER-DAEMON@mail.test.example", 256),
    ("resolve", "", "a+b@test.example"): ("local", "mail.test.example", "a+b@test.example", 256),
    ("resolve", "", "a%b.c@test.example"): ("smtp", "b.c", "a@b.c", 4096),
    ("resolve", "", "a@[127.0.0.1]"): ("local", "mail.test.example", "a@[127.0.0.1]", 256),
    ("resolve", "", "a@alias.test"): ("error", "5.1.1 User unknown in virtual alias table", "a@alias.test", 512),
    ("resolve", "", "a@vmb.test"): ("virtual", "vmb.test", "a@vmb.test", 1024),
    ("resolve", "", "a%b@sub.relay.test"): ("relay", "sub.relay.test", "a%b@sub.relay.test", 2050),
    ("resolve", "", "a@slow.test"): ("slow", "slow.test", "a@slow.test", 4096),
    ("resolve", "", "a@b.slow.test"): ("smtp", "[hub.test]:26", "a@b.slow.test", 4096),
    ("resolve", "", "u+v@x.test"): ("error", "5.7.1 no", "u+v@x.test", 4096),
    ("resolve", "", "gone@x.test"): ("error", "5.1.6 User has moved to new@y.test", "gone@x.test", 4096),
    ("resolve", "u@s.test", "a@b.c"): ("smtp", "[relay.s.test]", "a@b.c", 4096),
    ("resolve", "t@t.test", "a@b.c"): ("other", "hop", "a@b.c", 4096),
    ("resolve", "", "-a@b.c"): ("smtp", "b.c", "-a@b.c", 4100),
    ("verify", "", "a@b.c"): ("probe", "b.c", "a@b.c", 4096),
}


class Client:
    """One connection to the service."""

    def __init__(self, m):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(m.queue / "private/rewrite"))
        self.file = self.socket.makefile("rb")
        assert self.read() == [("protocol", "trivial_rewrite_protocol")]

    def string(self):
        out = b""
        while (c := self.file.read(1)) != b"\0":
            if not c:
                raise EOFError
            out += c
        return out.decode()

    def read(self):
        out = []
        while (name := self.string()) != "":
            out.append((name, self.string()))
        return out

    def send(self, *attrs):
        self.socket.sendall(b"".join(s.encode() + b"\0" for a in attrs for s in a) + b"\0")

    def ask(self, *attrs):
        self.send(*attrs)
        return self.read()


def resolve(c, what, sender, address):
    r = c.ask(("request", what), ("sender", sender), ("address", address))
    assert [n for n, _ in r] == ["flags", "transport", "nexthop", "recipient", "flags"]
    assert r[0][1] == "0"
    return r[1][1], r[2][1], r[3][1], int(r[4][1])


def started(make, **conf):
    m = make({**CONF, **conf})
    wait_until(lambda: (m.queue / "private/rewrite").exists(), "the socket is there")
    return m


def test_answers(either):
    c = Client(started(either))
    for (rule, address), want in REWRITES.items():
        r = c.ask(("request", "rewrite"), ("rule", rule), ("address", address))
        assert r == [("flags", "0"), ("address", want)], (rule, address)
    for request, want in RESOLVES.items():
        assert resolve(c, *request) == want, request


def test_bad_addresses(either):
    c = Client(started(either))
    for address in "a@", "a@b..c", "a@1.2.3.4", "a@[bad]", "a@-x.y":
        assert resolve(c, "resolve", "", address)[3] == 4100, address


def test_failing_table(either):
    """A table that does not work is a reason to wait, never an answer."""
    c = Client(started(either, transport_maps="fail:broken"))
    assert resolve(c, "resolve", "", "a@b.c")[3] == 4104
    assert resolve(c, "resolve", "", "a@test.example")[3] == 264


def test_garbage_ends_the_connection(either):
    """Nonsense costs the client its connection; the next client is served."""
    m = started(either)
    for attrs in [[("request", "nonsense")], [("no", "request")],
                  [("request", "rewrite"), ("rule", "third"), ("address", "a")]]:
        c = Client(m)
        c.send(*attrs)
        with pytest.raises((EOFError, ConnectionResetError)):
            c.read()
    assert resolve(Client(m), "resolve", "", "a@b.c")[0] == "smtp"


def test_table_change(mta):
    """A changed table makes the process leave; who asks again gets the new answer."""
    m = mta(start=False)
    table = m.dir / "transport"
    table.write_text("x.test one:\n")
    m.run("postmap", f"lmdb:{table}")
    m.setting(**{**CONF, "transport_maps": f"lmdb:{table}"})
    m.start()
    c = Client(m)
    assert resolve(c, "resolve", "", "a@x.test")[0] == "one"
    table.write_text("x.test two:\n")
    m.run("postmap", f"lmdb:{table}")

    def answer():
        r = Client(m).ask(("request", "resolve"), ("sender", ""), ("address", "b@x.test"))
        return r[1][1] == "two"
    wait_until(answer, "the new table is used")
    m.wait_log(r"trivial-rewrite\[\d+\]: table lmdb:\S+ has changed -- restarting")
