"""Cases of what MLS messages authenticate, and of external commits."""

from tests.vectors.bare import seed, u8, u16, u32, u64
from tests.vectors.cases import Area

ROOM, MESSAGE = seed("room", 16), seed("mls message id", 16)
KEY, SIGNATURE = seed("leaf signature key", 32), seed("signature", 64)
IDENTITY, VOUCHER = seed("identity", 146), seed("voucher", 32)


def authenticated_data():
    area = Area("authenticated_data", "4.4")
    head = ROOM + MESSAGE
    forms = {
        "member": (1, b"", b""),
        "voucher": (2, KEY, SIGNATURE),
        "own_device": (3, b"", SIGNATURE),
        "revoked": (4, KEY, SIGNATURE),
    }
    for name, (form, key, signature) in forms.items():
        data = u8(form) + head + key + signature
        output = {"form": form, "room_id": ROOM, "message_id": MESSAGE, "key": key, "signature": signature}
        area.right(name, f"form {form}", {"data": data}, output)
        area.wrong(f"{name}_short", "malformed", "one byte missing", {"data": data[:-1]})
        area.wrong(f"{name}_long", "malformed", "one byte more", {"data": data + b"\0"})
    for form in (0, 5, 0x42, 255):
        area.wrong(f"form_{form}", "malformed", "no form", {"data": u8(form) + head})
    area.wrong("empty", "malformed", "nothing", {"data": b""})
    return area


def vector(data):
    length = len(data)
    return (u8(length) if length < 64 else u16(length | 0x4000) if length < 16_384 else u32(length | 2 << 30)) + data


INIT = u8(1) + u16(6) + vector(seed("kem output", 1120))
REMOVE = u8(1) + u16(3) + u32(7)
DATA = u8(3) + ROOM + MESSAGE + SIGNATURE


def leaf(**changes):
    parts = {
        "encryption_key": vector(seed("encryption key", 1216)),
        "signature_key": vector(KEY),
        "credential": u16(1) + vector(IDENTITY),
        "capabilities": b"".join(vector(u16(kind)) for kind in (1, 0xF04E)) + vector(b"") * 2 + vector(u16(1)),
        "source": u8(3) + vector(seed("parent hash", 48)),
        "extensions": vector(b""),
        "signature": vector(SIGNATURE),
    }
    return b"".join((parts | changes).values())


def message(**changes):
    path_node = vector(seed("path key", 1216)) + vector(vector(seed("kem", 1120)) + vector(seed("sealed", 64)))
    parts = {
        "version": u16(1),
        "wire_format": u16(1),
        "group_id": vector(ROOM),
        "epoch": u64(5),
        "sender": u8(4),
        "data": vector(DATA),
        "content_type": u8(3),
        "proposals": vector(INIT),
        "path": u8(1),
        "leaf": leaf(),
        "nodes": vector(path_node),
        "signature": vector(SIGNATURE),
        "confirmation_tag": vector(seed("tag", 48)),
        "tail": b"",
    }
    return b"".join((parts | changes).values())


def external_commit():
    area = Area("external_commit", "3.13")
    output = {"group_id": ROOM, "epoch": 5, "authenticated_data": DATA, "removed": None}
    output |= {"signature_key": KEY, "identity": IDENTITY, "extensions": []}
    _right_commits(area, output)
    _wrong_commits(area)
    return area


def _right_commits(area, output):
    extension = u16(0xF0C2) + vector(VOUCHER)
    other = u16(0xFFFF) + vector(b"")
    for name, comment, changes, shown in (
        ("join", "one ExternalInit", {}, {}),
        ("replace", "and one Remove", {"proposals": vector(INIT + REMOVE)}, {"removed": 7}),
        ("remove_first", "in any order", {"proposals": vector(REMOVE + INIT)}, {"removed": 7}),
        (
            "voucher",
            "the leaf carries a voucher",
            {"leaf": leaf(extensions=vector(extension))},
            {"extensions": [[0xF0C2, VOUCHER]]},
        ),
        (
            "extensions",
            "which they may be is for the server",
            {"leaf": leaf(extensions=vector(extension + other))},
            {"extensions": [[0xF0C2, VOUCHER], [0xFFFF, b""]]},
        ),
        ("no_nodes", "into a group of nobody", {"nodes": vector(b"")}, {}),
        (
            "identity_other",
            "whose it is the server tells",
            {"leaf": leaf(credential=u16(1) + b"\0")},
            {"identity": b""},
        ),
    ):
        area.right(name, comment, {"data": message(**changes)}, {**output, **shown})


def _wrong_commits(area):
    for name, comment, changes in (
        ("version_2", "another version", {"version": u16(2)}),
        ("private_message", "sealed", {"wire_format": u16(2)}),
        ("member", "a member in the clear", {"sender": u8(1) + u32(0)}),
        ("external_sender", "somebody outside", {"sender": u8(2) + u32(0)}),
        ("new_member_proposal", "a proposal of a newcomer", {"sender": u8(3)}),
        ("content_1", "a message in the clear", {"content_type": u8(1)}),
        ("content_2", "a proposal in the clear", {"content_type": u8(2)}),
        ("proposals_none", "no ExternalInit", {"proposals": vector(b"")}),
        ("proposals_remove", "a Remove alone", {"proposals": vector(REMOVE)}),
        ("proposals_two_inits", "two ExternalInits", {"proposals": vector(INIT * 2)}),
        ("proposals_two_removes", "two Removes", {"proposals": vector(INIT + REMOVE * 2)}),
        ("proposals_reference", "a proposal by reference", {"proposals": vector(INIT + u8(2) + vector(bytes(48)))}),
        ("proposals_psk", "a PSK", {"proposals": vector(INIT + u8(1) + u16(4) + bytes(8))}),
        ("proposals_kind_0", "neither value nor reference", {"proposals": vector(u8(0) + INIT[1:])}),
        ("proposals_cut", "half a Remove", {"proposals": vector(INIT + REMOVE[:-1])}),
        ("path_absent", "no path", {"path": u8(0), "leaf": b"", "nodes": b""}),
        ("path_octet", "an octet that is neither 0 nor 1", {"path": u8(2)}),
        ("leaf_x509", "another credential", {"leaf": leaf(credential=u16(2) + vector(IDENTITY))}),
        ("leaf_key_package", "the leaf of a key package", {"leaf": leaf(source=u8(1) + u64(0) + u64(1))}),
        ("leaf_update", "the leaf of an update", {"leaf": leaf(source=u8(2))}),
        ("leaf_extension_cut", "half an extension", {"leaf": leaf(extensions=vector(u16(0xF0C2)))}),
        ("nodes_cut", "half a node", {"nodes": vector(vector(bytes(32)))}),
        ("ciphertexts_cut", "half a ciphertext", {"nodes": vector(vector(bytes(32)) + vector(vector(bytes(8))))}),
        ("epoch_high", "an epoch above 2^53-1", {"epoch": u64(2**53)}),
        ("group_long_form", "16 in two bytes", {"group_id": u16(0x4000 | 16) + ROOM}),
        ("membership_tag", "the tag of a member", {"tail": vector(bytes(48))}),
        ("trailing", "one byte more", {"tail": b"\0"}),
        ("tag_absent", "no confirmation tag", {"confirmation_tag": b""}),
    ):
        area.wrong(name, "malformed", comment, {"data": message(**changes)})
    area.wrong("cut", "malformed", "one byte missing", {"data": message()[:-1]})
    area.wrong("empty", "malformed", "nothing", {"data": b""})
