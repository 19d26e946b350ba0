# SPDX-License-Identifier: Apache-2.0
"""pipe(8), ours and Debian's, request by request: the same outcomes, arguments, input and log lines."""

import contextlib
import grp
import os
import pathlib
import pwd
import re
import socket
import time

import pytest

import instance
from agent import Agent, Rcpt, read_list
from instance import wait_until

ROOT = os.geteuid() == 0
# As an ordinary user everything runs as that user; the name must exist, and not be root's.
USER = "user=nobody"
ME = pwd.getpwnam("nobody")

# Writes down what it got, a file each; says nothing.
SHOW = """#!/bin/sh
cd %s && for a; do printf '%%s\\0' "$a"; done >args && cat >input && env >env
"""
# Runs its argument, after it has read the message.
RUN = """#!/bin/sh
cat >/dev/null
eval "$1"
"""
# Runs its argument, and reads or does not.
RAW = """#!/bin/sh
eval "$1"
"""


@pytest.fixture(params=["postroad", pytest.param("debian", marks=pytest.mark.root)])
def kind(request):
    if request.param == "debian" and not instance.DebianPostfix.available():
        pytest.skip("Debian's Postfix is not installed")
    return request.param


@pytest.fixture
def place(workdir):
    out = workdir / "out"
    out.mkdir()
    out.chmod(0o777)
    for name, text in ("show", SHOW % out), ("run", RUN), ("raw", RAW):
        (workdir / name).write_text(text)
        (workdir / name).chmod(0o755)
    return workdir


class Pipe:
    """One running pipe; `args` are the words after "pipe"."""

    def __init__(self, kind, *args, name="pp", **conf):
        self.agent = Agent("pipe", kind, {"recipient_delimiter": "+", **conf}, name=name, args=args)

    def __enter__(self):
        return self.agent

    def __exit__(self, *exc):
        self.agent.destroy()


def shown(place):
    """Arguments and input of the last run of `show`; None when it did not run."""
    out = place / "out"
    if not (out / "input").exists():
        return None
    args = (out / "args").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
    text = (out / "input").read_bytes().decode("latin-1")
    for f in out.iterdir():
        f.unlink()
    return args, text


# ---- how a command ends ----

DIED, OUTPUT = "Command died with {} {}: \"CMD\"", ". Command output: "
# What the command does: (dsn, status, reason, diagnostic text); log and notices get the same.
ENDS = {
    "exit 0": ("2.0.0", "sent", "delivered via pp service", ""),
    "exit 1": ("5.3.0", "bounced", DIED.format("status", 1), "unknown mail system error 1"),
    "exit 64": ("5.3.0", "bounced", "command line usage error", "command line usage error"),
    "exit 65": ("5.6.0", "bounced", "data format error", "data format error"),
    "exit 66": ("5.3.0", "bounced", "cannot open input", "cannot open input"),
    "exit 67": ("5.1.1", "bounced", "user unknown", "user unknown"),
    "exit 68": ("5.1.2", "bounced", "host name unknown", "host name unknown"),
    "exit 69": ("5.3.0", "bounced", "service unavailable", "service unavailable"),
    "exit 70": ("5.3.0", "bounced", "internal software error", "internal software error"),
    "exit 71": ("4.3.0", "deferred", "system resource problem", "system resource problem"),
    "exit 72": ("5.3.0", "bounced", "critical OS file missing", "critical OS file missing"),
    "exit 73": ("5.2.0", "bounced", "can't create user output file", "can't create user output file"),
    "exit 74": ("5.3.0", "bounced", "input/output error", "input/output error"),
    "exit 75": ("4.3.0", "deferred", "temporary failure", "temporary failure"),
    "exit 76": ("5.5.0", "bounced", "remote error in protocol", "remote error in protocol"),
    "exit 77": ("5.7.0", "bounced", "permission denied", "permission denied"),
    "exit 78": ("5.3.5", "bounced", "local configuration error", "local configuration error"),
    "exit 79": ("5.3.0", "bounced", DIED.format("status", 79), "unknown mail system error 79"),
    "exit 255": ("5.3.0", "bounced", DIED.format("status", 255), "unknown mail system error 255"),
    "kill -9 $$": ("4.3.0", "deferred", DIED.format("signal", 9), "internal software error"),
    "kill -15 $$": ("4.3.0", "deferred", DIED.format("signal", 15), "internal software error"),
    "echo out; exit 0": ("2.0.0", "sent", "delivered via pp service (out)", ""),
    "echo; echo; echo '  out put  '; echo more": (
        "2.0.0", "sent", "delivered via pp service (    out put   more)", ""),
    "echo '  '": ("2.0.0", "sent", "delivered via pp service", ""),
    "echo 5.1.1 text": ("2.0.0", "sent", "delivered via pp service (5.1.1 text)", ""),
    "for i in 1 2 3 4 5 6 7 8 9 0 a b; do printf 0123456789; done": (
        "2.0.0", "sent", "delivered via pp service (" + "0123456789" * 10 + ")", ""),
    "echo '5.1.1 text here'; exit 75": ("5.1.1", "bounced", "text here ", "text here "),
    "echo '4.2.2   text here'; exit 67": ("4.2.2", "deferred", "text here ", "text here "),
    "echo '5.1.1 a' >&2; echo b; exit 1": ("5.1.1", "bounced", "a b ", "a b "),
    "printf '5.1.1\\ttab\\n'; exit 75": ("5.1.1", "bounced", "tab ", "tab "),
    "echo 5.1.1; exit 75": ("5.1.1", "bounced", "", ""),
    "echo '2.2.2 text'; exit 67": ("5.0.0", "bounced", "text ", "text "),
    "echo '2.2.2 text'; exit 75": ("5.0.0", "bounced", "text ", "text "),
    "echo ' 4.2.2 x'; exit 67": ("5.1.1", "bounced", "user unknown" + OUTPUT + " 4.2.2 x ", " 4.2.2 x "),
    "echo 5.1.1text; exit 75": ("4.3.0", "deferred", "temporary failure" + OUTPUT + "5.1.1text ", "5.1.1text "),
    "echo 550 5.1.1 text; exit 75": (
        "4.3.0", "deferred", "temporary failure" + OUTPUT + "550 5.1.1 text ", "550 5.1.1 text "),
    "echo 5.1.1000 x; exit 69": ("5.3.0", "bounced", "service unavailable" + OUTPUT + "5.1.1000 x ", "5.1.1000 x "),
    "echo 3.1.1 x; exit 69": ("5.3.0", "bounced", "service unavailable" + OUTPUT + "3.1.1 x ", "3.1.1 x "),
    "echo '5.7.1 bye'; kill -9 $$": ("4.3.0", "deferred", DIED.format("signal", 9) + OUTPUT + "5.7.1 bye ", "5.7.1 bye "),
    "printf 'a\\001b\\n\\377x\\ty\\r\\n\\v\\f\\033[m'; exit 69": (
        "5.3.0", "bounced", "service unavailable" + OUTPUT + "a_b _x y_ ___[m", "a_b _x y_ ___[m"),
    "printf 'h\\303\\274h\\n'; exit 69": ("5.3.0", "bounced", "service unavailable" + OUTPUT + "hüh ", "hüh "),
    "printf 'a\\000b'; exit 69": ("5.3.0", "bounced", "service unavailable" + OUTPUT + "a", "a"),
    "sleep 30 </dev/null >/dev/null 2>&1 & exit 0": ("2.0.0", "sent", "delivered via pp service", ""),
    "exec >&- 2>&-; exit 69": ("5.3.0", "bounced", "service unavailable", "service unavailable"),
    "(sleep 0.3; echo late) & echo now; exit 67": (
        "5.1.1", "bounced", "user unknown" + OUTPUT + "now late ", "now late "),
}
SERVICE = {"sent": None, "bounced": "bounce", "deferred": "defer"}


