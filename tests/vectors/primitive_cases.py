"""The tables of RFC 4231, 5869, 7748 and 8032, and what must be refused although some libraries take it.

Spec: 3.1, 4.4
"""

import hashlib

from tests.vectors.cases import Area

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
# The points of small order of edwards25519 in every spelling: y and the sign of x.
SMALL_ORDER = [
    (y | sign << 255).to_bytes(32, "little") for y in (0, 1, P - 1, P, P + 1, _Y8, P - _Y8) for sign in (0, 1)
]
# u coordinates whose product with any scalar is zero (RFC 7748 6.1), and other spellings of them.
_U8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
_U8_OTHER = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"
ZERO_PRODUCTS = [
    *((value).to_bytes(32, "little") for value in (0, 1, P - 1, P, P + 1)),
    bytes.fromhex(_U8),
    bytes.fromhex(_U8_OTHER),
]

HMAC = [
    ("0b" * 20, "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, "dd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
]
HKDF = [
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x00, 0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8"
        "367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]
X25519 = [
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
ED25519 = [
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
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


def primitives():
    """Right: the tables. Wrong: products of zero, keys out of range, signatures that 4.4 refuses."""
    area = Area("primitives", "3.1")
    for index, (key, data, mac) in enumerate(HMAC, 1):
        area.right(f"hmac_{index}", "RFC 4231 4", {"does": "hmac", "key": key, "data": data}, {"mac": mac})
    for index, (ikm, salt, info, prk, okm) in enumerate(HKDF, 1):
        given = {"does": "hkdf", "ikm": ikm, "salt": salt, "info": info, "length": len(okm) // 2}
        area.right(f"hkdf_{index}", "RFC 5869 A", given, {"prk": prk, "okm": okm})
    for name, length in (("hkdf_nothing", 0), ("hkdf_too_long", 8161)):
        given = {"does": "hkdf", "ikm": "00", "salt": "", "info": "", "length": length}
        area.wrong(name, "usage", "1 to 8,160 bytes (RFC 5869 2.3)", given)
    _exchanges(area)
    _signatures(area)
    _encapsulation_keys(area)
    return area


def _exchanges(area):
    for index, (secret, public, shared) in enumerate(X25519, 1):
        given = {"does": "x25519", "secret": secret, "public": public}
        area.right(f"x25519_{index}", "RFC 7748 5.2, 6.1", given, {"shared": shared})
    for index, public in enumerate(ZERO_PRODUCTS, 1):
        given = {"does": "x25519", "secret": X25519[0][0], "public": public}
        area.wrong(f"x25519_zero_{index}", "malformed", "the result would be known to everybody (fix 26)", given)


def _signatures(area):
    for index, (secret, public, message, signature) in enumerate(ED25519, 1):
        given = {"does": "ed25519", "public": public, "message": message, "signature": signature}
        area.right(
            f"ed25519_{index}", "RFC 8032 7.1", {**given, "seed": secret}, {"public": public, "signed": signature}
        )
    secret, public, message, signature = (bytes.fromhex(part) for part in ED25519[2])

    def wrong(name, comment, key, text, value):
        area.wrong(
            name, "unauthentic", comment, {"does": "ed25519", "public": key, "message": text, "signature": value}
        )

    late = int.from_bytes(signature[32:], "little") + ORDER
    wrong("ed25519_late_s", "S is below the order", public, message, signature[:32] + late.to_bytes(32, "little"))
    neutral = (1).to_bytes(32, "little")
    clamped = int.from_bytes(hashlib.sha512(secret).digest()[:32], "little") & ~7 & (1 << 254) - 1 | 1 << 254
    k = int.from_bytes(hashlib.sha512(neutral + public + message).digest(), "little") % ORDER
    s = (k * clamped % ORDER).to_bytes(32, "little")
    wrong(
        "ed25519_r_zero", "R is not the neutral element, though the equation holds (4.4)", public, message, neutral + s
    )
    for index, point in enumerate(SMALL_ORDER, 1):
        wrong(f"ed25519_small_key_{index}", "a key of small order signs nothing (4.4)", point, message, signature)
        # With S = 0 such a key fits about one message in eight: one of these eight is enough for some libraries.
        for text in range(8):
            name = f"ed25519_small_key_{index}_fits_{text}"
            wrong(name, "key and R of small order, S = 0 (4.4)", point, bytes([text]), point + bytes(32))
        wrong(f"ed25519_small_r_{index}", "R of small order (4.4)", public, message, point + signature[32:])
    for name, length in (("short", 63), ("long", 65), ("empty", 0)):
        wrong(f"ed25519_{name}", "a signature has 64 bytes", public, message, (signature + b"\0")[:length])


def _encapsulation_keys(area):
    # Coefficients are twelve bits each, little endian; the modulus is 3,329.
    for name, key, comment in (
        ("modulus", (3329).to_bytes(2, "little") + bytes(1182), "a coefficient equals the modulus"),
        ("largest", b"\xff" * 1184, "every coefficient is out of range"),
        ("last", bytes(1149) + b"\x00\x10\xd0" + bytes(32), "the last coefficient equals the modulus"),
    ):
        area.wrong(f"mlkem_{name}", "malformed", f"{comment} (FIPS 203 7.2)", {"does": "mlkem", "public": key})
