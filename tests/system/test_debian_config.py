# SPDX-License-Identifier: Apache-2.0
"""An unmodified Debian main.cf and master.cf start our system, with the paths overridden."""

import pathlib
import re
import shutil

import pytest

from instance import wait_until

MAIN = pathlib.Path("/usr/share/postfix/main.cf.debian")
MASTER = pathlib.Path("/usr/share/postfix/master.cf.dist")


def test_debian_configuration(mta, smtp_sink):
    if not MAIN.exists() or not MASTER.exists():
        pytest.skip("Debian's Postfix is not installed")
    sink = smtp_sink()
    m = mta({"relayhost": sink.nexthop}, start=False)
    ours = dict(m.conf)
    shutil.copy(MASTER, m.config / "master.cf")
    text = MAIN.read_text()
    # What an administrator overrides to run it from another place as another user, at the end.
    overrides = {k: ours[k] for k in ("config_directory", "queue_directory", "data_directory", "daemon_directory", "command_directory",
                                      "meta_directory", "mail_owner", "setgid_group", "maillog_file", "maillog_file_prefixes",
                                      "relayhost", "inet_interfaces", "inet_protocols", "mydestination", "myhostname", "alias_maps", "alias_database")}
    overrides["known_tcp_ports"] = f"smtp={m.smtp_port}"
    text = re.sub(r"(?m)^(" + "|".join(overrides) + r")\s*=.*\n", "", text)
    (m.config / "main.cf").write_text(text + "".join(f"{k} = {v}\n" for k, v in overrides.items()))
    m.address = "127.0.0.1"
    m.run("postfix", "-c", m.config, "start")
    m.started = True
    wait_until(m.listening, "the smtp service of Debian's master.cf listens")
    m.send("a@test.example", "b@remote.example")
    assert sink.wait(1)[0]["to"] == ["b@remote.example"]
    assert not re.search(r"fatal|panic", m.log()), m.log()
