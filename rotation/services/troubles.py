"""What an operator should know of nodes, ports and certificates, and of the mirrors that their files are on."""

import time
from datetime import UTC, datetime, timedelta

from django.conf import settings

from chat.models import Alert
from chat.services.alerts import Trouble, keep
from clawchat.protocol.schedule import LeaseState
from discovery.services import troubles as discovery
from rotation.models import LeaseKind, Node, PortLease
from rotation.tls.context import TlsProblem
from rotation.tls.files import load_pairs

from .plan import instant

Severity = Alert.Severity
# A restart takes less; and a node that is silent for longer was given up on purpose.
SILENT_AFTER, FORGOTTEN_AFTER = timedelta(seconds=60), timedelta(days=7)
EXPIRES_SOON, EXPIRES_NOW = timedelta(days=14), timedelta(days=3)


def look(now: float | None = None) -> None:
    """Raise and close the alerts about nodes, ports, certificates and mirrors."""
    now = time.time() if now is None else now
    keep("node", _silent_nodes(now))
    keep("port", _late_ports())
    keep("certificate", _old_certificates(now))
    discovery.look()


def _silent_nodes(now: float) -> dict[str, Trouble]:
    at = instant(now)
    silent = Node.objects.filter(stopped_at=None, seen_at__lt=at - SILENT_AFTER, seen_at__gt=at - FORGOTTEN_AFTER)
    remedy = "Look at the machine and its log; start the server there again, or stop it properly if it is to stay off."
    return {
        node.name: Trouble(
            Severity.URGENT,
            f"Node {node.name} ({node.host}) has been silent since {node.seen_at:%Y-%m-%d %H:%M} UTC: its process "
            "ended without a goodbye, or cannot reach the database.",
            remedy,
        )
        for node in silent
    }


def _late_ports() -> dict[str, Trouble]:
    late = PortLease.objects.filter(kind=LeaseKind.MOVING, state=LeaseState.BOUND).exclude(late_since=None)
    remedy = "Look at the mirrors: one that members can read has to take the file. The old port serves on meanwhile."
    return {
        lease.node.name: Trouble(
            Severity.URGENT,
            f"Port {lease.port} of {lease.node.name} waits since {lease.late_since:%H:%M} UTC: no mirror that members "
            "can reach takes the connection file.",
            remedy,
            {"port": lease.port},
        )
        for lease in late.select_related("node").order_by("pk")
    }


def _old_certificates(now: float) -> dict[str, Trouble]:
    """Of files; what the local authority signs is renewed by itself."""
    if settings.CLAWCHAT_TLS != "files":
        return {}
    remedy = "Renew it (certbot renew, or your authority); the running server takes the new files over by itself."
    try:
        pairs = load_pairs(settings.CLAWCHAT_TLS_FILES, now)
    except TlsProblem as problem:
        return {"TLS": Trouble(Severity.URGENT, str(problem), remedy)}
    found = {}
    for pair in pairs:
        ends = pair.certificate.not_valid_after_utc
        left = ends - datetime.fromtimestamp(now, UTC)
        if left < EXPIRES_SOON:
            severity = Severity.URGENT if left < EXPIRES_NOW else Severity.WARNING
            text = f"The certificate in {pair.chain_file} expires on {ends:%Y-%m-%d}, in {left.days} days."
            found[pair.chain_file.name] = Trouble(severity, text, remedy, {"days": left.days})
    return found
