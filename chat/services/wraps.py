"""Wraps: the discovery secret for each device and each open invite that is away, one entry each, published with the
connection file.

The entries of a secret are made once, padding included, and stay; a change replaces one entry. Everything here happens
in the caller's transaction, and what changes entries takes the lock of `lock_secret` first: before it locks a device or
an invite, because the entries of a new secret refer to all of them.
"""

import logging
from collections.abc import Iterable, Iterator

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from chat.models import Device, DiscoverySecret, DiscoveryWrap, Invite, ServerIdentity
from chat.retry import LONGEST_SECONDS, retry_text
from chat.services.sealed import open_device_psk, open_discovery_secret, open_invite_psk
from clawchat.protocol import keys
from clawchat.protocol.errors import Limit, Unauthentic
from clawchat.protocol.keys import PreSharedKey
from clawchat.protocol.wraps import MAX_WRAPS, WRAPS_STEP, join_wraps, make_padding, make_wrap

logger = logging.getLogger(__name__)


def lock_secret() -> DiscoverySecret:
    """The row of the secret in force, which stays in force until this transaction ends.

    The row of the first identity is the lock: unlike the secret's it is there from the first time on, and stays. No
    device that refers to it has to wait.
    """
    ServerIdentity.objects.select_for_update(no_key=True).order_by("pk")[:1].get()
    return DiscoverySecret.objects.get(current=True)


def current_wraps() -> bytes:
    """The entries of the secret in force, as the connection file carries them: a multiple of 16 entries of 56 bytes."""
    return _joined(DiscoveryWrap.objects.filter(secret__current=True))


def wraps_of(secret: DiscoverySecret) -> bytes:
    """The entries of this secret, as the connection file carries them."""
    return _joined(secret.wraps.all())


def make_for_secret(row: DiscoverySecret) -> None:
    """Wrap a secret that has no entries yet for everybody who may have it. Spec: 3.10"""
    secret = open_discovery_secret(row)
    entries = list(_entries(row, secret))
    missing = -len(entries) % WRAPS_STEP or (0 if entries else WRAPS_STEP)
    entries += [DiscoveryWrap(secret=row, entry=make_padding()) for _ in range(missing)]
    DiscoveryWrap.objects.bulk_create(entries)


def check_room() -> None:
    """Nothing, while one holder more has room.

    Raises: limit (devices and open invites together are 608).
    """
    holders = Device.objects.enrolled().count() + Invite.objects.open(timezone.now()).count()
    if holders >= MAX_WRAPS:
        raise Limit(retry_text(LONGEST_SECONDS, f"{holders} devices and open invites"))


def add_invite(invite: Invite) -> None:
    """Wrap the secret in force for a new invite.

    Raises: limit (no entry is left).
    """
    row = lock_secret()
    entry = make_wrap(open_invite_psk(invite), open_discovery_secret(row))
    if not _put(row, entry, invite=invite):
        raise Limit(retry_text(LONGEST_SECONDS, f"{MAX_WRAPS} devices and open invites"))


def drop_invite(invite: Invite) -> None:
    """Make the entry of an invite that opens no more padding: a used link must be worthless."""
    _drop(lock_secret().wraps.filter(invite=invite))


def drop_expired() -> int:
    """How many invites have expired and lost their secret and their entry now.

    A device that was cut off between its two handshakes comes with its pending pair, and the entry becomes its own.
    """
    expired = Invite.objects.filter(expires_at__lte=timezone.now()).exclude(psk_sealed=None)
    pks = list(expired.values_list("pk", flat=True))
    if pks:
        with transaction.atomic():
            row = lock_secret()
            Invite.objects.filter(pk__in=pks).update(psk_sealed=None)
            left = row.wraps.filter(invite__in=pks)
            for device in Device.objects.enrolled().filter(psk_id=None, invite__in=left.values("invite")):
                if (psk := _psk_of(device)) is not None:
                    _give(row, device, psk)
            _drop(left)
    return len(pks)


def add_device(device: Device) -> None:
    """Wrap the secret in force for a device under the pair it uses from now on; its former entry, or that of the invite
    it came by, makes room."""
    _give(lock_secret(), device, open_device_psk(device, device.psk_sealed))


def _give(row: DiscoverySecret, device: Device, psk: PreSharedKey) -> None:
    entry = make_wrap(psk, open_discovery_secret(row))
    mine = Q(device=device) if device.invite_id is None else Q(device=device) | Q(invite=device.invite_id)
    former = list(row.wraps.filter(mine))
    _drop(former[1:])
    if former:
        DiscoveryWrap.objects.filter(pk=former[0].pk).update(entry=entry, device=device, invite=None)
    elif not _put(row, entry, device=device):
        # It holds the secret, or it would not have come so far; with the next one it has an entry again.
        logger.warning("%d entries, and none is left for a new device", MAX_WRAPS)


def _joined(wraps: QuerySet[DiscoveryWrap]) -> bytes:
    return join_wraps(bytes(entry) for entry in wraps.values_list("entry", flat=True))


def _entries(row: DiscoverySecret, secret: keys.DiscoverySecret) -> Iterator[DiscoveryWrap]:
    """An entry for every holder; those seen last come first, in case there are more than a file can carry."""
    enrolling, left = set(), MAX_WRAPS
    for invite in Invite.objects.open(timezone.now()).order_by("-pk")[:MAX_WRAPS]:
        try:
            psk = open_invite_psk(invite)
        except Unauthentic:
            logger.warning("the secret of invite %s does not open", invite.pk)
            continue
        left -= 1
        enrolling.add(bytes(invite.bound_to or b""))
        yield DiscoveryWrap(secret=row, entry=make_wrap(psk, secret), invite=invite)
    for device in Device.objects.enrolled().order_by(F("last_seen_at").desc(nulls_last=True), "-pk"):
        if not left:
            break
        # One that has not come with its own pair yet still has its invite's secret, and one entry is enough.
        if device.psk_sealed is None and bytes(device.public) in enrolling:
            continue
        psk = _psk_of(device)
        if psk is None:
            continue
        left -= 1
        yield DiscoveryWrap(secret=row, entry=make_wrap(psk, secret), device=device)


def _psk_of(device: Device) -> PreSharedKey | None:
    """Under which secret it comes: its own, or before the first time its pending one; None when the row is damaged."""
    try:
        return open_device_psk(device, device.psk_sealed or device.pending_psk_sealed)
    except Unauthentic:
        # It could not connect either. Such a row must not keep another device from being shut out.
        logger.warning("the secret of device %s does not open", device)
        return None


def _put(row: DiscoverySecret, entry: bytes, **holder: Device | Invite) -> bool:
    """Put an entry in the place of a padding one; False when there is none and no room for more."""
    padding = row.wraps.filter(device=None, invite=None).first()
    if padding is not None:
        DiscoveryWrap.objects.filter(pk=padding.pk).update(entry=entry, **holder)
        return True
    if row.wraps.count() >= MAX_WRAPS:
        return False
    more = [DiscoveryWrap(secret=row, entry=make_padding()) for _ in range(WRAPS_STEP - 1)]
    DiscoveryWrap.objects.bulk_create([DiscoveryWrap(secret=row, entry=entry, **holder), *more])
    return True


def _drop(entries: Iterable[DiscoveryWrap]) -> None:
    for wrap in entries:
        DiscoveryWrap.objects.filter(pk=wrap.pk).update(entry=make_padding(), device=None, invite=None)
