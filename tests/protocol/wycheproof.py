"""What `cryptography` and our primitives make of a case of the Wycheproof project, and of our own hard ones.

A verdict is the result in hex, or "refused"; the twin is tests/js/wycheproof_engines.js.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hmac as library_hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clawchat.protocol import primitives
from clawchat.protocol.errors import ClawChatError
from clawchat.protocol.keys import DecapsulationKey, EncapsulationKey

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("WYCHEPROOF_DIR", ROOT.parent / "shared/vectors/wycheproof"))
OUTSIDE = "outside the repository: WYCHEPROOF_DIR names no such folder"
FILES = ("aes_gcm_test", "ed25519_test", "hkdf_sha256_test", "hmac_sha256_test", "mlkem_768", "x25519_test")
REFUSED = "refused"
TRUE = b"\1"
HEX = frozenset(
    ["key", "iv", "aad", "msg", "ct", "tag", "sig", "pk", "ikm", "salt", "info", "seed", "ek", "c", "public", "private"]
)

Case = dict[str, Any]


def cases(file: str) -> dict[str, Any]:
    """The project's file."""
    return json.loads((FOLDER / f"{file}.json").read_text())


def takes(file: str, group: dict[str, Any]) -> bool:
    """Whether our use of the algorithm can have these cases: a key of 256 bits, a nonce of 96, a whole tag."""
    if file == "aes_gcm_test":
        return (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)
    return file != "hmac_sha256_test" or group["tagSize"] == 256


def _fits(fitting: bool) -> bytes:
    if not fitting:
        raise ValueError(REFUSED)
    return TRUE


def _our_signature(given: Case) -> bytes:
    primitives.ed25519_verify(given["pk"], given["sig"], given["msg"])
    return TRUE


def _our_kem(given: Case) -> bytes:
    key = DecapsulationKey.from_bytes(given["seed"])
    if "ek" in given:
        EncapsulationKey.from_bytes(given["ek"]).encapsulate()
    return key.decapsulate(given["c"])


def _library_signature(given: Case) -> bytes:
    Ed25519PublicKey.from_public_bytes(given["pk"]).verify(given["sig"], given["msg"])
    return TRUE


def _library_mac(given: Case) -> bytes:
    mac = library_hmac.HMAC(given["key"], SHA256())
    mac.update(given["msg"])
    mac.verify(given["tag"])
    return TRUE


def _library_kem(given: Case) -> bytes:
    if "ek" in given:
        MLKEM768PublicKey.from_public_bytes(given["ek"]).encapsulate()
    return MLKEM768PrivateKey.from_seed_bytes(given["seed"]).decapsulate(given["c"])


ENGINES: dict[str, dict[str, Callable[[Case], bytes]]] = {
    "ours": {
        "aes_gcm_test": lambda given: primitives.aead_open(
            primitives.aead_key(given["key"]), given["iv"], given["ct"] + given["tag"], given["aad"]
        ),
        "ed25519_test": _our_signature,
        "hkdf_sha256_test": lambda given: primitives.hkdf_expand(
            primitives.hkdf_extract(given["salt"], given["ikm"]), given["info"], given["size"]
        ),
        "hmac_sha256_test": lambda given: _fits(
            primitives.constant_time_equal(primitives.hmac_sha256(given["key"], given["msg"]), given["tag"])
        ),
        "mlkem_768": _our_kem,
        "x25519_test": lambda given: primitives.x25519(given["private"], given["public"]),
    },
    "cryptography": {
        "aes_gcm_test": lambda given: AESGCM(given["key"]).decrypt(
            given["iv"], given["ct"] + given["tag"], given["aad"]
        ),
        "ed25519_test": _library_signature,
        "hkdf_sha256_test": lambda given: HKDF(SHA256(), given["size"], given["salt"], given["info"]).derive(
            given["ikm"]
        ),
        "hmac_sha256_test": _library_mac,
        "mlkem_768": _library_kem,
        "x25519_test": lambda given: X25519PrivateKey.from_private_bytes(given["private"]).exchange(
            X25519PublicKey.from_public_bytes(given["public"])
        ),
    },
}


