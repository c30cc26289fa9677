"""What an accepted commit does: who comes, who goes, and what those who come need."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.models import Device, Membership, News, Room, WaitingWelcome, Welcome
from chat.services import externals, group_infos, news, staging
from chat.services.externals import External
from chat.services.messages import check_header
from chat.services.room_roles import Committer, check_vouchers_gone
from clawchat.mls.profile import Roles
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.authenticated_data import AuthenticatedData, DataForm
from clawchat.protocol.errors import Malformed, NotMember, TooLarge
from clawchat.protocol.external_commit import PUBLIC_MESSAGE
from clawchat.protocol.limits import FRAME_CEILING_BYTES
from clawchat.protocol.message_header import ContentType, MessageHeader

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
    # Set when the sender is not in the group, but joins it or comes back.
    external: External | None = None
    # By what right a member's commit removes; and what the new GroupInfo says of roles. None in a room without them.
    data: AuthenticatedData | None = None
    roles: Roles | None = None


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

    Raises: malformed (blobs, header, GroupInfo, devices that do not fit the commit); unauthentic (the proof of an
    external commit); too_large.
    Spec: 3.13, 3.14 `room.commit`
    """
    message = staging.load(device, request.commit)
    if len(message) > COMMIT_MAX_BYTES:
        raise TooLarge(f"a commit of {len(message)} bytes, at most {COMMIT_MAX_BYTES}")
    scheme = Room.objects.filter(room_id=request.room_id).values_list("scheme", flat=True).first()
    has_roles = scheme in (None, ROOM_SUITE.number)
    external, data = _read(device, request, message, has_roles)
    welcome = staging.load(device, request.welcome) if request.welcome is not None else None
    group_info = staging.load(device, request.group_info)
    roles = group_infos.read_roles(group_info, request.room_id, request.epoch + 1) if has_roles else None
    digests = tuple(digest for digest in (request.commit, request.welcome, request.group_info) if digest)
    added, removed = tuple(dict.fromkeys(request.added)), tuple(dict.fromkeys(request.removed))
    if external is not None:
        externals.check_declared(external, bytes(device.device_id), added, removed)
    if welcome is not None and not (added and external is None):
        raise Malformed("a Welcome for nobody")
    return message, Commit(added, removed, welcome, group_info, digests, external, data, roles)


def _read(
    device: Device, request: CommitRequest, message: bytes, has_roles: bool
) -> tuple[External | None, AuthenticatedData]:
    """The external commit, if it is one, and what the message authenticates; the header checked."""
    header = MessageHeader.parse(message)
    if header.wire_format == PUBLIC_MESSAGE and has_roles:
        external = externals.read(device, message, request.room_id, request.message_id, request.epoch)
        return external, external.data
    forms = frozenset({DataForm.MEMBER, DataForm.REVOKED} if has_roles else {DataForm.MEMBER})
    kinds = {ContentType.COMMIT}
    return None, check_header(message, request.room_id, request.message_id, kinds, request.epoch, forms)[1]


def apply(room: Room, committer_pk: int, seq: int, commit: Commit) -> tuple[set[int], set[int]]:
    """The devices that left and those that came, as rows of Device; in the transaction that stores the commit.

    Raises: malformed (no Welcome for those who come, the committer itself removed, roles that are not its to give);
    not_member with `devices`; unauthentic (a revocation).
    Spec: 3.14 `room.commit`
    """
    if commit.added and commit.welcome is None and commit.external is None:
        raise Malformed("added devices need a Welcome")
    removed = _members_among(room, commit.removed)
    if committer_pk in removed and commit.external is None:
        raise Malformed("a commit cannot remove its sender")
    added = _joiners_among(room, commit.added, removed)
    _check_rights(room, committer_pk, commit, added, removed)
    room.memberships.current().filter(device__in=removed).update(left_seq=seq)
    WaitingWelcome.objects.filter(welcome__room=room, device__in=removed).delete()
    Welcome.objects.filter(room=room, waiting=None).delete()
    voucher = commit.external.voucher if commit.external is not None else None
    Membership.objects.bulk_create(
        [Membership(room=room, device_id=pk, joined_seq=seq, voucher=voucher) for pk in added]
    )
    epoch = room.epoch + 1
    if commit.welcome is not None:
        _store_welcome(room, committer_pk, seq, epoch, commit.welcome, added)
    group_infos.keep(room, committer_pk, seq, epoch, commit.group_info)
    group_infos.drop_unused(room, epoch)
    if commit.roles is not None:
        room.roles = commit.roles.encode()
    staging.drop(committer_pk, commit.digests)
    if commit.external is None:
        for device_id in commit.added:
            news.tell(News.Kind.WELCOME, device_id.hex())
    return removed, added


def _check_rights(room: Room, committer_pk: int, commit: Commit, added: set[int], removed: set[int]) -> None:
    """Nothing, when members would take what is declared; a room's first commit gives it its roles."""
    if commit.roles is None or room.roles is None:
        if commit.external is not None:
            raise NotMember("nobody has committed here yet")
        return
    if commit.external is not None:
        if commit.roles.encode() != bytes(room.roles):
            raise Malformed("the GroupInfo has other roles than the room")
        externals.check_stay(room, committer_pk, commit.external, removed)
        return
    committer = Committer(room, committer_pk)
    committer.check_added(added)
    committer.check_removed(removed, commit.data, room.epoch)
    committer.check_roles(commit.roles)
    check_vouchers_gone(room, removed, commit.roles)


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


def _store_welcome(room: Room, committer_pk: int, seq: int, epoch: int, body: bytes, added: set[int]) -> None:
    blob = group_infos.blob(body)
    welcome = Welcome.objects.create(room=room, device_id=committer_pk, seq=seq, epoch=epoch, **blob)
    WaitingWelcome.objects.bulk_create([WaitingWelcome(welcome=welcome, device_id=pk) for pk in added])
