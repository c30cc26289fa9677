"""Credentials: what a PSK id stands for, told alike to who knows a right id and to who tries one.

Spec: 3.2
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from chat.services.sealed import DEVICE_PURPOSE, INVITE_PURPOSE, NOBODY, nobodys_sealed, open_psk
from clawchat.protocol.keys import DevicePublic, PreSharedKey
from clawchat.protocol.primitives import random_bytes

# What stands for the key of an id that nobody has: nobody has its private half either.
_NOBODYS_PUBLIC = random_bytes(DevicePublic.SIZE)

# One question, and one row of each table for its answer, whoever has the id: reading a row takes longer than finding
# none, so where none is found another one is read, by the place that the id gives it. First three searches in unique
# indexes, all of which are made whatever they find, then two rows by their numbers. The conditions are those of
# `Device.objects.current` and `Invite.objects.open`; a query that Django puts together costs as much as ten of these.
_WHOSE = """
WITH found AS MATERIALIZED (
    SELECT
        (SELECT id FROM chat_device WHERE psk_id = %(psk_id)s) AS used,
        (SELECT id FROM chat_device WHERE pending_psk_id = %(psk_id)s) AS pending,
        (SELECT id FROM chat_invite WHERE invite_id = %(psk_id)s) AS invite,
        (SELECT MIN(id) FROM chat_device
            WHERE id >= (SELECT MAX(id) FROM chat_device) * %(place)s / 65536) AS another_device,
        (SELECT MIN(id) FROM chat_invite
            WHERE id >= (SELECT MAX(id) FROM chat_invite) * %(place)s / 65536) AS another_invite
)
SELECT
    CASE WHEN device.revoked_at IS NULL THEN found.used END,
    CASE WHEN device.revoked_at IS NULL THEN found.pending END,
    CASE WHEN invite.spent_at IS NULL AND invite.cancelled_at IS NULL
        AND invite.expires_at > %(now)s AND invite.psk_sealed IS NOT NULL THEN found.invite END,
    device.device_id, device.public, device.psk_sealed, device.pending_psk_sealed,
    invite.invite_id, invite.bound_to, invite.psk_sealed
FROM found
LEFT JOIN chat_device AS device ON device.id = COALESCE(found.used, found.pending, found.another_device)
LEFT JOIN chat_invite AS invite ON invite.id = COALESCE(found.invite, found.another_invite)
"""


@dataclass(frozen=True, repr=False)
class Credential:
    """What a PSK id stands for: the secret, whose key must have signed, and which row it is."""

    psk: PreSharedKey
    # None when an invite is not bound to a key yet.
    device_public: DevicePublic | None = None
    device_pk: int | None = None
    invite_pk: int | None = None


class _Answer(NamedTuple):
    """The answer's columns: the numbers of what was found and can connect, then what the two rows hold."""

    used: int | None
    pending: int | None
    invite: int | None
    device_id: bytes
    device_public: bytes
    used_sealed: bytes
    pending_sealed: bytes
    invite_id: bytes
    bound_to: bytes | None
    invite_sealed: bytes


class _Holder(NamedTuple):
    """Who may have an id: what the secret is sealed for, and whose key must have signed; None for anybody's."""

    purpose: str
    row_id: bytes
    sealed: bytes
    public: bytes | None


def find_credential(psk_id: bytes) -> Credential:
    """The credential of a PSK id; one that nobody has gets a secret and a key that nobody has, so that it fails like a
    wrong one.

    It costs the same: one question, one row of each table, one secret unsealed, one key made of bytes.
    """
    answer = _ask(psk_id, timezone.now())
    device_pk, invite_pk = answer.used or answer.pending, answer.invite
    # All three are made, whichever is taken.
    device_sealed = answer.used_sealed if answer.used else answer.pending_sealed
    device = _Holder(DEVICE_PURPOSE, answer.device_id, device_sealed, answer.device_public)
    invite = _Holder(INVITE_PURPOSE, answer.invite_id, answer.invite_sealed, answer.bound_to)
    nobody = _Holder(DEVICE_PURPOSE, NOBODY, nobodys_sealed(), _NOBODYS_PUBLIC)
    holder = device if device_pk else invite if invite_pk else nobody
    psk = open_psk(holder.purpose, holder.sealed, holder.row_id)
    public = DevicePublic(bytes(holder.public or nobody.public))
    return Credential(psk, public if holder.public else None, device_pk, invite_pk)


def _ask(psk_id: bytes, now: datetime) -> _Answer:
    given = {
        "psk_id": psk_id,
        "place": int.from_bytes(psk_id[:2]),
        "now": connection.ops.adapt_datetimefield_value(now),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WHOSE, given)
        return _Answer._make(cursor.fetchone())
