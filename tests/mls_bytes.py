"""MLS objects as far as a server reads them, around bytes that stand for what it cannot judge."""

from clawchat.mls.codec import vector, vector_of
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.profile import Roles, room_extensions, voucher_extension
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.credential import DeviceKind, sign_identity
from clawchat.protocol.encoding import u8, u16, u32, u64
from clawchat.protocol.keys import DeviceKey, RootKey

OPEN_ROLES = Roles(every_member_may_add=True, administrators=())
_HASH = bytes(48)


def group_info(room: bytes, epoch: int, roles: Roles = OPEN_ROLES, end: bytes = b"tree", /, **changes) -> bytes:
    """A GroupInfo with a true group context; what follows it is given."""
    members = {
        "cipher_suite": ROOM_SUITE.number,
        "group_id": room,
        "epoch": epoch,
        "extensions": room_extensions(roles),
    }
    context = GroupContext(tree_hash=_HASH, confirmed_transcript_hash=_HASH, **(members | changes))
    return u16(1) + u16(4) + context.encode() + end


def leaf(root: RootKey, key: DeviceKey, voucher: bytes | None = None, **changes) -> bytes:
    """The leaf of a device in an external commit; `changes` put other bytes in the place of a part."""
    parts = {
        "encryption_key": vector(bytes(1216)),
        "signature_key": vector(bytes(key.public)),
        "credential": u16(1) + vector(sign_identity(root, key.public, DeviceKind.HUMAN, 0, 2**32).encode()),
        "capabilities": b"".join(
            [vector(u16(1)), vector(u16(ROOM_SUITE.number)), vector(b""), vector(b""), vector(u16(1))]
        ),
        "source": u8(3) + vector(bytes(48)),
        "extensions": vector_of([voucher_extension(voucher)] if voucher is not None else []),
        "signature": vector(bytes(64)),
    }
    return b"".join((parts | changes).values())


def external_commit(
    room: bytes, epoch: int, authenticated_data: bytes, new_leaf: bytes, removed: int | None = None, /, **changes
) -> bytes:
    """An external commit; `changes` put other bytes in the place of a part."""
    proposals = [u8(1) + u16(6) + vector(bytes(1120))]
    if removed is not None:
        proposals.append(u8(1) + u16(3) + u32(removed))
    ciphertext = vector(bytes(1120)) + vector(bytes(64))
    parts = {
        "head": u16(1) + u16(1),
        "group_id": vector(room),
        "epoch": u64(epoch),
        "sender": u8(4),
        "authenticated_data": vector(authenticated_data),
        "content_type": u8(3),
        "proposals": vector_of(proposals),
        "path": u8(1),
        "leaf": new_leaf,
        "nodes": vector(vector(bytes(1216)) + vector(ciphertext)),
        "signature": vector(bytes(64)),
        "confirmation_tag": vector(bytes(48)),
    }
    return b"".join((parts | changes).values())
