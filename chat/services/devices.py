"""Devices: what a handshake asks about them, how they enrol, how they are revoked."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import Device, Invite, KeyPackage, News, Revocation, WaitingWelcome
from chat.retry import retry_text
from chat.services import audit, news, wraps
from chat.services.acting import acting_device
from chat.services.identity import renew_discovery_secret
from chat.services.sealed import seal_device_psk
from clawchat.protocol.credential import device_id as device_id_of
from clawchat.protocol.errors import Limit, NotMember, Revoked, Unauthentic
from clawchat.protocol.key_schedule import device_credentials
from clawchat.protocol.keys import DevicePublic, PreSharedKey

# A clock that is more than a year off says no more than one that is off by a year.
LONGEST_CLOCK_ERROR_SECONDS = 365 * 86_400
CLIENT_NAME_LENGTH = 128
# Each renews what everybody finds the server by; nobody loses so many devices in so short a time.
REVOCATIONS_PER_MEMBER, REVOCATIONS_WITHIN = 20, timedelta(hours=1)


@dataclass(frozen=True)
class Seat:
    """Where a device arrives: the peer's address, our port, this server process, what the client calls itself, by how
    many seconds its clock is ahead of ours, by which identity of ours it came (32 bytes; empty for none), and its
    session's suite (None: not said)."""

    address: str
    port: int
    process: str
    client_name: str = ""
    clock_ahead: int = 0
    server_public: bytes = b""
    suite: int | None = None

    @classmethod
    def of(
        cls,
        address: str,
        port: int,
        process: str,
        client_name: str,
        clock_ahead: float = 0,
        server_public: bytes = b"",
        suite: int | None = None,
    ) -> "Seat":
        """The seat with what the client says of itself made fit to be stored and shown."""
        shown = "".join(letter for letter in client_name if letter.isprintable())
        # A link-local address names its interface behind a percent sign; that is ours, not the peer's.
        ahead = max(-LONGEST_CLOCK_ERROR_SECONDS, min(round(clock_ahead), LONGEST_CLOCK_ERROR_SECONDS))
        return cls(address.partition("%")[0], port, process, shown[:CLIENT_NAME_LENGTH], ahead, server_public, suite)


@transaction.atomic
def enrol(invite_pk: int, device_public: DevicePublic, psk_id: bytes, psk: PreSharedKey, seat: Seat) -> None:
    """Bind an invite to a device key, with the pair that the device's own handshake will make active.

    Repeating it with the same key replaces the pending pair, so a connection lost in the middle costs nothing.
    Raises: unauthentic (the invite is spent, expired or bound to another key; the device was revoked).
    Spec: 3.2
    """
    public = bytes(device_public)
    # Before invite and device are locked, as whoever revokes or activates does it: in that order nobody waits for ever.
    wraps.lock_secret()
    invite = Invite.objects.open(timezone.now()).select_for_update().filter(pk=invite_pk).first()
    if invite is None or (invite.bound_to and not _same(invite.bound_to, public)):
        raise Unauthentic("invite is spent, expired or taken")
    identifier = device_id_of(device_public)
    device, _ = Device.objects.select_for_update().get_or_create(public=public, defaults={"device_id": identifier})
    if device.revoked_at:
        raise Unauthentic("device was revoked")
    invite.bound_to = public
    invite.save(update_fields=["bound_to"])
    device.invite = invite
    _set_pending(device, psk_id, psk)
    device.client_name = seat.client_name
    device.save()
    audit.record("device_enrolled", actor=bytes(invite.invite_id).hex(), subject=identifier.hex(), address=seat.address)


def activate(device: Device, psk_id: bytes) -> None:
    """Make the pair that just passed a handshake the one in use; a first one spends the invite. In a transaction.

    From here on the pair before it opens nothing, and the discovery secret is wrapped under this one: no more under the
    invite. When the one in use passed it stays so, and a pair that was to follow opens nothing.
    Raises: unauthentic (the pair was replaced meanwhile; the invite it came by was cancelled before it was spent).
    Spec: 3.2, 3.10
    """
    if device.psk_id and _same(device.psk_id, psk_id):
        # The device forgets the other one now. A handshake under it that somebody on the way holds back must not make
        # active what nobody has any more.
        device.pending_psk_id = device.pending_psk_sealed = device.pending_psk_made_at = None
        return
    if not device.pending_psk_id or not _same(device.pending_psk_id, psk_id):
        raise Unauthentic("the pair was replaced")
    # Or a thief could keep a device in waiting, by an invite of the stolen one, until that one is revoked.
    if not device.psk_id and Invite.objects.filter(pk=device.invite_id).exclude(cancelled_at=None).exists():
        raise Unauthentic("the invite was cancelled")
    if device.psk_id:
        audit.record("psk_renewed", subject=bytes(device.device_id).hex())
    device.psk_id, device.psk_sealed = device.pending_psk_id, device.pending_psk_sealed
    device.psk_made_at = device.pending_psk_made_at
    device.pending_psk_id = device.pending_psk_sealed = device.pending_psk_made_at = None
    Invite.objects.filter(pk=device.invite_id, spent_at=None).update(spent_at=timezone.now(), psk_sealed=None)
    wraps.add_device(device)


