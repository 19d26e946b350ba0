# SPDX-License-Identifier: Apache-2.0
"""postdrop, set-group-id as it is installed, run by an ordinary user: the same as Debian's for the same input.

Each runs in a mount namespace where the default configuration directory is a test's own, since a
set-group-id program follows no other. The program under test is a copy.
"""

import grp
import os
import random
import re
import shutil
import signal
import subprocess

import pytest

import instance
from agent import read_list, record

from test_cleanup_compat import parse

DEBIAN = "/usr/sbin/postdrop"
NOBODY = 65534
pytestmark = [pytest.mark.root, pytest.mark.skipif(not instance.DebianPostfix.available(), reason="needs root and Debian's")]

GOOD = [("S", "a"), ("R", "b"), ("M", ""), ("N", "x"), ("X", ""), ("E", "")]
DOWN = "warning: unable to look up public/pickup: No such file or directory\n"


class Drop:
    """A maildrop without a mail system behind it, and two programs that may write there."""

    def __init__(self, path):
        self.path = path
        for d in ("default", "other", "spool", "spool/maildrop", "spool/public", "spool/pid"):
            (path / d).mkdir()
        for d, mode in (("maildrop", 0o730), ("public", 0o710)):
            shutil.chown(path / "spool" / d, "postfix", "postdrop")
            (path / "spool" / d).chmod(mode)
        self.ours = path / "postdrop"
        shutil.copy(instance.BUILD / "sbin/postdrop", self.ours)
        shutil.chown(self.ours, "root", "postdrop")
        self.ours.chmod(0o2755)
        self.config_dir = subprocess.run([instance.BUILD / "sbin/postconf", "-d", "-h", "config_directory"], text=True,
                                         capture_output=True, check=True).stdout.strip()
        self.configure()

    def configure(self, where="default", **conf):
        conf = {"compatibility_level": "3.6", "queue_directory": self.path / "spool", "maillog_file": "", **conf}
        (self.path / where / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in conf.items()))
        (self.path / where / "master.cf").write_text("")

    def command(self, program, args=("-r",), uid=NOBODY, before=""):
        where = "/etc/postfix" if program == DEBIAN else self.config_dir
        script = (f'mount --bind {self.path}/default {where} && {before or ":"} && '
                  f'exec setpriv --reuid {uid} --regid {uid} --clear-groups "$0" "$@"')
        return ["unshare", "-m", "sh", "-c", script, str(program), *args]

    def files(self):
        """What is in the maildrop: name (masked), mode, owner, group, records; it is removed."""
        out = []
        for p in sorted((self.path / "spool/maildrop").iterdir()):
            st = p.stat()
            data = p.read_bytes()
            try:
                records = [f"{k} {d}" if k != "T" else "T" for k, d in parse(data)]
            except (IndexError, AssertionError):
                records = data
            out.append((bool(re.fullmatch("[0-9A-F]+", p.name)), oct(st.st_mode), st.st_uid,
                        grp.getgrgid(st.st_gid).gr_name, records))
            p.unlink()
        return out

    def run(self, program, records=GOOD, raw=b"", env=None, **kw):
        """Exit status, standard output, standard error, and what is left in the maildrop."""
        p = subprocess.run(self.command(program, **kw), input=b"".join(record(k, d) for k, d in records) + raw,
                           capture_output=True, timeout=instance.DEADLINE, env={**os.environ, **(env or {})}, cwd="/")
        out = re.sub(rb"queue_id\0[0-9A-F]+\0", b"queue_id\0QID\0", p.stdout)
        return p.returncode, out, p.stderr.decode(), self.files()

    def both(self, *args, **kw):
        return self.run(self.ours, *args, **kw), self.run(DEBIAN, *args, **kw)


@pytest.fixture
def drop(workdir):
    return Drop(workdir)


def normal(ours, debian):
    """Take out of Debian's result what is known and meant to differ."""
    code, out, err, files = debian
    # The remark about the record's length; the file of a message that was refused.
    err = re.sub(r"postdrop: warning: stdin: (?:illegal length \d+|too many length bits), record type \d+\n", "", err)
    err = re.sub(r"postdrop: warning: stdin: unexpected EOF.*\n", "", err)
    files = [f for f in files if f[1] != "0o100644"]
    if code == 0 and b"status\x00512\x00" in out:
        code = 1
    return ours, (code, out, err, files)


