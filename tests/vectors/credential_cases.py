"""Cases of leaf identities and root blobs."""

from tests.vectors import bare
from tests.vectors.bare import flip, seed, sha256, u8, u64
from tests.vectors.cases import Area

MALLORY, ROOT, DEVICE = seed("mallory"), seed("root"), seed("device")
ORDER = 2**252 + 27742317777372353535851937790883648493
NOW = 1_760_000_000


def credential():
    area = Area("credential", "4.4")
    device, root = bare.verify_key(DEVICE), bare.verify_key(ROOT)
    names = {
        "user_id": sha256(b"clawchat/1 user\0", root)[:16],
        "device_id": sha256(b"clawchat/1 device\0", device)[:16],
        "kind": 1,
        "root_public": root,
        "not_before": NOW,
        "not_after": NOW + 31_536_000,
    }

    def identity(
        version=1, label=b"clawchat/1 device cert\0", signer=ROOT, signature=None, certified=device, **changed
    ):
        parts = {**names, **changed}
        before = u8(version) + parts["user_id"] + parts["device_id"] + u8(parts["kind"]) + parts["root_public"]
        before += u64(parts["not_before"]) + u64(parts["not_after"])
        return before + (signature or bare.sign(signer, label + before + certified))

    def right(name, comment, **changed):
        area.right(name, comment, {"identity": identity(**changed), "device_public": device}, {**names, **changed})

    def wrong(name, expect, comment, data, device_public=device):
        area.wrong(name, expect, comment, {"identity": data, "device_public": device_public})

    right("human", "a person's device")
    right("agent", "a person's agent", kind=2)
    right("past", "dates are for trust to judge", not_before=0, not_after=1)
    right("for_ever", "the last date there is", not_after=2**53 - 1)
    good = identity()
    mallory = bare.verify_key(MALLORY)
    stranger = sha256(b"clawchat/1 user\0", mallory)[:16]
    late = int.from_bytes(good[-32:], "little") + ORDER
    point = b"\1" + bytes(31)
    for name, expect, comment, data in (
        ("version_0", "unsupported_version", "another version", identity(version=0)),
        ("version_2", "unsupported_version", "another version", identity(version=2)),
        ("kind_0", "malformed", "neither person nor agent", identity(kind=0)),
        ("kind_3", "malformed", "neither person nor agent", identity(kind=3)),
        ("short", "malformed", "145 bytes", good[:-1]),
        ("long", "malformed", "147 bytes", good + b"\0"),
        ("empty", "malformed", "nothing", b""),
        ("date_high", "malformed", "a date above 2^53-1", identity(not_after=2**53)),
        ("user_id_other", "unauthentic", "an id that is not its root's", identity(user_id=seed("user", 16))),
        (
            "user_id_borrowed",
            "unauthentic",
            "another person's id, certified by that person's enemy",
            identity(user_id=names["user_id"], root_public=mallory, signer=MALLORY),
        ),
        ("device_id_other", "unauthentic", "an id that is not its key's", identity(device_id=seed("device", 16))),
        ("signer_other", "unauthentic", "certified by somebody else", identity(signer=MALLORY)),
        ("label", "unauthentic", "a signature made for something else", identity(label=b"clawchat/1 join\0")),
        ("certified_other", "unauthentic", "a certificate for another key", identity(certified=mallory)),
        ("not_after_changed", "unauthentic", "a longer life", flip(good, 80)),
        (
            "kind_changed",
            "unauthentic",
            "an agent passed for a person",
            identity(kind=2)[:33] + u8(1) + identity(kind=2)[34:],
        ),
        ("signature_flipped", "unauthentic", "one bit of the signature", flip(good, -1)),
        ("signature_zero", "unauthentic", "a signature of zeros", identity(signature=bytes(64))),
        (
            "signature_malleable",
            "unauthentic",
            "S + L: the same signature in a second spelling",
            good[:-32] + late.to_bytes(32, "little"),
        ),
        (
            "root_small_order",
            "unauthentic",
            "a root of order 1 for which R = 1, S = 0 fits any message",
            identity(user_id=sha256(b"clawchat/1 user\0", point)[:16], root_public=point, signature=point + bytes(32)),
        ),
        (
            "root_not_canonical",
            "unauthentic",
            "a root in a second spelling",
            identity(
                user_id=sha256(b"clawchat/1 user\0", b"\xed" + b"\xff" * 30 + b"\x7f")[:16],
                root_public=b"\xed" + b"\xff" * 30 + b"\x7f",
            ),
        ),
        ("r_small_order", "unauthentic", "R of order 1", identity(signature=point + good[-32:])),
    ):
        wrong(name, expect, comment, data)
    area.right(
        "stranger",
        "whom to trust is not judged here",
        {"identity": identity(user_id=stranger, root_public=mallory, signer=MALLORY), "device_public": device},
        {**names, "user_id": stranger, "root_public": mallory},
    )
    wrong("for_another_device", "unauthentic", "a good identity under another key", good, mallory)
    _root_blobs(area, names["user_id"])
    return area


def _root_blobs(area, owner):
    recovery = seed("recovery key")
    iv = seed("blob iv", 12)

    def blob(version=1, user=owner, root=ROOT, key=recovery, label=b"clawchat/1 root\0", bound=None):
        wrapping = bare.expand_label(bare.extract(b"clawchat-root", key), "root")
        return u8(version) + user + iv + bare.seal(wrapping, iv, root, label + (bound or user))

    area.right("root_blob", "the root comes out", {"root_blob": blob(), "recovery_key": recovery}, {"root_seed": ROOT})
    for name, expect, comment, data in (
        ("other_key", "unauthentic", "another recovery key", blob(key=seed("other recovery key"))),
        ("other_owner", "unauthentic", "another person's id before it", blob()[:1] + seed("user", 16) + blob()[17:]),
        ("other_root", "unauthentic", "another root than the id says", blob(root=MALLORY)),
        ("unbound", "unauthentic", "sealed for somebody else", blob(bound=seed("user", 16))),
        ("label", "unauthentic", "sealed as something else", blob(label=b"clawchat/1 store\0")),
        ("flipped", "unauthentic", "one bit", flip(blob(), -1)),
        ("version", "unsupported_version", "another version", blob(version=2)),
        ("short", "malformed", "76 bytes", blob()[:-1]),
        ("long", "malformed", "78 bytes", blob() + b"\0"),
        ("empty", "malformed", "nothing", b""),
    ):
        area.wrong(f"root_blob_{name}", expect, comment, {"root_blob": data, "recovery_key": recovery})