def judge(engine: str, file: str, content: dict[str, Any]) -> dict[str, str]:
    """Verdicts of one engine on a file of cases, by their number."""
    verdicts = {}
    for group in content["testGroups"]:
        if not takes(file, group):
            continue
        for case in group["tests"]:
            whole = {"pk": group.get("publicKey", {}).get("pk", ""), **case}
            given = {name: bytes.fromhex(value) if name in HEX else value for name, value in whole.items()}
            try:
                verdicts[str(case["tcId"])] = ENGINES[engine][file](given).hex()
            except (ClawChatError, InvalidSignature, InvalidTag, ValueError):
                verdicts[str(case["tcId"])] = REFUSED
    return verdicts


def expected(file: str, case: Case) -> str:
    """What the project's file says of a case; a result of zero is refused where it leaves that to the library."""
    if case["result"] == "acceptable":
        return case["shared"] if case["shared"].strip("0") else REFUSED
    if case["result"] == "invalid":
        return REFUSED
    made = {"aes_gcm_test": "msg", "hkdf_sha256_test": "okm", "mlkem_768": "K", "x25519_test": "shared"}
    return case[made[file]] if file in made else TRUE.hex()


# Ours: what the libraries judge differently, and what they must not. Spec: 4.4

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
# The eight points of small order, and their second spellings: y, sign of x.
SMALL = [(1, 0), (P - 1, 0), (0, 0), (0, 1), (_Y8, 0), (_Y8, 1), (P - _Y8, 0), (P - _Y8, 1)]
SPELLINGS = [*SMALL, (1, 1), (P - 1, 1), (P, 0), (P, 1), (P + 1, 0), (P + 1, 1)]


def hard_signatures() -> dict[str, Any]:
    """Ed25519 where r = 0, where key or R is of small order or in a second spelling, where S is not below the order."""
    seed = bytes(range(32))
    public = primitives.ed25519_public(seed)
    scalar = _clamped(hashlib.sha512(seed).digest()[:32])
    tests: list[Case] = []

    def add(comment: str, pk: bytes, sig: bytes, msg: bytes, result: str = "invalid") -> None:
        number = len(tests) + 1
        case = {"tcId": number, "comment": comment, "pk": pk.hex(), "sig": sig.hex(), "msg": msg.hex()}
        tests.append({**case, "result": result, "flags": [comment]})

    for index in range(4):
        message = b"message %d" % index
        signature = primitives.ed25519_sign(seed, message)
        add("right", public, signature, message, "valid")
        late = int.from_bytes(signature[32:], "little") + ORDER
        add("S + L", public, signature[:32] + late.to_bytes(32, "little"), message)
        # R is the neutral element: S = k a fits the equation, and who signs so gives nothing away but a weak nonce.
        r_zero = (1).to_bytes(32, "little")
        k = int.from_bytes(hashlib.sha512(r_zero + public + message).digest(), "little") % ORDER
        add("r = 0", public, r_zero + (k * scalar % ORDER).to_bytes(32, "little"), message)
    signature = primitives.ed25519_sign(seed, b"anything")
    for y, sign in SPELLINGS:
        point = (y | sign << 255).to_bytes(32, "little")
        add("R of small order", public, point + signature[32:], b"anything")
        add("key of small order, R of another", point, signature, b"anything")
        for index in range(16):
            # With S = 0 such a key fits about one message in eight.
            add("key and R of small order, S = 0", point, point + bytes(32), bytes([index]))
    return {"testGroups": [{"tests": tests}]}


def _clamped(raw: bytes) -> int:
    value = int.from_bytes(raw, "little")
    return value & ~7 & (1 << 254) - 1 | 1 << 254
