"""Primitives against the tables of their RFCs, and against outside cases where they are at hand."""

import json
import os
from pathlib import Path

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

# Wycheproof's cases, where they are at hand: the folder is named by the environment.
OUTSIDE = Path(os.environ.get("WYCHEPROOF_DIR", "nowhere"))
ORDER = 2**252 + 27742317777372353535851937790883648493

# RFC 5869 A.1 to A.3: ikm, salt, info, length, prk, okm.
HKDF_TABLE = [
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        42,
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x00, 0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        82,
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8"
        "367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        42,
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]

# RFC 7748 5.2 and 6.1: scalar, u coordinate, result.
X25519_TABLE = [
    (
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
    (
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ),
    (
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
    ),
]

# RFC 8032 7.1, tests 1 to 3: seed, public key, message, signature.
ED25519_TABLE = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# The points of small order of edwards25519, each in every spelling there is of it.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.mark.parametrize(("ikm", "salt", "info", "length", "prk", "okm"), HKDF_TABLE)
def test_hkdf_table(ikm, salt, info, length, prk, okm):
    """RFC 5869, appendix A."""
    extracted = hkdf_extract(bytes.fromhex(salt), bytes.fromhex(ikm))

    assert extracted.hex() == prk
    assert hkdf_expand(extracted, bytes.fromhex(info), length).hex() == okm


@pytest.mark.parametrize("length", [-1, 0, 8161])
def test_hkdf_gives_255_blocks_at_most(length):
    """Longer output, and none, is our mistake."""
    assert len(hkdf_expand(bytes(32), b"", 8160)) == 8160
    with pytest.raises(UsageError):
        hkdf_expand(bytes(32), b"", length)


@pytest.mark.parametrize(("scalar", "point", "result"), X25519_TABLE)
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


@pytest.mark.parametrize(("seed", "public", "message", "signature"), ED25519_TABLE)
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
    point = bytes.fromhex(point)
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


def _outside(name):
    path = OUTSIDE / f"{name}.json"
    groups = json.loads(path.read_text())["testGroups"] if path.exists() else []
    return [(group, case) for group in groups for case in group["tests"]]


def _accepts(use, *arguments):
    try:
        return use(*arguments)
    except (Malformed, Unauthentic):
        return None


needs_outside = pytest.mark.skipif(
    not OUTSIDE.exists(), reason="outside the repository: WYCHEPROOF_DIR names no such folder"
)


@needs_outside
def test_outside_aes_gcm():
    """256-bit keys, 96-bit nonces, full tags."""
    for group, case in _outside("aes_gcm_test"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        key, iv, data, text, sealed, tag = (bytes.fromhex(case[n]) for n in ("key", "iv", "aad", "msg", "ct", "tag"))
        opened = _accepts(aead_open, aead_key(key), iv, sealed + tag, data)
        assert opened == (text if case["result"] == "valid" else None), case["tcId"]


@needs_outside
def test_outside_ed25519():
    """Every verdict is as given; whatever is of small order we refuse besides."""
    for group, case in _outside("ed25519_test"):
        public, message, signature = (
            bytes.fromhex(part) for part in (group["publicKey"]["pk"], case["msg"], case["sig"])
        )
        accepted = _accepts(lambda *a: ed25519_verify(*a) or True, public, signature, message)
        assert (accepted is True) == (case["result"] == "valid"), case["tcId"]


@needs_outside
def test_outside_hkdf_and_hmac():
    """Derived bytes and full tags."""
    for _, case in _outside("hkdf_sha256_test"):
        if case["result"] == "valid":
            extracted = hkdf_extract(bytes.fromhex(case["salt"]), bytes.fromhex(case["ikm"]))
            assert hkdf_expand(extracted, bytes.fromhex(case["info"]), case["size"]).hex() == case["okm"], case["tcId"]
    for group, case in _outside("hmac_sha256_test"):
        if group["tagSize"] == 256:
            made = hmac_sha256(bytes.fromhex(case["key"]), bytes.fromhex(case["msg"])).hex()
            assert (made == case["tag"]) == (case["result"] == "valid"), case["tcId"]


@needs_outside
def test_outside_x25519():
    """Results are as given; results of zero are refused."""
    for _, case in _outside("x25519_test"):
        shared = _accepts(x25519, bytes.fromhex(case["private"]), bytes.fromhex(case["public"]))
        expected = None if set(case["shared"]) == {"0"} else bytes.fromhex(case["shared"])
        assert shared == expected, case["tcId"]


@needs_outside
def test_outside_mlkem():
    """Decapsulation is as given, for seeds and ciphertexts of the right size."""
    for _, case in _outside("mlkem_768"):
        if "c" not in case or len(case.get("seed", "")) != 128:
            continue
        shared = _accepts(mlkem768_decapsulate, bytes.fromhex(case["seed"]), bytes.fromhex(case["c"]))
        assert shared == (bytes.fromhex(case["K"]) if case["result"] == "valid" else None), case["tcId"]
