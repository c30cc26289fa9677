"""The specification's own two functions (its 5.3 and 6.2), written down as it has them, beside ours.

Names and order are the specification's; AES.new(...).encrypt_and_digest is AESGCM, which joins ciphertext and tag.
"""

import base64
import hashlib
import json
import os
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from clawchat.protocol import connection_file, key_schedule
from clawchat.protocol.connection_file import decrypt_connection_file, encrypt_connection_file
from clawchat.protocol.keys import DiscoverySecret, ExchangePublic

# The specification's 6.1.
DATA = {
    "version": "1.0",
    "protocol": "clawchat-secure-v1",
    "server_id": "cc-550e8400-e29b-41d4-a716-446655440000",
    "server_name": "OpenClaw Production",
    "ip_address": "192.168.1.100",
    "port": 54321,
    "public_key": "base64-encoded-ed25519-public-key",
    "timestamp": 1678886400,
    "valid_from": 1678886400,
    "valid_until": 1678890000,
    "next_rotation": 1678890000,
    "grace_period": 300,
    "supported_ciphers": ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
    "metadata": {"location": "vm6042", "region": "us-east", "load": 0.15},
}


def sha256(data):
    return hashlib.sha256(data).digest()


def hkdf_extract(salt, key_material):
    return HKDF.extract(SHA256(), salt, key_material)


def hkdf_expand(key, info, length):
    return HKDFExpand(SHA256(), length, info).derive(key)


def derive_session_keys(server_private, server_public, client_public):
    """5.3; its shared_secret is not used there, and the server's private value is what it does not name."""
    dh_secret = server_private.exchange(X25519PublicKey.from_public_bytes(client_public))
    salt = sha256(server_public + client_public)
    info = b"ClawChat v1.0 Session Keys"
    master_key = hkdf_extract(salt, dh_secret)
    keys = hkdf_expand(master_key, info=info, length=128)
    enc_key = keys[0:32]
    mac_key = keys[32:64]
    iv_key = keys[64:96]
    next_key = keys[96:128]
    return {"encryption_key": enc_key, "mac_key": mac_key, "iv_key": iv_key, "next_key_seed": next_key}


def encrypt_by_the_specification(data_json, shared_secret):
    """6.2."""
    plaintext = json.dumps(data_json).encode("utf-8")
    iv = os.urandom(12)
    salt = b"clawchat-connection-file"
    file_key = hkdf_extract(salt, shared_secret)
    sealed = AESGCM(file_key).encrypt(iv, plaintext, None)
    ciphertext, tag = sealed[:-16], sealed[-16:]
    encrypted_package = {
        "iv": base64.b64encode(iv).decode(),
        "ciphertext": base64.b64encode(ciphertext).decode(),
        "tag": base64.b64encode(tag).decode(),
        "algorithm": "aes-256-gcm",
        "timestamp": time.time(),
    }
    return json.dumps(encrypted_package)


def test_derive_session_keys_is_the_specifications_byte_for_byte():
    """All 128 bytes, in its order, under its names."""
    server_private, client_private = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    server_public, client_public = (key.public_key().public_bytes_raw() for key in (server_private, client_private))
    dh_secret = client_private.exchange(server_private.public_key())

    ours = key_schedule.derive_session_keys(dh_secret, ExchangePublic(server_public), ExchangePublic(client_public))

    theirs = derive_session_keys(server_private, server_public, client_public)
    assert {name: getattr(ours, name) for name in theirs} == theirs


@pytest.mark.parametrize("changed", ["dh_secret", "server_public", "client_public"])
def test_derive_session_keys_depends_on_each_input(changed):
    """Four entirely other keys for one bit of any input; and the two public values cannot be exchanged."""
    given = {"dh_secret": b"d" * 32, "server_public": b"s" * 32, "client_public": b"c" * 32}
    other = {**given, changed: bytes([given[changed][0] ^ 1]) + given[changed][1:]}

    one, two = (_derived(**each) for each in (given, other))

    assert not {*one} & {*two}
    assert _derived(given["dh_secret"], given["client_public"], given["server_public"]) != one


def test_encrypt_connection_file_is_the_specifications_byte_for_byte(monkeypatch):
    """With the same dice and clock the two texts are the same one."""
    secret, iv, now = os.urandom(32), os.urandom(12), 1678886400
    monkeypatch.setattr(os, "urandom", lambda count: iv[:count])
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(connection_file, "random_bytes", lambda count: iv[:count])

    ours = json.loads(encrypt_connection_file(DATA, DiscoverySecret(secret), now))
    theirs = json.loads(encrypt_by_the_specification(DATA, secret))

    assert list(ours) == list(theirs)
    assert ours == theirs


def test_what_the_specification_writes_is_read():
    """Its text opens with our reader, to the bytes it began with."""
    secret = os.urandom(32)

    opened = decrypt_connection_file(encrypt_by_the_specification(DATA, secret).encode(), DiscoverySecret(secret))

    assert opened == json.dumps(DATA).encode()


def _derived(dh_secret, server_public, client_public):
    keys = key_schedule.derive_session_keys(dh_secret, ExchangePublic(server_public), ExchangePublic(client_public))
    return (keys.encryption_key, keys.mac_key, keys.iv_key, keys.next_key_seed)


def test_other_letters_are_escaped_as_the_specification_does():
    """The text that the JavaScript twin's test has, too."""
    value = {"name": 'Büro \u2028 \U0001f600 \x7f\t"\\', "list": [1, 0.15, True, None, [], {}], "n": -5}
    text = r'{"name": "B\u00fcro \u2028 \ud83d\ude00 \u007f\t\"\\", "list": [1, 0.15, true, null, [], {}], "n": -5}'
    secret = DiscoverySecret.generate()

    assert decrypt_connection_file(encrypt_connection_file(value, secret, 1), secret) == text.encode()
