# SPDX-License-Identifier: Apache-2.0
"""The postfix command: life of a system, directories, warnings, log rotation."""

import os
import pathlib
import shutil
import stat
import tempfile

import pytest

from instance import wait_until

MASTER = "postlog unix-dgram n - n - 1 postlogd\n"


@pytest.fixture
def system(mta):
    """A configured system that was not started; postfix(command) gives (status, messages)."""
    m = mta(start=False, master=MASTER)

    def postfix(*args):
        p = m.run("postfix", "-c", m.config, *args, check=False)
        m.started = m.started or args[0] in ("start", "quick-start")
        return p.returncode, p.stdout + p.stderr

    m.postfix = postfix
    return m


def modes(m):
    out = {}
    for p in m.queue.iterdir():
        if p.is_dir():
            out[p.name] = stat.S_IMODE(p.stat().st_mode)
    return out


def test_life(system):
    assert system.postfix("status")[0] == 1
    status, text = system.postfix("stop")
    assert status == 1 and "fatal: the Postfix mail system is not running" in text
    assert system.postfix("start")[0] == 0
    status, text = system.postfix("status")
    assert status == 0 and f"the Postfix mail system is running: PID: {system.master_pid()}" in text
    status, text = system.postfix("start")
    assert status == 1 and "fatal: the Postfix mail system is already running" in text
    assert system.postfix("reload")[0] == 0
    system.wait_log(r"postfix-script\[\d+\]: refreshing the Postfix mail system")
    system.wait_log(r"master\[\d+\]: reload -- version 3\.12")
    assert system.postfix("stop")[0] == 0
    assert system.postfix("status")[0] == 1
    texts = [t for p, t in system.events("postfix-script")]
    for want in ("starting the Postfix mail system", "stopping the Postfix mail system",
                 "the Postfix mail system is not running"):
        assert want in texts


@pytest.mark.parametrize("command, word", [("abort", "aborting"), ("drain", "stopping")])
def test_other_ends(system, command, word):
    assert system.postfix("start")[0] == 0
    status, text = system.postfix(command)
    assert status == 0 and f"{word} the Postfix mail system" in text
    wait_until(lambda: system.postfix("status")[0] == 1, "the system stops")


def test_quick_stop_spares_the_next_checks(system):
    assert system.postfix("start")[0] == 0
    assert system.postfix("quick-stop")[0] == 0
    assert (system.queue / "quick-start").exists()
    (system.config / "main.cf").chmod(0o666)
    status, text = system.postfix("start")
    assert status == 0 and "writable" not in text
    assert not (system.queue / "quick-start").exists()


def test_directories(system, request):
    # set-permissions makes commands set-group-id: not those that the other scenarios run.
    own = pathlib.Path(tempfile.mkdtemp(prefix="postroad-test-"))
    request.addfinalizer(lambda: shutil.rmtree(own))
    own.chmod(0o755)
    shutil.copytree(system.commands, own / "sbin", symlinks=True, ignore=shutil.ignore_patterns("*.p"))
    system.setting(command_directory=own / "sbin")
    assert system.postfix("check")[0] == 0
    have = modes(system)
    want = dict.fromkeys("active bounce corrupt defer deferred flush hold incoming journal private "
                         "saved tlstrace trace".split(), 0o700)
    want.update(maildrop=0o730, public=0o710, pid=0o755, open=0o755)
    assert have == want
    assert stat.S_IMODE((system.dir / "data").stat().st_mode) & 0o700 == 0o700
    (system.queue / "active").chmod(0o777)
    (system.config / "main.cf").chmod(0o666)
    status, text = system.postfix("check")
    assert status == 0
    assert f"warning: group or other writable: {system.queue}/active" in text
    assert f"warning: group or other writable: {system.config}/main.cf" in text
    system.postfix("set-permissions")
    assert modes(system) == want
    privileged = os.geteuid() == 0
    for name in ("postdrop", "postqueue", "postcat"):
        mode = stat.S_IMODE((own / "sbin" / name).stat().st_mode)
        assert mode == (0o2755 if privileged and name != "postcat" else 0o755), name


def test_settings_that_do_nothing(system):
    system.setting(smtpd_bannner="x", sender_based_routing="no")
    status, text = system.postfix("check")
    assert status == 0
    assert 'unused parameter: smtpd_bannner=x (did you mean "smtpd_banner"?)' in text
    assert 'support for parameter "sender_based_routing" was removed' in text


