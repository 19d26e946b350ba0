# SPDX-License-Identifier: Apache-2.0
"""Local submission: sendmail, postdrop, pickup, cleanup; as whoever runs the tests."""

import os
import pwd
import re
import signal
import subprocess

import pytest

from agent import read_list, record
from instance import wait_until

# No queue manager: messages stay in incoming.
MASTER = """\
{smtp} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
postlog unix-dgram n - n - 1 postlogd
"""
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def m(mta):
    return mta({"recipient_delimiter": "+"}, master=MASTER)


def stored(m):
    """Records of the one message in incoming."""
    from test_cleanup_compat import parse

    wait_until(lambda: m.queue_ids("incoming"), f"a message\n{m.log()}")
    (qid,) = m.queue_ids("incoming")
    p = m.queue / "incoming" / qid
    out = [f"{k} {d}".replace(qid, "QID") for k, d in parse(p.read_bytes())]
    p.unlink()
    return out


def test_sendmail(m):
    m.sendmail("-f", "from@x.test", "-F", "Full Name", "-N", "success,delay", "-V", "id1", "-R", "hdrs", "a", "b@c.test")
    r = stored(m)
    assert [x for x in r if x[0] in "SRO"] == ["S from@x.test", "O a", "R a@test.example", "O b@c.test", "R b@c.test"]
    assert "A notify_flags=10" in r and "A envelope_id=id1" in r and "A ret_flags=2" in r and "F Full Name" in r
    assert f"N Received: by mail.test.example (Postroad, from userid {os.getuid()})" in r
    assert "N From: Full Name <from@x.test>" in r
    m.wait_log(rf"pickup\[\d+\]: \w+: uid={os.getuid()} from=<from@x.test>")
    wait_until(lambda: os.listdir(m.queue / "maildrop") == [], "the file is removed")


def test_recipients_from_header(m):
    m.sendmail("-t", "x", text="To: a, B <b@c>\nBcc: hidden\nSubject: s\n\ntext\n.\nnot this\n")
    r = stored(m)
    assert [x for x in r if x[0] == "R"] == ["R x@test.example", "R a@test.example", "R b@c", "R hidden@test.example"]
    assert "N text" in r and "N not this" not in r and not any("Bcc" in x for x in r)
    m.sendmail("-t", text="To: a\nResent-To: b\n\n")
    assert [x for x in stored(m) if x[0] == "R"] == ["R b@test.example"]


@pytest.mark.parametrize("args, status, text", [
    ((), 64, "Recipient addresses must be specified on the command line or via the -t option"),
    (("-t",), 64, "No recipient addresses found in message header"),
    (("-B", "9bit", "a"), 64, "-B option needs 8BITMIME or 7BIT"),
    (("-bp", "a"), 64, "display queue mode requires no recipient"),
    (("-bX",), 64, "unsupported: -bX"),
    (("-n", "a"), 64, "-n option not supported"),
    (("-XVab", "a"), 64, "-V requires two characters from -=+"),
    (("-bv", "-t"), 64, "-t option cannot be used with -bv"),
])
def test_usage(m, args, status, text):
    p = m.sendmail(*args, text="Subject: x\n\n", check=False)
    assert p.returncode == status and text in p.stderr
    assert m.queue_ids() == [] and os.listdir(m.queue / "maildrop") == []


def test_users_and_senders(mta):
    m = mta({"authorized_submit_users": "nobody-at-all"}, master=MASTER)
    p = m.sendmail("a", check=False)
    assert p.returncode == 77 and f"User {ME}({os.getuid()}) is not allowed to submit mail" in p.stderr
    m = mta({"local_login_sender_maps": "inline:{ {%s=%s, @ok.test} }" % (ME, ME), "recipient_delimiter": "+"},
            master=MASTER)
    for sender, ok in ((ME, True), (ME + "+ext", True), ("x@ok.test", True), ("other", False), ("<>", False)):
        p = m.sendmail("-f", sender, "a", check=False)
        if ok:
            assert p.returncode == 0, p.stderr
            stored(m)
        else:
            assert p.returncode == 77 and "not authorized to use sender='" in p.stderr
            assert os.listdir(m.queue / "maildrop") == []


def test_too_big(mta):
    m = mta({"message_size_limit": "5000"}, master=MASTER)
    p = m.sendmail("a", text="Subject: x\n\n" + "0123456789\n" * 1000, check=False)
    assert p.returncode == 69 and "message file too big" in p.stderr
    assert os.listdir(m.queue / "maildrop") == [] and m.queue_ids() == []


