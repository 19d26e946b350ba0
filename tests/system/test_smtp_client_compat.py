# SPDX-License-Identifier: Apache-2.0
"""The same delivery request to our smtp or lmtp and to Debian's: dialogue, log lines, marks in the
queue file and what bounce, defer, trace and verify are told must agree.

Known differences are tests of their own in test_smtp_client_ours.py.
"""

import re
import socket

import pytest

from agent import Agent, Rcpt, Sink
from instance import DebianPostfix

pytestmark = [pytest.mark.root,
              pytest.mark.skipif(not DebianPostfix.available(), reason="Debian's Postfix is not installed")]

TWO = ["a@y.test", "b@y.test"]
THREE = [*TWO, "c@y.test"]
XFORWARD = "250-sink.test\r\n250-PIPELINING\r\n250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n250 8BITMIME"
MIME = ["Subject: x", "MIME-Version: 1.0"]


@pytest.fixture(scope="module")
def pairs():
    """Running agents of both kinds by configuration; started at first use."""
    made = {}

    def get(program="smtp", args=(), **conf):
        key = (program, tuple(args), tuple(sorted(conf.items())))
        if key not in made:
            made[key] = [Agent(program, kind, conf, args=args) for kind in ("debian", "postroad")]
        return made[key]
    yield get
    for agents in made.values():
        for a in agents:
            a.destroy()


def observe(agent, replies, recipients, nexthop=None, lmtp=False, port=0, **kw):
    """Everything that left the agent, as text."""
    sinks = [Sink(r, lmtp=lmtp, address=f"127.0.7.{i + 1}" if port else "127.0.0.1", port=port)
             for i, r in enumerate(replies)]
    try:
        result = agent.deliver(recipients, nexthop or ", ".join(s.nexthop for s in sinks), **kw)
        text = [repr(result)]
        for i, s in enumerate(sinks):
            s.settle()
            for n in range(len(s.connections)):
                text.append(f"sink {i}: " + re.sub("ABC[0-9A-F]{7}", "QID", "|".join(s.dialogue(n))))
        return "\n".join(text)
    finally:
        for s in sinks:
            s.close()


def same(agents, *replies, to=("a@y.test",), **kw):
    debian, ours = (observe(a, replies, list(to), **kw) for a in agents)
    # Since 3.12 a code that fits nothing is said to be one.
    assert ours.replace("Protocol error: host", "host") == debian


REPLIES = {
    "plain": {},
    "xforward": {"EHLO": XFORWARD},
    "xforward_refused": {"EHLO": "250-s\r\n250 XFORWARD NAME ADDR SOURCE PROTO", "XFORWARD": "501 no"},
    "mail_451": {"MAIL": "451 4.7.1 later"},
    "mail_551": {"MAIL": "551 5.7.1 never"},
    "mixed": {"RCPT": ["250 ok", "450 4.2.1 busy", "550 no such"]},
    "rcpt_550_lines": {"RCPT": "550-5.1.1 no such\r\n550 4.1.1 user"},
    "slow_rcpt_550": {"EHLO": "250 x", "RCPT": "550 5.1.1 no such"},
    "data_554": {"DATA": "554 5.5.1 no"},
    "dot_450": {"DOT": "450 4.3.0 later"},
    "dot_550": {"DOT": "550 5.7.1 spam"},
    "greeting_554": {"GREETING": "554 5.7.1 go away"},
    "greeting_421": {"GREETING": "421 4.3.2 go away"},
    "ehlo_500": {"EHLO": "500 what", "HELO": "250 hi"},
    "helo_550": {"EHLO": "500 what", "HELO": "550 5.1.2 hi"},
    "helo_450": {"EHLO": "500 what", "HELO": "450 hi"},
    "ehlo_421": {"EHLO": "421 x"},
    "data_lost": {"DATA": None},
    "rcpt_421": {"RCPT": "421 4.3.2 closing"},
    "slow_rcpt_421": {"EHLO": "250 x", "RCPT": ["250 ok", "421 4.3.2 closing"]},
    "mail_421": {"MAIL": "421 4.3.2 closing"},
    "dot_lost": {"DOT": None},
    "ehlo_lost": {"EHLO": None},
    "mail_lost": {"MAIL": None},
    "ehlo_timeout": {"EHLO": Sink.STALL},
    "size": {"EHLO": "250-sink\r\n250 SIZE 5"},
    "pix": {"GREETING": "220 ****2*0**"},
    "garbage": {"EHLO": "250-s\r\n250 PIPELINING", "MAIL": "odd\r\n250 ok"},
    "no_esmtp": {"GREETING": "220 plain"},
}


