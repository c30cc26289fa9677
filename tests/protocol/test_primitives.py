"""Primitives against the tables of their RFCs; the Wycheproof project's cases are in test_wycheproof.py."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.errors import Malformed, Unauthentic, UsageError
from clawchat.protocol.primitives import (
    aead_key,
    aead_open,
    aead_seal,
    constant_time_equal,
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
    hkdf_expand,
    hkdf_extract,
    hmac_sha256,
    mlkem768_decapsulate,
    mlkem768_encapsulate,
    mlkem768_public,
    new_message_id,
    random_below,
    random_bytes,
    sha256,
    uuid7,
    x25519,
    x25519_public,
)
from tests.protocol.pairs import changed_bytes
from tests.vectors.primitive_cases import ED25519, HKDF, ORDER, SMALL_ORDER, X25519


@pytest.mark.parametrize(("ikm", "salt", "info", "prk", "okm"), HKDF)
def test_hkdf_table(ikm, salt, info, prk, okm):
    """RFC 5869, appendix A."""
    extracted = hkdf_extract(bytes.fromhex(salt), bytes.fromhex(ikm))

    assert extracted.hex() == prk
    assert hkdf_expand(extracted, bytes.fromhex(info), len(okm) // 2).hex() == okm


@pytest.mark.parametrize("length", [1, 8160])
def test_hkdf_gives_one_byte_and_255_blocks(length):
    """The limits themselves."""
    assert len(hkdf_expand(bytes(32), b"", length)) == length


@pytest.mark.parametrize("y", [1, 0, 2**255 - 19, 2**255 - 18], ids=["neutral", "order 4", "0 as P", "1 as P + 1"])
def test_a_key_of_small_order_signs_for_nobody(y):
    """Under such a point anybody can make a signature that the equation holds for, of one message in four or of all."""
    seed = bytes(range(32))
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & (2**254 - 8) | 2**254
    order = 2**252 + 27742317777372353535851937790883648493
    forged = ed25519_public(seed) + (scalar % order).to_bytes(32, "little")
    for message in range(32):
        with pytest.raises(Unauthentic):
            ed25519_verify(y.to_bytes(32, "little"), forged, bytes([message]))


@pytest.mark.parametrize("length", [-1, 0, 8161])
def test_hkdf_gives_255_blocks_at_most(length):
    """Longer output, and none, is our mistake."""
    assert len(hkdf_expand(bytes(32), b"", 8160)) == 8160
    with pytest.raises(UsageError):
        hkdf_expand(bytes(32), b"", length)


@pytest.mark.parametrize(("scalar", "point", "result"), X25519)
def test_x25519_table(scalar, point, result):
    """RFC 7748 5.2 and 6.1."""
    assert x25519(bytes.fromhex(scalar), bytes.fromhex(point)).hex() == result


def test_x25519_a_thousand_times():
    """RFC 7748 5.2: the function applied to its own results."""
    scalar = point = b"\x09" + bytes(31)
    for _ in range(1000):
        scalar, point = x25519(scalar, point), scalar

    assert scalar.hex() == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"


@pytest.mark.parametrize(
    "point",
    [
        "00" * 32,
        "01" + "00" * 31,
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ],
)
def test_x25519_refuses_small_order(point):
    """A value that makes the result known to everybody is refused."""
    with pytest.raises(Malformed):
        x25519(random_bytes(32), bytes.fromhex(point))


def test_x25519_agrees():
    """Both sides come to the same secret."""
    ours, theirs = random_bytes(32), random_bytes(32)

    assert x25519(ours, x25519_public(theirs)) == x25519(theirs, x25519_public(ours))


@pytest.mark.parametrize(("seed", "public", "message", "signature"), ED25519)
def test_ed25519_table(seed, public, message, signature):
    """RFC 8032 7.1: makes, and verifies, the frozen ones."""
    seed, public, message = bytes.fromhex(seed), bytes.fromhex(public), bytes.fromhex(message)

    assert ed25519_public(seed) == public
    assert ed25519_sign(seed, message).hex() == signature
    ed25519_verify(public, bytes.fromhex(signature), message)


def test_ed25519_refuses_every_changed_byte():
    """Key, signature and message are all bound."""
    seed, message = random_bytes(32), b"a message of some length"
    public, signature = ed25519_public(seed), ed25519_sign(seed, message)
    for at, wrong in changed_bytes(signature):
        with pytest.raises(Unauthentic):
            ed25519_verify(public, wrong, message)
            pytest.fail(f"byte {at}")
    for _, wrong in changed_bytes(message):
        with pytest.raises(Unauthentic):
            ed25519_verify(public, signature, wrong)
    for _, wrong in changed_bytes(public):
        with pytest.raises(Unauthentic):
            ed25519_verify(wrong, signature, message)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_ed25519_refuses_small_order(point):
    """Neither as a key nor as R; with S = 0 some would fit any message at all."""
    seed, message = random_bytes(32), b"anything"
    for public, signature in (
        (point, point + bytes(32)),
        (point, ed25519_sign(seed, message)),
        (ed25519_public(seed), point + ed25519_sign(seed, message)[32:]),
    ):
        with pytest.raises(Unauthentic):
            ed25519_verify(public, signature, message)
    # With S = 0 OpenSSL takes about one message in eight (the point's order) as signed by it.
    for number in range(64):
        with pytest.raises(Unauthentic):
            ed25519_verify(point, point + bytes(32), bytes([number]))


def test_ed25519_refuses_a_second_spelling_of_s():
    """S + L would verify where S is not compared with the order."""
    seed = random_bytes(32)
    signature = ed25519_sign(seed, b"m")
    late = int.from_bytes(signature[32:], "little") + ORDER
    with pytest.raises(Unauthentic):
        ed25519_verify(ed25519_public(seed), signature[:32] + late.to_bytes(32, "little"), b"m")


@pytest.mark.parametrize(("public", "signature"), [(0, 64), (31, 64), (33, 64), (32, 0), (32, 63), (32, 65)])
def test_ed25519_refuses_other_sizes(public, signature):
    """Sizes are judged like everything else."""
    with pytest.raises(Unauthentic):
        ed25519_verify(b"\x05" * public, b"\x05" * signature, b"")


def test_mlkem_agrees():
    """Both sides come to the same secret, which differs each time."""
    seed = random_bytes(64)
    shared, ciphertext = mlkem768_encapsulate(mlkem768_public(seed))

    assert (len(shared), len(ciphertext)) == (32, 1088)
    assert mlkem768_decapsulate(seed, ciphertext) == shared
    assert mlkem768_encapsulate(mlkem768_public(seed))[0] != shared


def test_mlkem_gives_another_secret_for_a_changed_ciphertext():
    """Implicit rejection: no error an attacker could see, and no shared secret."""
    seed = random_bytes(64)
    shared, ciphertext = mlkem768_encapsulate(mlkem768_public(seed))

    assert mlkem768_decapsulate(seed, bytes([ciphertext[0] ^ 1]) + ciphertext[1:]) != shared


@pytest.mark.parametrize("size", [0, 1087, 1089])
def test_mlkem_refuses_other_sizes(size):
    """A ciphertext has 1088 bytes."""
    with pytest.raises(Malformed):
        mlkem768_decapsulate(random_bytes(64), bytes(size))


def test_mlkem_refuses_a_key_that_is_none():
    """Coefficients above the modulus are refused."""
    with pytest.raises(Malformed):
        mlkem768_encapsulate(b"\xff" * 1184)


def test_aead_opens_what_it_sealed_and_nothing_changed():
    """Every byte of ciphertext, tag, nonce and associated data is bound."""
    key, nonce, text, data = aead_key(random_bytes(32)), random_bytes(12), b"attack at dawn", b"header"
    sealed = aead_seal(key, nonce, text, data)

    assert aead_open(key, nonce, sealed, data) == text
    assert len(sealed) == len(text) + 16
    for _, wrong in changed_bytes(sealed):
        with pytest.raises(Unauthentic):
            aead_open(key, nonce, wrong, data)
    for _, wrong in changed_bytes(nonce):
        with pytest.raises(Unauthentic):
            aead_open(key, wrong, sealed, data)
    for _, wrong in changed_bytes(data):
        with pytest.raises(Unauthentic):
            aead_open(key, nonce, sealed, wrong)


@pytest.mark.parametrize("length", range(18))
def test_aead_refuses_what_is_cut(length):
    """Shorter than sealed, and shorter than a tag."""
    key, nonce = aead_key(bytes(32)), bytes(12)
    with pytest.raises(Unauthentic):
        aead_open(key, nonce, aead_seal(key, nonce, b"ab", b"")[:length], b"")


@pytest.mark.parametrize("nonce", [0, 11, 13, 16])
def test_aead_takes_one_nonce_size(nonce):
    """Another nonce is our mistake, and so is another key."""
    key = aead_key(bytes(32))
    for use in (aead_seal, aead_open):
        with pytest.raises(UsageError):
            use(key, bytes(nonce), bytes(20), b"")
    with pytest.raises(UsageError):
        aead_key(bytes(nonce))


def test_constant_time_equal_compares():
    """Same bytes, other bytes, other length."""
    assert constant_time_equal(b"abc", b"abc")
    assert not constant_time_equal(b"abc", b"abd")
    assert not constant_time_equal(b"abc", b"ab")


def test_sha256_joins_its_parts():
    """One hash of all parts."""
    assert sha256(b"a", b"bc") == sha256(b"abc")
    assert sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_random_is_not_repeated():
    """Sizes and ranges are kept, and nothing comes twice."""
    assert len({random_bytes(16) for _ in range(100)}) == 100
    assert {random_below(3) for _ in range(200)} == {0, 1, 2}


def test_uuid7_has_its_bits():
    """RFC 9562, the example of appendix A.6."""
    value = uuid7(0x017F22E279B0, bytes.fromhex("0cc318c4dc0c0c07398f"))

    assert value.hex() == "017f22e279b07cc398c4dc0c0c07398f"


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_uuid7_is_marked_and_ordered(now_ms, random10):
    """Version and variant stand where they belong, time comes first."""
    value = uuid7(now_ms, random10)

    assert (value[6] >> 4, value[8] >> 6) == (7, 2)
    assert int.from_bytes(value[:6], "big") == now_ms


@pytest.mark.parametrize(("now_ms", "size"), [(-1, 10), (2**48, 10), (0, 9), (0, 11)])
def test_uuid7_of_anything_else_is_ours_to_avoid(now_ms, size):
    """Times before 1970 and after the year 10889, and other sizes."""
    with pytest.raises(UsageError):
        uuid7(now_ms, bytes(size))


def test_new_message_id_is_fresh():
    """Two ids of one millisecond differ."""
    assert new_message_id(5) != new_message_id(5)
    assert new_message_id(5)[:6] == bytes(5) + b"\x05"


# RFC 4231 4.2, 4.3, 4.7: key, data, HMAC-SHA256.
@pytest.mark.parametrize(
    ("key", "data", "mac"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_hmac_table(key, data, mac):
    """Short keys, and one longer than a block."""
    assert hmac_sha256(key, data).hex() == mac
