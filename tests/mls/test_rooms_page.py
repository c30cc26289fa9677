"""The worked example of docs/rooms.md, calculated again with nothing but primitives."""

import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROOT = Path(__file__).resolve().parents[2]
SECRET_BYTES, KEY_BYTES, NONCE_BYTES = 48, 32, 12


def vector(data: bytes) -> bytes:
    """A variable-size vector of up to 16,383 bytes."""
    return (bytes([len(data)]) if len(data) < 64 else (len(data) | 1 << 14).to_bytes(2, "big")) + data


def expand_with_label(secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """RFC 9420 8; one block is enough for every length here."""
    info = length.to_bytes(2, "big") + vector(b"MLS 1.0 " + label.encode()) + vector(context)
    return hmac.digest(secret, info + b"\1", hashlib.sha384)[:length]


def take(message: bytes) -> tuple[bytes, bytes]:
    """The first vector, and what follows it."""
    size = 1 << (message[0] >> 6)
    length = int.from_bytes(message[:size], "big") & (1 << (8 * size - 2)) - 1
    return message[size : size + length], message[size + length :]


@pytest.fixture(scope="module")
def steps() -> dict[str, str]:
    """Every value on the way from the epoch's secrets to the text, by its name on the page, in hex."""
    case = json.loads((ROOT / "tests/mls/vectors/message-protection.json").read_text())[0]
    given = {name: bytes.fromhex(value) for name, value in case.items() if isinstance(value, str)}
    message = given["application_priv"]
    group_id, rest = take(message[4:])
    epoch, content_type = rest[:8], rest[8:9]
    authenticated_data, rest = take(rest[9:])
    encrypted_sender_data, rest = take(rest)
    ciphertext, rest = take(rest)
    assert rest == b"" and group_id == given["group_id"]

    sample = ciphertext[:SECRET_BYTES]
    sender_key = expand_with_label(given["sender_data_secret"], "key", sample, KEY_BYTES)
    sender_nonce = expand_with_label(given["sender_data_secret"], "nonce", sample, NONCE_BYTES)
    header = vector(group_id) + epoch + content_type
    sender_data = AESGCM(sender_key).decrypt(sender_nonce, encrypted_sender_data, header)

    # Two leaves: the tree's root holds the encryption secret, leaf 1 is its right child.
    leaf_secret = expand_with_label(given["encryption_secret"], "tree", b"right", SECRET_BYTES)
    ratchet = expand_with_label(leaf_secret, "application", b"", SECRET_BYTES)
    generation = sender_data[4:8]
    key = expand_with_label(ratchet, "key", generation, KEY_BYTES)
    nonce = expand_with_label(ratchet, "nonce", generation, NONCE_BYTES)
    guarded = bytes(one ^ other for one, other in zip(nonce, sender_data[8:] + bytes(8), strict=True))
    content = AESGCM(key).decrypt(guarded, ciphertext, header + vector(authenticated_data))
    text, rest = take(content)
    signature, padding = take(rest)

    framed = header[:-1] + b"\1" + sender_data[:4] + vector(authenticated_data) + content_type + vector(text)
    context = (
        bytes.fromhex("0001f04e")
        + vector(group_id)
        + epoch
        + vector(given["tree_hash"])
        + vector(given["confirmed_transcript_hash"])
        + b"\0"
    )
    signed = vector(b"MLS 1.0 FramedContentTBS") + vector(bytes.fromhex("00010002") + framed + context)
    Ed25519PublicKey.from_public_bytes(given["signature_pub"]).verify(signature, signed)
    assert text == given["application"] and not any(padding) and len(content) == 256
    values = {
        "sender_data_secret": given["sender_data_secret"],
        "encryption_secret": given["encryption_secret"],
        "authenticated data": authenticated_data,
        "sample": sample,
        "sender data key": sender_key,
        "sender data nonce": sender_nonce,
        "sender data": sender_data,
        "leaf secret": leaf_secret,
        "ratchet secret": ratchet,
        "key": key,
        "nonce": nonce,
        "nonce with the guard": guarded,
        "text": text,
        "signature": signature,
    }
    return {name: value.hex() for name, value in values.items()}


def test_the_page_shows_what_is_calculated(steps):
    """Each value on the page is the calculated one, and none is missing."""
    page = (ROOT / "docs/rooms.md").read_text()
    example = page.split("## A message, step by step")[1].split("\n## ")[0]
    shown = dict(re.findall(r"^\| ([a-z_ ]+) \|[^|]*\| `([0-9a-f]+)` \|$", example, re.MULTILINE))

    assert shown == steps