def check_end(r, cmd, dsn, status, reason, diag):
    reason = reason.replace("CMD", str(cmd))
    assert f"QID: to=<r@x.test>, relay=pp, dsn={dsn}, status={status} ({reason})" in r.log, r
    assert r.hop == ("", "")
    assert r.done == (status != "deferred")
    assert r.marks == {"sent": "D", "bounced": "D", "deferred": "R"}[status]
    told = [(s, q["status"], q["reason"], q["diag_type"], q["diag_text"]) for s, q in r.services()]
    want = [] if status == "sent" else [(SERVICE[status], dsn, reason, "x-unix", diag)]
    assert told == want


def test_ends(kind, place):
    cmd = place / "run"
    with Pipe(kind, USER, f"argv={cmd}", "${sender}") as a:
        for text, (dsn, status, reason, diag) in ENDS.items():
            r = a.deliver(["r@x.test"], "hop", sender=text, flags=1)
            check_end(r, cmd, dsn, status, reason, diag)
        assert "warning: bounce_append: ignoring dsn code \"2.2.2\"" in a.lines


def test_output_is_bounded(kind, place):
    """4096 bytes are kept; a command that goes on gets an error, not a signal, and may still do its work."""
    cmd = place / "run"
    with Pipe(kind, USER, f"argv={cmd}", "${sender}") as a:
        for script, size in (("head -c 4096 /dev/zero | tr '\\0' y", 4096), ("yes 2>/dev/null | tr -d '\\n' 2>/dev/null", 4096),
                             ("head -c 4000 /dev/zero | tr '\\0' y", 4000)):
            r = a.deliver(["r@x.test"], "hop", sender=script + "; exit 67")
            assert r.services()[0][1]["diag_text"] == "y" * size
            assert r.services()[0][1]["status"] == "5.1.1"
        r = a.deliver(["r@x.test"], "hop", sender="yes 2>/dev/null; exit 0")
        assert "status=sent (delivered via pp service (" + "y " * 50 + "))" in r.log[0]


BIG = ["Subject: big", ""] + ["x" * 70] * 5000


