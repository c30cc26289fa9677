"""The protocol once more, from bare primitives and without our code, so that cases are not made by what they test.

Everything can be made wrong: each builder takes the part that is to be wrong as an argument.
"""

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = Path(__file__).parent


def seed(name, size=32):
    """Bytes that look random and are always the same."""
    return hashlib.shake_256(b"clawchat case " + name.encode()).digest(size)


def u8(value):
    return value.to_bytes(1, "big")


def u16(value):
    return value.to_bytes(2, "big")


def u32(value):
    return value.to_bytes(4, "big")


def u64(value):
    return value.to_bytes(8, "big")


def v16(data):
    return u16(len(data)) + data


def tlvs(*pairs):
    """TLVs in the order given, which may be wrong."""
    return b"".join(u16(kind) + v16(data) for kind, data in pairs)


class Written(bytes):
    """CBOR that is put where a value belongs as it is, right or wrong."""


def cbor(value):
    """Deterministic CBOR; maps are dictionaries, whose keys are sorted here."""
    if isinstance(value, Written):
        return value
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return cbor_head(0, value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b"".join(map(cbor, value))
    pairs = sorted((cbor(name), cbor(item)) for name, item in value.items())
    return cbor_head(5, len(pairs)) + b"".join(name + item for name, item in pairs)


def cbor_head(kind, value):
    """A major type and its number, as short as it may be."""
    if value < 24:
        return u8(kind << 5 | value)
    size = next(size for size in (1, 2, 4, 8) if value < 1 << 8 * size)
    return u8(kind << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size]) + value.to_bytes(size, "big")


def base64(data):
    return b64encode(data).decode()


