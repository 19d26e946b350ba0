# SPDX-License-Identifier: Apache-2.0
"""postqueue, mailq and postlog where set-group-id has no effect: submitd does what the user may, or the program says what is wrong.

Submission without privileges is in test_submit_socket.py.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

import instance
from test_submit_socket import NOBODY, Peer, finish, run_as
from instance import wait_until

pytestmark = pytest.mark.root


def ask(m, *args, **kw):
    return finish(run_as(m, args[0], *args[1:], text="", **kw))


def test_queue_without_privileges(mta):
    """The same output as root's, and refusals in postqueue's words and with its exit status."""
    m = mta({"fast_flush_domains": "later.test", "default_transport": "retry:4.0.0 later", "authorized_flush_users": "!daemon, static:anyone"})
    m.sendmail("-f", "s@x.test", "a@later.test", "b@later.test")
    (qid,) = wait_until(lambda: m.queue_ids("deferred") == m.queue_ids() and m.queue_ids(), "deferred")
    plain = m.run("postqueue", "-p").stdout
    assert qid in plain and "a@later.test" in plain
    # Installed as it should be, where it has no effect.
    shutil.copy(m.commands / "postqueue", m.dir / "postqueue")
    shutil.chown(m.dir / "postqueue", "root", "postdrop")
    (m.dir / "postqueue").chmod(0o2755)
    for program in ("postqueue", m.dir / "postqueue"):
        assert ask(m, program, "-p") == (0, plain, "")
    assert ask(m, "sendmail", "-bp") == (0, plain, "")
    code, out, err = ask(m, "postqueue", "-j")
    assert (code, err) == (0, "") and json.loads(out)["queue_id"] == qid
    for args, words in ((["-i", qid], None), (["-s", "later.test"], None), (["-f"], None),
                        (["-s", "other.test"], (69, 'Flush service is not configured for destination "other.test"')),
                        (["-s", "-x"], (64, 'Cannot flush mail queue - invalid destination: "-x"')),
                        (["-s", "x" * 5000], (69, "malformed input")),
                        (["-i", "../x"], (64, 'Cannot flush queue ID - invalid name: "../x"'))):
        count = len(re.findall(f"{qid}: to=<a@later", m.log()))
        code, out, err = ask(m, "postqueue", *args)
        assert (code, out) == (words[0] if words else 0, ""), (args, err)
        assert err == "" if words is None else f"postqueue: fatal: {words[1]}" in err or words[1] in err, (args, err)
        if words is None:
            m.wait_log(f"{qid}: to=<a@later.test>, .*status=deferred", count=count + 1)
            wait_until(lambda: m.queue_ids("active", "deferred") == [qid] == m.queue_ids("deferred"), "deferred again")
    # Root without its capabilities; a container that sees no more than the socket.
    capless = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    seen = m.dir / "seen"
    (seen / "open").mkdir(parents=True)
    (seen / "open/submit").symlink_to(m.queue / "open/submit")
    outside = m.dir / "outside"
    outside.mkdir()
    (outside / "main.cf").write_text((m.config / "main.cf").read_text().replace(f"queue_directory = {m.queue}", f"queue_directory = {seen}"))
    (outside / "master.cf").write_text("")
    for config, before in ((m.config, capless), (outside, ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])):
        p = subprocess.run([*before, m.commands / "postqueue", "-p"], env={"MAIL_CONFIG": str(config)}, capture_output=True, text=True,
                           timeout=instance.DEADLINE)
        assert (p.returncode, p.stdout) == (0, m.run("postqueue", "-p").stdout), p
    # Root's word, and that of main.cf as the service reads it, decide; the kernel says who asks.
    code, _, err = ask(m, "postqueue", "-f", uid=1)
    assert code == 77 and "User daemon(1) is not allowed to flush the mail queue" in err
    m.setting(authorized_mailq_users="daemon")
    m.run("postfix", "reload")
    mine = m.dir / "mine"
    mine.mkdir()
    (mine / "main.cf").write_text((m.config / "main.cf").read_text().replace("authorized_mailq_users = daemon", ""))
    (mine / "master.cf").write_text("")

    def refused():
        code, out, err = ask(m, "postqueue", "-p", env={"MAIL_CONFIG": str(mine)})
        return code == 77 and out == "" and "User nobody(65534) is not allowed to view the mail queue" in err
    wait_until(refused, "the service's own rules")
    assert ask(m, "postqueue", "-p", uid=1)[0] == 0
    # Nothing that is not known, and nothing behind other records.
    for raw, want in ((b"Q\x04lust", "64"), (b"Q\x00", "64"), (b"Q\x05list\0", "64"), (b"Q\x06site a", "0")):
        p = Peer(m)
        got = p.send(raw=raw).end()
        assert got["status"] == want if want != "0" else got["status"] in ("0", "69"), (raw, got)
        p.close()
    p = Peer(m)
    assert "unexpected record type: 81" in p.send(("S", "a"), raw=b"Q\x04list").end()["fatal"]
    p.close()
    wait_until(lambda: os.listdir(m.queue / "maildrop") == [], "nothing is left in the maildrop")


def test_queue_without_privileges_and_service(mta):
    """No submitd: what is wrong and what to do, 69; the system down altogether: the same."""
    m = mta({}, master=instance.MASTER_CF)
    for down in (False, True):
        for args, begin in ((["-p"], "Queue report unavailable"), (["-f"], "Cannot flush mail queue"), (["-s", "x.test"], "Cannot flush mail queue")):
            code, out, err = ask(m, "postqueue", *args)
            assert (code, out) == (69, "") and err.startswith(f"postqueue: fatal: {begin}: postqueue may not enter {m.queue}/public"), err
            assert "without NoNewPrivileges" in err and '"submit unix n - n - - submitd" in master.cf' in err
        m.stop()
    # With privileges: as ever.
    code, _, err = ask(m, "postqueue", "-f", uid=0, privs="--reset-env")
    assert code == 69 and "Cannot flush mail queue - mail system is down" in err


def test_postlog_without_privileges(mta):
    """A line that reaches no log is no success."""
    m = mta({})
    code, out, err = ask(m, "postlog", "hello")
    assert code == 1 and err.startswith("postlog: hello\n") and "postlog: fatal: not logged: neither postlogd nor " in err
    assert m.run("postlog", "from root").returncode == 0
    m.wait_log("from root")
    assert "hello" not in m.log()


COMMANDS = [("sendmail", ["r@x"]), ("sendmail", ["-bp"]), ("sendmail", ["-t"]), ("postdrop", ["-r"]), ("postqueue", ["-p"]),
            ("postqueue", ["-f"]), ("postlog", ["x"])]
HOSTILE = [
    {"MAIL_CONFIG": "/proc/self/environ"}, {"MAIL_CONFIG": ""}, {"MAIL_CONFIG": "x" * 100000}, {"MAIL_CONFIG": "../../../../tmp"},
    {"MAIL_DEBUG": "1"}, {"MAIL_VERBOSE": "1"}, {"MAIL_LOGTAG": "%n%s\n\x1b[2J" + "x" * 5000}, {"TZ": "/etc/shadow"}, {"TZ": "x" * 70000},
    {"NAME": "a\nBcc: evil@x\r\n" + "y" * 100000}, {"LANG": "xx", "LC_ALL": "../x", "LOCPATH": "/tmp", "NLSPATH": "%s"},
    {"POSIXLY_CORRECT": "1", "GETOPT": "x"}, {"HOME": "/nonexistent", "PATH": "", "IFS": "/", "LOGNAME": "root", "USER": "root"},
    {"POSTLOG_SERVICE": "../../etc/passwd", "POSTLOG_HOSTNAME": "x" * 5000}, {"POSTROAD_CLIENTS": "-1", "GENERATION": "x"},
]


def test_hostile_environment(mta):
    """No environment, and no list of arguments, does more than to be refused (threats X6)."""
    m = mta({}, start=False)
    m.run("postfix", "check", check=False)
    (m.queue / "maildrop").chmod(0o777)
    text = "To: r@x\n\nhello\n"

    def run(program, argv, env):
        p = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env", "-i", *(f"{k}={v}" for k, v in env.items()),
                            str(m.commands / program), *argv], input=text, capture_output=True, text=True, errors="replace",
                           timeout=instance.DEADLINE)
        assert 0 <= p.returncode < 126 and "panic: " not in p.stderr and "root:" not in p.stdout + p.stderr, (program, argv, env, p)
        return p
    for env in HOSTILE:
        for program, argv in COMMANDS[:1] + COMMANDS[3:5]:
            run(program, argv, {"MAIL_CONFIG": str(m.config), **env})
    # An empty list of arguments, and arguments that no shell would give.
    for program, _ in COMMANDS:
        p = subprocess.run(["perl", "-e", 'exec {$ARGV[0]} ""', str(m.commands / program)], input=text, capture_output=True, text=True,
                           env={"MAIL_CONFIG": str(m.config)}, timeout=instance.DEADLINE)
        assert 0 <= p.returncode < 126, (program, p)
    for program, argv in (("sendmail", ["x" * 130000]), ("sendmail", ["-f", "\xff\xfe@x", "r@x"]), ("sendmail", ["-C", "x" * 100000, "r@x"]),
                          ("sendmail", ["-F", "%s%n" * 1000, "r@x"]), ("postqueue", ["-s", "%n%s"]), ("postqueue", ["-i", "x" * 100000]),
                          ("postdrop", ["-c", "/etc/shadow"]), ("postlog", ["-t", "x" * 100000, "%n"]), ("postlog", ["-p", "info\n", "x"]),
                          ("postlog", ["a\nb\x1b[2J"])):
        run(program, argv, {"MAIL_CONFIG": str(m.config)})
