"""Succession: this server's identity hands over to another one, and nobody has to be invited again.

For the time of the overlap both serve; then the new one is the server, and the old private key is erased.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from chat.models import Device, Invite, News, Revocation, ServerIdentity
from chat.services import audit, news, wraps
from chat.services.identity import IDENTITY_PURPOSE, current_identity, open_identity, successor_row
from chat.services.secrets import seal_secret
from clawchat.protocol import fingerprint, keys
from clawchat.protocol.limits import SUCCESSION_MAX_SECONDS
from clawchat.protocol.revocation_list import sign_identity_revocation
from clawchat.protocol.succession import sign_succession

DEFAULT_OVERLAP = timedelta(days=30)
LONGEST_OVERLAP = timedelta(seconds=SUCCESSION_MAX_SECONDS)
# Who is connected is told within a second; who is not must have a chance to come.
SHORTEST_OVERLAP = timedelta(seconds=10)
# Why the old one is on the revocation list.
HANDED_OVER = "this identity has handed over to its successor"


class HandoverError(Exception):
    """Why this server cannot hand over now; the text says until when, or what would do."""


def check_overlap(overlap: timedelta) -> None:
    """Nothing, when both identities may serve for so long.

    Raises: HandoverError.
    """
    if not SHORTEST_OVERLAP <= overlap <= LONGEST_OVERLAP:
        raise HandoverError(
            f"Both identities serve for {SHORTEST_OVERLAP.seconds} seconds at least and {LONGEST_OVERLAP.days} days at "
            "most; choose a time between."
        )


@transaction.atomic
def begin_handover(actor: str, overlap: timedelta = DEFAULT_OVERLAP) -> ServerIdentity:
    """Make the identity that follows, and let the one in use say so; both serve for the time of the overlap.

    Every server process goes over to both gates within a second and tells its sessions. Open invites name the old
    identity, so none of them outlives the overlap.
    Units: an overlap of 10 seconds to 90 days.
    Raises: HandoverError (a handover is under way; such an overlap is none).
    Spec: 3.2
    """
    check_overlap(overlap)
    wraps.lock_secret()
    under_way = successor_row()
    if under_way is not None:
        raise HandoverError(
            f"The identity is being handed over already, until {_moment(under_way.handover_until)}. "
            "The next one can follow after that."
        )
    # Whole seconds, as the statement carries them.
    begins = timezone.now().replace(microsecond=0)
    until = begins + timedelta(seconds=int(overlap.total_seconds()))
    old, new = current_identity(), keys.IdentityKey.generate()
    statement = sign_succession(old, new, int(begins.timestamp()), int(until.timestamp()))
    public = bytes(new.public)
    row = ServerIdentity.objects.create(
        public=public,
        private_sealed=seal_secret(IDENTITY_PURPOSE, bytes(new), public),
        state=ServerIdentity.State.SUCCESSOR,
        statement=statement.encode(),
        handover_from=begins,
        handover_until=until,
    )
    Invite.objects.open(begins).filter(expires_at__gt=until).update(expires_at=until)
    audit.record(
        "handover_begun", actor=actor[:64], subject=fingerprint.server_id(new.public), until=int(until.timestamp())
    )
    news.tell(News.Kind.IDENTITY)
    return row


def finish_handover(at: datetime) -> bool:
    """End a handover whose time is over: the new identity is the server from now on; False when there is none.

    The old key ends itself by its own word, which the revocation list carries, and is erased. Whoever decides on ports
    calls this again and again; two at once do no harm.
    Spec: 3.2, 3.12
    """
    if not _is_over(at).exists():
        return False
    with transaction.atomic():
        wraps.lock_secret()
        new = _is_over(at).first()
        if new is None:
            return False
        old = ServerIdentity.objects.get(state=ServerIdentity.State.ACTIVE)
        Revocation.objects.get_or_create(
            kind=Revocation.Kind.IDENTITY,
            subject=bytes(old.public),
            defaults={"why": HANDED_OVER, "statement": sign_identity_revocation(open_identity(old))},
        )
        retired = {"state": ServerIdentity.State.RETIRED, "private_sealed": b"", "retired_at": at}
        ServerIdentity.objects.filter(pk=old.pk).update(**retired)
        ServerIdentity.objects.filter(pk=new.pk).update(state=ServerIdentity.State.ACTIVE)
        left = waiting_devices(new).count()
        audit.record(
            "handover_over", actor="server", subject=fingerprint.server_id(bytes(new.public)), devices_left=left
        )
        news.tell(News.Kind.IDENTITY)
    return True


def waiting_devices(successor: ServerIdentity):
    """The devices that have not come by this identity yet; after the overlap they need a new invitation."""
    return Device.objects.listed().exclude(server_identity=successor)


def _is_over(at: datetime):
    return ServerIdentity.objects.filter(state=ServerIdentity.State.SUCCESSOR, handover_until__lte=at)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "an unknown time"