@pytest.mark.parametrize("case", REPLIES)
def test_one_host(pairs, case):
    agents = pairs(smtp_send_xforward_command="yes", smtp_rset_timeout="2", smtp_helo_timeout="2")
    same(agents, REPLIES[case], to=THREE)


@pytest.mark.parametrize("case", ["mixed", "mail_451", "dot_450", "data_lost", "greeting_554", "rcpt_421", "ehlo_421",
                                  "size", "rcpt_550_lines"])
def test_next_host(pairs, case):
    same(pairs(), REPLIES[case], {}, to=THREE)


def test_both_hosts_fail(pairs):
    same(pairs(), {"MAIL": "450 busy"}, {"MAIL": "451 busy"}, to=TWO)
    same(pairs(), {"EHLO": "421 no"}, {"GREETING": "421 x"}, to=TWO)


@pytest.mark.parametrize("flags", [512, 257, 256])
@pytest.mark.parametrize("replies", [{}, {"RCPT": "550 5.1.1 no"}, {"RCPT": "450 4.1.1 no"}, {"MAIL": "550 no"}],
                         ids=["ok", "550", "450", "mail"])
def test_probes(pairs, flags, replies):
    same(pairs(), replies, flags=flags)


def test_probe_up_to_data(pairs):
    agents = pairs(smtp_address_verify_target="data")
    same(agents, {}, to=TWO, flags=512)
    same(agents, {"DATA": "550 5.6.1 x"}, to=TWO, flags=512)


def test_dsn(pairs):
    to = [Rcpt("a b@y.test", "o@z", "rfc822;q@z", 6), Rcpt("c@y.test", "o@z", "", 1)]
    same(pairs(), {}, to=to, envid="e+1", ret=1, encoding="8bit")
    same(pairs(), {"EHLO": "250 x"}, to=to)


def test_record(pairs):
    same(pairs(), {"EHLO": "250 x"}, flags=1024)
    same(pairs(), {"RCPT": ["550 x", "450 y"]}, to=TWO, flags=1024)


def test_marks(pairs):
    same(pairs(), {"RCPT": ["250 ok", "550 no"]}, to=TWO, flags=1)


def test_smtputf8(pairs):
    same(pairs(), {"EHLO": "250 sink"}, to=["é@y"], sendopts=1)
    same(pairs(), {"EHLO": "250-sink\r\n250 SMTPUTF8"}, to=["é@y"], sendopts=9, encoding="8bit")


def test_refused(pairs):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        same(pairs(), to=TWO, nexthop=f"[127.0.0.1]:{s.getsockname()[1]}")


CONTENT = {
    "long": ["Subject: x", "", "a" * 997, "b" * 998, "c" * 999, "d" * 3000, ".x", ".", "e" * 1996, "X-" + "z" * 5000],
    "long_header": ["Subject: " + "x" * 2100, "X:" + "y" * 997, "", "a" * 5000, ""],
    "empty": [],
    "downgrade": [*MIME, "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "",
                  "héllo = wörld \t", "." + "x" * 100 + "é", "plain"],
    "downgrade_multipart": [*MIME, "Content-Type: multipart/mixed; boundary=b", "Content-Transfer-Encoding: 8bit", "",
                            "pre", "--b", "Content-Type: text/plain", "Content-Transfer-Encoding: 8bit", "",
                            "héllo" * 30, "--b", "", "7bit é", "--b--", "post"],
    "downgrade_message": [*MIME, "Content-Type: message/rfc822", "Content-Transfer-Encoding: 8bit", "", "Subject: y",
                          "Content-Type: text/plain", "Content-Transfer-Encoding: 8bit", "", "héllo" * 30, "", "."],
}


@pytest.mark.parametrize("case", CONTENT)
def test_content(pairs, case):
    encoding = "8bit" if case.startswith("downgrade") else ""
    same(pairs(), {"EHLO": "250-sink\r\n250 SIZE"}, lines=CONTENT[case], encoding=encoding)


def test_addresses(pairs):
    same(pairs(), {}, sender="")
    same(pairs(), {}, to=['a"b@y', "a b@y"], sender="x y@z")
    same(pairs(), {}, to=[f"user{i:04}@example-domain.test" for i in range(300)])
    same(pairs(smtp_quote_rfc821_envelope="no"), {}, to=["a b@y"])