def start_postdrop(m):
    env = dict(os.environ, MAIL_CONFIG=str(m.config))
    p = subprocess.Popen([str(m.commands / "postdrop"), "-r"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    assert [k for k, _ in read_list(p.stdout)] == ["protocol", "queue_id"]
    assert len(os.listdir(m.queue / "maildrop")) == 1
    return p


def feed(m, *records):
    """Exit status, reply list, standard error."""
    p = start_postdrop(m)
    try:
        p.stdin.write(b"".join(record(k, d) for k, d in records))
        p.stdin.close()
    except BrokenPipeError:
        pass
    reply = read_list(p.stdout)
    return p.wait(30), dict(reply or []), p.stderr.read().decode()


GOOD = [("S", "a"), ("R", "b"), ("M", ""), ("N", "x"), ("X", ""), ("E", "")]


def test_postdrop_protocol(m):
    for records, status, reply, words in (
            ([("T", "1 2")] + GOOD, 1, None, "unexpected record type: 84"),
            ([("S", "a\nb")] + GOOD, 1, None, "null or line break in 'sender' record type"),
            ([("S", "a\0b")] + GOOD, 1, None, "null or line break"),
            ([("S", "x" * 3000)] + GOOD, 1, None, "malformed input"),
            (GOOD[:3], 0, None, ""),
            (GOOD[:1] + GOOD[2:], 1, "1", ""),
            (GOOD[1:], 1, "1", ""),
    ):
        code, got, err = feed(m, *records)
        assert (code, got.get("status")) == (status, reply) and words in err, (records, code, got, err)
        assert os.listdir(m.queue / "maildrop") == []
    code, got, err = feed(m, ("A", "evil=1"), ("A", "client_name=x"), ("A", "encoding=8bit"), *GOOD)
    assert code == 0 and got["status"] == "0" and "ignoring attribute record: evil=1" in err
    r = stored(m)
    assert "A encoding=8bit" in r and not any("evil" in x or "client_name" in x for x in r)


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_postdrop_signals(m, sig):
    p = start_postdrop(m)
    p.stdin.write(record("S", "a"))
    p.stdin.flush()
    p.send_signal(sig)
    assert p.wait(30) == sig
    assert os.listdir(m.queue / "maildrop") == []


def test_damaged_maildrop_files(m):
    """A file that makes no sense goes away; one that is not complete stays."""
    drop = m.queue / "maildrop"
    for name, records, mode in (
            ("AAAA1", [("T", "1 2"), ("R", "a"), ("M", ""), ("X", ""), ("E", "")], 0o744),
            ("AAAA2", [("T", "1 2"), ("S", "a"), ("R", "b"), ("M", ""), ("R", "x")], 0o744),
            ("AAAA3", [("T", "1 2"), ("S", "a"), ("R", "b"), ("M", "")], 0o744),
            ("AAAA4", [("T", "1 2")], 0o644),
    ):
        p = drop / name
        p.write_bytes(b"".join(record(k, d) for k, d in records))
        p.chmod(mode)
    (drop / "AAAA5").symlink_to("/etc/passwd")
    m.run("postkick", "public", "pickup", "W")
    wait_until(lambda: not any((drop / f"AAAA{i}").exists() for i in (1, 2, 3)), f"files are removed\n{m.log()}")
    m.wait_log("no envelope sender")
    m.wait_log("unexpected or malformed record type 82")
    assert (drop / "AAAA4").exists() and (drop / "AAAA5").is_symlink()
    assert m.queue_ids("incoming") == []


def test_bounced_by_cleanup(mta):
    """What cleanup refuses after its submitter has gone comes back."""
    m = mta({"header_checks": "regexp:{{/^X-Bad/ REJECT no way}}"}, master=MASTER + "bounce unix - - n - 0 bounce\n")
    m.sendmail("-f", "s@x.test", "a", text="X-Bad: 1\n\nbody\n")
    m.wait_log(r"to=<a@test.example>, orig_to=<a>, relay=none, .*dsn=5.7.1, status=bounced \(no way\)")
    r = stored(m)
    assert "S " in r and "R s@x.test" in r and "N X-Bad: 1" in r
    wait_until(lambda: os.listdir(m.queue / "maildrop") == [], "the file is removed")


def test_hundred_thousand_recipients(mta):
    """On the command line and in the header: none is left out, and what is over a limit is refused."""
    n = 100000
    m = mta({"message_size_limit": "50000000"}, master=MASTER)
    names = [f"u{i}" for i in range(n)]

    def count():
        wait_until(lambda: m.queue_ids("incoming"), f"a message\n{m.log()}", 120)
        (qid,) = m.queue_ids("incoming")
        p = m.queue / "incoming" / qid
        data = p.read_bytes()
        p.unlink()
        return sum(data.count(b"R%c%s@test.example" % (len(x) + 13, x.encode())) for x in ("u0", "u777", "u99999")), data.count(b"@test.exampleR")
    p = subprocess.run([m.commands / "sendmail", "-i", *names], env={"MAIL_CONFIG": str(m.config)}, input=b"x\n", timeout=120,
                       capture_output=True)
    assert (p.returncode, p.stderr) == (0, b"")
    assert count()[0] == 3
    header = "".join("To: " + ", ".join(names[i:i + 1000]) + "\n" for i in range(0, n, 1000))
    m.run("sendmail", "-C", m.config, "-t", input=header + "\nx\n", deadline=120)
    assert count()[0] == 3
    # One header of more than header_size_limit: nobody is told that it went to all of them.
    p = m.run("sendmail", "-C", m.config, "-t", input="To: " + ",\n ".join(names) + "\n\nx\n", check=False, deadline=120)
    assert p.returncode == 65 and "unable to extract recipients: message header length exceeds safety limit" in p.stderr
    # The envelope counts for the size of the file.
    m.setting(message_size_limit="100000")
    p = m.run("sendmail", "-C", m.config, *names, input="x\n", check=False, deadline=120)
    assert p.returncode == 69 and "message file too big" in p.stderr
    assert os.listdir(m.queue / "maildrop") == []


def test_other_modes(mta):
    """What sendmail hands on to other commands, for real."""
    m = mta({"alias_database": ""}, master=MASTER + "showq unix n - n - - showq\n", start=False)
    aliases = m.dir / "aliases"
    aliases.write_text("postmaster: root\nlist: a, b\n")
    m.setting(alias_database=f"lmdb:{aliases}")
    m.start()
    for args in (("newaliases",), ("sendmail", "-bi"), ("sendmail", "-I")):
        program, args = m.commands / args[0], args[1:]
        p = subprocess.run([program, *args], env={"MAIL_CONFIG": str(m.config)}, capture_output=True, text=True, timeout=60) \
            if program.exists() else m.run("sendmail", "-bi")
        assert p.returncode == 0, p
        assert aliases.with_name("aliases.lmdb").exists()
        aliases.with_name("aliases.lmdb").unlink()
    other = m.dir / "others"
    other.write_text("x: y\n")
    m.run("sendmail", "-bi", f"-oA{other}")
    assert other.with_name("others.lmdb").exists() and not aliases.with_name("aliases.lmdb").exists()
    assert m.run("sendmail", "-bp").stdout == "Mail queue is empty\n"
    m.sendmail("-f", "s@x.test", "a")
    wait_until(lambda: m.queue_ids("incoming"), "a message")
    out = m.run("sendmail", "-bp").stdout
    assert m.queue_ids("incoming")[0] in out and "s@x.test" in out and "a@test.example" in out
    p = m.run("sendmail", "-q", check=False)
    assert p.returncode == 69 and "Cannot flush mail queue - mail system is down" in p.stderr


@pytest.mark.root
def test_reports(either):
    """-bv tells how mail would be delivered, -v how it was: the same notice to the sender, and nothing else delivered."""
    m = either({"default_transport": "discard:thrown", "relay_transport": "discard:thrown"})
    p = m.sendmail("-bv", "-f", "report@x.test", "a@nowhere.test", "b@nowhere.test", text="")
    assert p.stdout == "Mail Delivery Status Report will be mailed to <report@x.test>.\n"
    m.wait_log(r"to=<a@nowhere.test>, .*status=deliverable \(thrown\)")
    m.wait_log(r"to=<b@nowhere.test>, .*status=deliverable \(thrown\)")
    m.wait_log("sender delivery status notification")
    m.wait_log(r"to=<report@x.test>, .*status=sent \(thrown\)")
    assert "status=sent" not in "".join(x for _, x in m.events() if "nowhere.test" in x)
    m.sendmail("-v", "-f", "report@x.test", "c@nowhere.test")
    m.wait_log(r"to=<c@nowhere.test>, .*status=sent \(thrown\)")
    m.wait_log("sender delivery status notification", count=2)
    m.wait_log(r"to=<report@x.test>, .*status=sent \(thrown\)", count=2)
    m.wait_empty()


DIALOGUES = [
    "EHLO foo\r\nMAIL FROM:<a@b.c> BODY=8BITMIME\r\nRCPT TO:<x> NOTIFY=NEVER\r\nDATA\r\nSubject: a\r\n\r\n.b\r\n..c\r\n.\r\nQUIT\r\n",
    "HELO x\r\nRCPT TO:<x>\r\nMAIL FROM:<>\r\nRCPT TO:<nouser@nowhere.invalid>\r\nRSET\r\nVRFY root\r\nNOOP\r\n"
    "STARTTLS\r\nAUTH PLAIN x\r\nXCLIENT NAME=x\r\nFOO\r\nMAIL FROM:<a b>\r\nQUIT\r\n",
    "MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nx: y\n\nbody\n.\nquit\n", "EHLO foo\r\n", "",
    "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: t\r\n\r\nhalf",
    "HELO x\r\nMAIL FROM:<a@b>\r\nDATA\r\nQUIT\r\n",
    "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" + "Received: x\r\n" * 60 + "\r\nb\r\n.\r\nQUIT\r\n",
]


@pytest.mark.root
def test_stand_alone_dialogues(mta, debian, workdir):
    """The same replies as Debian's, run by root, by mail_owner and by somebody else; nothing half is kept."""
    master = MASTER + "bounce unix - - n - 0 bounce\n"
    systems = [mta({}, master=master), debian({}, master=master)]
    for user in ("root", "postfix"):
        for dialogue in DIALOGUES:
            got = []
            for m in systems:
                p = subprocess.run(["setpriv", "--reuid", user, "--regid", user, "--clear-groups", m.commands / "sendmail", "-bs"],
                                   env={"MAIL_CONFIG": str(m.config)}, input=dialogue.encode(), capture_output=True, timeout=30)
                out = re.sub(r"queued as \w+", "queued as QID", p.stdout.decode())
                got.append((p.returncode, re.sub(r"\bE?SMTP Postroad\b|\bESMTP Postfix\b", "ESMTP", out)))
            assert got[0] == got[1], (user, dialogue)
    for m in systems:
        wait_until(lambda: os.listdir(m.queue / "maildrop") == [], f"the maildrop is empty\n{m.log()}")
        for f in (m.queue / "incoming").rglob("*"):
            f.unlink() if f.is_file() else None
    # Whose header is completed: that of whom postdrop was run for; not that of mail_owner, who is no INET client.
    for clients in ("permit_inet_interfaces", "permit_mynetworks"):
        for user in ("root", "postfix", "nobody"):
            got = []
            for m in systems:
                m.setting(local_header_rewrite_clients=clients)
                p = subprocess.run(["setpriv", "--reuid", user, "--regid", "postdrop" if user == "nobody" else user, "--clear-groups",
                                    m.commands / "sendmail", "-bs"], env={"MAIL_CONFIG": str(m.config)}, capture_output=True, text=True,
                                   timeout=30, input="HELO x\r\nMAIL FROM:<a>\r\nRCPT TO:<c>\r\nDATA\r\nTo: x\r\n\r\nhi\r\n.\r\nQUIT\r\n")
                assert "queued as" in p.stdout, p
                r = stored(m)
                got.append([x for x in r if re.match("A (rewrite_context|client_|server_|protocol_name|helo_name)|[SR] |N To:", x)])
            assert got[0] == got[1], (clients, user)
            local = user != "postfix" or clients == "permit_mynetworks"
            assert ("N To: x@test.example" in got[0]) == local and ("A rewrite_context=remote" in got[0]) != local
    # A postdrop that fails, or refuses: 4xx or 5xx at the end of the data.
    from test_sendmail import Place

    place = Place(workdir)
    for told in ({"die": 0}, {"die": 75}, {"answer": ""}, {"answer": "garbage"}, {"answer": "status\0" "2\0reason\0\0\0"},
                 {"answer": "status\0" "4\0reason\0\0\0"}, {"answer": "status\0" "512\0reason\0not authorized\0\0"}, {"greeting": "", "die": 1}):
        place.tell(**told)
        got = []
        for m in systems:
            p = subprocess.run([m.daemons / "smtpd", "-S", "-o", f"command_directory={place.path}/bin"], input=DIALOGUES[2], text=True,
                               env={"MAIL_CONFIG": str(m.config)}, capture_output=True, timeout=30)
            got.append((p.returncode, p.stdout.splitlines()[1:]))
        if "greeting" in told:  # Debian's smtpd ends without a word
            assert got[1][0] == 1 and "451 4.3.0 Error: queue file write error" in got[0][1]
        else:
            assert got[0] == got[1] and not [x for x in got[0][1] if "queued as" in x], told


def test_stand_alone_smtp(m):
    p = m.run("sendmail", "-C", m.config, "-bs",
              input="HELO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c>\r\nDATA\r\nSubject: x\r\n\r\nt\r\n.\r\nQUIT\r\n")
    assert "250 2.0.0 Ok" in p.stdout, p.stdout
    assert "R c@test.example" in stored(m)
