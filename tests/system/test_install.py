# SPDX-License-Identifier: Apache-2.0
"""`meson install` with a destdir: places, links, and configuration that is never overwritten."""

import fnmatch
import os
import pathlib
import shutil
import subprocess

import pytest

from instance import BUILD as PROGRAMS

BUILD = pathlib.Path(os.environ.get("POSTROAD_MESON_BUILD", PROGRAMS))

COMMANDS = ("postalias postcat postconf postdrop postfix postkick postlock postlog postmap postqueue postsuper sendmail").split()
DAEMONS = ("anvil bounce cleanup discard error flush lmtp master pickup postlogd qmgr showq smtp smtpd submitd trivial-rewrite virtual").split()


def install(dest):
    subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet"], check=True, timeout=120,
                   env=dict(os.environ, DESTDIR=str(dest)), capture_output=True)


def only(dest, name, kind="*"):
    found = [p for p in dest.rglob("*") if fnmatch.fnmatch(p.name, name) and p.match(kind)]  # dangling links too
    assert len(found) == 1, (name, found)
    return found[0]


@pytest.mark.root
def test_install(tmp_path):
    if not shutil.which("meson") or not (BUILD / "build.ninja").exists():
        pytest.skip("not a build directory")
    install(tmp_path)
    for name in COMMANDS:
        p = only(tmp_path, name, "*/sbin/*")
        assert p.is_file() and os.access(p, os.X_OK)
    for name in DAEMONS:
        p = only(tmp_path, name, "*/libexec/postfix/*")
        assert p.is_file() and os.access(p, os.X_OK)
    for name in ("mailq", "newaliases"):
        assert os.readlink(only(tmp_path, name, "*/bin/*")).endswith("/sbin/sendmail")
    main = only(tmp_path, "main.cf")
    assert main.parent.name == "postfix" and only(tmp_path, "master.cf").parent == main.parent
    for page in ("postconf.5*", "master.8*", "sendmail.1*", "smtpd.8*", "virtual.8*"):
        only(tmp_path, page)
    # Every program of the shipped master.cf was installed.
    for line in (main.parent / "master.cf").read_text().splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            assert line.split()[7] in DAEMONS, line
    main.write_text("# mine\n")
    install(tmp_path)
    assert main.read_text() == "# mine\n"
