"""What an accepted commit does: who comes, who goes, and what those who come need."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from chat.models import Device, GroupInfo, Membership, News, Room, WaitingWelcome, Welcome
from chat.services import news, staging
from chat.services.messages import check_header
from clawchat.protocol.errors import Malformed, NotMember, TooLarge
from clawchat.protocol.limits import FRAME_CEILING_BYTES
from clawchat.protocol.message_header import ContentType
from clawchat.protocol.primitives import sha256

# A commit travels as a row of the log: it must fit one frame with header and padding. Spec: 3.14
COMMIT_MAX_BYTES = FRAME_CEILING_BYTES - 16_640


@dataclass(frozen=True, slots=True, repr=False)
class Commit:
    """What a commit declares, with the blobs that were staged for it."""

    added: tuple[bytes, ...]
    removed: tuple[bytes, ...]
    welcome: bytes | None
    group_info: bytes
    digests: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """A `room.commit` as it was asked: the digests of staged blobs. Spec: 3.14"""

    room_id: bytes
    epoch: int
    message_id: bytes
    commit: bytes
    added: tuple[bytes, ...]
    removed: tuple[bytes, ...]
    welcome: bytes | None
    group_info: bytes


def prepare(device: Device, request: CommitRequest) -> tuple[bytes, Commit]:
    """The commit's MLS message, its header checked, and what it declares with its blobs.

    Raises: malformed (blobs, header); too_large.
    Spec: 3.13, 3.14 `room.commit`
    """
    message = staging.load(device, request.commit)
    if len(message) > COMMIT_MAX_BYTES:
        raise TooLarge(f"a commit of {len(message)} bytes, at most {COMMIT_MAX_BYTES}")
    check_header(message, request.room_id, request.message_id, {ContentType.COMMIT}, request.epoch)
    welcome = staging.load(device, request.welcome) if request.welcome is not None else None
    group_info = staging.load(device, request.group_info)
    digests = tuple(digest for digest in (request.commit, request.welcome, request.group_info) if digest)
    added, removed = dict.fromkeys(request.added), dict.fromkeys(request.removed)
    return message, Commit(tuple(added), tuple(removed), welcome, group_info, digests)


def apply(room: Room, committer_pk: int, seq: int, commit: Commit) -> tuple[set[int], set[int]]:
    """The devices that left and those that came, as rows of Device; in the transaction that stores the commit.

    Raises: malformed (no Welcome for those who come, the committer itself removed); not_member with `devices`.
    Spec: 3.14 `room.commit`
    """
    if commit.added and commit.welcome is None:
        raise Malformed("added devices need a Welcome")
    removed = _members_among(room, commit.removed)
    if committer_pk in removed:
        raise Malformed("a commit cannot remove its sender")
    added = _joiners_among(room, commit.added, removed)
    room.memberships.current().filter(device__in=removed).update(left_seq=seq)
    WaitingWelcome.objects.filter(welcome__room=room, device__in=removed).delete()
    Welcome.objects.filter(room=room, waiting=None).delete()
    Membership.objects.bulk_create([Membership(room=room, device_id=pk, joined_seq=seq) for pk in added])
    epoch = room.epoch + 1
    if commit.welcome is not None:
        _store_welcome(room, seq, epoch, commit.welcome, added)
    GroupInfo.objects.create(room=room, device_id=committer_pk, seq=seq, epoch=epoch, **_blob(commit.group_info))
    drop_unused_group_infos(room, epoch)
    staging.drop(committer_pk, commit.digests)
    for device_id in commit.added:
        news.tell(News.Kind.WELCOME, device_id.hex())
    return removed, added


def drop_unused_group_infos(room: Room, newest: int) -> None:
    """Remove the public states that nobody needs: neither the newest nor one whose Welcomes still wait."""
    waiting = WaitingWelcome.objects.filter(welcome__room=room).values("welcome__epoch")
    GroupInfo.objects.filter(Q(epoch__lt=newest), room=room).exclude(epoch__in=waiting).delete()


def _members_among(room: Room, device_ids: Sequence[bytes]) -> set[int]:
    found = room.memberships.current().filter(device__device_id__in=device_ids)
    members = {bytes(device_id): pk for pk, device_id in found.values_list("device_id", "device__device_id")}
    _refuse([device_id for device_id in device_ids if device_id not in members], "not in the room")
    return set(members.values())


def _joiners_among(room: Room, device_ids: Sequence[bytes], removed: set[int]) -> set[int]:
    devices = Device.objects.in_use().filter(device_id__in=device_ids).values_list("device_id", "pk")
    found = {bytes(device_id): pk for device_id, pk in devices}
    staying = set(room.memberships.current().filter(device__in=found.values()).values_list("device_id", flat=True))
    staying -= removed
    _refuse(
        [device_id for device_id in device_ids if device_id not in found or found[device_id] in staying],
        "unknown, revoked, without account or in the room already",
    )
    return set(found.values())


def _refuse(device_ids: list[bytes], why: str) -> None:
    if device_ids:
        raise NotMember(why, {"devices": device_ids})


def _store_welcome(room: Room, seq: int, epoch: int, body: bytes, added: set[int]) -> None:
    welcome = Welcome.objects.create(room=room, seq=seq, epoch=epoch, **_blob(body))
    WaitingWelcome.objects.bulk_create([WaitingWelcome(welcome=welcome, device_id=pk) for pk in added])


def _blob(body: bytes) -> dict[str, object]:
    return {"digest": sha256(body), "size": len(body), "body": body}