SEQUENCES = {
    "nothing": [], "good": GOOD, "canceled": GOOD[:3], "canceled in text": GOOD[:4], "no sender": GOOD[1:],
    "no recipient": GOOD[:1] + GOOD[2:], "neither": GOOD[2:], "empty sender": [("S", "")] + GOOD[1:],
    "empty recipient": [("S", "a"), ("R", "")] + GOOD[2:], "recipient after the text": GOOD[:1] + GOOD[2:5] + [GOOD[1], GOOD[5]],
    "two senders": GOOD[:1] + GOOD, "time": [("T", "1 2")] + GOOD, "type 1": [("\1", "")] + GOOD,
    "full name": [("F", "Full Name")] + GOOD, "verp": [("V", "+=")] + GOOD, "envid": [("i", "x")] + GOOD,
    "notify": [("n", "1")] + GOOD, "filter": [("L", "smtp:x")] + GOOD, "inspect": [("I", "smtp:x")] + GOOD,
    "redirect": [(">", "x")] + GOOD, "done": [("D", "x")] + GOOD, "orig": [("O", "x")] + GOOD, "orcpt": [("o", "x")] + GOOD,
    "pointer": [("p", "0")] + GOOD, "pointer in text": GOOD[:3] + [("p", "0")] + GOOD[3:], "flags": [("f", "4")] + GOOD,
    "ret": [("<", "1")] + GOOD, "milter": [("m", "0")] + GOOD, "warning": [("W", "1")] + GOOD, "killed": [("K", "x")] + GOOD,
    "text in the envelope": [("N", "x")] + GOOD, "early end": GOOD[:2] + GOOD[5:], "early extract": GOOD[:2] + GOOD[4:],
    "twice M": GOOD[:3] + GOOD[2:], "twice X": GOOD[:5] + GOOD[4:], "sender in text": GOOD[:3] + GOOD[:1] + GOOD[3:],
    "sender at the end": GOOD[:5] + GOOD[:1] + GOOD[5:], "envid at the end": GOOD[:5] + [("i", "x")] + GOOD[5:],
    "rrto at the end": GOOD[:5] + [("r", "x")] + GOOD[5:], "after E": GOOD + [("S", "x")], "padding": GOOD[:3] + [("w", "x")] + GOOD[3:],
    "attributes": [("A", f"{n}={v}") for n, v in (
        ("encoding", "7bit"), ("encoding", "8bit"), ("encoding", ""), ("encoding", "base64"), ("rewrite_context", "local"),
        ("rewrite_context", "remote"), ("rewrite_context", "x"), ("envelope_id", "x"), ("notify_flags", "1"), ("ret_flags", "1"),
        ("dsn_orig_rcpt", "rfc822;x"), ("create_time", "1"), ("trace_flags", "512"), ("client_name", "x"), ("client_address", "x"),
        ("log_ident", "x"), ("log_client_name", "x"), ("sasl_username", "x"), ("no_such", "x"), ("Encoding", "7bit"))] + GOOD,
    "attributes at the end": GOOD[:5] + [("A", "notify_flags=1"), ("A", "client_name=x"), ("R", "c")] + GOOD[5:],
    "blanks in attributes": [("A", " encoding = 7bit ")] + GOOD, "NUL in text": GOOD[:3] + [("N", "a\0b"), ("L", "\0")] + GOOD[4:],
    "line of the limit": GOOD[:3] + [("N", "x" * 2048)] + GOOD[4:], "longer line": GOOD[:3] + [("N", "x" * 2049)] + GOOD[4:],
    "long sender": [("S", "x" * 2048)] + GOOD[1:], "longer sender": [("S", "x" * 2049)] + GOOD[1:],
    "many recipients": GOOD[:1] + [("R", f"user{i}@example.com") for i in range(5000)] + GOOD[2:],
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_records(drop, name):
    ours, debian = normal(*drop.both(SEQUENCES[name]))
    assert ours == debian


def test_malformed_attribute(drop):
    ours, debian = drop.both([("A", "bad"), ("A", "=x"), ("A", "")] + GOOD)
    assert (ours[0], ours[1], ours[3]) == (debian[0], debian[1], debian[3])
    assert ours[2].count("ignoring malformed record") == debian[2].count("ignoring malformed record") == 3


RAW = {
    "EOF in a type": b"", "EOF after a type": b"S", "EOF in a length": b"S\x85", "EOF in data": b"S\x05ab",
    "length of five bytes": b"S\xff\xff\xff\xff\x01", "length of four bytes": b"S\xff\xff\xff\x7f",
    "bytes": bytes(range(256)), "HTTP": b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "0xff": b"\xff" * 5000,
    "padded length": b"S\x81\x80\x00a" + b"".join(record(k, d) for k, d in GOOD[1:]),
}


@pytest.mark.parametrize("name", RAW)
def test_malformed(drop, name):
    """The same exit status, no answer, nothing left."""
    for before in ([], GOOD[:1], GOOD[:3]):
        ours, debian = normal(*drop.both(before, raw=RAW[name]))
        assert (ours[0], ours[1], ours[3]) == (debian[0], debian[1], debian[3]), (before, ours, debian)
        assert ours[3] == [] or ours[0] == 0
        assert ours[2].startswith("postdrop: fatal: uid=65534: ") == debian[2].startswith("postdrop: fatal: uid=65534: ")


@pytest.mark.parametrize("bad", ["a\0b", "a\nb", "a\rb", "\n", "a\0"], ids=repr)
def test_line_breaks(drop, bad):
    """Stricter than 3.7, as 3.12 is: what could become two records or two log lines is refused."""
    for i, kind in enumerate(("S", "R", "F", "V")):
        code, out, err, files = drop.run(drop.ours, [(kind, bad)] + GOOD)
        assert (code, out, files) == (1, b"protocol\0postdrop_protocol\0queue_id\0QID\0\0", [])
        assert err.startswith("postdrop: fatal: uid=65534: null or line break in '") and err.count("\n") == 1


def test_type_0(drop):
    """No record, and no end of input either, as 3.7 takes it; and C is one, as in 3.12."""
    for before in ([], GOOD[:1], GOOD[:3]):
        code, out, err, files = drop.run(drop.ours, before, raw=b"\0\0")
        assert (code, files) == (1, []) and b"status" not in out
        assert err == "postdrop: fatal: uid=65534: unexpected record type: 0\n"
    code, _, err, files = drop.run(drop.ours, [("C", "1 2 3")] + GOOD)
    assert code == 0 and len(files) == 1
    drop.configure(local_login_sender_maps="inline:{ {nobody=b} }")
    code, out, err, files = drop.run(drop.ours, GOOD[:1], raw=b"\0\0")
    assert (code, files) == (1, []) and "unexpected record type: 0" in err


SETTINGS = [
    ({}, GOOD), ({"authorized_submit_users": "root"}, GOOD), ({"authorized_submit_users": "!nobody, static:all"}, GOOD),
    ({"authorized_submit_users": "nobody"}, GOOD), ({"authorized_submit_users": ""}, GOOD),
    ({"local_login_sender_maps": "inline:{ {nobody=a} }"}, GOOD), ({"local_login_sender_maps": "inline:{ {nobody=b} }"}, GOOD),
    ({"local_login_sender_maps": "inline:{ {nobody=A} }"}, GOOD), ({"local_login_sender_maps": "inline:{ {root=a} }"}, GOOD),
    ({"local_login_sender_maps": "inline:{ {nobody=@x} }"}, [("S", "a@X")] + GOOD[1:]),
    ({"local_login_sender_maps": "inline:{ {nobody=@x} }"}, [("S", "a@y.x")] + GOOD[1:]),
    ({"local_login_sender_maps": "inline:{ {nobody = x, a+b@c y} }"}, [("S", "a+b@c")] + GOOD[1:]),
    ({"local_login_sender_maps": "inline:{ {nobody = a@c} }", "recipient_delimiter": "+"}, [("S", "a+b@c")] + GOOD[1:]),
    ({"local_login_sender_maps": "inline:{ {nobody = a@c} }", "recipient_delimiter": ""}, [("S", "a+b@c")] + GOOD[1:]),
    ({"local_login_sender_maps": "inline:{ {nobody = a} }"}, [("S", "")] + GOOD[1:]),
    ({"local_login_sender_maps": "inline:{ {nobody = <>} }"}, [("S", "")] + GOOD[1:]),
    ({"local_login_sender_maps": "inline:{ {nobody = n} }", "empty_address_local_login_sender_maps_lookup_key": "n"},
     [("S", "")] + GOOD[1:]),
    ({"local_login_sender_maps": "fail:x"}, GOOD), ({"local_login_sender_maps": ""}, GOOD),
    ({"local_login_sender_maps": "inline:{ {nobody=b} }"}, GOOD[:1] + [("A", "bad=1")] + GOOD[1:]),
    ({"enable_long_queue_ids": "yes"}, []), ({"line_length_limit": "512"}, [("S", "x" * 513)] + GOOD[1:]),
    ({"line_length_limit": "512"}, [("S", "x" * 512)] + GOOD[1:]),
]


@pytest.mark.parametrize("conf,records", SETTINGS, ids=str)
def test_settings(drop, conf, records):
    drop.configure(**conf)
    ours, debian = normal(*drop.both(records))
    if conf.get("local_login_sender_maps") == "fail:x":
        ours, debian = ((*r[:2], r[3]) for r in (ours, debian))
    if "enable_long_queue_ids" in conf:
        ours, debian = ((r[0], len(re.sub(rb".*queue_id\0|\0", b"", r[1], flags=re.S))) for r in (ours, debian))
    assert ours == debian


@pytest.mark.parametrize("uid", [0, 54321])
def test_other_users(drop, uid):
    for conf in ({}, {"local_login_sender_maps": f"inline:{{ {{root=a}} {{uid:{uid} = a}} }}"},
                 {"authorized_submit_users": "unknown"}):
        drop.configure(**conf)
        ours, debian = normal(*drop.both(uid=uid))
        if uid == 54321:  # 3.7 finds nobody for such a user and says less
            assert ours[0] in (0, 1)
        assert (ours[0], ours[1], ours[3]) == (debian[0], debian[1], debian[3]), conf


def test_size_limit(drop):
    """A file of the limit's size is taken, one byte more is not; nothing is left of it."""
    text = [("N", "x" * 100)] * 5
    records = GOOD[:3] + text + GOOD[4:]
    (size,) = {sum(len(record(k, d)) for k, d in records) + 2 + 17}
    for limit in (0, size - 200, size - 20, size, size + 1, 10000):
        drop.configure(message_size_limit=limit)
        ours, debian = normal(*drop.both(records))
        # The time of arrival may be some digits shorter.
        if limit != size - 1:
            assert ours[:2] == debian[:2] and len(ours[3]) == len(debian[3]), (limit, ours, debian)
        assert (b"status\x004\x00" in ours[1]) == (0 < limit < size - 6)


def test_user_file_limit(drop):
    """The user's own limit counts as well."""
    for before in ("ulimit -f 1", "ulimit -f 100"):
        ours, debian = normal(*drop.both(GOOD[:3] + [("N", "x" * 1000)] * 20 + GOOD[4:], before=before))
        assert ours == debian


@pytest.mark.parametrize("args", [["-r", "-v"], ["-Z"], ["-c"], ["-r", "x"], []], ids=str)
def test_arguments(drop, args):
    ours, debian = normal(*drop.both(args=args))
    # Debian's getopt(3) complaint carries its own path.
    assert (ours[0], ours[1], ours[3]) == (debian[0], debian[1], debian[3])
    assert ("usage: postdrop [-c config_dir] [-v]" in ours[2]) == ("usage: postdrop [-c config_dir] [-v]" in debian[2])


def test_configuration_directory(drop):
    """-c and MAIL_CONFIG lead only where root, or the default main.cf, says."""
    other = str(drop.path / "other")
    drop.configure("other", authorized_submit_users="!nobody, static:all")
    refusal = "User nobody(65534) is not allowed to submit mail"
    for conf, uid, allowed in (({}, NOBODY, False), ({}, 0, True), ({"alternate_config_directories": other}, NOBODY, True),
                               ({"alternate_config_directories": other + "x"}, NOBODY, False),
                               ({"multi_instance_directories": "/a, " + other}, NOBODY, True)):
        drop.configure(**conf)
        for kw in ({"args": ["-c", other]}, {"env": {"MAIL_CONFIG": other}}):
            ours, debian = normal(*drop.both(uid=uid, **kw))
            assert (ours[0], ours[1], ours[3]) == (debian[0], debian[1], debian[3]), (conf, uid, kw, ours, debian)
            for got in (ours, debian):
                assert (refusal in got[2]) == (allowed and uid == NOBODY)
                assert ("unauthorized configuration directory name: " + other in got[2]) == (not allowed)


def test_environment(drop):
    """Only what import_environment says is left of the user's environment; our tables can tell (threats X6)."""
    env = {"nobody": "a", "POSIXLY_CORRECT": "1"}
    for imported, taken in (("TZ", False), ("nobody", True), ("TZ nobody=b", False), ("nobody=a", True), ("{nobody=x a}", True)):
        drop.configure(import_environment=imported, local_login_sender_maps="environ:x")
        ours = drop.run(drop.ours, env=env)
        assert (b"status\0000\0" in ours[1]) == taken, (imported, ours)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors(drop, closed):
    """A file that takes the place of a closed descriptor would get our words, or be read."""
    results = []
    for program in (drop.ours, DEBIAN):
        argv = drop.command(program)
        argv[4] = argv[4].replace('"$0" "$@"', f'"$0" "$@" {closed}')
        p = subprocess.run(argv, input=b"".join(record(k, d) for k, d in GOOD), capture_output=True, timeout=instance.DEADLINE)
        results.append((p.returncode, len(p.stdout), p.stderr, drop.files()))
    assert results[0] == results[1]
    assert results[0][3] == [] if "<&-" in closed else results[0][3][0][4] == ["T", "S a", "R b", "M ", "N x", "X ", "E "]


def test_umask_and_cwd(drop):
    locked = drop.path / "locked"
    locked.mkdir()
    for before in ("umask 0", "umask 0777", f"cd {locked} && chmod 0 {locked}", f"mkdir -p {locked}/x && cd {locked}/x && rmdir {locked}/x"):
        ours, debian = normal(*drop.both(before=before))
        assert ours == debian and ours[0] == 0
        assert ours[3] == [(True, "0o100744", NOBODY, "postdrop", ["T", "S a", "R b", "M ", "N x", "X ", "E "])]


class Running:
    def __init__(self, drop, program, before=""):
        self.drop = drop
        self.p = subprocess.Popen(drop.command(program, before=before), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)

    def close(self):
        for f in (self.p.stdin, self.p.stdout, self.p.stderr):
            f.close()


@pytest.mark.parametrize("before", ["", "trap '' HUP INT QUIT TERM"])
@pytest.mark.parametrize("sig", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_signals(drop, sig, before):
    """The file is removed; nohup is honoured for HUP and TERM, and not for the keyboard's signals."""
    results = []
    for program in (drop.ours, DEBIAN):
        r = Running(drop, program, before)
        assert read_list(r.p.stdout)[0] == ("protocol", "postdrop_protocol")
        r.p.stdin.write(b"".join(record(k, d) for k, d in GOOD[:4]))
        r.p.stdin.flush()
        r.p.send_signal(sig)
        try:
            if before and sig in (signal.SIGHUP, signal.SIGTERM):
                r.p.stdin.write(b"".join(record(k, d) for k, d in GOOD[4:]))
                r.p.stdin.close()
        except BrokenPipeError:
            pass
        results.append((r.p.wait(instance.DEADLINE), r.p.stdout.read(), drop.files()))
        r.close()
    ours, debian = results
    if before and sig in (signal.SIGHUP, signal.SIGTERM):
        assert ours == debian and ours[0] == 0 and len(ours[2]) == 1
    else:
        # Debian's may leave an empty file behind.
        assert ours[0] == debian[0] == sig and ours[2] == []


def test_signals_at_any_time(drop):
    """Whenever the signal comes, there is no file without an answer of 0, and no temporary one."""
    rng = random.Random(5)
    data = b"".join(record(k, d) for k, d in GOOD)
    for i in range(60):
        argv = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", str(drop.ours), "-r"]
        p = subprocess.Popen(["unshare", "-m", "sh", "-c", f"mount --bind {drop.path}/default {drop.config_dir} && "
                              'echo up >&2 && exec "$0" "$@"', *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        p.stderr.readline()
        p.stdin.write(data if i % 2 else data[:10])
        p.stdin.flush()
        try:
            p.wait(rng.random() * 0.02)
        except subprocess.TimeoutExpired:
            p.send_signal(rng.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)))
        out, _ = p.communicate(timeout=instance.DEADLINE)
        left = drop.files()
        if b"status\0000\0" in out:
            assert len(left) == 1 and left[0][1] == "0o100744"
        else:
            assert left == [] or (left[0][0] and left[0][1] == "0o100744"), (i, p.returncode, out, left)


def test_output_closed(drop):
    """Nobody who hears the answer: the message that was taken stays, a greeting that nobody hears is the end."""
    for program in (drop.ours, DEBIAN):
        r = Running(drop, program)
        read_list(r.p.stdout)
        r.p.stdout.close()
        r.p.stdin.write(b"".join(record(k, d) for k, d in GOOD))
        r.p.stdin.close()
        r.p.wait(instance.DEADLINE)
        assert len(drop.files()) == 1
        r.p.stderr.close()


def test_no_space(drop):
    """A disk that is full is a temporary error, said so, and leaves nothing."""
    mount = drop.path / "spool/maildrop"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], check=True)
    try:
        shutil.chown(mount, "postfix", "postdrop")
        mount.chmod(0o730)
        ours, debian = normal(*drop.both(GOOD[:3] + [("N", "x" * 1000)] * 500 + GOOD[4:]))
        assert ours[0] == debian[0] == 2 and ours[1] == debian[1] and ours[3] == []
        assert "No space left on device" in ours[2]
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_verbose_is_for_root(drop):
    ours, debian = drop.both(args=["-v", "-v", "-r"])
    assert ours[2] == debian[2] == "postdrop: " + DOWN
    assert drop.run(drop.ours, args=["-v", "-v"], uid=0)[0] == 0


