# SPDX-License-Identifier: Apache-2.0
"""Our daemons among Debian's and Debian's among ours, under either master.

That mail flows through every mixture shows that the protocols and the contract with master are the
real ones. A few mixtures suffice: each direction of each protocol between two daemons is crossed by
one of them, and each daemon runs under the other's master.
"""

import json
import os
import re
import subprocess

import pytest

import instance
import mailboxes
from instance import wait_until

DAEMONS = ("smtpd", "cleanup", "pickup", "trivial-rewrite", "bounce", "flush", "showq", "error", "discard", "smtp", "lmtp", "virtual",
           "anvil", "qmgr", "postlogd", "pipe", "spawn")
AGENTS = {"error", "discard", "smtp", "lmtp", "virtual"}
OURS = {
    "all": set(DAEMONS),
    "none": set(),
    "front": {"smtpd", "pickup", "showq", "postlogd"},
    "servers": AGENTS | {"cleanup", "trivial-rewrite", "anvil"},
    "middle": {"trivial-rewrite", "bounce", "anvil", "postlogd"},
    # Ours asks agents and bounce services of before 3.10. Of local and verify there are none of ours.
    "qmgr": {"qmgr"},
    "queue": {"qmgr", "bounce", "flush", "cleanup", "showq", "error", "lmtp"},
}

MASTER = """\
local unix - n n - - local
verify unix - - n - 1 verify
piped unix - n n - - pipe user=nobody argv=/usr/bin/tee -a {dir}/files/piped
"""

CONF = {
    "smtpd_peername_lookup": "no", "mynetworks": "127.0.0.0/8", "relay_domains": "relay.example", "fast_flush_domains": "relay.example",
    "transport_maps": "inline:{{lost.example=error:5.1.2 no such place}, {void.example=discard:silently}, {wait.example=retry:4.3.2 later}, "
                      "{pipe.example=piped:}, {probe.example=discard:}}",
    "address_verify_map": "", "address_verify_poll_delay": "1s", "address_verify_poll_count": "50",
    "mydestination": "local.example", "alias_maps": "inline:{{team={dir}/files/team, bob@box.example}}",
    "allow_mail_to_files": "alias", 
    "virtual_alias_domains": "alias.example", "virtual_alias_maps": "inline:{{list@alias.example=alice@box.example,bob@box.example}}",
    "smtp_connection_cache_on_demand": "no", "minimal_backoff_time": "300s", "smtpd_client_event_limit_exceptions": "",
    "smtpd_client_message_rate_limit": "100", "smtpd_reject_unlisted_recipient": "no", "mail_name": "Samename",
}


def mixed_daemons(m, ours):
    """A daemon_directory with programs of both origins."""
    place = m.dir / "libexec"
    place.mkdir()
    place.chmod(0o755)
    for name in DAEMONS:
        (place / name).symlink_to((instance.Instance.daemons if name in ours else instance.DEBIAN_DAEMONS) / name)
    for name in ("local", "verify"):
        (place / name).symlink_to(instance.DEBIAN_DAEMONS / name)
    for name in ("master", "scache", "postfix-script", "postfix-wrapper", "post-install", "postmulti-script", "postfix-tls-script"):
        if (m.daemons / name).exists():
            (place / name).symlink_to(m.daemons / name)
    return place


def running(m):
    """Path of the executable by the name of each program that master has started."""
    out = {}
    for p in subprocess.run(["pgrep", "-P", str(m.master_pid())], capture_output=True, text=True).stdout.split():
        try:
            path = os.readlink(f"/proc/{p}/exe")
        except OSError:
            continue
        out[path.rsplit("/", 1)[-1]] = path
    return out


def submit(m):
    """Mail over every way in: the ids that the log gives it, by what is tried."""
    ids = {"list": m.send("sender@box.example", ["list@alias.example", "one@relay.example"], "Subject: list\n\nhello\n.dot\n",
                          mail_options=["BODY=8BITMIME", "ENVID=e1"])}
    ids["lost"] = m.send("alice@box.example", "x@lost.example")
    ids["void"] = m.send("alice@box.example", "x@void.example")
    ids["wait"] = m.send("alice@box.example", ["x@wait.example", "y@void.example"])
    ids["local"] = m.send("sender@box.example", ["team@local.example", "z@pipe.example"])
    ids["lmtp"] = m.send("alice@box.example", "x@lmtp.example")
    ids["slow"] = m.send("alice@box.example", "slow@relay.example")
    with m.smtp() as s:
        s.ehlo()
        s.mail("bob@box.example")
        assert s.docmd("RCPT", "TO:<two@relay.example> NOTIFY=SUCCESS")[0] == 250
        assert s.data("Subject: told\n\nhello\n")[0] == 250
    ids["probe"] = m.send("alice@box.example", "x@probe.example")  # Debian's smtpd asks first whether there is such a recipient
    m.sendmail("-f", "carol@box.example", "alice@box.example", text="Subject: local\n\nfrom pickup\n")
    m.sendmail("-f", "carol@box.example", "alice@box.example", text="Subject: forbidden\n\nfrom pickup\n")
    return ids


