# SPDX-License-Identifier: Apache-2.0
"""sendmail: for the same command line and input, the same records, words and exit status as Debian's.

Both run with command_directory and daemon_directory full of programs of ours that write down how
they were called; the one in postdrop's place also takes the message, and answers as told.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

import instance

DEBIAN = pathlib.Path("/usr/sbin/sendmail")
OURS = instance.BUILD / "sbin/sendmail"
pytestmark = pytest.mark.skipif(not DEBIAN.exists() or not instance.DEBIAN_DAEMONS.exists(),
                                reason="Debian's Postfix is not installed")

FAKE = """#!{python} -S
import json, os, sys
place = {place!r}
told = json.load(open(place + "/told"))
name = os.path.basename(sys.argv[0])
with open(place + "/called", "a") as f:
    f.write(json.dumps([name] + sys.argv[1:]) + "\\n")
if name != "postdrop":
    sys.exit(told.get("exit", 0))
i, o = sys.stdin.buffer, sys.stdout.buffer
if told.get("greeting") is not None:
    o.write(told["greeting"].encode("latin-1"))
    o.flush()
    if "die" in told:
        sys.exit(told["die"])
records = []
def get():
    kind = i.read(1)
    length = shift = 0
    while kind:
        b = i.read(1)[0]
        length |= (b & 127) << shift
        shift += 7
        if b < 128:
            break
    data = i.read(length)
    if kind:
        records.append([kind.decode("latin-1"), data.decode("latin-1")])
    return kind
while get() not in (b"", b"E"):
    if "read" in told and len(records) >= told["read"]:
        break
json.dump(records, open(place + "/records", "w"))
if records[-1:] == [["E", ""]] or "read" in told:
    o.write(told["answer"].encode("latin-1"))
    o.flush()
