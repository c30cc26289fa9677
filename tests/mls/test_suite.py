"""Cipher suites: each function with a label against its definition, written out from RFC 9420 5.1, 5.2, 8 and 9."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clawchat.mls.hpke import Hpke, X25519Kem, XWingKem
from clawchat.mls.suite import ROOM_SUITE, X25519_SUITE, CipherSuite, KeyPair
from clawchat.mls.vector_suites import SKIPPED, SUITES, signer
from clawchat.protocol.errors import Malformed, Unauthentic, UsageError
from clawchat.protocol.primitives import ed25519_verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
SUITES_OF_OURS = [ROOM_SUITE, X25519_SUITE]
HASHES = {ROOM_SUITE: "sha384", X25519_SUITE: "sha256"}

ours = pytest.mark.parametrize("suite", SUITES_OF_OURS, ids=repr)


def expand(suite, secret, info, length):
    """The first block of HKDF-Expand (RFC 5869 2.3)."""
    return hmac.digest(secret, info + b"\1", HASHES[suite])[:length]


def test_the_suites_are_what_the_profile_says():
    """Number and sizes of protocol.md 4.4, and of suite 1."""
    assert (ROOM_SUITE.number, ROOM_SUITE.Nh, ROOM_SUITE.Nk, ROOM_SUITE.Nn) == (0xF04E, 48, 32, 12)
    assert (X25519_SUITE.number, X25519_SUITE.Nh, X25519_SUITE.Nk, X25519_SUITE.Nn) == (1, 32, 16, 12)
    assert ROOM_SUITE.name in repr(ROOM_SUITE)


def test_a_suite_made_again_is_the_same():
    """What the suites are is told by their parts alone: number, KEM, hash, AEAD and signature."""
    parts = ("MLKEM768_X25519", "HKDF_SHA384", "AES_256_GCM")
    again = CipherSuite(0xF04E, "again", Hpke(XWingKem(), parts, "sha384"), "sha384", AESGCM, 32, ed25519_verify)
    pair = ROOM_SUITE.derive_key_pair(b"material")
    sealed = ROOM_SUITE.encrypt_with_label(pair.public, "Welcome", b"", b"plain")
    enc, secret = ROOM_SUITE.hpke.export_sender(pair.public, b"info", b"context", 48)

    assert (again.number, again.name, again.Nh, again.Nk, again.Nn) == (0xF04E, "again", 48, 32, 12)
    assert repr(again) == "CipherSuite(again)"
    assert again.hash(b"abc") == ROOM_SUITE.hash(b"abc")
    assert again.derive_key_pair(b"material") == pair
    assert again.decrypt_with_label(pair.secret, "Welcome", b"", *sealed) == b"plain"
    assert again.hpke.export_receiver(pair.secret, enc, b"info", b"context", 48) == secret
    assert again.seal(bytes(32), bytes(12), b"plain", b"") == ROOM_SUITE.seal(bytes(32), bytes(12), b"plain", b"")
    again.verify(PUBLIC, b"message", KEY.sign(b"message"))
    with pytest.raises(Unauthentic):
        again.verify(PUBLIC, b"massage", KEY.sign(b"message"))


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (("X25519", "HKDF_SHA256", "AES_128_GCM"), "002000010001"),
        (("X25519", "HKDF_SHA256", "CHACHA20_POLY1305"), "002000010003"),
        (("X25519", "HKDF_SHA384", "AES_256_GCM"), "002000020002"),
        (("X25519", "HKDF_SHA512", "AES_256_GCM"), "002000030002"),
    ],
)
def test_hpkes_suite_id_is_rfc_9180_5_1(names, numbers):
    """The numbers of KEM, KDF and AEAD, behind `HPKE`."""
    extracted = Hpke(X25519Kem(), names, "sha256")._kdf.extract(b"", b"label", b"material")
    assert extracted == hmac.digest(b"", b"HPKE-v1HPKE" + bytes.fromhex(numbers) + b"labelmaterial", "sha256")


def test_vectors_have_their_suites_and_x448_is_skipped():
    """All numbers of RFC 9420 17.1, and ours."""
    assert {**SUITES, **SKIPPED}.keys() == {1, 2, 3, 4, 5, 6, 7, 0xF04E}
    assert all(suite.number == number for number, suite in SUITES.items())


@ours
def test_hash_mac_and_extract(suite):
    """The suite's hash, and HMAC of it; the salt is HMAC's key."""
    name = HASHES[suite]

    assert suite.hash(b"abc") == hashlib.new(name, b"abc").digest()
    assert suite.mac(b"key", b"abc") == hmac.digest(b"key", b"abc", name)
    assert suite.extract(b"salt", b"material") == hmac.digest(b"salt", b"material", name)
    assert suite.extract(b"", b"material") == hmac.digest(bytes(suite.Nh), b"material", name)


@ours
def test_a_mac_is_the_whole_mac(suite):
    """Another message, another bit, a part of it and nothing are refused."""
    tag = suite.mac(b"key", b"abc")
    suite.check_mac(b"key", b"abc", tag)
    for message, other in ((b"abd", tag), (b"abc", tag[:-1] + bytes([tag[-1] ^ 1])), (b"abc", tag[:-1]), (b"abc", b"")):
        with pytest.raises(Unauthentic):
            suite.check_mac(b"key", message, other)


@ours
def test_expand_gives_up_to_a_block(suite):
    """MLS never asks for more than Nh bytes, and more or none is a mistake of ours."""
    assert suite.expand(b"secret", b"info", suite.Nh) == expand(suite, b"secret", b"info", suite.Nh)
    assert suite.expand(b"secret", b"info", 1) == expand(suite, b"secret", b"info", 1)
    for length in (0, -1, suite.Nh + 1):
        with pytest.raises(UsageError, match=f"cannot expand to {length} bytes"):
            suite.expand(b"secret", b"info", length)


@ours
def test_expand_with_label(suite):
    """KDFLabel: u16 length, label<V> with its prefix, context<V>."""
    info = (20).to_bytes(2, "big") + b"\x0dMLS 1.0 joint" + b"\4abcd"

    assert suite.expand_with_label(b"secret", "joint", b"abcd", 20) == expand(suite, b"secret", info, 20)


@ours
def test_derive_secret_and_derive_tree_secret(suite):
    """An empty context and Nh bytes; a generation of four bytes."""
    head = suite.Nh.to_bytes(2, "big") + b"\x0dMLS 1.0 label"
    assert suite.derive_secret(b"secret", "label") == expand(suite, b"secret", head + b"\0", suite.Nh)
    head = (12).to_bytes(2, "big") + b"\x0dMLS 1.0 label"
    derived = suite.derive_tree_secret(b"secret", "label", 258, 12)
    assert derived == expand(suite, b"secret", head + b"\4\0\0\1\2", 12)


@ours
def test_ref_hash(suite):
    """RefHashInput: label<V> without a prefix, value<V>."""
    assert suite.ref_hash("label", b"value") == suite.hash(b"\5label\5value")


@ours
def test_sign_with_label(suite):
    """SignContent: label<V> with its prefix, content<V>."""
    signature = suite.sign_with_label(KEY.sign, "LeafNodeTBS", b"content")
    assert signature == KEY.sign(b"\x13MLS 1.0 LeafNodeTBS\7content")
    suite.verify_with_label(PUBLIC, "LeafNodeTBS", b"content", signature)
    suite.verify(PUBLIC, b"\x13MLS 1.0 LeafNodeTBS\7content", signature)


@ours
def test_a_signature_serves_one_label_and_content(suite):
    """Another label, content, key or signature is refused."""
    signature = suite.sign_with_label(KEY.sign, "LeafNodeTBS", b"content")
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    for public, label, content, given in (
        (PUBLIC, "KeyPackageTBS", b"content", signature),
        (PUBLIC, "LeafNodeTBS", b"kontent", signature),
        (stranger, "LeafNodeTBS", b"content", signature),
        (PUBLIC, "LeafNodeTBS", b"content", signature[:-1]),
        (PUBLIC, "LeafNodeTBS", b"content", b""),
        (b"", "LeafNodeTBS", b"content", signature),
    ):
        with pytest.raises(Unauthentic):
            suite.verify_with_label(public, label, content, given)


@ours
@pytest.mark.parametrize(
    "public",
    [
        bytes(32),
        b"\1" + bytes(31),
        bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ],
)
def test_a_key_of_small_order_verifies_nothing(suite, public):
    """R = 0 and S = 0 would pass for every message under some of these (protocol.md 4.4)."""
    for r in (bytes(32), public):
        with pytest.raises(Unauthentic):
            suite.verify(public, b"anything", r + bytes(32))


@ours
def test_seal_and_open(suite):
    """AES-GCM of the key's size, twelve bytes of nonce, the tag behind."""
    key, nonce = bytes(range(suite.Nk)), bytes(12)
    sealed = suite.seal(key, nonce, b"plain", b"data")

    assert sealed == AESGCM(key).encrypt(nonce, b"plain", b"data")
    assert suite.open(key, nonce, sealed, b"data") == b"plain"
    for given, data in ((sealed[:-1], b"data"), (sealed, b"date"), (b"", b"data"), (sealed[:-16], b"data")):
        with pytest.raises(Unauthentic):
            suite.open(key, nonce, given, data)
    with pytest.raises(UsageError, match=f"of 24 bytes, expected {suite.Nk}"):
        suite.seal(bytes(24), nonce, b"plain", b"data")