@transaction.atomic
def renew_pair(device_pk: int, exporter: bytes) -> None:
    """Keep another pair for a device beside the one in use, in the place of one that was not used yet.

    Both open sessions until the first handshake under the new one. exporter: of the epoch in which the device's
    request was sealed.
    Raises: revoked.
    Spec: 3.2, 3.14
    """
    device = Device.objects.select_for_update().get(pk=device_pk)
    if device.revoked_at:
        raise Revoked
    _set_pending(device, *device_credentials(exporter, DevicePublic(bytes(device.public))))
    device.save(update_fields=["pending_psk_id", "pending_psk_sealed", "pending_psk_made_at"])


@transaction.atomic
def want_new_pairs(actor: str) -> int:
    """Have every device ask for another pair than the one it has now; of how many that is wanted."""
    audit.record("psk_renewal_asked", actor=actor)
    count = Device.objects.current().update(psk_due_at=timezone.now())
    news.tell(News.Kind.PAIRS)
    return count


def with_due_pairs() -> set[int]:
    """The devices, by row, that still use a pair from before the operator wanted others."""
    return set(Device.objects.due().values_list("pk", flat=True))


def own_devices(device_pk: int) -> list[Device]:
    """The devices of the asking device's member that are in use."""
    asking = acting_device(device_pk)
    return list(Device.objects.listed().filter(member=asking.member).order_by("id"))


@transaction.atomic
def revoke_for(device_pk: int, device_id: bytes) -> bool:
    """Revoke a device on behalf of another: of the same member, or of anybody when an owner asks.

    Raises: not_member (somebody else's, or nobody's); limit (20 of this member's were revoked within an hour, and no
    owner asks); revoked (the asking device itself, meanwhile).
    Spec: 3.14
    """
    # Two requests at once count one after the other.
    wraps.lock_secret()
    asking = acting_device(device_pk)
    target = Device.objects.filter(device_id=device_id).first()
    may = target is not None and (target.member_id == asking.member_id or asking.member.is_owner)
    if not may:
        raise NotMember("not a device of yours")
    if target.revoked_at is None and not asking.member.is_owner:
        since = timezone.now() - REVOCATIONS_WITHIN
        count = Device.objects.filter(member=asking.member_id, revoked_at__gt=since).count()
        if count >= REVOCATIONS_PER_MEMBER:
            raise Limit(retry_text(REVOCATIONS_WITHIN.total_seconds(), f"{count} devices revoked within an hour"))
    return revoke(device_id, "asked by a device", bytes(asking.device_id).hex())


def leaves_no_owner(device_pks: Collection[int]) -> bool:
    """Whether no owner would have a device any more, if these were revoked."""
    of_owners = Device.objects.in_use().filter(member__is_owner=True)
    return of_owners.filter(pk__in=device_pks).exists() and not of_owners.exclude(pk__in=device_pks).exists()


@transaction.atomic
def revoke(device_id: bytes, why: str, actor: str) -> bool:
    """Shut a device out for good; False when there is no such device or it was revoked before.

    The discovery secret that it knows is renewed in the same transaction. Its sessions are closed by every server
    process as it reads the news, within a second, before that process gives the new secret to the others; until then
    appending and fetching refuse it, because they look at `revoked_at` in their own transactions.
    Spec: 3.10, 4.5
    """
    wraps.lock_secret()
    device = Device.objects.select_for_update().filter(device_id=device_id, revoked_at=None).first()
    if device is None:
        return False
    now = timezone.now()
    device.psk_id = device.psk_sealed = device.pending_psk_id = device.pending_psk_sealed = None
    device.revoked_at = now
    device.save()
    KeyPackage.objects.filter(device=device).delete()
    WaitingWelcome.objects.filter(device=device).delete()
    # Invites it made, and the one it could enrol with again.
    Invite.objects.filter(Q(made_by=device) | Q(bound_to=bytes(device.public)), spent_at=None).update(
        cancelled_at=now, psk_sealed=None
    )
    Revocation.objects.get_or_create(
        kind=Revocation.Kind.DEVICE, subject=bytes(device.public), defaults={"why": why[:128]}
    )
    audit.record("device_revoked", actor=actor, subject=device_id.hex(), why=why)
    # Read in this order: the session that must go is gone before the secret is sent.
    news.tell(News.Kind.REVOKED, device_id.hex())
    news.tell(News.Kind.DIRECTORY)
    renew_discovery_secret("a device was revoked", actor)
    return True


def _set_pending(device: Device, psk_id: bytes, psk: PreSharedKey) -> None:
    device.pending_psk_id = psk_id
    device.pending_psk_sealed = seal_device_psk(bytes(device.device_id), psk)
    device.pending_psk_made_at = timezone.now()


def _same(stored: bytes, given: bytes) -> bool:
    return stored is not None and bytes(stored) == given