def test_large_messages(kind, place):
    """More than a pipe holds: read late, in part, not at all, echoed."""
    cmd = place / "raw"
    with Pipe(kind, USER, f"argv={cmd}", "${sender}") as a:
        for script, text in (
                ("exit 0", "dsn=2.0.0, status=sent (delivered via pp service)"),
                ("exit 75", "dsn=4.3.0, status=deferred (temporary failure)"),
                ("echo 5.1.1 x; exit 1", "dsn=5.1.1, status=bounced (x )"),
                ("kill -9 $$", "dsn=4.3.0, status=deferred (Command died with signal 9: "),
                ("exec <&-; exit 0", "dsn=2.0.0, status=sent (delivered via pp service)"),
                ("head -c 4; exit 0", "dsn=2.0.0, status=sent (delivered via pp service (Subj))"),
                ("yes | head -c 100000; cat >/dev/null", "dsn=2.0.0, status=sent (delivered via pp service ("),
                ("cat; exit 67", "dsn=5.1.1, status=bounced (user unknown. Command output: Subject: big  xxx"),
                ("n=$(wc -c); echo $n", f"dsn=2.0.0, status=sent (delivered via pp service ({sum(len(x) + 1 for x in BIG)}))"),
        ):
            r = a.deliver(["r@x.test"], "hop", sender=script, lines=BIG)
            assert text in r.log[-1], (script, r)


# F12: (script, what is warned of).
HANGS = [
    ("sleep 77", "pipe_command_write: write time limit exceeded"),
    ("cat >/dev/null; sleep 77", "pipe_command_read: read time limit exceeded"),
    ("cat >/dev/null; trap '' TERM HUP INT; sleep 77 & sleep 77", "pipe_command_read: read time limit exceeded"),
    ("cat >/dev/null; exec >&- 2>&-; sleep 77", "pipe_command_wait_or_kill: child wait time limit exceeded"),
    ("cat >/dev/null; sleep 77 & exit 0", "pipe_command_read: read time limit exceeded"),
]


def sleepers(marker):
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if marker in (p / "environ").read_bytes().decode("latin-1"):
                found.append((p.name, (p / "cmdline").read_text()))
        except OSError:
            continue
    return found


def test_time_limit(kind, place):
    """F12: the limit of the service; everything in the command's process group is gone afterwards."""
    cmd = place / "raw"
    marker = f"PIPE_TEST={place.name}"
    with Pipe(kind, USER, f"argv={cmd}", "${sender}", pp_time_limit="1s", export_environment=f"MAIL_CONFIG {marker}") as a:
        for script, warning in HANGS:
            r = a.deliver(["a@x.test", "b@x.test"], "hop", sender=script, lines=BIG)
            assert r.log[0] == "warning: " + warning, (script, r)
            for rcpt in "ab":
                assert (f"QID: to=<{rcpt}@x.test>, relay=pp, dsn=5.3.0, status=bounced (Command time limit exceeded: "
                        f"\"{cmd}\")") in r.log
            assert r.services()[0][1]["diag_text"] == "internal software error"
            wait_until(lambda: not sleepers(marker), "the group is gone", 5)
        r = a.deliver(["r@x.test"], "hop", sender="echo 5.5.5 early; cat >/dev/null; sleep 77")
        assert f"(Command time limit exceeded: \"{cmd}\". Command output: 5.5.5 early )" in r.log[-1]
        assert r.services()[0][1]["status"] == "5.3.0"
        # Input that moves extends it.
        r = a.deliver(["r@x.test"], "hop", sender="sleep 0.7; cat >/dev/null; sleep 0.7", lines=BIG)
        assert "status=sent" in r.log[0]


def test_drops_do_not_extend_the_limit(place):
    """F12: Debian's pipe would wait until the watchdog bites."""
    with Pipe("postroad", USER, f"argv={place}/run", "${sender}", command_time_limit="1s") as a:
        start = time.monotonic()
        r = a.deliver(["r@x.test"], "hop", sender="while :; do echo x; sleep 0.1; done")
        assert time.monotonic() - start < 5
        assert "dsn=5.3.0, status=bounced (Command time limit exceeded" in r.log[-1]


def test_busy_connection(place):
    """The watchdog is for one request, not for a connection that lasts."""
    with Pipe("postroad", USER, f"argv={place}/run", "sleep 0.7", daemon_timeout="3s") as a:
        connection = a.connect()
        for _ in range(7):
            assert "status=sent" in a.deliver(["r@x.test"], "hop", connection=connection).log[-1]
            assert read_list(connection[1]) == [("protocol", "delivery_request_protocol")]


# ---- what a command gets ----

