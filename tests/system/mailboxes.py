# SPDX-License-Identifier: Apache-2.0
"""Virtual mailboxes for tests: settings, and what is in them."""

import email
import email.policy
import os
import pwd

DOMAIN = "box.example"


def settings(directory, boxes=("alice", "bob", "carol"), style="maildir"):
    """main.cf settings that deliver boxes@box.example below `directory`, owned by a fit user."""
    base = directory / "mail"
    base.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("mail")
        os.chown(base, owner.pw_uid, owner.pw_gid)
        uid, gid = owner.pw_uid, owner.pw_gid
    else:
        uid, gid = os.geteuid(), os.getegid()
    end = "/" if style == "maildir" else ""
    table = ", ".join(f"{b}@{DOMAIN}={b}{end}" for b in boxes)
    return {
        "virtual_mailbox_domains": DOMAIN,
        "virtual_mailbox_base": base,
        "virtual_mailbox_maps": f"inline:{{ {table} }}",
        "virtual_uid_maps": f"static:{uid}",
        "virtual_gid_maps": f"static:{gid}",
        "virtual_minimum_uid": "1",
    }


def maildir(directory, box):
    """Messages in new/ of a Maildir, parsed, oldest first."""
    new = directory / "mail" / box / "new"
    files = sorted(new.iterdir(), key=lambda p: p.stat().st_mtime_ns) if new.is_dir() else []
    return [email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in files]


def mbox(directory, box):
    """Raw text of an mbox."""
    path = directory / "mail" / box
    return path.read_bytes() if path.exists() else b""
