# SPDX-License-Identifier: Apache-2.0
"""postconf on real files: what it prints, what it changes, what it refuses. Expected texts are those of
Debian's postconf on the same files, unless a comment says otherwise."""

import os
import subprocess

import pytest

from instance import BUILD

MAIN = """\
# comment
compatibility_level = 3.6
myhostname = h.example.com
relayhost = [a]:25
# long
mydestination = $myhostname, localhost.$mydomain, localhost, aaaaaaaaaaaaaaaaaaaaaaaa.example.com, b.example.com
mine = yes
   and more
smtpd_client_restrictions = myclass
smtpd_restriction_classes = myclass
myclass = permit_mynetworks,   reject
"""
MASTER = """\
# services
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
# between
  -o {smtpd_client_restrictions = permit_sasl_authenticated, reject}
pickup    unix  n       -       y       60      1       pickup
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
"""


@pytest.fixture
def postconf(tmp_path):
    """Run postconf in a fresh directory: (status, output, errors); the directory is an attribute."""
    (tmp_path / "main.cf").write_text(MAIN)
    (tmp_path / "master.cf").write_text(MASTER)

    def run(*args):
        p = subprocess.run([BUILD / "sbin" / "postconf", "-c", tmp_path, *args], capture_output=True,
                           text=True, timeout=60, check=False)
        return p.returncode, p.stdout, p.stderr

    run.dir = tmp_path
    return run


@pytest.mark.parametrize("args, want", [
    (["-h", "relayhost"], "[a]:25\n"),
    (["-H", "relayhost"], "relayhost\n"),
    (["-d", "relayhost", "smtpd_timeout"], "relayhost =\nsmtpd_timeout = ${stress?{10}:{300}}s\n"),
    (["-x", "mydestination"], "mydestination = h.example.com, localhost.example.com, localhost, "
     "aaaaaaaaaaaaaaaaaaaaaaaa.example.com, b.example.com\n"),
    (["-f", "mydestination"], "mydestination = $myhostname, localhost.$mydomain, localhost,\n"
     "    aaaaaaaaaaaaaaaaaaaaaaaa.example.com, b.example.com\n"),
    (["-C", "user"], "myclass = permit_mynetworks, reject\n"),
    (["-o", "stress=yes", "-x", "smtpd_timeout"], "smtpd_timeout = 10s\n"),
    (["-M", "smtp"], "smtp       inet  n       -       y       -       -       smtpd\n"),
    (["-Mf", "submission/inet"],
     "submission inet  n       -       y       -       -       smtpd\n"
     "    -o syslog_name=postfix/submission\n"
     "    -o {smtpd_client_restrictions=permit_sasl_authenticated, reject}\n"),
    (["-F", "*/unix/wakeup"], "pickup/unix/wakeup = 60\nmaildrop/unix/wakeup = -\n"),
    (["-P", "submission"],
     "submission/inet/smtpd_client_restrictions = permit_sasl_authenticated, reject\n"
     "submission/inet/syslog_name = postfix/submission\n"),
    (["maildrop_recipient_limit"], "maildrop_recipient_limit = $default_recipient_limit\n"),
    (["-j", "relayhost"], '{"relayhost": "[a]:25"}\n'),
    (["-l"], "flock\nfcntl\ndotlock\n"),
])
def test_shows(postconf, args, want):
    status, out, _ = postconf(*args)
    assert (status, out) == (0, want)


def test_warns(postconf):
    status, out, err = postconf("nosuch", "mine")
    assert status == 0 and out == ""
    assert "warning: nosuch: unknown parameter" in err
    assert f"warning: {postconf.dir}/main.cf: unused parameter: mine=yes   and more" in err
    assert "unused" not in postconf("-q", "relayhost")[2]


@pytest.mark.parametrize("args, old, new", [
    (["relayhost=", "newone=a b"], "relayhost = [a]:25\n", "relayhost = \n"),
    (["-X", "mine", "nosuch"], "mine = yes\n   and more\n", ""),
    (["-#", "mine"], "mine = yes\n   and more\n", "#mine = yes\n#   and more\n"),
])
def test_edits_main(postconf, args, old, new):
    assert postconf(*args)[0] == 0
    want = MAIN.replace(old, new) + ("newone = a b\n" if "newone=a b" in args else "")
    assert (postconf.dir / "main.cf").read_text() == want
    assert sorted(os.listdir(postconf.dir)) == ["main.cf", "master.cf"]


@pytest.mark.parametrize("args, old, new", [
    (["-M", "smtp/inet=smtp inet n - n - - smtpd -o a=b"],
     "smtp      inet  n       -       y       -       -       smtpd\n",
     "smtp       inet  n       -       n       -       -       smtpd\n    -o a=b\n"),
    (["-MX", "pickup/unix"], "pickup    unix  n       -       y       60      1       pickup\n", ""),
    (["-F", "smtp/inet/chroot=n"],
     "smtp      inet  n       -       y       -       -       smtpd\n",
     "smtp       inet  n       -       n       -       -       smtpd\n"),
    (["-P", "smtp/inet/x=1"],
     "smtp      inet  n       -       y       -       -       smtpd\n",
     "smtp       inet  n       -       y       -       -       smtpd\n    -o x=1\n"),
])
def test_edits_master(postconf, args, old, new):
    assert postconf(*args)[0] == 0
    assert (postconf.dir / "master.cf").read_text() == MASTER.replace(old, new)


@pytest.mark.parametrize("args, text", [
    (["a b=c"], "missing '=' after attribute name: \"a b=c\""),
    (["x=a\nb"], "-e, -X, or -# accepts no multi-line input"),
    (["-X", "relayhost=3"], "specify one of -e -X"),
    (["-n", "-d"], "specify one of -d -n"),
    (["-M", "-n"], "with option -M, do not specify -n"),
    (["-F", "smtp/inet/zz"], 'invalid service attribute name: "zz"'),
    (["-F", "smtp/inet/chroot=q"], 'field "chroot": bad value: "q"'),
    (["-M", "new/unix=new unix - - n - "], 'missing "max_proc" field'),
    (["-MX", "smtp"], "-Me, -MX or -M# requires service_name/type"),
])
def test_refuses(postconf, args, text):
    status, out, err = postconf(*args)
    assert status == 1 and out == ""
    assert text in err
    assert (postconf.dir / "main.cf").read_text() == MAIN
    assert (postconf.dir / "master.cf").read_text() == MASTER
    assert sorted(os.listdir(postconf.dir)) == ["main.cf", "master.cf"]


def test_symbolic_link_stays(postconf):
    real = postconf.dir / "real.cf"
    (postconf.dir / "main.cf").rename(real)
    (postconf.dir / "main.cf").symlink_to("real.cf")
    assert postconf("relayhost=x")[0] == 0
    assert (postconf.dir / "main.cf").is_symlink()
    assert "relayhost = x\n" in real.read_text()