@ours
def test_encrypt_with_label(suite):
    """EncryptContext is HPKE's info, so another label or context opens nothing."""
    pair = suite.derive_key_pair(bytes(suite.Nh))
    kem_output, sealed = suite.encrypt_with_label(pair.public, "Welcome", b"context", b"plain")

    assert suite.hpke.open_base(pair.secret, kem_output, b"\x0fMLS 1.0 Welcome\7context", sealed) == b"plain"
    assert suite.decrypt_with_label(pair.secret, "Welcome", b"context", kem_output, sealed) == b"plain"
    for label, context, given in (
        ("welcome", b"context", sealed),
        ("Welcome", b"kontext", sealed),
        ("Welcome", b"context", sealed[:-1]),
        ("Welcome", b"context", b""),
    ):
        with pytest.raises(Unauthentic):
            suite.decrypt_with_label(pair.secret, label, context, kem_output, given)
    for short in (kem_output[:-1], kem_output + b"\0", b""):
        with pytest.raises(Malformed, match=f"encapsulated key of {len(short)} bytes"):
            suite.decrypt_with_label(pair.secret, "Welcome", b"context", short, sealed)


@pytest.mark.parametrize("number", [1, 2, 3, 5, 7, 0xF04E])
def test_every_suite_seals_and_exports(number):
    """What is sealed to a derived key opens with it, and both ends of an exporter agree."""
    suite = SUITES[number]
    pair = suite.derive_key_pair(b"material" * 6)
    suite.check_public_key(pair.public)
    kem_output, sealed = suite.encrypt_with_label(pair.public, "Welcome", b"", b"plain")
    assert suite.decrypt_with_label(pair.secret, "Welcome", b"", kem_output, sealed) == b"plain"
    enc, secret = suite.hpke.export_sender(pair.public, b"info", b"context", suite.Nh)
    assert suite.hpke.export_receiver(pair.secret, enc, b"info", b"context", suite.Nh) == secret
    assert suite.hpke.export_receiver(pair.secret, enc, b"info", b"other", suite.Nh) != secret
    assert suite.hpke.export_receiver(pair.secret, enc, b"", b"context", suite.Nh) != secret