def test_header_flags(pairs):
    same(pairs(args=("flags=DOR",)), {"EHLO": "250 x"}, to=[Rcpt("a b@y", "o@z", "", 2)], sender="x y@z")


def test_checks(pairs, workdir):
    table = workdir / "checks"
    table.write_text("/^Subject: w/ WARN look\n/^Subject: i/ INFO look\n/^Subject: r/ REPLACE Subject: new\n"
                     "/^Subject: p/ PREPEND X-New: y\n/^Subject: g/ IGNORE\n/^Subject: s/ STRIP gone\n"
                     "/^Subject: f/ FILTER smtp:x\n/^Subject: d/ DUNNO\n/^Subject: j/ REJECT no\n"
                     "/^Content-Type: text/ REPLACE Content-Type: x/y\n/^Subject: nest/ IGNORE\n")
    name = f"regexp:{table}"
    agents = pairs(smtp_header_checks=name, smtp_body_checks=name, smtp_mime_header_checks=name,
                   smtp_nested_header_checks=name)
    for w in "wirpgsfdj":
        same(agents, {}, lines=["X-A: b", f"Subject: {w} long", "\tline two", "", "body", f"Subject: {w} body", "end"])
    same(agents, {}, lines=["Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain", "", "a",
                            "--b", "Content-Type: message/rfc822", "", "Subject: nested", "To: x", "", "b", "--b--"])


def test_filters(pairs, workdir):
    (workdir / "replies").write_text("/^250 weird/ 550 5.7.9 filtered\n/^5.. temp/ 450 4.0.1 temp\n")
    (workdir / "status").write_text("/^5\\.1\\.1 (.*)/ 4.9.9 temp $1\n/^4\\.2\\.1 (.*)/ 5.8.8 hard $1\n/^2/ 2.5.6 fine\n")
    agents = pairs(smtp_reply_filter=f"regexp:{workdir}/replies", smtp_discard_ehlo_keywords="pipelining, size",
                   smtp_skip_5xx_greeting="no", smtp_always_send_ehlo="no", smtp_skip_quit_response="no")
    same(agents, {"RCPT": ["250 weird", "250 ok"]}, to=TWO)
    same(agents, {"MAIL": "550 temp"}, to=TWO)
    same(agents, {"GREETING": "554 5.3.2 no"}, to=TWO)
    same(agents, {"GREETING": "220 plain"}, to=TWO)
    agents = pairs(smtp_never_send_ehlo="yes", smtp_delivery_status_filter=f"regexp:{workdir}/status")
    same(agents, {"RCPT": ["550 5.1.1 no", "450 4.2.1 x", "550 5.7.1 hard", "250 ok"]}, to=[*THREE, "d@y"])
    agents = pairs(soft_bounce="yes")
    same(agents, {"RCPT": ["550 5.1.1 no", "250 ok"]}, to=TWO)


def test_pix_delay(pairs):
    agents = pairs(smtp_pix_workaround_threshold_time="1", smtp_pix_workaround_delay_time="1s")
    same(agents, {"GREETING": "220 *** 2"}, age=100)


def test_bind(pairs):
    same(pairs(smtp_bind_address="127.0.0.9"), {})
    same(pairs(smtp_bind_address="192.0.2.77"), {})
    same(pairs(smtp_bind_address="192.0.2.77", smtp_bind_address_enforce="yes"), {})


@pytest.mark.parametrize("nexthop", ["[127.0.0.1]", "127.0.0.1:25", "localhost:1", "[nosuch.invalid]", "nosuch.invalid",
                                     "[127.0.0.5]:1"])
def test_native_names(pairs, nexthop):
    same(pairs(disable_dns_lookups="yes", smtp_connect_timeout="2"), nexthop=nexthop)


HEADERS = ['From: "A B" <a@local.test>', 'To: (c) q@local.test, "x" <z@z.test>,', "\ta+e@local.test", "Subject: a@local.test",
           "Received: from a@local.test", "Resent-To: a@local.test", "Reply-To:a@local.test",
           "Cc: group: a@local.test;", "Message-Id: <a@local.test>", "Return-Path: <a@local.test>",
           "Errors-To: a@local.test", "Bcc: <@src.test:a@local.test>, \"@src.test:q\"@local.test", "Sender: q@local.test (comment)", "",
           "a@local.test"]