def base64url(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hmac_sha256(key, message):
    return hmac.digest(key, message, "sha256")


def extract(salt, key_material):
    return hmac.digest(salt, key_material, "sha256")


def expand(key, info, length):
    result = block = b""
    count = 0
    while len(result) < length:
        count += 1
        block = hmac.digest(key, block + info + u8(count), "sha256")
        result += block
    return result[:length]


def expand_label(key, label, context=b"", length=32):
    full = b"clawchat/1 " + label.encode()
    return expand(key, u16(length) + u8(len(full)) + full + u8(len(context)) + context, length)


def derive_session_keys(dh_secret, server_public, client_public):
    keys = expand(extract(sha256(server_public, client_public), dh_secret), b"ClawChat v1.0 Session Keys", 128)
    names = ("encryption_key", "mac_key", "iv_key", "next_key_seed")
    return {name: keys[32 * at : 32 * at + 32] for at, name in enumerate(names)}


def sign(signer_seed, message):
    return Ed25519PrivateKey.from_private_bytes(signer_seed).sign(message)


def verify_key(signer_seed):
    return Ed25519PrivateKey.from_private_bytes(signer_seed).public_key().public_bytes_raw()


def exchange_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def exchange(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


def encapsulation_key(mlkem_seed):
    return MLKEM768PrivateKey.from_seed_bytes(mlkem_seed).public_key().public_bytes_raw()


def encapsulate(mlkem_seed):
    """A ciphertext for this seed, another one each time."""
    return MLKEM768PrivateKey.from_seed_bytes(mlkem_seed).public_key().encapsulate()[1]


def decapsulate(mlkem_seed, ciphertext):
    return MLKEM768PrivateKey.from_seed_bytes(mlkem_seed).decapsulate(ciphertext)


def seal(key, iv, plaintext, associated_data):
    return AESGCM(key).encrypt(iv, plaintext, associated_data)


def gate_key(discovery_secret):
    return expand_label(extract(b"clawchat-gate", discovery_secret), "gate")


def file_key(secret):
    return extract(b"clawchat-connection-file", secret)


def kid_of(secret):
    return sha256(b"kid", file_key(secret))[:8]


def published(label, inner, iv, *, secret, signer, timestamp, wraps=b"", kid=None):
    """The members of a published file or list around an inner JSON text."""
    sealed = seal(file_key(secret), iv, inner.encode("utf-8", "surrogatepass"), b"")
    body, tag = sealed[:-16], sealed[-16:]
    kid = kid_of(secret) if kid is None else kid
    return {
        "v": 2,
        "kid": kid.hex(),
        "iv": base64(iv),
        "ciphertext": base64(body),
        "tag": base64(tag),
        "algorithm": "aes-256-gcm",
        "timestamp": timestamp,
        "sig": base64(sign(signer, label + kid + iv + u32(len(body)) + body + tag + sha256(wraps))),
    }


def record(kind, body, magic=0x48):
    return u8(magic) + u8(kind) + v16(body)


# What both sides of the handshake cases hold. The ciphertext was made once for this seed: encapsulation is random.
KEYS = {
    "discovery_secret": seed("discovery secret"),
    "psk": seed("psk"),
    "psk_id": seed("psk id", 16),
    "server_identity_seed": seed("server identity"),
    "device_seed": seed("device"),
    "client_eph_private": seed("client ephemeral"),
    "server_eph_private": seed("server ephemeral"),
    "mlkem_seed": seed("ml-kem", 64),
    "mlkem_ciphertext": bytes.fromhex((HERE / "mlkem_ciphertext.hex").read_text()),
    "client_random": seed("client random"),
    "server_random": seed("server random"),
    "session_id": seed("session id", 16),
    "suites": [2],
    "server_id": "cc-550e8400-e29b-81d4-a716-446655440000",
    "params": b"",
    "client_name": "",
    "client_time_ms": 1_760_000_000_000,
    "server_time_ms": 1_760_000_000_250,
}


def hello(
    keys, *, versions=(0x0100, 0x0100), suites=None, count=None, eph=None, mlkem=None, extensions=b"", tail=b"", kind=1
):
    """H1."""
    suites = keys["suites"] if suites is None else suites
    body = u16(versions[0]) + u16(versions[1]) + keys["client_random"]
    body += u8(len(suites) if count is None else count) + b"".join(u16(suite) for suite in suites)
    body += exchange_public(keys["client_eph_private"]) if eph is None else eph
    if mlkem is None:
        mlkem = encapsulation_key(keys["mlkem_seed"]) if 2 in suites else b""
    body += v16(mlkem) + v16(extensions) + tail
    server_public = verify_key(keys["server_identity_seed"])
    gate = hmac.digest(gate_key(keys["discovery_secret"]), sha256(server_public) + body, "sha256")[:16]
    return record(kind, body + gate)


def handshake_secrets(keys, first, clear):
    """th2 and the keys that seal H2 and H3."""
    in_suite_1 = clear[6:8] == u16(1)
    shared = b"" if in_suite_1 else decapsulate(keys["mlkem_seed"], keys["mlkem_ciphertext"])
    shared += exchange(keys["server_eph_private"], exchange_public(keys["client_eph_private"]))
    th2 = sha256(first, clear)
    secret = extract(th2, shared)
    sealing = [
        (expand_label(secret, f"{side} hs key", th2), expand_label(secret, f"{side} hs iv", th2, 12)) for side in "sc"
    ]
    return th2, secret, sealing


def server_hello(
    keys,
    first,
    *,
    version=0x0100,
    suite=2,
    eph=None,
    ciphertext=None,
    server_public=None,
    signer=None,
    label=b"clawchat/1 server signature\0",
    server_id=None,
    signed_th2=None,
    inner_tail=b"",
    tail=b"",
):
    """H2, and the clear part th2 covers."""
    public = verify_key(keys["server_identity_seed"]) if server_public is None else server_public
    name = keys["server_id"].encode() if server_id is None else server_id
    plain = public + u64(keys["server_time_ms"]) + v16(name) + v16(keys["params"])
    body = u16(version) + u16(suite) + keys["server_random"] + keys["session_id"]
    body += exchange_public(keys["server_eph_private"]) if eph is None else eph
    if ciphertext is None:
        ciphertext = b"" if suite == 1 else keys["mlkem_ciphertext"]
    body += v16(ciphertext)
    total = len(body) + 2 + len(plain) + 64 + len(inner_tail) + 16 + len(tail)
    clear = b"\x48\x02" + u16(total) + body
    th2, _, sealing = handshake_secrets(keys, first, clear)
    signed = label + sha256(th2 if signed_th2 is None else signed_th2, plain)
    signature = sign(keys["server_identity_seed"] if signer is None else signer, signed)
    return clear + v16(seal(*sealing[0], plain + signature + inner_tail, th2)) + tail


def clear_part(second):
    """H2 from its first byte through the ML-KEM ciphertext."""
    return second[: 88 + 2 + int.from_bytes(second[88:90], "big")]


def client_auth(
    keys,
    first,
    second,
    *,
    psk=None,
    psk_id=None,
    device_public=None,
    signer=None,
    label=b"clawchat/1 client signature\0",
    params=None,
    sealed_by=1,
    th3=None,
    inner_tail=b"",
    tail=b"",
):
    """H3."""
    _, secret, sealing = handshake_secrets(keys, first, clear_part(second))
    th3 = sha256(first, second) if th3 is None else th3
    if params is None:
        params = tlvs((1, keys["client_name"].encode())) if keys["client_name"] else b""
    plain = (psk_id or keys["psk_id"]) + (device_public or verify_key(keys["device_seed"]))
    plain += u64(keys["client_time_ms"]) + v16(params)
    binder_key = expand_label(extract(secret, psk or keys["psk"]), "psk binder", th3)
    plain += hmac.digest(binder_key, sha256(th3, plain), "sha256")
    plain += sign(signer or keys["device_seed"], label + sha256(th3, plain))
    return record(3, seal(*sealing[sealed_by], plain + inner_tail, th3) + tail)


def epoch(keys, first, second, third, psk=None):
    """th4 and everything derived for epoch 0."""
    _, secret, _ = handshake_secrets(keys, first, clear_part(second))
    th4 = sha256(first, second, third)
    material = expand_label(extract(secret, psk or keys["psk"]), "session ikm", th4)
    server_public, client_public = (exchange_public(keys[f"{side}_eph_private"]) for side in ("server", "client"))
    session = derive_session_keys(material, server_public, client_public)
    return {
        "th4": th4,
        "session_keys": session,
        **{name: expand_label(session["encryption_key"], f"{name} key") for name in ("c2s", "s2c")},
        **{f"{name} iv": expand_label(session["iv_key"], f"{name} iv", b"", 12) for name in ("c2s", "s2c")},
        "finished": expand_label(session["mac_key"], "s finished", th4),
        "exporter": expand_label(session["mac_key"], "exporter", th4),
    }


def pad(payload):
    needed = len(payload) + 1
    step = 64 if needed <= 1024 else 1024 if needed <= 16_384 else 16_384
    return (payload + b"\x80").ljust(-(-needed // step) * step, b"\0")


def frame(
    key, iv, session_id, direction, epoch_number, counter, kind, plain, message_id=None, timestamp_ms=None, version=1
):
    """A data frame around a plaintext that already has its padding, right or wrong."""
    nonce = (int.from_bytes(iv, "big") ^ counter).to_bytes(12, "big")
    header = u8(version) + (message_id or seed("message id", 16))
    header += u64(1_760_000_000_123 if timestamp_ms is None else timestamp_ms) + u8(kind)
    aad = b"CCF1" + session_id + u8(direction) + u32(epoch_number) + u64(counter) + header + nonce
    return header + nonce + seal(key, nonce, plain, aad)


def dumps(value):
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def flip(data, at, bit=1):
    """The data with one bit of byte `at` changed."""
    changed = bytearray(data)
    changed[at] ^= bit
    return bytes(changed)