A, B = Rcpt("User+Ext@Dom.Test", "Orig@Rcpt.Test"), Rcpt("V@Dom2.Test")
ARGUMENTS = [
    # attributes, words, recipients, sender, expected arguments
    ([], ["${sender}", "$(sender)", "$sender", "$$", "$$$sender", "$$$$", "${sender}}", "a b", "", "-x", "*;`id`"], [A],
     "s@x.test", ["s@x.test"] * 3 + ["$", "$s@x.test", "$$", "s@x.test}", "a b", "", "-x", "*;`id`"]),
    ([], ["$sender-x", "$sender.y", "$sender$nexthop"], [A], "s@x.test", ["s@x.test-x", "s@x.test.y", "s@x.testNext.Hop"]),
    ([], ["$user", "$extension", "$mailbox", "$domain", "${recipient}", "a${original_recipient}b"], [A, B], "s@x.test",
     ["User", "V", "Ext", "", "User+Ext", "V", "Dom.Test", "Dom2.Test", "User+Ext@Dom.Test", "V@Dom2.Test",
      "aOrig@Rcpt.Testb", "ab"]),
    ([], ["$user@$domain/$nexthop", "$recipient $sender"], [A, B], "s@x.test",
     ["User@Dom.Test/Next.Hop", "V@Dom2.Test/Next.Hop", "User+Ext@Dom.Test s@x.test", "V@Dom2.Test s@x.test"]),
    ([], ["$client_address", "$client_helo", "$client_hostname", "$client_port", "$client_protocol", "$sasl_method",
          "$sasl_username", "$sasl_sender", "$size", "$nexthop"], [A], "s@x.test",
     ["192.0.2.9", "h", "cl.test", "1", "ESMTP", "PLAIN", "me", "me too", "14", "Next.Hop"]),
    ([], ["$user", "$extension", "$mailbox"], ["e+@x", "+e@x", "a+b+c@x", "postmaster+a@x", "owner-a@x", "nodomain"], "",
     ["e", "+e", "a", "postmaster", "owner-a", "nodomain", "", "", "b+c", "a", "", "", "e+", "+e", "a+b+c", "postmaster+a",
      "owner-a", "nodomain"]),
    (["flags=hu"], ["$recipient", "$original_recipient", "$domain", "$nexthop", "$user", "$extension", "$mailbox", "$sender"],
     [Rcpt("ÄB+ÄC@ÄD.Test", "ÄO@ÄX")], "ÄS@X",
     ["äb+äc@äd.test", "äo@äx", "äd.test", "next.hop", "äb", "äc", "äb+äc", "ÄS@X"]),
    (["flags=h"], ["$recipient", "$original_recipient", "$user"], [Rcpt("AB@CD@EF", "GH")], "s@x", ["AB@CD@ef", "GH", "AB@CD"]),
    (["flags=u"], ["$recipient", "$original_recipient", "$domain"], [Rcpt("AB@CD@EF", "GH")], "s@x", ["ab@cd@EF", "gh", "EF"]),
    (["flags=q"], ["$recipient", "$original_recipient", "$sender", "$user", "$mailbox"],
     [Rcpt('A B"c\\d+e@x', "Orig x@y"), Rcpt("a..b@x", "\tx\r@y"), Rcpt("a.@x", "ö@y"), Rcpt("b@in", "noat it")], "a,b",
     ['"A B\\"c\\\\d+e"@x', '"a..b"@x', '"a."@x', "b@in", '"Orig x"@y', '"\tx\\\r"@y', "ö@y", '"noat it"', '"a,b"',
      'A B"c\\d', "a..b", "a.", "b", 'A B"c\\d+e', "a..b", "a.", "b"]),
    ([], ["$sender", "-f$sender"], [A], "", ["MAILER-DAEMON", "-fMAILER-DAEMON"]),
    (["null_sender="], ["$sender", "-f$sender"], [A], "", ["", "-f"]),
    (["null_sender=", "flags=q"], ["$sender"], [A], "", [""]),
    (["null_sender=a b"], ["$sender"], [A], "", ["a b"]),
    (["null_sender=a b", "flags=q"], ["$sender"], [A], "", ['"a b"']),
    (["null_sender=a b"], ["$sender"], [A], "x@y", ["x@y"]),
]


@pytest.mark.parametrize("case", range(len(ARGUMENTS)))
def test_arguments(kind, place, case):
    attributes, words, rcpts, sender, want = ARGUMENTS[case]
    with Pipe(kind, *attributes, USER, f"argv={place}/show", *words) as a:
        r = a.deliver(rcpts, "Next.Hop", sender=sender, lines=["Subject: x", ""], sasl_method="PLAIN", sasl_username="me",
                      sasl_sender="me too")
        assert all("status=sent" in x or "no @ in recipient address: nodomain" in x for x in r.log), r
        assert shown(place)[0] == want


def test_newer_macros(place):
    """3.8 knows ${envid}; 3.12 keeps arguments that turn out empty (3.7 drops those of ${user})."""
    with Pipe("postroad", USER, f"argv={place}/show", "$envid", "$user", "${queue_id}") as a:
        r = a.deliver(["@x.test"], "hop", envid="an+2Benvid")
        args = shown(place)[0]
        assert args[:2] == ["an+2Benvid", ""] and re.fullmatch(r"ABC[0-9A-F]{7}", args[2]), r


# A11: what strangers write into addresses, when it has come this far.
HOSTILE = ["|/bin/touch OUT/owned", "$(touch OUT/owned)", "`touch OUT/owned`", "-oXOUT/owned", "${sender}", "$sender", "/OUT/owned",
           ":include:/etc/passwd", "a;touch OUT/owned", "a\ntouch OUT/owned", "'; touch OUT/owned; '", "a b", "*", "\\", "--"]


@pytest.mark.parametrize("flags", ["flags=", "flags=hu"])
def test_hostile_addresses(kind, place, flags):
    """A11: an address is one argument, literally, whatever it holds."""
    names = [h.replace("OUT", str(place / "out")).lower() for h in HOSTILE]
    with Pipe(kind, flags, USER, f"argv={place}/show", "${recipient}", "$user", "x$sender", "$nexthop") as a:
        for name in names:
            r = a.deliver([f"{name}@x.test"], "$(id)", sender=name)
            assert "status=sent" in r.log[-1], r
            args = shown(place)[0]
            assert args == [f"{name}@x.test", name, f"x{name}", "$(id)"]
            assert not (place / "out/owned").exists()


