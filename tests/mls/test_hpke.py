"""HPKE's exporter and the KEMs against RFC 9180, the X-Wing draft, and `cryptography`'s own single-shot HPKE."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clawchat.mls.hpke import LabeledKdf, X25519Kem, XWingKem, expand
from clawchat.mls.suite import ROOM_SUITE, X25519_SUITE
from clawchat.protocol.errors import Malformed, Unauthentic, UsageError

XWING = XWingKem()
X25519 = X25519Kem()
# The eight points of small order of Curve25519, and two more spellings of them.
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def test_x25519_derives_as_rfc_9180_a_1():
    """The key pair of appendix A.1.1, from its ikmE."""
    pair = X25519.derive_key_pair(bytes.fromhex("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234"))

    assert pair.secret.hex() == "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"
    assert pair.public.hex() == "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"


def test_x25519_exports_as_rfc_9180_a_1():
    """Appendix A.1.1: the shared secret and an exported value; its suite has the same numbers as ours."""
    secret = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    enc = bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")

    assert X25519.decapsulate(secret, enc).hex() == "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"
    exported = X25519_SUITE.hpke.export_receiver(secret, enc, info, b"TestContext", 32)
    assert exported.hex() == "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931"


def test_xwing_encapsulates_as_the_draft():
    """The draft's combiner and key expansion, written out a second time over the same primitives."""
    seed = bytes(range(32))
    public = XWING.public_key(seed)
    shared, enc = XWING.encapsulate(public)
    expanded = hashlib.shake_256(seed).digest(96)
    mlkem, curve = XWING._keys(seed)

    assert (len(public), len(enc)) == (1216, 1120)
    assert mlkem.private_bytes_raw() == expanded[:64]
    assert curve.private_bytes_raw() == expanded[64:]
    exchanged = curve.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    combined = hashlib.sha3_256(mlkem.decapsulate(enc[:1088]) + exchanged + enc[1088:] + public[1184:])
    combined.update(bytes.fromhex("5c2e2f2f5e5c"))
    assert shared == combined.digest()
    assert XWING.decapsulate(seed, enc) == shared


def test_a_key_pair_of_xwing_is_the_profiles():
    """Seed = SHAKE256(ikm, 32) (protocol.md 4.4)."""
    pair = ROOM_SUITE.derive_key_pair(b"material")

    assert pair.secret == hashlib.shake_256(b"material").digest(32)
    assert pair.public == XWING.public_key(pair.secret)


@pytest.mark.parametrize(("suite", "key_bytes"), [(ROOM_SUITE, 32), (X25519_SUITE, 16)], ids=["room suite", "suite 1"])
def test_what_the_exporter_stands_on_opens_what_cryptography_sealed(suite, key_bytes):
    """Our decapsulation and the schedule of RFC 9180 5.1 lead to the key of `cryptography`'s single-shot HPKE."""
    pair = suite.derive_key_pair(b"material")
    enc, sealed = suite.hpke.seal_base(pair.public, b"info", b"plain")
    kdf = suite.hpke._kdf
    context = b"\0" + kdf.extract(b"", b"psk_id_hash", b"") + kdf.extract(b"", b"info_hash", b"info")
    secret = kdf.extract(suite.hpke.kem.decapsulate(pair.secret, enc), b"secret", b"")
    key = kdf.expand(secret, b"key", context, key_bytes)

    assert AESGCM(key).decrypt(kdf.expand(secret, b"base_nonce", context, 12), sealed, b"") == b"plain"


def test_encapsulation_of_ours_opens_in_cryptography():
    """The other way round: a ciphertext under a secret that we encapsulated, in single-shot form."""
    for suite, key_bytes in ((ROOM_SUITE, 32), (X25519_SUITE, 16)):
        pair = suite.derive_key_pair(b"material")
        shared, enc = suite.hpke.kem.encapsulate(pair.public)
        kdf = suite.hpke._kdf
        context = b"\0" + kdf.extract(b"", b"psk_id_hash", b"") + kdf.extract(b"", b"info_hash", b"info")
        secret = kdf.extract(shared, b"secret", b"")
        key, nonce = (
            kdf.expand(secret, name, context, size) for name, size in ((b"key", key_bytes), (b"base_nonce", 12))
        )
        sealed = AESGCM(key).encrypt(nonce, b"plain", b"")
        assert suite.hpke.open_base(pair.secret, enc, b"info", sealed) == b"plain"


def test_a_damaged_ciphertext_opens_nothing():
    """In the KEM's part as in the AEAD's."""
    pair = ROOM_SUITE.derive_key_pair(b"material")
    enc, sealed = ROOM_SUITE.hpke.seal_base(pair.public, b"", b"plain")
    for given in ((bytes([enc[0] ^ 1]) + enc[1:], sealed), (enc, bytes([sealed[0] ^ 1]) + sealed[1:])):
        with pytest.raises(Unauthentic):
            ROOM_SUITE.hpke.open_base(pair.secret, given[0], b"", given[1])