def check_delivery(m, ids, sink, lmtp):
    m.wait_log(rf"{ids['lost']}: to=<x@lost\.example>, .*dsn=5\.1\.2, status=bounced \(no such place\)")
    m.wait_log(rf"{ids['void']}: to=<x@void\.example>, .*status=sent \(silently\)")
    m.wait_log(rf"{ids['wait']}: to=<x@wait\.example>, .*dsn=4\.3\.2, status=deferred \(later\)")
    m.wait_log(rf"{ids['lmtp']}: to=<x@lmtp\.example>, .*status=sent \(250 ")
    m.wait_log(rf"{ids['slow']}: to=<slow@relay\.example>, .*status=deferred \(host .* said: 450 4\.2\.0 not now")
    m.wait_log(rf"{ids['wait']}: to=<y@void\.example>, .*status=sent")
    m.wait_log(rf"{ids['local']}: to=<team@local\.example>, .*relay=local, .*status=sent \(delivered to file:")
    m.wait_log(rf"{ids['local']}: to=<z@pipe\.example>, .*relay=piped, .*status=sent \(delivered via piped service")
    m.wait_log(rf"{ids['local']}: removed")
    m.wait_log(r"cleanup.*: reject: header Subject: forbidden from local; from=<carol@box\.example>.*: 5\.7\.1 no such subject")
    if "reject_unverified_recipient" in str(m.conf):
        m.wait_log(r"to=<x@probe\.example>, .*status=deliverable")
    m.wait_log(rf"{ids['probe']}: to=<x@probe\.example>, .*status=sent")
    for name in ("team", "piped"):
        assert "Subject: test" in (m.dir / "files" / name).read_text()
    sink.wait(2)
    assert sorted(t for g in sink.messages for t in g["to"]) == ["one@relay.example", "two@relay.example"]
    assert lmtp.wait(1)[0]["to"] == ["x@lmtp.example"]
    subjects = {"alice": {"list", "local", "Undelivered Mail Returned to Sender"}, "bob": {"list", "test", "Successful Mail Delivery Report"},
                "carol": {"Undelivered Mail Returned to Sender"}}

    def arrived():
        return all(want <= {str(x["Subject"]) for x in mailboxes.maildir(m.dir, box)} for box, want in subjects.items())
    wait_until(arrived, f"mail and notices in the mailboxes\n{m.log()}")


def listing(m):
    return [json.loads(line) for line in m.run("postqueue", "-c", m.config, "-j").stdout.splitlines()]


def check_tools(m, ids, sink):
    """The queue's listing by the commands of both, and the flush of a site."""
    for commands in (instance.Instance.commands, instance.DebianPostfix.commands):
        m.commands = commands
        rows = wait_until(lambda: len(r := listing(m)) == 2 and r, "only what is deferred is left")
        assert {r["queue_id"]: [x["address"] for x in r["recipients"]] for r in rows} == {
            ids["wait"]: ["x@wait.example"], ids["slow"]: ["slow@relay.example"]}
        assert {r["recipients"][0]["delay_reason"].partition(" said: ")[2][:17] for r in rows} == {"", "450 4.2.0 not now"}
        assert "(later)" in m.run("postqueue", "-c", m.config, "-p").stdout
    m.commands = type(m).commands
    sink.refuse.clear()
    m.wait_log(rf"{ids['slow']}: .*status=deferred")
    replies = m.dialogue(["EHLO c", "ETRN relay.example", "QUIT"])
    assert replies[2] == "250 Queuing started", replies
    sink.wait(3)
    m.wait_log(rf"{ids['slow']}: removed")


@pytest.mark.root
@pytest.mark.parametrize("master,ours", [(m, o) for m in ("ours", "debian") for o in OURS
                                         if (m, o) not in (("ours", "all"), ("debian", "none"))])
def test_mixture(mta, debian, smtp_sink, lmtp_sink, master, ours):
    sink, lmtp = smtp_sink(refuse={"slow@relay.example": "450 4.2.0 not now"}), lmtp_sink()
    m = (mta if master == "ours" else debian)(CONF, start=False)
    m.master_text += MASTER.format(dir=m.dir)
    (m.dir / "files").mkdir()
    (m.dir / "files").chmod(0o777)
    conf = mailboxes.settings(m.dir)
    (m.dir / "checks").write_text("/^Subject: forbidden/ REJECT 5.7.1 no such subject\n")
    conf["header_checks"] = f"regexp:{m.dir}/checks"
    if "smtpd" not in OURS[ours]:
        conf["smtpd_recipient_restrictions"] = "check_recipient_access inline:{{probe.example=reject_unverified_recipient}}, permit"
    conf["alias_maps"] = CONF["alias_maps"].replace("{dir}", str(m.dir))
    conf["daemon_directory"] = mixed_daemons(m, OURS[ours])
    conf["relay_transport"] = f"relay:{sink.nexthop}"
    conf["transport_maps"] = CONF["transport_maps"][:-1] + f", {{lmtp.example=lmtp:inet:{lmtp.nexthop}}}}}"
    m.setting(**conf)
    m.start()
    ids = submit(m)
    check_delivery(m, ids, sink, lmtp)
    check_tools(m, ids, sink)
    for name, path in running(m).items():
        assert path.startswith(str(instance.BUILD)) == (name in OURS[ours]), (name, path)
    # What was persistent ends with the reload, and all starts anew.
    m.run("postfix", "-c", m.config, "reload")
    m.wait_log("reload -- version")
    again = m.send("sender@box.example", ["list@alias.example", "one@relay.example"])
    m.wait_log(rf"{again}: removed")
    told = re.sub(r".*warning: unexpected attribute sendopts from \S+ socket \(expecting: smtputf8\)\n", "", m.log())
    bad = [line for line in told.splitlines() if re.search(
        r"(panic|fatal|throttling|killed by signal|exit status|premature|unexpected|malformed|protocol error)", line)]
    assert bad == []