BODY = ["Subject: x", "X: From y", "", "From me", ".dot", "..", ".", " .x", "FROM x", "y" * 3000, "a\rb", ""]
LONG = "y" * 3000


def body(eol="\n", dot=False, quote=False):
    lines = [("." if dot and x.startswith(".") else ">" if quote and x.startswith("From ") else "") + x for x in BODY]
    return "".join(x + eol for x in lines)


FROM = r"From {}  \w{{3}} \w{{3}} [ \d]\d \d\d:\d\d:\d\d \d{{4}}\n"
CONTENTS = [
    # attributes, sender, expected pattern before the body, body
    ([], "s@x.test", "", body()),
    (["flags="], "s@x.test", "", body()),
    (["flags=F"], "s@x.test", FROM.format("s@x.test"), body()),
    (["flags=F"], "", FROM.format("MAILER-DAEMON"), body()),
    (["flags=FR", "null_sender=nobody"], "", FROM.format("nobody") + "Return-Path: <nobody>\n", body()),
    (["flags=FR", "null_sender="], "", FROM.format("MAILER-DAEMON") + "Return-Path: <>\n", body()),
    (["flags=FR"], "a b@c", FROM.format('"a b"@c') + 'Return-Path: <"a b"@c>\n', body()),
    (["flags=R"], "", "Return-Path: <MAILER-DAEMON>\n", body()),
    (["flags=D"], "s@x.test", 'Delivered-To: "u u"@x.test\n', body()),
    (["flags=O"], "s@x.test", 'X-Original-To: "o o"@x.test\n', body()),
    (["flags=DRO"], "s@x.test", 'Return-Path: <s@x.test>\nX-Original-To: "o o"@x.test\nDelivered-To: "u u"@x.test\n', body()),
    (["flags=B"], "s@x.test", "", body() + "\n"),
    (["flags=."], "s@x.test", "", body(dot=True)),
    (["flags=>"], "s@x.test", "", body(quote=True)),
    (["flags=.>B", "eol=\\r\\n"], "s@x.test", "", body("\r\n", dot=True, quote=True) + "\r\n"),
    (["flags=R", "eol=|"], "s@x.test", r"Return-Path: <s@x.test>\|", body("|")),
    (["eol="], "s@x.test", "", body("")),
    (["eol=a\\tb\\x\\060\\12345\\\\\\a\\v\\"], "s@x.test", "", body("a\tbx0S45\\\a\v")),
    (["flags=BDFORXhqu.>"], "s@x.test", FROM.format("s@x.test") + 'Return-Path: <s@x.test>\nX-Original-To: "o o"@x.test\n'
     'Delivered-To: "u u"@x.test\n', body(dot=True, quote=True) + "\n"),
]


@pytest.mark.parametrize("case", range(len(CONTENTS)))
def test_contents(kind, place, case):
    attributes, sender, head, text = CONTENTS[case]
    with Pipe(kind, *attributes, USER, f"argv={place}/show") as a:
        r = a.deliver([Rcpt("u u@x.test", "o o@x.test")], "hop", sender=sender, lines=BODY)
        assert "status=sent" in r.log[-1], r
        got = shown(place)[1]
        m = re.match(head, got)
        assert m, got
        assert got[m.end():] == text


def test_no_original_recipient(kind, place):
    with Pipe(kind, "flags=O", USER, f"argv={place}/show", enable_original_recipient="no") as a:
        r = a.deliver([Rcpt("u@x.test", "o@x.test")], "hop", lines=["A: b", ""])
        assert "to=<u@x.test>, orig_to=<o@x.test>, relay=pp" in r.log[-1]
        assert shown(place)[1] == "A: b\n\n"


# ---- what it runs as, and with ----

LOOK = """id -ru; id -u; id -rg; id -g; id -G; pwd; umask
sed -n 's/^\\(Sig[BI][lg][kn]\\|Cap[IPE][nrf][hmf]\\|NoNewPrivs\\|Seccomp\\):.//p' /proc/self/status
read a b c d e f g </proc/$$/stat; [ $e = $$ ] && [ $f = $$ ] && echo session; ls /proc/self/fd"""


@pytest.mark.root
@pytest.mark.parametrize("user,gid", [("user=nobody", ME.pw_gid), ("user=nobody:daemon", 1), ("user=nobody:", ME.pw_gid)])
def test_identity(kind, place, user, gid):
    """X7: the command is that user for good, alone in its group, with three descriptors and no filter."""
    with Pipe(kind, user, f"argv={place}/run", "${sender}") as a:
        r = a.deliver(["r@x.test"], "hop", sender=LOOK + "; exit 67")
        got = r.services()[0][1]["diag_text"].split()
        none = "0" * 16
        # Blocked: nothing. Ignored: SIGPIPE and SIGXFSZ. Capabilities: none.
        assert got == [str(ME.pw_uid)] * 2 + [str(gid)] * 3 + [str(a.queue), "0022"] + [
            none, f"{1 << 12 | 1 << 24:016x}"] + [none] * 3 + ["0", "0", "session"] + ["0", "1", "2", "3"]


def environment(place):
    return dict(x.split("=", 1) for x in (place / "out/env").read_text().splitlines() if not re.match(r"(PWD|OLDPWD|SHLVL|_)=", x))