@pytest.mark.parametrize("place", [0, 1, 2, 575, 1149, 1150, 1151])
def test_a_coefficient_out_of_range_is_refused(place):
    """3,329 and more, in any of the 768 places, low or high half (FIPS 203 7.2)."""
    public = bytearray(XWING.public_key(bytes(32)))
    triple = place - place % 3
    public[triple : triple + 3] = [(0x01, 0x0D, 0x00), (0x00, 0x10, 0xD0), (0xFF, 0xFF, 0xFF)][place % 3]
    for refuse in (
        lambda: XWING.check_public_key(bytes(public)),
        lambda: ROOM_SUITE.check_public_key(bytes(public)),
        lambda: XWING.encapsulate(bytes(public)),
        lambda: ROOM_SUITE.hpke.seal_base(bytes(public), b"", b""),
    ):
        with pytest.raises(Malformed):
            refuse()


def test_the_largest_coefficient_is_taken():
    """3,328 in both halves."""
    public = bytearray(XWING.public_key(bytes(32)))
    public[0:3] = (0x00, 0x0D, 0xD0)
    XWING.check_public_key(bytes(public))


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_point_of_small_order_is_refused(point):
    """As a public key, as the X25519 half of one, and as an ephemeral key."""
    point = bytes.fromhex(point)
    hybrid = XWING.public_key(bytes(32))[:1184] + point
    _, enc = XWING.encapsulate(XWING.public_key(bytes(32)))
    for refuse in (
        lambda: X25519.check_public_key(point),
        lambda: X25519.encapsulate(point),
        lambda: X25519.decapsulate(bytes(32), point),
        lambda: XWING.check_public_key(hybrid),
        lambda: XWING.encapsulate(hybrid),
        lambda: XWING.decapsulate(bytes(32), enc[:1088] + point),
        lambda: X25519_SUITE.hpke.seal_base(point, b"", b""),
        lambda: ROOM_SUITE.hpke.seal_base(hybrid, b"", b""),
        lambda: X25519_SUITE.hpke.export_sender(point, b"", b"", 32),
    ):
        with pytest.raises(Malformed):
            refuse()


@pytest.mark.parametrize(
    ("refuse", "text"),
    [
        (lambda: XWING.check_public_key(bytes(1215)), "X-Wing key of 1215 bytes"),
        (lambda: XWING.load_public(bytes(1217)), "X-Wing key of 1217 bytes"),
        (lambda: XWING.public_key(bytes(31)), "X-Wing seed of 31 bytes"),
        (lambda: XWING.decapsulate(bytes(32), bytes(1119)), "X-Wing ciphertext of 1119 bytes"),
        (lambda: XWING.check_public_key(b"\xff" * 1216), "ML-KEM coefficient out of range"),
        (lambda: X25519.check_public_key(bytes(32)), "X25519 value refused"),
        (lambda: X25519.load_secret(bytes(31)), "KEM key refused"),
        (
            lambda: ROOM_SUITE.hpke.seal_base(XWING.public_key(bytes(32))[:1184] + bytes(32), b"", b""),
            "HPKE public key",
        ),
    ],
)
def test_a_refusal_says_what_was_wrong(refuse, text):
    """Sizes and names, never keys."""
    with pytest.raises(Malformed, match=f"^{text}"):
        refuse()


@pytest.mark.parametrize("size", [0, 31, 33, 1184, 1215, 1217])
def test_a_key_of_another_size_is_refused(size):
    """Public keys, secrets and ciphertexts."""
    wrong = bytes(size)
    for refuse in (
        lambda: XWING.check_public_key(wrong),
        lambda: XWING.encapsulate(wrong),
        lambda: XWING.load_public(wrong),
        lambda: XWING.decapsulate(bytes(32), wrong),
        lambda: XWING.public_key(wrong),
        lambda: XWING.load_secret(wrong),
        lambda: X25519.check_public_key(wrong),
        lambda: X25519.load_secret(wrong),
        lambda: X25519.load_public(wrong),
        lambda: X25519.decapsulate(bytes(32), wrong),
    ):
        with pytest.raises(Malformed):
            refuse()


def test_the_labeled_kdf_is_rfc_9180_4():
    """HPKE-v1, the suite, the label; the length stands before them when it expands."""
    kdf = LabeledKdf("sha256", b"KEM\0\x20")

    assert kdf.extract(b"salt", b"label", b"ikm") == X25519_SUITE.mac(b"salt", b"HPKE-v1KEM\0\x20labelikm")
    info = b"\0\x11HPKE-v1KEM\0\x20labelinfo"
    assert kdf.expand(b"key", b"label", b"info", 17) == X25519_SUITE.mac(b"key", info + b"\1")[:17]


def test_expand_stops_at_a_block():
    """Longer ones would need HKDF's loop, which nothing here asks for."""
    assert len(expand("sha384", b"key", b"", 48)) == 48
    for length in (0, 49):
        with pytest.raises(UsageError):
            expand("sha384", b"key", b"", length)