def test_generic(pairs):
    agents = pairs(smtp_generic_maps="inline:{a@local.test=ext@pub.test,@local.test=@glob.test,s@x.test=s@pub.test}",
                   recipient_delimiter="+")
    for a in agents:
        if a.kind == "debian" and len(a.helpers) == 1:
            a.spawn("trivial-rewrite", "rewrite")
    same(agents, {}, to=["a@local.test", "a+e@local.test", "q@local.test", "z@z.test", "@src.test:q@local.test"], lines=HEADERS)


def posted_text(posted):
    """Messages as text, without times and with one name for both systems."""
    return [(flags, [re.sub(r"\d\d:\d\d:\d\d|(?<=127\.0\.0\.1\]):\d+", "", d.replace("Postfix", "NAME").replace(
        "Postroad", "NAME")) for kind, d in records if kind != "T"]) for flags, records in posted]


@pytest.mark.parametrize("classes", ["protocol", "resource, software", "bounce"])
def test_postmaster_transcript(classes):
    agents = [Agent("smtp", kind, {"notify_classes": classes}) for kind in ("debian", "postroad")]
    try:
        posted = [a.serve_cleanup() for a in agents]
        for replies in ({}, {"MAIL": "500 syntax"}, {"MAIL": "550 x"}, {"EHLO": "250 x", "RCPT": "501 no"},
                        {"DOT": "504 x"}, {"GREETING": "500 x"}, {"MAIL": "odd\r\n250 ok"}, {"MAIL": "451 x"},
                        {"EHLO": None}, {"DATA": "503 x"}):
            same(agents, replies)
        assert posted_text(posted[1]) == posted_text(posted[0])
        assert bool(posted[1]) == (classes == "protocol")
    finally:
        for a in agents:
            a.destroy()


@pytest.mark.parametrize("replies", [
    {"GREETING": "220 mx.example.test ESMTP"}, {"EHLO": "250-MX.example.test hi\r\n250 SIZE"},
    {"EHLO": "500 x", "HELO": "250 mx.example.test"}], ids=["greeting", "ehlo", "helo"])
def test_own_name(pairs, replies):
    """A server that has our name; looked at on port 25 only."""
    same(pairs(), replies, port=25)
    same(pairs(), replies, {}, port=25)
    same(pairs(), replies)


LMTP = {
    "plain": {},
    "two": {"DOT": ["250 one", "452 4.2.2 full"]},
    "three": {"RCPT": ["250 ok", "550 no", "250 ok"], "DOT": ["250 one", "552 5.2.2 full"]},
    "none": {"RCPT": "550 no"},
    "lost_after_one": {"DOT": ["250 one", None]},
    "slow": {"LHLO": "250 x", "DOT": ["250 one", "452 4.2.2 full"]},
    "lhlo_500": {"LHLO": "500 x"},
    "lhlo_450": {"LHLO": "450 x"},
    "dot_421": {"DOT": ["250 one", "421 4.2.2 full"]},
}


@pytest.mark.parametrize("case", LMTP)
def test_lmtp(pairs, case):
    to = THREE if case in ("three", "dot_421") else TWO
    same(pairs("lmtp", lmtp_lhlo_timeout="3"), LMTP[case], to=to, lmtp=True)


def test_lmtp_places(pairs):
    agents = pairs("lmtp", lmtp_lhlo_timeout="3")
    same(agents, nexthop="inet:127.0.0.1:1")
    same(agents, nexthop="unix:/nonexistent/lmtp")
    same(agents, {"LHLO": "250 x"}, to=[Rcpt("a@y", "o@z", "", 2)], lmtp=True)


def test_lmtp_final(pairs):
    same(pairs("lmtp", args=("flags=X",)), {"LHLO": "250 x"}, to=[Rcpt("a@y", "o@z", "", 2)], lmtp=True)


@pytest.mark.parametrize("program,name", [("error", "error"), ("error", "retry"), ("discard", "discard")])
@pytest.mark.parametrize("nexthop", ["5.1.2 bad thing", "text only", "4.5.6 later", "2.1.0 gone"])
def test_simple_agents(program, name, nexthop):
    agents = [Agent(program, kind, name=name) for kind in ("debian", "postroad")]
    try:
        for flags in (0, 1, 512, 1024):
            same(agents, to=["a@y.test", Rcpt("a b@y.test", "O@z")], nexthop=nexthop, flags=flags)
    finally:
        for a in agents:
            a.destroy()