def test_environment(kind, place, monkeypatch):
    """X6: nothing of ours gets through but what is listed, and PATH never."""
    for name in "LD_PRELOAD_X", "IFS_X", "BASH_ENV", "ENV", "TZ":
        monkeypatch.setenv(name, "evil" if name != "TZ" else "UTC")
    monkeypatch.setenv("HOME", "/home/x")
    with Pipe(kind, USER, f"argv={place}/show") as a:
        a.deliver(["r@x.test"], "hop")
        assert environment(place) == {"PATH": "/usr/bin:/bin", "MAIL_CONFIG": str(a.dir), "TZ": "UTC",
                                      **({"LANG": os.environ["LANG"]} if "LANG" in os.environ else {})}
    with Pipe(kind, USER, f"argv={place}/show", export_environment="FOO=bar NOTSET {X = a b} HOME PATH=/x, Y=$myhostname") as a:
        a.deliver(["r@x.test"], "hop")
        assert environment(place) == {"PATH": "/usr/bin:/bin", "FOO": "bar", "X": "a b", "HOME": "/home/x", "Y": "mx.example.test"}


def not_run(r, log, reason):
    assert f"fatal: {log}" in r.log, r
    assert f"dsn=4.3.0, status=deferred (temporary failure{reason})" in r.log[-1], r
    assert r.services()[0][1]["diag_text"] == (reason[len(OUTPUT):] or "temporary failure")
    assert not r.done


def test_directories(kind, place):
    closed = place / "closed"
    closed.mkdir(mode=0)
    uid, gid = (ME.pw_uid, ME.pw_gid) if ROOT else (os.geteuid(), os.getegid())
    run = f"argv={place}/run"
    with Pipe(kind, f"directory={place}", USER, run, "pwd") as a:
        assert f"status=sent (delivered via pp service ({place}))" in a.deliver(["r@x.test"], "hop").log[-1]
    for path, error in (closed, "Permission denied"), ("/nonexistent", "No such file or directory"), ("", "No such file or directory"):
        with Pipe(kind, f"directory={path}", USER, run, "pwd") as a:
            not_run(a.deliver(["r@x.test"], "hop"), f'cannot change directory to "{path}" for uid={uid} gid={gid}: {error}', "")
    if ROOT:
        with Pipe(kind, "chroot=/", "directory=tmp", USER, run, "pwd") as a:
            assert "status=sent (delivered via pp service (/tmp))" in a.deliver(["r@x.test"], "hop").log[-1]
        with Pipe(kind, f"chroot={place}", USER, run, "pwd") as a:
            text = f"pipe_command: execvp {place}/run: No such file or directory"
            not_run(a.deliver(["r@x.test"], "hop"), text, f"{OUTPUT}pipe: fatal: {text} ")
        with Pipe(kind, "chroot=/nonexistent", USER, run, "pwd") as a:
            not_run(a.deliver(["r@x.test"], "hop"), "chroot(/nonexistent): No such file or directory", "")


def test_commands_that_cannot_run(kind, place):
    (place / "script").write_text("echo ran $*\n")  # no "#!": for sh, as ever
    (place / "script").chmod(0o755)
    with Pipe(kind, USER, "argv=${sender}", "a;b") as a:
        for name, error in (("/nonexistent", "No such file or directory"), ("/etc/passwd", "Permission denied"),
                            ("/tmp", "Permission denied"), ("show", "No such file or directory")):
            text = f"pipe_command: execvp {name}: {error}"
            not_run(a.deliver(["r@x.test"], "hop", sender=name), text, f"{OUTPUT}pipe: fatal: {text} ")
        assert "service (ran a;b))" in a.deliver(["r@x.test"], "hop", sender=str(place / "script")).log[-1]
        # By PATH, which is ours.
        assert "service (a;b))" in a.deliver(["r@x.test"], "hop", sender="echo").log[-1]
    with Pipe(kind, USER, "argv=", str(place / "show")) as a:
        text = "pipe_command: execvp : No such file or directory"
        not_run(a.deliver(["r@x.test"], "hop"), text, f"{OUTPUT}pipe: fatal: {text} ")


# ---- refusals ----

MACROS = [
    (["${sender"], 'truncated macro reference: "${sender"'),
    (["$(sender}"], 'truncated macro reference: "$(sender}"'),
    (["a$"], 'empty macro name: "a$"'),
    (["$ x"], 'empty macro name: "$ x"'),
    (["$nosuch"], 'CF: service pp: unknown macro name: "nosuch"'),
    (["${ sender }"], 'CF: service pp: unknown macro name: " sender "'),
    (["$sender_x"], 'CF: service pp: unknown macro name: "sender_x"'),
    (["${sender$x}"], 'CF: service pp: unknown macro name: "sender$x"'),
    (["${sender?{yes}:{no}}"], 'CF: service pp: unknown macro name: "sender?{yes}:{no}"'),
    (["$SENDER"], 'CF: service pp: unknown macro name: "SENDER"'),
]


def test_bad_macros(kind, place):
    """Nothing runs; mail waits until master.cf is mended."""
    with Pipe(kind, USER, f"argv={place}/show") as a:
        for i, (words, text) in enumerate(MACROS):
            name = f"m{i}"
            a.spawn("pipe", name, [USER, f"argv={place}/show", *words])
            a.path = a.queue / "private" / name
            r = a.deliver(["r@x.test"], "hop")
            text = text.replace("CF", f"file {a.dir}/master.cf").replace(" pp:", f" {name}:")
            assert f"warning: {text}" in r.log, r
            assert "dsn=4.3.5, status=deferred (mail system configuration error)" in r.log[-1]
    assert shown(place) is None