"""
GREETING = "protocol\0postdrop_protocol\0queue_id\0ABC\0\0"
TAKEN = "status\0000\0reason\0\0\0"


class Place:
    def __init__(self, path):
        self.path = path
        for d in ("etc", "bin"):
            (path / d).mkdir()
        path.chmod(0o755)
        for name in ("postdrop", "postqueue", "postalias", "postfix", "smtpd", "showq"):
            p = path / "bin" / name
            p.write_text(FAKE.format(python=sys.executable, place=str(path)))
            p.chmod(0o755)
        (path / "etc/master.cf").write_text("")
        self.configure()
        self.tell()

    def configure(self, **conf):
        conf = {"compatibility_level": "3.6", "command_directory": self.path / "bin",
                "daemon_directory": self.path / "bin", "queue_directory": self.path,
                "myhostname": "mail.test.example", "maillog_file": "", "alias_database": "", **conf}
        (self.path / "etc/main.cf").write_text("".join(f"{k} = {v}\n" for k, v in conf.items()))

    def tell(self, **told):
        (self.path / "told").write_text(json.dumps({"greeting": GREETING, "answer": TAKEN, **told}))

    def run(self, program, *args, text=b"", name="sendmail", config=True, **kw):
        """Everything that the world sees of one run."""
        for f in ("called", "records"):
            (self.path / f).unlink(missing_ok=True)
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1", **kw.pop("env", {}))
        env.pop("NAME", None) if "NAME" not in kw else None
        env.update(kw.pop("NAME", {}))
        if config:
            env["MAIL_CONFIG"] = str(self.path / "etc")
        p = subprocess.run([name, *args], executable=program, input=text, capture_output=True, cwd=self.path,
                           timeout=120, env=env, **kw)
        err = re.sub(rb"^\S*/?(sendmail|mailq|newaliases|smtpd): ", b"", p.stderr, flags=re.M)
        return {"status": p.returncode, "out": p.stdout.decode("latin-1"), "err": err.decode("latin-1"),
                "called": self._json_lines("called"), "records": (self._json_lines("records") or [None])[0]}

    def _json_lines(self, name):
        p = self.path / name
        return [json.loads(line) for line in p.read_text().splitlines()] if p.exists() else []


@pytest.fixture
def place(workdir):
    return Place(workdir)


def both(place, *args, **kw):
    """The same run twice; (ours, Debian's)."""
    ours = place.run(OURS, *args, **kw)
    return ours, place.run(DEBIAN, *args, **kw)


def normal(ours, debian):
    """Take out of the second what is known and meant to differ."""
    # Failures have statuses of their own, which 3.7 turns into 75.
    if ours["status"] in (64, 65, 69, 70, 71, 77) and debian["status"] == 75:
        debian["status"] = ours["status"]
    # What can be checked is checked before postdrop is started; what it got does not count without E.
    for r in (ours, debian):
        if "fatal: " in r["err"] and (r["records"] or [["", ""]])[-1] != ["E", ""]:
            r.update(called=[], records=None)
    # getopt(3) complains twice there; file names and empty lines in complaints about settings.
    debian["err"] = re.sub(r"^(invalid option|option requires)(.*\n)\1\2", r"\1\2", debian["err"])
    debian["err"] = re.sub(r"file \S+/main.cf: ", "", debian["err"]).replace("\n\n", "\n")
    ours["err"] = re.sub(r" \(\S+/main.cf\b.*\)$", "", ours["err"], flags=re.M)


def same(place, *args, **kw):
    ours, debian = both(place, *args, **kw)
    normal(ours, debian)
    assert ours == debian
    return ours


MAIL = b"Subject: x\n\nhello\n"

# Command line and, if it is not MAIL, the input.
DELIVERIES = [
    ["r@x"], ["-bm", "r@x"], ["-i", "r@x"], ["-oi", "r@x"], ["-om", "-oem", "-o7", "-o8", "r@x"], ["-odb", "r@x"],
    ["-Am", "r@x"], ["-Ac", "r@x"], ["-h", "30", "r@x"], ["-m", "r@x"], ["-U", "r@x"], ["-x", "r@x"],
    ["-c", "r@x"], ["-em", "r@x"], ["-e", "m", "r@x"], ["-p", "ESMTP:host", "r@x"], ["-L", "tag", "r@x"],
    ["-B", "7BIT", "r@x"], ["-B8BITMIME", "r@x"], ["-B", "8bitmime", "r@x"], ["-B", "", "r@x"],
    ["-G", "r@x"], ["-F", "Full Name", "r@x"], ["-F", "", "r@x"], ["-FOne, Two", "r@x"],
    ["-f", "s@x", "r@x"], ["-fs@x", "r@x"], ["-r", "s@x", "r@x"], ["-f", "", "r@x"], ["-f", "<>", "r@x"],
    ["-f", "<s@x>", "r@x"], ["-f", "Some One <s@x>", "r@x"], ["-f", "s@x (Some One)", "r@x"],
    ["-f", '"a b"@x', "r@x"], ["-f", "a b@x", "r@x"], ["-f", "a@x, b@x", "r@x"], ["-f", "a@x b@x", "r@x"],
    ["-f", '"broken', "r@x"], ["-f", "s@x", "-f", "t@x", "r@x"], ["-f", "s\\@t@x", "r@x"],
    ["-f", "x" * 300 + "@y", "r@x"], ["-f", "group: a@b, c@d;", "r@x"],
    ["r@x", "q@y", "r@x"], ["a@b, c@d"], ["<r@x>"], ["Some One <r@x>"], ["r@x (comment)"], ['"a b"@x'], [""], ["<>"],
    [" "], ["a b"], ["group: a@b, c@d;"], ["group:;"], ["@x"], ["a@"], ["|/bin/sh -c id"], ["/etc/passwd"],
    [":include:/x"], ["r@[127.0.0.1]"], ["@a,@b:c@d"], ["a\tb@x"], ["a\nb@x"], ['"a\\"b"@x'], ["r\\@q@x"],
    ["x" * 3000 + "@y"], ["--", "-r@x"], ["--", "-t"], ["r@x", "-t"], ["r@x", "-f", "s@x"],
    ["-N", "never", "r@x"], ["-N", "success,failure,delay", "r@x"], ["-N", "SUCCESS", "r@x", "q@x"],
    ["-N", "never,success", "r@x"], ["-N", "bogus", "r@x"], ["-N", "", "r@x"], ["-N", "success,success", "r@x"],
    ["-N", "success delay", "r@x"], ["-N", "success,", "r@x"],
    ["-R", "full", "r@x"], ["-R", "HDRS", "r@x"], ["-R", "bogus", "r@x"], ["-R", "", "r@x"],
    ["-V", "id+20", "r@x"], ["-V", "envelope", "r@x"], ["-Venvelope", "r@x"], ["-V", "x" * 100, "r@x"],
    ["-V", "x" * 101, "r@x"], ["-V", "a\001b", "r@x"], ["-V", "a b", "r@x"], ["-V", "\xe4\xf6\xfc", "r@x"],
    ["-V", "xyz", "r@x"], ["-V", "", "r@x"], ["-V", "a", "r@x"],
    ["-V", "+=", "r@x"], ["-V+=", "r@x"], ["-V", "r@x"], ["-Vxy", "r@x"], ["-V", "xy", "r@x"],
    ["-XV", "r@x"], ["-XV+=", "r@x"], ["-XVxy", "r@x"], ["-XV+", "r@x"], ["-XV+==", "r@x"], ["-X", "log", "r@x"],
    ["-XV", "-V", "envelope", "r@x"],
    ["-O", "DeliveryMode=b", "r@x"], ["-O", "", "r@x"],
    ["-v", "r@x"], ["-bv", "r@x"], ["-bv", "r@x", "Q One <q@y>", '"a b"@c'], ["-bv", "-f", "s@x", "r@x"],
    ["-bv", "-f", "", "r@x"], ["-bv"], ["-bv", "-t"], ["-bv", "-t", "r@x"], ["-bv", "-N", "never", "r@x"],
    ["-bv", "-R", "full", "r@x"], ["-bv", "-v", "r@x"], ["-bv", "a@b, c@d"], ["-bv", ""], ["-bv", "-V", "env1", "r@x"],
    ["-bv", "-bm", "r@x"], ["-bm", "-bv", "r@x"],
    ["-t"], ["-t", "r@x"], ["-t", "-i", "-f", "s@x"],
    [], ["-f", "s@x"], ["-n", "r@x"], ["-Z", "r@x"], ["-bz", "r@x"], ["-b"], ["-B"], ["-f"], ["-bd"], ["-bl"],
    ["-bd", "r@x"], ["-bh"], ["-bH"], ["-bh", "r@x"], ["-bi"], ["-I"], ["-bi", "r@x"], ["-bp"], ["-bp", "r@x"], ["-bs"],
    ["-bs", "r@x"], ["-bs", "-t"], ["-bp", "-t"], ["-q"], ["-q", "r@x"], ["-q15m"], ["-q15m", "r@x"], ["-bd", "-q15m"],
    ["-q15m", "-bd"], ["-qRsite"], ["-qIABC"], ["-qR"], ["-qI"], ["-qSxx"], ["-qfoo"], ["-q", "-t"], ["-q", "-v"],
    ["-oAfile", "-bi"], ["-oA", "-bi"], ["-bp", "-bi"], ["-bi", "-bp"], ["-bp", "-v"], ["-bs", "-v"], ["-bs", "-q"],
    ["-vv", "-bs"], ["-q", "-qRsite"], ["-oAhash:/x", "-I"], ["-bi", "-v", "-oAx"], ["-bp", "-qRsite"], ["-bs", "-v", "-v"],
]


def ids(case):
    return " ".join(a if len(a) < 40 else a[:36] + "..." for a in case).encode("unicode_escape").decode() or "nothing"


@pytest.mark.parametrize("args", DELIVERIES, ids=ids)
def test_command_line(place, args):
    same(place, *args, text=b"To: h@x, i@y\nSubject: x\n\nhello\n")


@pytest.mark.parametrize("name,args", [("mailq", []), ("mailq", ["-v"]), ("mailq", ["x"]), ("newaliases", []),
                                       ("newaliases", ["-oAx"]), ("newaliases", ["-t"]), ("smtpd", []),
                                       ("smtpd", ["-q15m"]), ("mailq", ["-bi"]), ("/usr/lib/sendmail", ["r@x"]),
                                       ("send-mail", ["r@x"])], ids=str)
def test_called_by_name(place, name, args):
    place.configure(alias_database="hash:/etc/a, lmdb:/etc/b")
    same(place, *args, name=name, text=MAIL)


TEXTS = {
    "nothing": b"", "newline": b"\n", "plain": MAIL, "no final newline": b"Subject: x\n\nhello",
    "only body": b"\nhello\n", "dot": b"a\n.\nb\n", "dot first": b".\nb\n", "dot at end of file": b"a\n.",
    "dot with CR": b"a\r\n.\r\nb\r\n", "dot CR among LF": b"a\n.\r\nb\n", "two dots": b"a\n..\n.b\nc\n",
    "dot with blank": b"a\n. \nb\n", "CRLF": b"Subject: x\r\n\r\nhello\r\n", "first CRLF": b"a: b\r\nc: d\n\ne\r\n",
    "first LF": b"a: b\nc: d\r\n\r\ne\r\n", "bare CR": b"a\rb\r\n\rc\n\r\r\n", "CR at end of file": b"a\r",
    "NUL": b"Subject: a\0b\n\n\0\nx\0", "8 bit": "Subject: \u00e4\n\n\u20ac\n".encode(), "not UTF-8": b"\xff\xfe\n\x80\n",
    "From_": b"From s@x Thu Jan  1 00:00:00 1970\nSubject: x\n\nFrom here\n", ">From_": b">>From s@x\nFrom y\n>From z\nTo: x\n\nFrom q\n",
    "From_ after blank": b"\nFrom s@x\n", "From:": b"From: x\n\n", "only From_": b"From s@x date\n",
    "From_ no newline": b"From s@x date", "long From_": b"From " + b"x" * 5000 + b"\nSubject: x\n\nbody\n",
    "long line": b"Subject: x\n\n" + b"x" * 10000 + b"\n", "line of the limit": b"x" * 2048 + b"\ny\n",
    "one less": b"x" * 2047 + b"\ny\n", "one more": b"x" * 2049 + b"\ny\n", "limit with CR": b"x" * 2047 + b"\r\ny\n",
    "limit, then CR": b"x" * 2048 + b"\r\ny\r\n", "long without end": b"x" * 5000, "twice the limit": b"x" * 4096 + b"\ny\n",
    "dot after a full piece": b"x" * 2048 + b".\ny\n", "dot line after long": b"x" * 4096 + b"\n.\ny\n",
    "From_ after a full piece": b"x" * 2048 + b"From y\nz\n", "many lines": b"line\n" * 5000,
    "folded": b"Subject: a\n b\n\tc\n\nbody\n", "not a header": b"this is no header\nTo: r@x\n\nbody\n",
}


@pytest.mark.parametrize("fix", ["always", "strict", "never"])
@pytest.mark.parametrize("name", TEXTS)
def test_text(place, name, fix):
    place.configure(sendmail_fix_line_endings=fix)
    same(place, "r@x", text=TEXTS[name])
    if fix == "always":
        same(place, "-i", "r@x", text=TEXTS[name])


HEADERS = {
    "all": b"To: a@b, c@d\nCc: e@f\nBcc: g@h\nFrom: i@j\n\nTo: no@x\n",
    "no recipients": b"Subject: x\n\n", "empty": b"", "empty To": b"To:\n\n", "only body": b"\nTo: a@b\n",
    "Resent": b"To: a@b\nResent-To: c@d\nResent-Cc: e@f\nResent-Bcc: g@h\n\n",
    "Resent after": b"Resent-Bcc: g@h\nTo: a@b\n\n", "empty Resent": b"Resent-To:\nTo: a@b\n\n",
    "Resent-From": b"Resent-From: x@y\nTo: a@b\n\n",
    "folded": b"To: a@b,\n c@d,\n\te@f\n\n", "case": b"tO: a@b\nBCC : c@d\n\n", "CRLF": b"To: a@b,\r\n c@d\r\n\r\nx\r\n",
    "groups": b"To: friends: a@b, c@d;, e@f\nCc: undisclosed:;\n\n",
    "comments": b'To: (x, y) "A, B" <a@b>, <@x,@y:c@d>, e (f) @ g\n\n', "errors": b'To: a@b, "unbalanced\nCc: (open <c@d>\n\n',
    "twice": b"To: a@b\nTo: a@b\n\n", "Apparently-To": b"Apparently-To: a@b\n\n", "Reply-To": b"Reply-To: a@b\n\n",
    "no end": b"To: a@b", "in MIME": b"To: a@b\nContent-Type: message/rfc822\n\nTo: c@d\n\n",
    "not a header": b"To: a@b\nnonsense\nCc: c@d\n\n", "From_": b"From x\nTo: a@b\n\n",
    "long": b"To: " + b", ".join(b"user%d@example.com" % i for i in range(3000)).replace(b", ", b",\n ") + b"\n\n",
    "long line": b"To: " + b", ".join(b"user%d@example.com" % i for i in range(1000)) + b"\n\n",
    "over header_size_limit": b"To: " + b",\n ".join(b"user%d@example.com" % i for i in range(6000)) + b"\n\n",
    "NUL": b"To: a\0b@c\n\n", "8 bit": "To: \u00e4@b\n\n".encode(), "dot": b"To: a@b\n.\nCc: c@d\n\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_extract(place, name):
    ours, debian = both(place, "-t", text=HEADERS[name])
    normal(ours, debian)
    if name in ("case", "no end", "not a header", "NUL"):
        # There the header is mended on its way; here cleanup does that. The recipients are the same, and
        # NUL does not cut one off.
        for r in (ours, debian):
            r["records"] = [x for x in r["records"] if x[0] == "R" and "\0" not in x[1] and x[1] != "a"]
    assert ours == debian
    if name == "over header_size_limit":
        assert ours["status"] == 65


def test_extract_with_arguments(place):
    got = same(place, "-t", "x@y", "-N", "never", text=HEADERS["all"])
    assert got["status"] == 0
    same(place, "-t", "-N", "never", "x@y", text=HEADERS["all"])


def test_many_recipients(place):
    names = [f"user{i}@example.com" for i in range(5000)]
    got = same(place, "-i", *names, text=MAIL)
    assert [r[1] for r in got["records"] if r[0] == "R"] == names


ANSWERS = {
    "1": "", "2": "", "3": "", "4": "", "8": "", "16": "", "64": "", "128": "", "256": "", "512": "",
    "512 ": "not authorized to use sender='x'", "2 ": "table lookup error", "64 ": "no way", "65536": "",
}
STATUS = {1: 70, 2: 75, 3: 70, 512: 77}


@pytest.mark.parametrize("status", ANSWERS)
def test_refused(place, status):
    place.tell(answer=f"status\0{status.strip()}\0reason\0{ANSWERS[status]}\0\0")
    got = same(place, "-f", "s@x", "r@x", text=MAIL)
    assert got["status"] == STATUS.get(int(status), 69)


@pytest.mark.parametrize("told", [
    dict(greeting="protocol\0other\0\0"), dict(greeting="garbage", die=0),
    dict(greeting="", die=0), dict(greeting="", die=1), dict(die=0), dict(die=1),
    dict(answer=""), dict(answer="status\0" "0\0\0"), dict(answer="garbage"), dict(answer="reason\0x\0\0"),
    dict(read=3),
], ids=str)
def test_postdrop_misbehaves(place, told):
    """Whatever it is, the message can be sent again: 75, in the same words but for the cause."""
    place.tell(**told)
    fatal = []
    for r in both(place, "r@x", text=MAIL + b"line\n" * 100000):
        assert (r["status"], r["out"]) == (75, ""), r
        text = r["err"].splitlines()[-1]
        fatal.append(re.sub("(unable to execute .* -r|error writing queue file): .*", r"\1", text))
        assert "-r\" exited with status 1" in r["err"] or told.get("die") != 1 or told.get("greeting") is None, r
    assert fatal[0] == fatal[1] and fatal[0].startswith("fatal: ")


def test_no_postdrop(place):
    program = place.path / "bin/postdrop"
    for text, cause in ((None, "No such file or directory"), ("", "Permission denied"), ("\0\1", "Exec format error"),
                        ("#!/bin/sh\nkill -9 $$\n", "no greeting")):
        program.unlink(missing_ok=True)
        if text is not None:
            program.write_text(text)
            program.chmod(0o755 if text else 0o644)
        ours, debian = both(place, "r@x", text=MAIL)
        assert (ours["status"], debian["status"]) == (75, 75)
        assert f"unable to execute {program} -r: {cause}\n" in ours["err"]
        assert f"unable to execute {program} -r: " in debian["err"]
        assert ("-r\" killed by signal 9\n" in ours["err"]) == (cause == "no greeting")


def test_report_that_cannot_be_written(place):
    """The message was taken, so its sender must not hear of a failure."""
    for args in (["-v"], ["-bv"]):
        for program in (OURS, DEBIAN):
            with open("/dev/full", "wb") as full:
                p = subprocess.run(["sendmail", *args, "r@x"], executable=program, input=MAIL, stdout=full, stderr=subprocess.PIPE,
                                   env={"MAIL_CONFIG": str(place.path / "etc")}, timeout=60)
            assert (p.returncode, p.stderr) == (0, b""), (program, args)


@pytest.mark.parametrize("name", ["Some Body", "", "a&b", "\u00e4", "x\ny"])
def test_name_in_environment(place, name):
    """A line break in it is a blank for us; postdrop refuses it, as 3.12's (threats X6)."""
    for kw, args in (({"NAME": {"NAME": name}}, []), ({}, ["-F", name])):
        ours, debian = both(place, *args, "r@x", text=MAIL, **kw)
        debian["records"] = [[k, d.replace("\n", " ") if k == "F" else d] for k, d in debian["records"]]
        assert ours == debian


@pytest.mark.root
@pytest.mark.parametrize("uid,gid", [(65534, 65534), (1, 1), (54321, 54321)])
def test_other_users(place, uid, gid):
    for f in place.path.rglob("*"):
        f.chmod(0o755)
    place.path.chmod(0o777)
    place.run(DEBIAN, "-bp")  # not as that user
    for f in ("called", "records"):
        (place.path / f).unlink(missing_ok=True)
    same(place, "r@x", text=MAIL, user=uid, group=gid, extra_groups=[])


@pytest.mark.root
@pytest.mark.parametrize("users", ["nobody", "!nobody, static:anyone", "daemon", "!nobody", "", "static:all",
                                   "fail:broken", "nosuch:table"])
def test_authorized_submit_users(place, users):
    place.configure(authorized_submit_users=users)
    for f in place.path.rglob("*"):
        f.chmod(0o755)
    place.path.chmod(0o777)
    ours, debian = both(place, "r@x", text=MAIL, user=65534, group=65534, extra_groups=[])
    normal(ours, debian)
    assert (ours["status"], ours["records"]) == (debian["status"], debian["records"]), (ours, debian)


@pytest.mark.parametrize("setting", [{"sendmail_fix_line_endings": "bogus"}, {"sendmail_fix_line_endings": ""},
                                     {"line_length_limit": "100"}, {"line_length_limit": "bogus"},
                                     {"default_verp_delimiters": "=="}, {"verp_delimiter_filter": "x"}], ids=str)
def test_settings(place, setting):
    place.configure(**setting)
    for args in (["-XV", "r@x"], ["-XVab", "r@x"], ["r@x"]):
        same(place, *args, text=b"x: y\n\n" + b"z" * 250 + b"\n")


def test_debug(place):
    """MAIL_DEBUG, whatever its value, runs debugger_command before anything is done."""
    for command in ("echo debugger of $process_name", "exit 3", ""):
        place.configure(debugger_command=command)
        for value in ("1", ""):
            ours, debian = both(place, "r@x", text=MAIL, env={"MAIL_DEBUG": value})
            for r in (ours, debian):  # 3.7 says what it runs twice, and with its path
                r["err"] = sorted(set(r["err"].splitlines()))
                r["called"] = r["records"] = None if r["status"] else r["records"]
            assert ours == debian, command


def test_verbose(place):
    """MAIL_VERBOSE counts as one -v: a report; two: more words."""
    env = {"MAIL_VERBOSE": ""}
    for kw, args in ((dict(env=env), []), (dict(env=env), ["-v"]), ({}, ["-v", "-v"]), ({}, ["-vvv"]), ({}, ["-vv", "-bv"])):
        ours, debian = both(place, *args, "r@x", text=MAIL, **kw)
        for r in (ours, debian):
            r["err"] = ""
        assert ours == debian, (kw, args)


def test_config_directory(place):
    for args in (["-C", str(place.path / "etc")], ["-C", str(place.path / "etc/main.cf")],
                 ["-C", "etc"], ["-C", "etc/main.cf"], ["-C", str(place.path / "nothing")]):
        ours, debian = both(place, *args, "r@x", text=MAIL, config=False)
        if os.geteuid() != 0 and "unauthorized configuration directory" in debian["err"]:
            # A program without privileges serves whom it is told to; the set-group-id postdrop refuses.
            assert ours["status"] == (75 if "nothing" in args[1] else 0), (args, ours["err"])
            continue
        assert ours["status"] == debian["status"], (args, debian["err"])
        assert ours["records"] == debian["records"], args
