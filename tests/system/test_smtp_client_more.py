# SPDX-License-Identifier: Apache-2.0
"""More of what a server or a message can be: the same request to our smtp or lmtp and to Debian's.

Sequel of test_smtp_client_compat.py; what differs on purpose is excepted by name.
"""

import re
import socket

import pytest

from agent import Rcpt, Sink
from test_smtp_client_compat import MIME, THREE, TWO, XFORWARD, pairs, pytestmark, same  # noqa: F401

SHORT = {f"smtp_{s}_timeout": "1" for s in
         "helo mail rcpt data_init data_done rset quit xforward".split()}
LMTP_SHORT = {f"lmtp_{s}_timeout": "1" for s in "lhlo mail rcpt data_init data_done rset quit".split()}


@pytest.mark.parametrize("ehlo", ["250 x", Sink.EHLO], ids=["slow", "pipelining"])
@pytest.mark.parametrize("verb", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
def test_timeout(pairs, verb, ehlo):
    same(pairs(**SHORT), {"EHLO": ehlo, verb: Sink.STALL}, to=TWO)


def test_connect_timeout(pairs):
    """A host that does not answer costs smtp_connect_timeout, then the next one has its turn."""
    full = socket.socket()
    waiting = []
    try:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(4):  # nobody accepts: there is no room for more
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(address)
            waiting.append(s)
        for program in ("smtp", "lmtp"):
            agents = pairs(program, **{f"{program}_connect_timeout": "1"})
            same(agents, nexthop=f"[127.0.0.1]:{address[1]}", to=TWO)
            if program == "smtp":
                sink = Sink()
                nexthop = f"[127.0.0.1]:{address[1]}, {sink.nexthop}"
                for a in agents:
                    r = a.deliver(["a@y.test"], nexthop)
                    assert r.done and r.log == ["connect to 127.0.0.1[127.0.0.1]:PORT: Connection timed out",
                                                "QID: to=<a@y.test>, relay=127.0.0.1[127.0.0.1]:PORT, dsn=2.0.0, status=sent "
                                                "(250 2.0.0 Ok: queued as X)"], (a.kind, r.log)
                sink.close()
    finally:
        for s in (full, *waiting):
            s.close()


def test_timeout_of_others(pairs):
    agents = pairs(**SHORT, smtp_send_xforward_command="yes", smtp_skip_quit_response="no")
    same(agents, {"EHLO": "250-s\r\n250 XFORWARD NAME ADDR", "XFORWARD": Sink.STALL})
    same(agents, {"QUIT": Sink.STALL})
    same(agents, {"RCPT": "550 no", "RSET": Sink.STALL})
    same(agents, {"RCPT": ["250 ok", Sink.STALL]}, to=THREE)
    for verb in ("GREETING", "LHLO", "MAIL", "RCPT", "DATA"):
        same(pairs("lmtp", **LMTP_SHORT), {verb: Sink.STALL}, to=TWO, lmtp=True)
    same(pairs("lmtp", **LMTP_SHORT), {"DOT": ["250 one", Sink.STALL, Sink.STALL]}, to=THREE, lmtp=True)


def test_per_request_deadline(pairs):
    same(pairs(**SHORT, smtp_per_request_deadline="yes"), {"MAIL": Sink.STALL}, to=TWO)
    same(pairs(**SHORT, smtp_per_request_deadline="yes"), {}, to=TWO)


def test_slow_receiver(pairs):
    """A server that does not take the content: per write, and as a whole with a data rate."""
    lines = ["Subject: x", ""] + ["y" * 900] * 9000
    same(pairs(**SHORT, smtp_data_xfer_timeout="1"), {"DATA": Sink.DEAF}, lines=lines)
    same(pairs(**SHORT, smtp_data_xfer_timeout="1", smtp_per_request_deadline="yes", smtp_min_data_rate="5000000"),
         {"DATA": Sink.DEAF}, lines=lines)
    same(pairs("lmtp", **LMTP_SHORT, lmtp_data_xfer_timeout="1"), {"DATA": Sink.DEAF}, lines=lines, lmtp=True)


def test_refusal_in_the_midst(pairs):
    """A server that says 552 while content comes, and hangs up: that is the answer, not the lost connection."""
    lines = ["Subject: x", ""] + ["y" * 900] * 9000
    same(pairs(), {"DATA": Sink.RUDE}, lines=lines)


def test_delays(pairs):
    """delays=a/b/c/d: the third is making the connection, the fourth all that follows."""
    for a in pairs():
        sink = Sink({"EHLO": (1, Sink.EHLO), "DOT": (2, "250 ok")})
        before = len(a.lines)
        a.deliver(["a@y.test"], sink.nexthop, age=10)
        line = next(x for x in a.lines[before:] if "status=sent" in x)
        total, first, second, third, fourth = map(float, re.search(r"delay=([\d.]+), delays=([\d.]+)/([\d.]+)/([\d.]+)/([\d.]+)",
                                                                   line).groups())
        assert 13 <= total < 20 and first < 1 and 9.5 < second < 12 and 1 <= third < 4 and 2 <= fourth < 5, (a.kind, line)
        sink.close()


ORIGINS = [
    {"name": "unknown", "address": "192.0.2.9", "helo": ""}, {"name": "", "address": "", "proto": "", "helo": ""},
    {"name": "a b=c+d", "address": "2001:db8::1", "helo": "x;y\u00e9"}, {"name": "localhost", "address": "127.0.0.1"},
    {"proto": "SMTP", "helo": "[1.2.3.4]"}, {"name": "unknown", "address": "unknown", "helo": "unknown"},
]


@pytest.mark.parametrize("origin", ORIGINS, ids=range(len(ORIGINS)))
def test_xforward(pairs, origin):
    agents = pairs(smtp_send_xforward_command="yes")
    for have in ("NAME ADDR PORT PROTO HELO IDENT SOURCE", "ADDR SOURCE", "name helo", "", "IDENT XYZ"):
        same(agents, {"EHLO": f"250-s\r\n250-PIPELINING\r\n250 XFORWARD {have}"}, **origin)


def test_xforward_refused(pairs):
    agents = pairs(smtp_send_xforward_command="yes")
    same(agents, {"EHLO": XFORWARD, "XFORWARD": ["250 ok", "501 no"]})
    same(agents, {"EHLO": XFORWARD, "XFORWARD": "421 no"})
    same(agents, {"EHLO": XFORWARD, "XFORWARD": None})
    same(pairs(), {"EHLO": XFORWARD})


GREETINGS = ["220", "220 ", "220-a\r\n220 b ESMTP", "220-a ESMTP\r\n220 b", "220 xESMTP", "220 esmtp", "200 x", "299 x",
              "220 2*0 ***", "220 ****************0****", "220 *2 x", "421", "554", "450 4.3.2", "220-x", "garbage\r\n220 ok",
             "554-5.7.1 two\r\n554 5.7.1 lines", "220\tx", "120 x", "199", "354 go", "354 5.7.1 go", "111-a\r\n111 b", "001 x", "999 x"]


@pytest.mark.parametrize("greeting", GREETINGS)
def test_greeting(pairs, greeting):
    same(pairs(**SHORT, smtp_always_send_ehlo="no"), {"GREETING": greeting})


SOFT = [{"GREETING": "554 x"}, {"GREETING": "150 x"}, {"EHLO": "500 x", "HELO": "554 x"}, {"EHLO": "500 x", "HELO": "150 x"},
        {"MAIL": "550 x"}, {"MAIL": "150 x"}, {"RCPT": ["550 x", "250 x"]}, {"RCPT": ["250 x", "550 x"]}, {"RCPT": ["150 x", "250 x"]},
        {"RCPT": "550 5.1.1 x"}, {"DATA": "550 x"}, {"DOT": "550 5.7.1 x"}, {"DOT": "354 x"}, {"MAIL": "421 x"},
        {"EHLO": "250-s\r\n250 SIZE 1"}, {"RCPT": ["550 x", None]}, {"RCPT": ["550 x", "450 x"]}]


def test_soft_bounce(pairs):
    """Every failure is one that another host may not have: the next one is tried, and the last one's failure is deferred."""
    for soft in ("yes", "no"):
        agents = pairs(**SHORT, soft_bounce=soft, smtp_skip_5xx_greeting="no")
        for replies in SOFT:
            for others in ([{}], [], [replies], [{"RCPT": ["450 x", "551 x"]}], [{"GREETING": None}]):
                same(agents, replies, *others, to=TWO)


def test_code_that_fits_no_question(pairs):
    """1xx and 3xx in the place of a greeting, or of the answer to EHLO, HELO and LHLO; smtp_skip_5xx_greeting is about 5xx."""
    for code in ("150 x", "354 go"):
        for skip in ("yes", "no"):
            same(pairs(**SHORT, smtp_skip_5xx_greeting=skip), {"GREETING": code}, {}, to=TWO)
        same(pairs(**SHORT), {"EHLO": code})
        same(pairs(**SHORT), {"EHLO": "500 x", "HELO": code}, {})
        for verb in ("GREETING", "LHLO"):
            same(pairs("lmtp", **LMTP_SHORT), {verb: code}, lmtp=True)


EHLOS = ["250-s\r\n250 SIZE abc", "250-s\r\n250 size 10", "250-s\r\n250 SIZE 99999999999999999999", "250-s\r\n250 SIZE 0",
         "250-s\r\n250 SIZE -1", "250-s\r\n250-pipelining\r\n250 8bitmime", "250-s\r\n250 8BITMIME x", "250 8BITMIME",
         "250-s\r\n250-AUTH=LOGIN\r\n250 AUTH PLAIN", "250-s\r\n250-XXPIPELINING\r\n250 DSN2", "250-s\r\n250 CHUNKING",
         "250", "250-s\r\n250-DSN\r\n250-DSN\r\n250 SMTPUTF8", "220 s", "251-s\r\n251 DSN", "354 x",
         "500-5.5.1 no\r\n500 such", "250-s\r\ngarbage\r\n250 DSN", "250-s\r\n250\tDSN", "250-s\r\n250-DSN \r\n250 SIZE  77",
         "250-s\r\n250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250 REQUIRETLS"]


@pytest.mark.parametrize("ehlo", EHLOS)
def test_ehlo(pairs, ehlo):
    same(pairs(**SHORT), {"EHLO": ehlo, "HELO": "250 h"}, to=TWO, encoding="8bit", envid="e", ret=2)


REPLIES = ["550", "550 ", "550 5.7.1", "550 5.7.1-x", "550 4.7.1 x", "550 5.7.1x", "550 5.1234.1 x", "550 2.0.0 x", "450 5.1.1 x",
           "550-a\r\n550-b\r\n550 c", "550-4.1.1 a\r\n450 5.1.1 b", "450-4.1.1 a\r\n550 5.1.1 b", "599 x", "400 x", "550 tab\there",
           "550 caf\u00e9 \u00fc", "550 " + "x" * 1500, "550  two  blanks ", "550-\r\n550 x", "550 5.7.1\ttab", "550 (x) \\ \"y\"",
           "550ok\r\n550 x", "5500 x\r\n550 y", "55\r\n550 x", "\r\n550 x", "550 <b>%s%n</b>"]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("reply", REPLIES, ids=range(len(REPLIES)))
def test_reply(pairs, verb, reply):
    same(pairs(**SHORT), {verb: reply})


@pytest.mark.parametrize("reply", ["250", "250 ", "250-a\r\n250 b", "250 2.6.0 odd", "250 5.1.1 ok", "200 x", "251 fwd", "250 " + "y" * 1500,
                                   "250 2.0.0 Ok: queued as \u00e9"])
def test_success(pairs, reply):
    for verb in ("RCPT", "DOT", "MAIL"):
        same(pairs(**SHORT), {verb: reply})


def test_discard_keywords_by_address(pairs):
    for value in ("pipelining, dsn", "SIZE silent-discard", "8bitmime"):
        agents = pairs(smtp_discard_ehlo_keyword_address_maps=f"inline:{{{{127.0.0.1={value}}}}}")
        same(agents, {}, to=TWO, encoding="8bit")
    agents = pairs(smtp_discard_ehlo_keyword_address_maps="inline:{127.0.0.2=dsn}", smtp_discard_ehlo_keywords="size")
    same(agents, {}, to=TWO)


def test_pix_maps(pairs):
    agents = pairs(smtp_pix_workaround_maps="inline:{{127.0.0.1=disable_esmtp}}")
    same(agents, {"GREETING": "220 *** 2"}, age=1000)
    agents = pairs(smtp_pix_workarounds="")
    same(agents, {"GREETING": "220 *** 2"}, age=1000)


@pytest.mark.parametrize("limit", ["0", "10", "72"])
def test_line_length_limit(pairs, limit):
    lines = ["Subject: x" * 5, "", "a" * 9, "b" * 10, "c" * 11, "d" * 25, "." * 12, "x" * 9 + ".yyy", " " * 30, ""]
    same(pairs(smtp_line_length_limit=limit), {}, lines=lines)


PART = "Content-Transfer-Encoding: 8bit"
NESTED = {
    "both": [*MIME, "Content-Type: multipart/mixed; boundary=a", PART, "", "--a", "Content-Type: message/rfc822", PART, "",
             "Subject: in", "Content-Type: multipart/alternative; boundary=b", PART, "", "--b", PART, "", "h\u00e9", "--b",
             "Content-Transfer-Encoding: base64", "", "aGk=", "--b--", "", "--a", "Content-Type: text/html", PART, "",
             "<p>\u00fc=20 </p>\t", "--a--", "end \u00e9"],
    "binary": [*MIME, "Content-Type: text/plain", "Content-Transfer-Encoding: binary", "", "h\u00e9 \x01\x7f", " "],
    "quoted": [*MIME, "Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable", "", "h=C3=A9 \u00e9"],
    "7bit_lies": [*MIME, "Content-Type: text/plain", "Content-Transfer-Encoding: 7bit", "", "h\u00e9"],
    "undeclared": ["Subject: \u00e9", "", "h\u00e9"],
    "no_version": ["Content-Type: text/plain", PART, "", "h\u00e9"],
    "folded": [*MIME, "Content-Type: multipart/mixed;", "\tboundary=\"x y\"", "Content-Transfer-Encoding:", "\t8BIT (c)", "",
               "--x y", "content-transfer-encoding: 8Bit", "", "h\u00e9", "--x y--"],
    "digest": [*MIME, "Content-Type: multipart/digest; boundary=d", PART, "", "--d", "", "Subject: \u00e9", PART, "", "h\u00e9", "--d--"],
    "no_boundary": [*MIME, "Content-Type: multipart/mixed", PART, "", "--x", PART, "", "h\u00e9"],
    "unclosed": [*MIME, "Content-Type: multipart/mixed; boundary=q", PART, "", "--q", PART, "", "h\u00e9"],
    "long": [*MIME, PART, "", "\u00e9" * 500, "x" * 71 + "=", "y" * 72, "z" * 73 + "\t", "." * 80, "-- ", "From x"],
    "two_headers": [*MIME, PART, "Content-Transfer-Encoding: base64", "", "h\u00e9"],
    "empty_part": [*MIME, "Content-Type: multipart/mixed; boundary=e", PART, "", "--e", PART, "", "--e--"],
    "rfc2047": ["Subject: =?utf-8?q?=C3=A9?=", *MIME[1:], "Content-Type: text/plain; charset=\"utf-8\"; x=\"\u00e9\"", PART, "", "\u00e9"],
}


@pytest.mark.parametrize("case", NESTED)
def test_conversion(pairs, case):
    for ehlo in ("250-s\r\n250 SIZE", "250-s\r\n250 8BITMIME"):
        same(pairs(), {"EHLO": ehlo}, lines=NESTED[case], encoding="8bit")
    same(pairs(), {"EHLO": "250 s"}, lines=NESTED[case], encoding="7bit")
    same(pairs(), {"EHLO": "250 s"}, lines=NESTED[case])


def test_no_conversion(pairs):
    same(pairs(disable_mime_output_conversion="yes"), {"EHLO": "250 s"}, lines=NESTED["both"], encoding="8bit")


ADDRESSES = ["a@y.test", "a@y.test", "A@Y.test", "a..b@y", ".a@y", "a.@y", "a@[1.2.3.4]", "a@[ipv6:::1]", "\"a\"@y", "a\\b@y", "a,b@y",
             "a@b@y", "noat", "@y", "a@", "<a>@y", "a b@y z", "x" * 300 + "@y", "a@" + "y" * 300, "a%b@y", "a!b@y", "caf\u00e9@y", "a\tb@y"]


def test_recipients(pairs):
    same(pairs(), {}, to=ADDRESSES)
    same(pairs(), {"EHLO": "250 s"}, to=ADDRESSES[:8])
    for sender in ADDRESSES[3:]:
        same(pairs(), {}, sender=sender)


def test_dsn_values(pairs):
    to = [Rcpt("a@y", "", "rfc822;a+2Bb@y", 6), Rcpt("b@y", "o@z", "x400;/C=x", 2), Rcpt("c@y", "b c@z", "", 8),
          Rcpt("d@y", "", "", 4), Rcpt("e@y", "\u00e9@z", "", 6), Rcpt("f@y", "f@y", "utf-8;\u00e9@z", 6), Rcpt("g@y", "", ";x", 1)]
    for ehlo in ("250-s\r\n250 DSN", "250-s\r\n250-DSN\r\n250 SMTPUTF8"):
        for ret in (0, 1, 2):
            same(pairs(), {"EHLO": ehlo}, to=to, ret=ret, envid="a=b+c d")


@pytest.mark.parametrize("sendopts", [0, 1, 3, 5, 9, 15])
@pytest.mark.parametrize("to", ["a@y", "\u00e9@y"])
def test_smtputf8(pairs, sendopts, to):
    for ehlo in ("250-s\r\n250 SMTPUTF8", "250-s\r\n250-8BITMIME\r\n250 SMTPUTF8"):
        same(pairs(), {"EHLO": ehlo}, to=[to], sendopts=sendopts, encoding="8bit", lines=["Subject: \u00e9", "", "\u00e9"])


def test_names(pairs):
    same(pairs(smtp_helo_name="[127.0.0.1]"), {})
    same(pairs("lmtp", lmtp_lhlo_name="some.name"), {}, lmtp=True)
    same(pairs(smtp_skip_quit_response="no"), {"QUIT": "500 no"})
    same(pairs(smtp_skip_quit_response="no"), {"QUIT": None})


def test_lists(pairs):
    with_dead = "[127.0.0.1]:1, [127.0.0.1]:2"
    same(pairs(), nexthop=with_dead, to=TWO)
    same(pairs(smtp_fallback_relay=with_dead), nexthop="[127.0.0.1]:3", to=TWO)
    same(pairs("lmtp", lmtp_fallback_relay="127.0.0.1:2"), nexthop="inet:127.0.0.1:3", to=TWO)
    same(pairs("lmtp"), nexthop="inet:[127.0.0.1]:1, [127.0.0.1]:2", to=TWO)


@pytest.mark.parametrize("replies", [{"DOT": ["250 a", "450 b", "550 c"]}, {"DOT": ["450 a", None]}, {"DOT": [None]},
                                     {"DOT": ["421 x"]}, {"DOT": ["250 a", "421 x"]}, {"DOT": ["500 a", "garbage\r\n250 b", "250 c"]},
                                     {"RCPT": ["450 x", "250 ok", "450 y"]}, {"RCPT": ["250 ok", None]}, {"DATA": "450 x"}, {"DATA": "550 x"},
                                     {"MAIL": "552 x"}, {"DATA": None}, {"DOT": ["250 2.1.5 a", "252 b", "350 c"]}])
def test_lmtp_outcomes(pairs, replies):
    """Each recipient has its own outcome, and what one of them got does not depend on the others (threats F12)."""
    for ehlo in ("250 x", Sink.EHLO):
        same(pairs("lmtp", **LMTP_SHORT), {"LHLO": ehlo, **replies}, to=THREE, lmtp=True, flags=1)