REFUSED = [
    (["argv=/bin/true"], "missing user= command-line attribute"),
    ([USER], "missing argv= command-line attribute"),
    (["user=no-such-user", "argv=/bin/true"], "get_service_attr: unknown username: no-such-user"),
    (["user=", "argv=/bin/true"], "get_service_attr: unknown username: "),
    (["user=65534", "argv=/bin/true"], "get_service_attr: unknown username: 65534"),
    (["user=nobody:nosuch", "argv=/bin/true"], "get_service_attr: unknown group: nosuch"),
    (["user=root", "argv=/bin/true"], "user= command-line attribute specifies root privileges"),
    (["user=nobody:root", "argv=/bin/true"], "user= command-line attribute specifies privileged group id 0"),
    (["flags=FZ", USER, "argv=/bin/true"], "unknown flag: Z (ignored)"),
    (["foo=bar", USER, "argv=/bin/true"], "unknown attribute name: foo=bar"),
    (["foo", USER, "argv=/bin/true"], "unknown attribute name: foo"),
    (["size=-1", USER, "argv=/bin/true"], "get_service_attr: bad size= value: -1"),
    (["size=1k", USER, "argv=/bin/true"], "get_service_attr: bad size= value: 1k"),
    (["-o", "r14_time_limit=x", USER, "argv=/bin/true"], "parameter r13_time_limit: bad time value or unit: x"),
]
REFUSED_TO_ROOT = [
    (["user=postfix", "argv=/bin/true"], "user= command-line attribute specifies mail system owner postfix"),
    (["user=nobody:postfix", "argv=/bin/true"],
     "user= command-line attribute specifies mail system owner postfix group id {postfix}"),
    (["user=nobody:postdrop", "argv=/bin/true"], "user= command-line attribute specifies mail system postdrop group id {postdrop}"),
]


def test_refused(kind, place):
    """Mistakes in master.cf end the process, with these words, before mail is touched."""
    cases = REFUSED + (REFUSED_TO_ROOT if ROOT else [])
    with Pipe(kind, USER, f"argv={place}/show") as a:
        for i, (words, _) in enumerate(cases):
            words = [w.replace("r14", f"r{i}") for w in words]
            a.spawn("pipe", f"r{i}", words)
        wire, _, path, _ = a.make_request(["r@x.test"], "hop")
        ids = {g: grp.getgrnam(g).gr_gid for g in ("postfix", "postdrop")} if ROOT else {}
        with contextlib.ExitStack() as kept:
            for i in range(len(cases)):
                s = kept.enter_context(socket.socket(socket.AF_UNIX))
                with contextlib.suppress(OSError):  # ours does not wait for a client
                    s.connect(str(a.queue / f"private/r{i}"))
                    s.sendall(wire)
            for _, text in cases:
                text = "fatal: " + text.format(**ids)
                wait_until(lambda: any(x.startswith(text) for x in a.lines), f"{text}: {a.lines}")
            wait_until(lambda: len(a.lines) >= len(cases), "all complaints")
        assert len(a.lines) == len(cases)
        assert path.read_bytes().count(b"r@x.test")


def test_one_recipient_only(kind, place):
    for flag in "DO":
        with Pipe(kind, f"flags={flag}", USER, f"argv={place}/show") as a:
            r = a.deliver(["a@x.test", "b@x.test"], "hop")
            assert sum("dsn=4.3.5, status=deferred (mail system configuration error)" in x for x in r.log) == 2
            wait_until(lambda: f"warning: pipe flag `{flag}' requires pp_destination_recipient_limit = 1" in a.lines, "the warning")
    assert shown(place) is None


def test_size(kind, place):
    lines = ["Subject: x", "", "12345"]  # 17 bytes as the queue counts
    for limit, fits in ("17", False), ("18", True), ("0", True), ("16", False):
        with Pipe(kind, f"size={limit}", USER, f"argv={place}/show") as a:
            r = a.deliver(["a@x.test", "b@x.test"], "hop", lines=lines + ["x"])
            size = 18 + 1 + 2  # records with their heads
            fits = limit == "0" or int(limit) >= size
            text = "dsn=2.0.0, status=sent" if fits else "dsn=5.2.3, status=bounced (message too large)"
            assert all(text in x for x in r.log) and len(r.log) == 2, r
            assert (shown(place) is not None) == fits


LOOPS = [
    (["Delivered-To: u+e@x.test", ""], True), (["X: y", "delivered-to:   U+E@X.TEST", ""], True), (["Delivered-To: u@x.test", ""], False),
    (["X: y", "", "Delivered-To: u+e@x.test"], False), (["Delivered-To:", " u+e@x.test", ""], False),
    (["Delivered-To: <u+e@x.test>", ""], False), (["Delivered-To: u+e@x.test (c)", ""], False),
]


