"""A burn: whatever a thief may hold of this server is made worthless at once, and how long that takes is measured.

What he may hold: the secret that opens the file and the gate, ports with their paths, keys of live sessions. Each is
renewed in one transaction; from then on every pass of the decider looks how far the world has followed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import Connection, Invite
from chat.services import audit, rekey
from chat.services.alerts import close_alert, raise_alert
from chat.services.connections import connected_count
from chat.services.identity import current_kid, renew_discovery_secret
from clawchat.protocol.schedule import LeaseState
from discovery.models import Mirror, PublicationResult
from discovery.services import latest_publication, publication_is_safe
from rotation.models import Burn, LeaseKind, Node, PortLease

# What a step is called, in the order in which the steps are shown.
STEPS = {
    "secret_at": "every node goes by the new discovery secret",
    "mirrors_at": "the mirrors have the new file and the revocations",
    "ports_at": "no port from before takes anybody",
    "sessions_at": "every session has new keys or has ended",
}
# Clients are told of the new ports within a second and move within four; the old ones serve no longer than this.
GRACE_SECONDS = 10
# After so long somebody should look why it is not over.
LATE_AFTER = timedelta(minutes=5)
SERVES = (LeaseState.PLANNED, LeaseState.BOUND, LeaseState.ANNOUNCED, LeaseState.OPEN, LeaseState.DRAINING)
ALERT_KIND, ALERT_SUBJECT = "key", "burn"


class BurnUnderWay(Exception):
    """One is going on; it does all that another would."""


def start_burn(made_by: str, why: str = "", drill: bool = False) -> Burn:
    """Begin: a new discovery secret, new session keys for everybody, new ports. Returns at once.

    The server processes follow within a second, the decider does the rest and writes into the row how far it is; a
    drill does all of it, too. `made_by` is an operator's name.
    Raises: BurnUnderWay.
    """
    try:
        with transaction.atomic():
            burn = Burn.objects.create(made_by=made_by[:150], why=why[:128], drill=drill, started_at=timezone.now())
            audit.record("burn_begun", actor=made_by[:64], why=why[:128], drill=drill)
            renew_discovery_secret(why or "everything was renewed", made_by[:64])
            rekey.ask_everybody(made_by[:64])
    except IntegrityError:
        raise BurnUnderWay("A burn is going on already; it does all that another would.") from None
    return burn


def burn_under_way() -> Burn | None:
    """The burn that is not over yet."""
    return Burn.objects.filter(safe_at=None).first()


def hasten_ports(burn: Burn, at: datetime) -> None:
    """While a burn goes on, the ports from before end soon after their successors have opened."""
    ends_at = max(burn.started_at + timedelta(seconds=GRACE_SECONDS), at)
    old = PortLease.objects.filter(kind=LeaseKind.MOVING, state=LeaseState.DRAINING, closes_at__gt=ends_at)
    old.exclude(kid=current_kid().hex()).update(closes_at=ends_at)


def advance_burn(burn: Burn, at: datetime | None = None) -> None:
    """Write down how far a burn is, and that it is over once nothing is left."""
    at = max(at or timezone.now(), burn.started_at)
    lasts, kid = at - burn.started_at, current_kid().hex()
    for step in _done(burn, kid, at):
        Burn.objects.filter(pk=burn.pk, **{step: None}).update(**{step: at})
    burn.refresh_from_db()
    if not waiting_for(burn):
        _finish(burn)
    elif lasts > LATE_AFTER:
        raise_alert(
            ALERT_KIND,
            ALERT_SUBJECT,
            "warning",
            f"The burn of {burn.started_at:%H:%M} UTC is not over after {lasts.total_seconds():.0f} s: it "
            f"waits until {' and '.join(STEPS[step] for step in waiting_for(burn))}.",
            "See manage.py clawchatstatus: a node that does not answer or a mirror that takes nothing is named there.",
        )


def waiting_for(burn: Burn) -> list[str]:
    """The steps that are not done yet."""
    return [step for step in STEPS if getattr(burn, step) is None]


def seconds_of(burn: Burn, step: str) -> float | None:
    """After how many seconds a step was done, `safe_at` for all of them; None when it is not."""
    at = getattr(burn, step)
    return None if at is None else (at - burn.started_at).total_seconds()


def mirrors_without() -> list[str]:
    """The names of the enabled mirrors that could not be given the newest file."""
    newest = latest_publication()
    failed = PublicationResult.objects.filter(publication=newest, state=PublicationResult.State.FAILED)
    return sorted(Mirror.objects.enabled().filter(results__in=failed).values_list("name", flat=True))


def prospect() -> dict[str, int]:
    """What a burn would renew, counted: ports that move, devices that take new keys, mirrors that get a new file, and
    invitations that stay open."""
    now = timezone.now()
    nodes = Node.objects.running(now)
    return {
        "nodes": nodes.count(),
        "ports": PortLease.objects.filter(node__in=nodes, kind=LeaseKind.MOVING, state=LeaseState.OPEN).count(),
        "devices": connected_count(now),
        "mirrors": Mirror.objects.enabled().count(),
        "invitations": Invite.objects.open(now).count(),
    }


def _done(burn: Burn, kid: str, at: datetime) -> Iterator[str]:
    if not Node.objects.running(at).exclude(kid=kid).exists():
        yield "secret_at"
    if _mirrors_have(kid):
        yield "mirrors_at"
    before = PortLease.objects.filter(node__in=Node.objects.running(at), kind=LeaseKind.MOVING, state__in=SERVES)
    if not before.exclude(kid=kid).exists():
        yield "ports_at"
    old_keys = Q(keys_since=None) | Q(keys_since__lt=burn.started_at)
    if not Connection.objects.live(at).filter(old_keys).exists():
        yield "sessions_at"


def _mirrors_have(kid: str) -> bool:
    """Whether every mirror that takes files has the newest one, and one of them counts."""
    newest = latest_publication()
    if newest is None or newest.kid != kid or not publication_is_safe(newest):
        return False
    waiting = newest.results.filter(state=PublicationResult.State.WAITING, mirror__enabled=True)
    return not waiting.exists()


def _finish(burn: Burn) -> None:
    burn.safe_at = max(getattr(burn, step) for step in STEPS)
    with transaction.atomic():
        if Burn.objects.filter(pk=burn.pk, safe_at=None).update(safe_at=burn.safe_at):
            audit.record(
                "burn_safe", actor=burn.made_by[:64], drill=burn.drill, seconds=round(seconds_of(burn, "safe_at"), 1)
            )
            close_alert(ALERT_KIND, ALERT_SUBJECT)
