# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests.

`mta(conf={...})` starts one of our systems, `debian(conf={...})` Debian's Postfix beside it (tests
that use it are marked root). Both are stopped and removed after the test; a failing test prints the
log.
"""

import os
import pathlib
import shutil
import signal
import tempfile

import pytest

import instance
from peers import LmtpSink, NameServer, ScriptedServer, SmtpSink


def pytest_configure(config):
    config.addinivalue_line("markers", "root: needs root; skipped otherwise")
    # nohup and "&" in a script have signals ignored; what we start would inherit that.
    for sig in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(sig, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "debian" in getattr(item, "fixturenames", ()):
            item.add_marker("root")
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for made in getattr(item, "_instances", []):
            report.sections.append((f"log of {made.kind}", made.log()[-8000:]))


def _factory(request, cls):
    made = []

    def make(conf=None, start=True, **kw):
        m = cls(conf=conf, **kw)
        made.append(m)
        request.node._instances = list(getattr(request.node, "_instances", [])) + [m]
        return m.start() if start else m
    return make, made


@pytest.fixture
def mta(request):
    make, made = _factory(request, instance.Instance)
    yield make
    for m in made:
        m.destroy()


@pytest.fixture
def debian(request):
    if not instance.DebianPostfix.available():
        pytest.skip("Debian's Postfix is not installed, or not root")
    make, made = _factory(request, instance.DebianPostfix)
    yield make
    for m in made:
        m.destroy()


@pytest.fixture(params=["postroad", pytest.param("debian", marks=pytest.mark.root)])
def either(request):
    """The same scenario on our system and on Debian's Postfix."""
    if request.param == "debian" and not instance.DebianPostfix.available():
        pytest.skip("Debian's Postfix is not installed, or not root")
    cls = instance.DebianPostfix if request.param == "debian" else instance.Instance
    make, made = _factory(request, cls)
    yield make
    for m in made:
        m.destroy()


def _closing(cls):
    made = []

    def make(*a, **kw):
        p = cls(*a, **kw)
        made.append(p)
        return p
    return make, made


def _peer_fixture(cls, name):
    @pytest.fixture(name=name)
    def fixture():
        make, made = _closing(cls)
        yield make
        for p in made:
            p.close()
    return fixture


smtp_sink = _peer_fixture(SmtpSink, "smtp_sink")
lmtp_sink = _peer_fixture(LmtpSink, "lmtp_sink")
scripted = _peer_fixture(ScriptedServer, "scripted")
nameserver = _peer_fixture(NameServer, "nameserver")


@pytest.fixture
def workdir():
    """A directory that daemons under another identity can enter (pytest's own are closed to them)."""
    p = pathlib.Path(tempfile.mkdtemp(prefix="postroad-work-"))
    p.chmod(0o755)
    yield p
    shutil.rmtree(p, ignore_errors=True)