def test_loops(kind, place):
    """L1: with flag D a message does not come here twice."""
    with Pipe(kind, "flags=D", USER, f"argv={place}/show") as a:
        for lines, loops in LOOPS:
            r = a.deliver(["u+e@X.test"], "hop", lines=lines)
            if loops:
                assert "dsn=5.4.6, status=bounced (mail forwarding loop for u+e@X.test)" in r.log[-1], (lines, r)
            else:
                assert "status=sent" in r.log[-1], (lines, r)
            assert (shown(place) is None) == loops
        r = a.deliver(["a b@x.test"], "hop", lines=['Delivered-To: "a b"@x.test', ""])
        assert "bounced (mail forwarding loop for a b@x.test)" in r.log[-1]


# ---- reports ----

MTA_PROBE, USER_PROBE, RECORD = 256, 512, 1024


def test_probes(kind, place):
    """What would happen, without its happening."""
    with Pipe(kind, "flags=D", "size=100", USER, f"argv={place}/show", "$nosuch") as a:
        for flag, service in (MTA_PROBE, "verify"), (USER_PROBE, "trace"):
            r = a.deliver(["r@x.test"], "hop", flags=flag, lines=["Delivered-To: r@x.test", ""])
            assert f"dsn=2.0.0, status=deliverable (delivers to command: {place}/show)" in r.log[-1]
            assert [s for s, _ in r.services()] == [service]
            r = a.deliver(["r@x.test"], "hop", flags=flag, lines=["x" * 200])
            assert "dsn=5.2.3, status=undeliverable (message too large)" in r.log[-1]
            r = a.deliver(["r@x.test", "s@x.test"], "hop", flags=flag)
            assert "dsn=4.3.5, status=undeliverable (mail system configuration error)" in r.log[0]
    assert shown(place) is None


@pytest.mark.parametrize("flags,action", [("flags=", "relayed"), ("flags=X", "delivered")])
def test_success_notices(kind, place, flags, action):
    """NOTIFY=SUCCESS, and output in the notice."""
    with Pipe(kind, flags, USER, f"argv={place}/run", "echo said") as a:
        r = a.deliver([Rcpt("a@x.test", notify=2), Rcpt("b@x.test", notify=4)], "hop")
        assert [(s, q["recipient"], q["action"], q["reason"]) for s, q in r.services()] == [
            ("trace", "a@x.test", action, "delivery via pp: delivered via pp service (said)")]
        r = a.deliver(["a@x.test"], "hop", flags=RECORD)
        assert [(s, q["action"]) for s, q in r.services()] == [("trace", action)]


def test_status_filter(kind, place):
    filters = ("pcre:{{/^2.0.0 delivered via pp service/ 2.1.5 done}, {/^5.1.1 user unknown/ 4.1.1 not yet}, "
               "{/^4.3.0 temporary failure/ 5.3.0 never}}")
    with Pipe(kind, USER, f"argv={place}/run", "${sender}", pipe_delivery_status_filter=filters) as a:
        for script, text in (("exit 0", "dsn=2.1.5, status=sent (done)"), ("exit 67", "dsn=4.1.1, status=deferred (not yet)"),
                             ("exit 75", "dsn=5.3.0, status=bounced (never)")):
            assert text in a.deliver(["r@x.test"], "hop", sender=script).log[-1]


def test_soft_bounce(kind, place):
    with Pipe(kind, USER, f"argv={place}/run", "exit 67", soft_bounce="yes") as a:
        r = a.deliver(["r@x.test"], "hop")
        assert "dsn=4.1.1, status=SOFTBOUNCE (user unknown)" in r.log[-1] and not r.done


def test_damaged_queue_file(kind, place):
    """F6: set aside, nobody told; our command is ended before it can take a part for the whole."""
    out = place / "out"
    (place / "slow").write_text(f"#!/bin/sh\ncat >{out}/part\nsleep 0.2\necho whole >{out}/input\n")
    (place / "slow").chmod(0o755)
    with Pipe(kind, USER, f"argv={place}/slow") as a:
        made = a.make_request

        def damaged(*args, **kw):
            wire, queue_id, path, offsets = made(*args, **kw)
            path.write_bytes(path.read_bytes()[:-20])
            a.damaged = path
            return wire, queue_id, path, offsets
        a.make_request = damaged
        r = a.deliver(["r@x.test"], "hop", lines=["Subject: x", "", "y" * 100])
        assert not r.done and r.services() == []
        assert "warning: corrupted queue file: active/QID" in r.log
        assert a.damaged.stat().st_mode & 0o777 == 0o400
        a.make_request = made
        assert "status=sent" in a.deliver(["r@x.test"], "hop").log[-1]
        if kind == "postroad":
            assert "Subject" not in (out / "part").read_text() or (out / "input").exists()


def test_many_recipients(kind, place):
    """More arguments than the kernel takes: deferred, not lost. Some thousand are fine."""
    with Pipe(kind, USER, f"argv={place}/run", "exit 67", "${recipient}") as a:
        r = a.deliver([f"user{i}@some.example" for i in range(2000)], "hop")
        assert r.marks == "D" * 2000
    if kind == "postroad":
        with Pipe(kind, USER, f"argv={place}/run", "exit 67", *["${recipient}"] * 200) as a:
            r = a.deliver([f"{'x' * 50}{i}@some.example" for i in range(1000)], "hop")
            assert r.marks == "R" * 1000 and not r.done
            assert f"fatal: pipe_command: execvp {place}/run: Argument list too long" in r.log
