"""Invites: one secret for the enrolment of one device, shown once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from chat.models import Device, Invite, Member
from chat.retry import retry_text
from chat.services import audit, wraps
from chat.services.acting import acting_device
from chat.services.identity import current_identity, successor_row
from chat.services.places import known_places
from chat.services.sealed import seal_invite_psk
from chat.services.succession import finish_handover
from clawchat.protocol import invite as invitation
from clawchat.protocol.errors import Limit, Malformed, Revoked
from clawchat.protocol.keys import PreSharedKey
from clawchat.protocol.limits import INVITE_DEFAULT_SECONDS, INVITE_MAX_SECONDS, INVITE_MIN_SECONDS
from clawchat.protocol.primitives import random_bytes

OPEN_INVITES_PER_MEMBER = 100
# Also of those whose minute is over: each is a row, an event in the audit log and a new connection file.
INVITES_AN_HOUR = 100
HOUR = timedelta(hours=1)


@dataclass(frozen=True, repr=False)
class IssuedInvite:
    """An invite as it is handed over: the only time its secret is outside the database."""

    text: str
    url: str
    invite_id: bytes
    expires_at: datetime


@transaction.atomic
def create_invite(
    label: str = "",
    lifetime_seconds: int = INVITE_DEFAULT_SECONDS,
    made_by: Device | None = None,
    makes_owner: bool = False,
    actor: str = "operator",
) -> IssuedInvite:
    """A new invite; made_by is None when an operator makes it, whom `actor` names for the audit log.

    Units: lifetime 60 to 604,800 seconds.
    Whoever holds it finds the server once a mirror has the next connection file, which is published at once.
    Raises: malformed (lifetime, label); limit (the member has 100 open ones, or made 100 within an hour; devices and
    open invites together are 608); revoked (the device that makes it, meanwhile).
    Spec: 3.2, 3.10, 3.14
    """
    if not label.isprintable():
        raise Malformed("a label has no control characters")
    if not INVITE_MIN_SECONDS <= lifetime_seconds <= INVITE_MAX_SECONDS:
        raise Malformed(f"lifetime of {lifetime_seconds} s, {INVITE_MIN_SECONDS} to {INVITE_MAX_SECONDS} are taken")
    now = timezone.now()
    if made_by is not None:
        _check_count(made_by, now)
    # An identity whose time is over is named by no invite any more, and from here on none begins to hand over.
    finish_handover(now)
    wraps.lock_secret()
    wraps.check_room()
    # Whole seconds, as the text carries them. It names the identity that hands over, if one does, and ends with it.
    expires_at = (now + timedelta(seconds=lifetime_seconds)).replace(microsecond=0)
    follower = successor_row()
    if follower is not None and follower.handover_until is not None:
        expires_at = min(expires_at, follower.handover_until)
    invite_id, psk = random_bytes(16), PreSharedKey.generate()
    invite = Invite.objects.create(
        invite_id=invite_id,
        psk_sealed=seal_invite_psk(invite_id, psk),
        label=label,
        makes_owner=makes_owner,
        made_by=made_by,
        expires_at=expires_at,
    )
    wraps.add_invite(invite)
    # From here on nobody is revoked before we are done. Who was while we came so far did not see this invite.
    if made_by is not None and not Device.objects.current().filter(pk=made_by.pk).exists():
        raise Revoked
    maker = bytes(made_by.device_id).hex() if made_by else actor
    audit.record("invite_made", actor=maker, subject=invite_id.hex(), lifetime=lifetime_seconds, owner=makes_owner)
    text = _text(invite_id, psk, expires_at)
    return IssuedInvite(text, f"{settings.CLAWCHAT_FRONT_URL}/#{text}", invite_id, expires_at)


@transaction.atomic
def create_for(device_pk: int, label: str, lifetime_seconds: int) -> IssuedInvite:
    """A new invite by the device's member.

    Raises: as `create_invite`; revoked; not_member (no account).
    """
    return create_invite(label, lifetime_seconds, made_by=acting_device(device_pk))


@transaction.atomic
def cancel_invite(invite_id: bytes, actor: str) -> bool:
    """Make an open invite worthless; False when it was spent, cancelled or unknown."""
    wraps.lock_secret()
    now = timezone.now()
    still_open = Invite.objects.filter(invite_id=invite_id, spent_at=None, cancelled_at=None)
    if not still_open.update(cancelled_at=now, psk_sealed=None):
        return False
    wraps.drop_invite(Invite.objects.get(invite_id=invite_id))
    audit.record("invite_cancelled", actor=actor, subject=invite_id.hex())
    return True


def owner_exists() -> bool:
    """Whether somebody has become this server's owner."""
    return Member.objects.filter(is_owner=True).exists()


def _check_count(made_by: Device, now: datetime) -> None:
    # The row lock makes two requests at once count one after the other.
    Member.objects.select_for_update().get(pk=made_by.member_id)
    theirs = Invite.objects.filter(made_by__member=made_by.member_id)
    open_ones = theirs.open(now)
    made = open_ones.count()
    if made >= OPEN_INVITES_PER_MEMBER:
        soonest = open_ones.aggregate(soonest=Min("expires_at"))["soonest"]
        raise Limit(retry_text((soonest - now).total_seconds(), f"{made} open invites"))
    lately = theirs.filter(created_at__gt=now - HOUR).order_by("created_at").values_list("created_at", flat=True)
    made = lately.count()
    if made >= INVITES_AN_HOUR:
        raise Limit(retry_text((lately[0] + HOUR - now).total_seconds(), f"{made} invites within an hour"))


def _text(invite_id: bytes, psk: PreSharedKey, expires_at: datetime) -> str:
    return invitation.Invite(
        discovery_secret=None,
        server_public=current_identity().public,
        invite_id=invite_id,
        invite_psk=psk,
        expires=int(expires_at.timestamp()),
        locators=known_places(),
    ).encode()
