"""The worked example of docs/protocol.md 3.20, calculated again with nothing but primitives, from one of the vectors.

`python -m tests.protocol.test_worked_example` prints the block that stands there.
"""

import hashlib
import hmac
import json
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/protocol.md"
CASE = ROOT / "tests/vectors/handshake/auth_ok_suite_1.json"
WIDTH = 96


def sha256(*parts: bytes) -> bytes:
    """H."""
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256, which is Extract as well."""
    return hmac.digest(key, data, "sha256")


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 2.3."""
    return HKDFExpand(SHA256(), length, info).derive(prk)


def xl(key: bytes, label: str, context: bytes = b"", length: int = 32) -> bytes:
    """3.1."""
    full = b"clawchat/1 " + label.encode()
    return expand(key, length.to_bytes(2, "big") + bytes([len(full)]) + full + bytes([len(context)]) + context, length)


def public(seed: str) -> bytes:
    """Ed25519."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw()


def steps() -> dict[str, bytes]:
    """Every value of the handshake in the order in which it is made, by its name on the page."""
    given = json.loads(CASE.read_text())["input"]
    keys = given["keys"]
    h2, auth_ok = (bytes.fromhex(given[name]) for name in ("H2", "AUTH_OK"))
    made: dict[str, bytes] = {
        "discovery secret": bytes.fromhex(keys["discovery_secret"]),
        "server_public": public(keys["server_identity_seed"]),
        "device_public": public(keys["device_seed"]),
        "psk_id": bytes.fromhex(keys["psk_id"]),
        "PSK": bytes.fromhex(keys["psk"]),
        "client_eph, private": bytes.fromhex(keys["client_eph_private"]),
        "server_eph, private": bytes.fromhex(keys["server_eph_private"]),
    }
    made["gate_key"] = xl(mac(b"clawchat-gate", made["discovery secret"]), "gate")
    client = X25519PrivateKey.from_private_bytes(made["client_eph, private"])
    client_eph, server_eph = client.public_key().public_bytes_raw(), h2[56:88]
    # One version, one suite, no ML-KEM key, no extensions.
    body = bytes.fromhex("01000100" + keys["client_random"] + "010001") + client_eph + bytes(4)
    made["gate"] = mac(made["gate_key"], sha256(made["server_public"]) + body)[:16]
    h1 = made["H1"] = b"\x48\x01" + (len(body) + 16).to_bytes(2, "big") + body + made["gate"]

    server = X25519PrivateKey.from_private_bytes(made["server_eph, private"])
    made["ss"] = server.exchange(X25519PublicKey.from_public_bytes(client_eph))
    made["th2"] = sha256(h1, h2[:90])
    made["HS"] = mac(made["th2"], made["ss"])
    for side in "sc":
        made[f"k_hs_{side}"] = xl(made["HS"], f"{side} hs key", made["th2"])
        made[f"iv_hs_{side}"] = xl(made["HS"], f"{side} hs iv", made["th2"], 12)
    made["H2"] = h2
    opened = AESGCM(made["k_hs_s"]).decrypt(made["iv_hs_s"], h2[92:], made["th2"])
    made["H2, opened"] = opened
    identity = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(keys["server_identity_seed"]))
    signed = b"clawchat/1 server signature\0" + sha256(made["th2"], opened[:-64])
    assert identity.sign(signed) == opened[-64:]

    made["th3"] = sha256(h1, h2)
    made["MS"] = mac(made["HS"], made["PSK"])
    proof = made["psk_id"] + made["device_public"] + keys["client_time_ms"].to_bytes(8, "big") + bytes(2)
    made["binder"] = mac(xl(made["MS"], "psk binder", made["th3"]), sha256(made["th3"], proof))
    proof += made["binder"]
    device = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(keys["device_seed"]))
    proof += device.sign(b"clawchat/1 client signature\0" + sha256(made["th3"], proof))
    made["H3, opened"] = proof
    sealed = AESGCM(made["k_hs_c"]).encrypt(made["iv_hs_c"], proof, made["th3"])
    h3 = made["H3"] = b"\x48\x03" + len(sealed).to_bytes(2, "big") + sealed

    made["th4"] = sha256(h1, h2, h3)
    made["IKM0"] = xl(made["MS"], "session ikm", made["th4"])
    four = expand(mac(sha256(server_eph, client_eph), made["IKM0"]), b"ClawChat v1.0 Session Keys", 128)
    for index, name in enumerate(("encryption_key", "mac_key", "iv_key", "next_key_seed")):
        made[name] = four[32 * index : 32 * index + 32]
    made["key_s2c"] = xl(made["encryption_key"], "s2c key")
    made["iv_s2c"] = xl(made["iv_key"], "s2c iv", b"", 12)
    made["key_c2s"] = xl(made["encryption_key"], "c2s key")
    made["iv_c2s"] = xl(made["iv_key"], "c2s iv", b"", 12)
    made["fin_s"] = xl(made["mac_key"], "s finished", made["th4"])
    made["exporter"] = xl(made["mac_key"], "exporter", made["th4"])
    made["AUTH_OK"] = auth_ok
    associated = b"CCF1" + h2[40:56] + b"\1" + bytes(4) + bytes(8) + auth_ok[:38]
    made["AAD of AUTH_OK"] = associated
    plain = AESGCM(made["key_s2c"]).decrypt(auth_ok[26:38], auth_ok[38:], associated)
    made["AUTH_OK, opened"] = plain
    assert auth_ok[26:38] == made["iv_s2c"], "counter 0"
    assert plain[:33] == mac(made["fin_s"], made["th4"]) + b"\x80" and not any(plain[33:])
    return made


def block() -> str:
    """The example as it stands on the page: a name, its bytes in hex, long ones in lines of 48 bytes."""
    lines = []
    for name, value in steps().items():
        text = value.hex()
        head, *more = [text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
        lines += [f"{name:20} {head}", *(" " * 21 + line for line in more)]
    return "\n".join(lines)


def test_the_example_of_the_page_is_what_primitives_give():
    """Not a byte on the page is another one."""
    section = PAGE.read_text("utf-8").partition("\n### 3.20 ")[2].partition("\n## ")[0]
    found = re.search(r"```\n(.*?)\n```", section, re.DOTALL)

    assert found, "no block in 3.20"
    assert found[1] == block()


def test_the_vector_is_judged_as_right():
    """The example is one that both languages take."""
    assert json.loads(CASE.read_text())["expect"] == "ok"


if __name__ == "__main__":
    print(block())
