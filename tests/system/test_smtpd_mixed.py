# SPDX-License-Identifier: Apache-2.0
"""Our smtpd among Debian's daemons, and Debian's smtpd among ours: the protocols between them hold."""

import pytest

import instance

CONF = {"mydestination": "", "mynetworks": "127.0.0.0/8", "smtpd_peername_lookup": "no",
        "smtpd_client_connection_count_limit": "50", "smtpd_client_event_limit_exceptions": "",
        "virtual_alias_maps": "inline:{{list@here.example=one@there.example}}", "virtual_alias_domains": "here.example"}


def with_other_smtpd(m, other):
    """Point daemon_directory at a directory that has one program of another origin."""
    mixed = m.dir / "libexec"
    mixed.mkdir()
    mixed.chmod(0o755)
    for p in m.daemons.iterdir():
        if p.is_file():
            (mixed / p.name).symlink_to(other / p.name if p.name == "smtpd" else p)
    m.setting(daemon_directory=mixed)
    return m.start()


def exchange(m, sink):
    """A message that is relayed, one that is refused, and what both sides say about it."""
    qid = m.send("a@b.example", ["list@here.example", "two@there.example"], "Subject: mixed\n\nhello\n.dot\n",
                 mail_options=["BODY=8BITMIME", "ENVID=e1"])
    got = sink.wait()[0]
    assert sorted(got["to"]) == ["one@there.example", "two@there.example"]
    assert b"Subject: mixed" in got["data"] and b"\r\n.dot" in got["data"]
    m.wait_log(rf"{qid}: client=unknown\[127\.0\.0\.1\]$")
    m.wait_log(rf"{qid}: from=<a@b\.example>, size=\d+, nrcpt=2 \(queue active\)$")
    m.wait_log(rf"{qid}: to=<\w+@there\.example>, .*dsn=2\.\d\.\d, status=sent", 2)
    m.wait_log(rf"{qid}: removed$")
    r = m.dialogue(["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<nobody@here.example>", "VRFY list@here.example"])
    assert r[3] == "550 5.1.1 <nobody@here.example>: Recipient address rejected: User unknown in virtual alias table"
    assert r[4] == "252 2.0.0 list@here.example"
    m.wait_empty()


@pytest.mark.root
def test_our_smtpd_under_debian(debian, smtp_sink):
    """Debian's master starts it, Debian's anvil counts, its queue files are Debian's qmgr's mail."""
    sink = smtp_sink()
    m = debian({**CONF, "relayhost": sink.nexthop}, start=False)
    exchange(with_other_smtpd(m, instance.Instance.daemons), sink)


@pytest.mark.root
def test_our_smtpd_and_debians_cleanup(debian, smtp_sink):
    """The same through Debian's cleanup(8)."""
    sink = smtp_sink()
    m = debian({**CONF, "relayhost": sink.nexthop, "cleanup_service_name": "scrub"}, start=False,
               extra_master="scrub unix n - n - 0 cleanup -o line_length_limit=2048\n")
    exchange(with_other_smtpd(m, instance.Instance.daemons), sink)


@pytest.mark.root
def test_debians_smtpd_under_ours(mta, debian, smtp_sink):
    """Our master, cleanup, trivial-rewrite and anvil serve Debian's smtpd."""
    sink = smtp_sink()
    m = mta({**CONF, "relayhost": sink.nexthop}, start=False)
    exchange(with_other_smtpd(m, instance.DEBIAN_DAEMONS), sink)
