# SPDX-License-Identifier: Apache-2.0
"""Submission without set-group-id: postdrop hands the message to submitd, which asks the kernel who sends it."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import instance
from agent import read_list, record
from instance import wait_until
from test_submission import GOOD, MASTER, stored

SUBMIT = MASTER + "submit unix n - n - - submitd\n"
TEXT = "Subject: x\n\nhello\n"
NOBODY = pwd.getpwnam("nobody")
ROOT = os.geteuid() == 0


def run_as(m, program, *args, uid=NOBODY.pw_uid, text=TEXT, env=None, privs="--no-new-privs"):
    """A command as another user (root's tests) or as ourselves, with a maildrop that does not let us in."""
    who = ["setpriv", privs, "--reuid", str(uid), "--regid", str(uid), "--clear-groups"] if ROOT else []
    e = {**os.environ, "MAIL_CONFIG": str(m.config), **(env or {})}
    return subprocess.Popen([*who, str(m.commands / program), *args], env=e, text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE), text


def finish(p):
    p, text = p
    out, err = p.communicate(text, timeout=instance.DEADLINE)
    return p.returncode, out, err


def submit(m, *args, **kw):
    return finish(run_as(m, "sendmail", *args, **kw))


class Peer:
    """A raw client of the socket."""

    def __init__(self, m, greeting=True):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(instance.DEADLINE)
        self.s.connect(str(m.queue / "open/submit"))
        self.f = self.s.makefile("rb")
        self.greeting = dict(read_list(self.f) or []) if greeting else None

    def send(self, *records, raw=b""):
        data = b"".join(record(k, d) for k, d in records) + raw
        try:
            self.s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def end(self):
        """Nothing more from us; the answer."""
        try:
            self.s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return self.answer()

    def answer(self):
        try:
            return dict(read_list(self.f) or [])
        except ConnectionResetError:
            return {}

    def close(self):
        self.f.close()
        self.s.close()


@pytest.fixture
def m(mta):
    return mta({}, master=SUBMIT)


def empty(m):
    return wait_until(lambda: os.listdir(m.queue / "maildrop") == [], f"the maildrop is empty\n{m.log()}")


@pytest.mark.root
def test_two_users(m):
    """Each message is logged, and marked, with the user whom the kernel reports."""
    for uid in (NOBODY.pw_uid, 1, 54321):
        args = ("-f", f"s{uid}@x.test", "a")
        code, out, err = submit(m, *args, uid=uid) if uid != 54321 else submit(m, "-F", "N", *args, uid=uid)
        assert (code, out, err) == (0, "", "")
        assert f"N Received: by mail.test.example (Postroad, from userid {uid})" in (r := stored(m))
        assert not any("submit_uid" in x for x in r)
        m.wait_log(rf"pickup\[\d+\]: \w+: uid={uid} from=<s{uid}@x.test>")
    empty(m)
    st = (m.queue / "open").stat()
    assert st.st_mode & 0o777 == 0o755 and pwd.getpwuid(st.st_uid).pw_name == "postfix"


@pytest.mark.root
def test_set_group_id_without_effect(m):
    """An installation as it should be, in a service that may not gain privileges."""
    bin_ = m.dir / "bin"
    bin_.mkdir()
    shutil.copy(m.commands / "postdrop", bin_ / "postdrop")
    shutil.chown(bin_ / "postdrop", "root", "postdrop")
    (bin_ / "postdrop").chmod(0o2755)
    other = m.dir / "other"
    other.mkdir()
    (other / "main.cf").write_text((m.config / "main.cf").read_text() + f"command_directory = {bin_}\n")
    (other / "master.cf").write_text("")
    code, _, err = submit(m, "-f", "s@x", "a", env={"MAIL_CONFIG": str(other)})
    # Two settings of one name: a warning, and the last one counts.
    assert code == 0 and "fatal" not in err
    m.wait_log("uid=65534 from=<s@x>")
    stored(m)


@pytest.mark.root
def test_quiet_clients_go(mta):
    """Who says nothing for ipc_timeout is told so and leaves; half a record is no better."""
    m = mta({"ipc_timeout": "4s"}, master=SUBMIT)
    peers = [Peer(m), Peer(m).send(("S", "a"))]
    for p in peers:
        p.s.settimeout(4 * instance.DEADLINE)
        assert p.answer() == {"fatal": "uid=0: timeout while reading a message"}
        p.close()
    empty(m)


def test_dialogue(m):
    """What postdrop answers to its user, submitd answers to it; malformed input is an error with a reason."""
    uid = os.getuid()
    for records, raw, answer in (
            (GOOD, b"", {"status": "0", "reason": ""}),
            (GOOD[1:], b"", {"status": "1", "reason": ""}),
            (GOOD[:1] + GOOD[2:], b"", {"status": "1", "reason": ""}),
            (GOOD[:3], b"", {}),
            ([("T", "1 2")], b"", {"fatal": f"uid={uid}: unexpected record type: 84"}),
            ([], b"\0\0", {"fatal": f"uid={uid}: unexpected record type: 0"}),
            ([("S", "a\nb")], b"", {"fatal": f"uid={uid}: null or line break in 'sender' record type: a?b"}),
            ([("S", "a\0b")], b"", {"fatal": f"uid={uid}: null or line break in 'sender' record type: a?b"}),
            ([("S", "x" * 3000)], b"", {"fatal": f"uid={uid}: malformed input"}),
            (GOOD[:3], b"N\x05ab", {"fatal": f"uid={uid}: malformed input"}),
            (GOOD[:3], b"N\xff\xff\xff\xff\x01", {"fatal": f"uid={uid}: malformed input"}),
            (GOOD[:3], b"N\xff\xff\xff\x7f", {"fatal": f"uid={uid}: malformed input"}),
            ([], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", {"fatal": f"uid={uid}: malformed input"}),
            ([], b"\xff" * 100000, {"fatal": f"uid={uid}: malformed input"}),
    ):
        p = Peer(m)
        assert p.greeting["protocol"] == "postdrop_protocol" and re.fullmatch("[0-9A-F]+", p.greeting["queue_id"])
        got = p.send(*records, raw=raw).end()
        p.close()
        assert got == answer, (records, raw, got)
        if answer.get("status") == "0":
            stored(m)
        empty(m)
    m.wait_log(f"submitd.*warning: uid={uid}: malformed input")
    assert m.queue_ids() == []


def test_forged(m):
    """Nobody can say that he is somebody else: not in the records, whatever their order and spelling."""
    uid = os.getuid()
    for forged in (("A", "submit_uid=0"), ("A", " submit_uid = 0"), ("A", "submit_uid =0")):
        p = Peer(m)
        assert p.send(forged, *GOOD[:-1], forged, GOOD[-1]).end()["status"] == "0"
        p.close()
        assert f"N Received: by mail.test.example (Postroad, from userid {uid})" in stored(m)
    m.wait_log(rf"pickup\[\d+\]: \w+: uid={uid} from=<a>", count=3)
    m.wait_log(rf"submitd\[\d+\]: warning: uid={uid}: ignoring attribute record: submit_uid=0", count=6)


def forge_file(m, uid, mode=0o744, attr="submit_uid=4242"):
    empty(m)
    p = m.queue / "maildrop/AAAA1"
    p.write_bytes(b"".join(record(k, d) for k, d in [("T", "%d 0" % time.time()), ("A", attr), *GOOD]))
    os.chown(p, uid, -1)
    p.chmod(mode)
    m.run("postkick", "public", "pickup", "W")
    return stored(m)


@pytest.mark.root
def test_attribute_in_other_files(m):
    """pickup heeds the attribute in files that mail_owner wrote, and in no others."""
    owner = pwd.getpwnam("postfix").pw_uid
    for uid, mode, attr, seen in ((NOBODY.pw_uid, 0o744, "submit_uid=4242", NOBODY.pw_uid), (0, 0o744, "submit_uid=4242", 0),
                                  (owner, 0o744, "submit_uid=4242", 4242), (owner, 0o700, "submit_uid=4242", owner),
                                  (owner, 0o744, "submit_uid=-1", owner), (owner, 0o744, "submit_uid=99999999999", owner)):
        r = forge_file(m, uid, mode, attr=attr)
        assert f"N Received: by mail.test.example (Postroad, from userid {seen})" in r, (uid, mode, r)
        assert not any("submit_uid" in x for x in r)


def test_rules(mta):
    """The checks of postdrop: users, senders, size; and who may not is told so."""
    me = pwd.getpwuid(os.getuid()).pw_name
    m = mta({"local_login_sender_maps": "inline:{ {nobody = @n.test} {%s = @n.test} }" % me, "message_size_limit": "5000"},
            master=SUBMIT)
    p = Peer(m)
    assert p.send(("S", "root"), *GOOD[1:]).end() == {"status": "512", "reason": "not authorized to use sender='root'"}
    p.close()
    p = Peer(m)
    assert p.send(("S", "x@n.test"), *GOOD[1:3], *[("N", "0123456789" * 20)] * 100, *GOOD[4:]).end() == {
        "status": "4", "reason": ""}
    p.close()
    p = Peer(m)
    assert p.send(("S", "x@n.test"), *GOOD[1:]).end()["status"] == "0"
    p.close()
    assert "S x@n.test" in stored(m)
    if ROOT:
        code, _, err = submit(m, "-f", "other@x", "a")
        assert code == 77 and "not authorized to use sender='other@x'" in err
        code, _, err = submit(m, "-f", "a@n.test", "a", text=TEXT + "0123456789\n" * 1000)
        assert code == 69 and "message file too big" in err
        code, _, err = submit(m, "-f", "a@n.test", "a")
        assert (code, err) == (0, "")
        stored(m)
    empty(m)
    m.setting(authorized_submit_users="!nobody, !" + me)
    m.run("postfix", "reload")
    want = f"User {me}({os.getuid()}) is not allowed to submit mail"
    m.wait_log("reload")

    def refused():
        p = Peer(m, greeting=False)
        try:
            return p.answer().get("fatal") == want
        finally:
            p.close()
    wait_until(refused, f"{want}\n{m.log()}")
    if ROOT:
        code, _, err = submit(m, "a")
        assert code == 77 and "is not allowed to submit mail" in err
    empty(m)


@pytest.mark.root
def test_refused_by_service_only(mta):
    """The user's own main.cf decides nothing: the service reads its own."""
    m = mta({"authorized_submit_users": "root"}, master=SUBMIT)
    other = m.dir / "mine"
    other.mkdir()
    text = (m.config / "main.cf").read_text().replace("authorized_submit_users = root", "authorized_submit_users = static:all")
    (other / "main.cf").write_text(text)
    (other / "master.cf").write_text("")
    code, _, err = submit(m, "a", env={"MAIL_CONFIG": str(other)})
    assert code == 75 and "postdrop: fatal: User nobody(65534) is not allowed to submit mail" in err
    empty(m)


@pytest.mark.root
@pytest.mark.parametrize("master", ["absent", "stopped"])
def test_no_service(mta, master):
    """No such line in master.cf, or nothing runs: 75, what to do, and nothing is left behind."""
    m = mta({}, master=MASTER if master == "absent" else SUBMIT, start=master == "absent")
    if master == "stopped":
        m.run("postfix", "check")
    code, out, err = submit(m, "a")
    assert code == 75 and out == ""
    assert f"{m.queue}/maildrop: Permission denied, and no answer from {m.queue}/open/submit" in err
    assert '"submit unix n - n - - submitd" in master.cf' in err and "the message was not taken" in err
    empty(m)


@pytest.mark.root
def test_service_comes_back(mta):
    """A service that is being restarted costs patience, not the message."""
    m = mta({}, master=MASTER)
    p = run_as(m, "sendmail", "a")
    (m.config / "master.cf").write_text(m.master_text + "submit unix n - n - - submitd\n")
    m.run("postfix", "reload")
    assert finish(p)[0] == 0
    stored(m)


@pytest.mark.root
def test_without_queue_manager_and_cleanup(mta):
    """Accepted means on disk: nobody else needs to run."""
    m = mta({}, master="{smtp} inet n - n - - smtpd\npostlog unix-dgram n - n - 1 postlogd\nsubmit unix n - n - - submitd\n")
    assert submit(m, "-f", "s@x", "a")[0] == 0
    (name,) = os.listdir(m.queue / "maildrop")
    st = (m.queue / "maildrop" / name).stat()
    assert st.st_mode & 0o777 == 0o744 and pwd.getpwuid(st.st_uid).pw_name == "postfix"
    assert record("A", "submit_uid=65534") in (m.queue / "maildrop" / name).read_bytes()


@pytest.mark.root
def test_stand_alone_smtp(m):
    """smtpd -S, too, runs postdrop."""
    code, out, err = submit(m, "-bs", text="HELO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c>\r\nDATA\r\nSubject: x\r\n\r\nt\r\n"
                                           ".\r\nQUIT\r\n")
    assert code == 0 and "250 2.0.0 Ok: queued as " in out, (out, err)
    assert "R c@test.example" in stored(m)


@pytest.mark.root
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
def test_postdrop_dies(m, sig):
    """postdrop goes in the midst: no message, no file."""
    env = dict(os.environ, MAIL_CONFIG=str(m.config))
    p = subprocess.Popen(["setpriv", "--no-new-privs", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                          str(m.commands / "postdrop"), "-r"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert [k for k, _ in read_list(p.stdout)] == ["protocol", "queue_id"]
    p.stdin.write(b"".join(record(k, d) for k, d in GOOD[:-1]))
    p.stdin.flush()
    assert len(os.listdir(m.queue / "maildrop")) == 1
    p.send_signal(sig)
    assert p.wait(instance.DEADLINE) == (sig if sig != signal.SIGKILL else -sig)
    empty(m)
    p.stdin.close()
    p.stdout.close()


@pytest.mark.root
def test_postdrop_protocol(m):
    """postdrop's user sees the same conversation as with a maildrop of his own."""
    uid = NOBODY.pw_uid
    for records, code, reply, words in (
            (GOOD, 0, "0", ""), (GOOD[:3], 0, None, ""), (GOOD[1:], 1, "1", ""),
            ([("T", "1 2")] + GOOD, 1, None, f"postdrop: fatal: uid={uid}: unexpected record type: 84"),
            ([("S", "a\nb")] + GOOD, 1, None, f"postdrop: fatal: uid={uid}: null or line break in 'sender' record type"),
            ([("S", "x" * 3000)] + GOOD, 1, None, f"postdrop: fatal: uid={uid}: malformed input"),
            (GOOD[:3] + [("N", "text")] * 5000 + [("R", "x")] + [("N", "text")] * 100000, 1, None,
             f"postdrop: fatal: uid={uid}: unexpected record type: 82"),
    ):
        env = dict(os.environ, MAIL_CONFIG=str(m.config))
        p = subprocess.Popen(["setpriv", "--no-new-privs", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                              str(m.commands / "postdrop"), "-r"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        out, err = p.communicate(b"".join(record(k, d) for k, d in records), timeout=instance.DEADLINE)
        lists = out.split(b"\0\0")
        assert out.startswith(b"protocol\0postdrop_protocol\0queue_id\0") and words in err.decode(), (records[:2], err)
        status = re.search(rb"status\0(\d+)\0", out)
        assert (p.returncode, status and status.group(1).decode()) == (code, reply), (records[:2], out, err, len(lists))
        if reply == "0":
            stored(m)
        empty(m)


@pytest.mark.root
def test_slow_and_greedy(mta):
    """One user cannot take all the room; others go on (threats X1, R1)."""
    m = mta({"clients_per_process": "8", "default_process_limit": "8"}, master=SUBMIT)
    code = ("import socket,sys,time\nheld=[]\n"
            "for i in range(40):\n s=socket.socket(socket.AF_UNIX)\n s.connect(sys.argv[1])\n held.append(s)\n"
            " if s.recv(1000): s.sendall(b'S')\nprint(len(held), flush=True)\nsys.stdin.read()\n")
    import sys
    p = subprocess.Popen(["setpriv", "--reuid", "1", "--regid", "1", "--clear-groups", sys.executable, "-c", code,
                          str(m.queue / "open/submit")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert p.stdout.readline().strip() == "40"
        m.wait_log("submitd.*warning: uid=1: too many connections")
        assert submit(m, "-f", "s@x", "a")[0] == 0
        m.wait_log("uid=65534 from=<s@x>")
        wait_until(lambda: len(os.listdir(m.queue / "maildrop")) <= 4, "pickup has removed that file")
    finally:
        p.communicate("", timeout=instance.DEADLINE)
    empty(m)


def test_garbage_storm(m):
    """Bytes of any kind from many clients: the service lives, and nothing is left (threats X1, X2)."""
    import random
    rng = random.Random(7)
    for i in range(60):
        p = Peer(m)
        blob = rng.randbytes(rng.choice((1, 3, 100, 5000, 70000)))
        if i % 3 == 0:
            blob = b"".join(record(k, d) for k, d in GOOD[:rng.randrange(6)]) + blob
        if i % 3 == 1:
            good = bytearray(b"".join(record(k, d) for k, d in GOOD[:-1] * 1))
            good[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
            blob = bytes(good)
        p.send(raw=blob)
        if i % 2:
            p.end()
        p.close()
    empty(m)
    p = Peer(m)
    assert p.send(*GOOD).end()["status"] == "0"
    p.close()
    stored(m)
    m.wait_log(r"postfix/submitd\[\d+\]: .*malformed input")
    assert len(set(re.findall(r"postfix/submitd\[(\d+)\]", m.log()))) == 1
    assert "killed by signal" not in m.log()


def test_not_a_user_socket(m):
    """The trigger of a restart, a connection that says nothing, half a greeting: no harm."""
    for _ in range(3):
        Peer(m).close()
        Peer(m, greeting=False).close()
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(m.queue / "open/submit"))
    s.close()
    empty(m)
