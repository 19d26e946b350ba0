# SPDX-License-Identifier: Apache-2.0
"""A queue file that is not what it was, beside Debian's Postfix."""

from instance import wait_until


def test_zeros_in_the_content(either, smtp_sink):
    """Nobody gets a part of the message, and it is put aside."""
    sink = smtp_sink()
    m = either({"relayhost": sink.nexthop, "defer_transports": "smtp, relay"})
    m.run("sendmail", "-C", m.config, "-f", "s@test.example", "r@remote.example",
          input="Subject: x\n\n" + ("y" * 900 + "\n") * 300)
    wait_until(lambda: m.queue_ids("deferred"), "the message is deferred")
    m.stop()
    path = next(p for p in (m.queue / "deferred").rglob("*") if p.is_file())
    data = path.read_bytes()
    path.write_bytes(data[:100000] + bytes(4096) + data[104096:])
    m.setting(defer_transports="")
    m.start()
    m.run("postqueue", "-c", m.config, "-f")
    wait_until(lambda: (m.queue / "corrupt" / path.name).exists(), "the file is in corrupt/")
    assert not m.queue_ids()
    assert not sink.messages
