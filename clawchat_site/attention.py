"""What needs an operator: alerts that are open, and what the rows themselves tell, each with its one remedy."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.urls import reverse

from chat.models import Alert, Member
from discovery.models import Mirror
from rotation.models import LISTED, Node, PortLease
from rotation.services.plan import seconds
from rotation.services.troubles import FORGOTTEN_AFTER

MOST = 20
ORDER = [Alert.Severity.URGENT, Alert.Severity.WARNING, Alert.Severity.NOTICE]
# What a kind of alert leads to: the words of the button, the page, and the right to see it.
LEADS = {
    "scan": ("See the scans", "rotation_scan", "rotation.view_scan"),
    "flood": ("See the bans", "chat_ban", "chat.view_ban"),
    "unusual": ("See the devices", "chat_device", "chat.view_device"),
    "resources": ("See the nodes", "rotation_node", "rotation.view_node"),
    "mirror": ("See the mirrors", "discovery_mirror", "discovery.view_mirror"),
    "port": ("See the ports", "rotation_portlease", "rotation.view_portlease"),
    "node": ("See the nodes", "rotation_node", "rotation.view_node"),
    "audit": ("See the audit log", "chat_auditevent", "chat.view_auditevent"),
    "key": ("See the keys", "chat_serveridentity", "chat.view_serveridentity"),
    "countries": ("See the limits", "chat_connectionpolicy", "chat.view_connectionpolicy"),
    "burn": ("See the burns", "rotation_burn", "rotation.view_burn"),
}
# And any other kind.
OTHERWISE = ("See the alerts", "chat_alert", "chat.view_alert")


class Matter(NamedTuple):
    """One thing to look at, and where."""

    kind: str
    subject: str
    severity: str
    text: str
    remedy: str
    since: datetime | None = None
    count: int = 1
    link: str = ""
    label: str = ""


def attention(user: AbstractBaseUser, now: datetime) -> list[dict[str, Any]]:
    """The most urgent first; what an alert already tells is not told twice. Only what this operator may see."""
    matters = list(_alerts()) if user.has_perm("chat.view_alert") else []
    told = {(matter.kind, matter.subject) for matter in matters}
    matters += [matter for matter in _by_rows(user, now) if (matter.kind, matter.subject) not in told]
    matters.sort(key=lambda matter: ORDER.index(Alert.Severity(matter.severity)))
    return [_plain(user, matter) for matter in matters[:MOST]]


def _alerts() -> Iterator[Matter]:
    for alert in Alert.objects.filter(closed_at=None).order_by("-last_at")[: 5 * MOST]:
        yield Matter(alert.kind, alert.subject, alert.severity, alert.text, alert.remedy, alert.opened_at, alert.count)


def _by_rows(user: AbstractBaseUser, now: datetime) -> Iterator[Matter]:
    if user.has_perm("discovery.view_mirror"):
        yield from _mirrors()
    if user.has_perm("rotation.view_portlease"):
        yield from _ports()
    if user.has_perm("rotation.view_node"):
        yield from _nodes(now)
    if user.has_perm("chat.view_member") and not Member.objects.exists():
        text = "Nobody is here yet."
        remedy = "Make an invite that makes an owner, and open its link on your own device."
        way = reverse("admin:chat_invite_add")
        yield Matter("start", "", Alert.Severity.NOTICE, text, remedy, link=way, label="Make an invite")


def _mirrors() -> Iterator[Matter]:
    wrong = [Mirror.State.FAILING, Mirror.State.ATTENTION, Mirror.State.SUSPECT]
    for mirror in Mirror.objects.enabled().filter(state__in=wrong):
        urgent = mirror.state == Mirror.State.SUSPECT
        yield Matter(
            "mirror",
            mirror.name,
            Alert.Severity.URGENT if urgent else Alert.Severity.WARNING,
            f"{mirror.name}: {mirror.get_state_display()}. {mirror.last_error}".strip(),
            "Find out who can write there; clients refuse what is not ours." if urgent else "Mend it, or turn it off.",
            mirror.visited_at,
            link=reverse("admin:discovery_mirror_change", args=[mirror.pk]),
            label="Open this mirror",
        )


def _ports() -> Iterator[Matter]:
    for lease in PortLease.objects.filter(state__in=LISTED).exclude(late_since=None).select_related("node"):
        yield Matter(
            "port",
            lease.node.name,
            Alert.Severity.WARNING,
            f"Port {lease.port} of {lease.node.name} is late: no mirror has taken the file that names it.",
            "Mend a mirror; the port moves as soon as one has the file.",
            lease.late_since,
        )


def _nodes(now: datetime) -> Iterator[Matter]:
    for node in Node.objects.filter(stopped_at=None, seen_at__gt=now - FORGOTTEN_AFTER):
        if not node.is_running(now):
            yield Matter(
                "node",
                node.name,
                Alert.Severity.URGENT,
                f"{node.name} has not answered since {node.seen_at:%H:%M} UTC.",
                "Start its server process again; its log says why it ended.",
                node.seen_at,
            )


def _plain(user: AbstractBaseUser, matter: Matter) -> dict[str, Any]:
    link, label = matter.link, matter.label
    words, page, right = LEADS.get(matter.kind, OTHERWISE)
    if not link and user.has_perm(right):
        label, link = words, reverse(f"admin:{page}_changelist")
    return {
        "kind": matter.kind,
        "severity": matter.severity,
        "text": matter.text,
        "remedy": matter.remedy,
        "since": seconds(matter.since) if matter.since else None,
        "count": matter.count,
        "link": link,
        "label": label,
    }
