"""Credentials: what a PSK id stands for, told alike to who knows a right id and to who tries one.

Spec: 3.2
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from chat.models import Device, Invite
from chat.services.sealed import open_device_psk, open_invite_psk, open_nobodys_psk
from clawchat.protocol.keys import DevicePublic, PreSharedKey


@dataclass(frozen=True, repr=False)
class Credential:
    """What a PSK id stands for: the secret, whose key must have signed, and which row it is."""

    psk: PreSharedKey
    # None when an invite is not bound to a key yet.
    device_public: DevicePublic | None = None
    device_pk: int | None = None
    invite_pk: int | None = None


def find_credential(psk_id: bytes) -> Credential:
    """The credential of a PSK id; one that nobody has gets a random secret, so that it fails like a wrong one.

    It costs the same: both tables are asked and one secret is unsealed, whoever has the id. Of a row only what is
    needed is read, because making a whole one takes long enough to be told from none.
    """
    devices = Device.objects.current().filter(Q(psk_id=psk_id) | Q(pending_psk_id=psk_id))
    device = _first(devices, "pk", "device_id", "public", "psk_id", "psk_sealed", "pending_psk_sealed")
    invites = Invite.objects.open(timezone.now()).filter(invite_id=psk_id)
    invite = _first(invites, "pk", "invite_id", "bound_to", "psk_sealed")
    if device is not None:
        sealed = device.psk_sealed if _same(device.psk_id, psk_id) else device.pending_psk_sealed
        return Credential(open_device_psk(device, sealed), DevicePublic(bytes(device.public)), device_pk=device.pk)
    if invite is not None:
        bound_to = DevicePublic(bytes(invite.bound_to)) if invite.bound_to else None
        return Credential(open_invite_psk(invite), bound_to, invite_pk=invite.pk)
    open_nobodys_psk()
    return Credential(PreSharedKey.generate())


def _first(rows: QuerySet, *columns: str) -> Any:
    return next(iter(rows.values_list(*columns, named=True)[:1]), None)


def _same(stored: bytes | None, given: bytes) -> bool:
    return stored is not None and bytes(stored) == given