@pytest.mark.parametrize("number", [2, 5, 7])
def test_points_that_are_none_are_refused(number):
    """The suites of vectors alone refuse what is not on their curve."""
    suite = SUITES[number]
    public = suite.derive_key_pair(b"material" * 6).public
    signature = signer(suite, b"\1" * 32)(b"message")
    for wrong in (public[:-1], public[:-1] + bytes([public[-1] ^ 1]), b"\0"):
        with pytest.raises(Malformed):
            suite.check_public_key(wrong)
    with pytest.raises(Unauthentic):
        suite.verify(public, b"message", signature)


def test_a_key_pair_shows_no_secret():
    """Neither in a log nor in a traceback."""
    pair = KeyPair(b"\x5a" * 32, b"\x01" * 32)

    assert "5a5a" not in repr(pair)
    assert "ZZ" not in repr(pair)
    assert repr(pair) == "KeyPair(..., 01010101...)"


@pytest.mark.parametrize(("suite", "others"), [(X25519_SUITE, (15, 24, 32)), (ROOM_SUITE, (16, 24, 33))])
def test_key_of_another_length_seals_and_opens_nothing(suite, others):
    """AES takes three lengths; each suite has one of them."""
    sealed = suite.seal(bytes(suite.Nk), bytes(suite.Nn), b"text", b"")
    assert suite.open(bytes(suite.Nk), bytes(suite.Nn), sealed, b"") == b"text"

    for length in others:
        with pytest.raises(UsageError):
            suite.seal(bytes(length), bytes(suite.Nn), b"text", b"")
        with pytest.raises(UsageError):
            suite.open(bytes(length), bytes(suite.Nn), sealed, b"")