def test_transports_that_are_not_there(system):
    system.setting(mydestination="here.example")
    (system.config / "master.cf").write_text(MASTER + "smtp unix - - n - - smtp\n")
    status, text = system.postfix("check")
    assert status == 0
    assert 'but master.cf has no service "local": mail for mydestination will wait in the queue' in text
    assert "virtual_transport" not in text and "default_transport" not in text


def test_bad_configuration(system):
    (system.config / "master.cf").write_text("smtp inet n - q - - smtpd\n")
    status, text = system.postfix("start")
    assert status == 1
    assert f'{system.config}/master.cf: line 1: field "chroot": bad value: "q"' in text
    (system.config / "master.cf").write_text("")
    status, text = system.postfix("start")
    assert status == 1 and 'has no service "postlog unix-dgram"' in text


@pytest.mark.parametrize("args, text", [
    (["bogus"], "unknown command: 'bogus'"),
    (["tls", "enable-client"], "'postfix tls' is not supported"),
    (["upgrade-configuration"], "'postfix upgrade-configuration' is not supported"),
    (["start", "now"], "usage: postfix"),
    (["set-permissions", "mail_owner=x"], "mail_owner=x is not supported"),
])
def test_refuses(system, args, text):
    status, out = system.postfix(*args)
    assert status == 1 and text in out


def test_logrotate(system):
    assert system.postfix("start")[0] == 0
    system.wait_log("daemon started")
    assert system.postfix("logrotate")[0] == 0
    wait_until(lambda: system.log_path.exists(), "a new log file")
    assert [p for p in os.listdir(system.dir) if p.startswith("maillog.") and p.endswith(".gz")]
    assert "daemon started" not in system.log()


def test_values_that_are_refused(system):
    """check and reload name each value that a program would refuse, with file and line: main.cf's and -o of master.cf (U1)."""
    assert system.postfix("start")[0] == 0
    lines = ["one unix - - n - - smtp", "  -o smtp_connect_timeout=abc -o smtp_helo_timeout=5s", "  -o no_equals_sign",
             "two inet n - n - - smtpd -o smtpd_recipient_limit=0 -o {smtpd_helo_required = maybe} -o smtpd_timeout=${none?x}{y}",
             "three unix - n n - - pipe user=nobody argv=/bin/x -o smtp_connect_timeout=abc",
             "four unix - - n - - smtp -o smtp_connect_timeout=abc"]
    first = (system.config / "master.cf").read_text().count("\n") + 1
    with open(system.config / "master.cf", "a") as f:
        f.write("\n".join(lines) + "\n")
    at = (system.config / "main.cf").read_text().count("\n") + 1
    with open(system.config / "main.cf", "a") as f:
        f.write("smtpd_timeout = soon\nmaster_service_disable = four/unix\n")
    want = [
        f"{system.config}/master.cf: line {first}: service one/unix: -o: missing '=' after attribute name: \"no_equals_sign\"",
        f"{system.config}/master.cf: line {first}: service one/unix: parameter smtp_connect_timeout: bad time value or unit: abc "
        "(set with -o; a number and s, m, h, d or w)",
        f"{system.config}/master.cf: line {first + 3}: service two/inet: invalid smtpd_recipient_limit parameter value 0 < 1 (set with -o)",
        f"{system.config}/master.cf: line {first + 3}: service two/inet: bad boolean configuration: smtpd_helo_required = maybe "
        "(set with -o; yes or no is expected)",
        f"parameter smtpd_timeout: bad time value or unit: soon ({system.config}/main.cf, line {at}; a number and s, m, h, d or w)",
    ]
    for command in ("check", "reload"):
        status, text = system.postfix(command)
        assert status == 1
        assert [w for w in want if w not in text] == [], text
        assert "three/unix" not in text and "four/unix" not in text
    assert "the system is not reloaded" in text
    assert system.postfix("status")[0] == 0


def test_program_refuses_value(mta):
    """A program that is started with such a value says where it stands."""
    m = mta(start=False)
    m.master_text += "slow unix - - n - - discard -o max_idle=abc\n"
    m.setting(transport_maps="inline:{x.example=slow:}")
    m.start()
    m.send("a@x.example", "b@x.example")
    m.wait_log(r"discard\[\d+\]: fatal: parameter max_idle: bad time value or unit: abc "
               rf"\(set with -o for service slow in {m.config}/master\.cf; a number and s, m, h, d or w\)")
