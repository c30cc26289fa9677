"""Certificates for tests, and TLS clients that say what they were shown."""

import contextlib
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from OpenSSL._util import lib

READ_SECONDS = 5


class Signed(NamedTuple):
    """A certificate and the key it is for."""

    certificate: x509.Certificate
    key: object


def new_key(kind: str = "p256"):
    """A private key: p256, p384, ed25519 or rsa."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if kind == "p256" else ec.SECP384R1())


def sign(
    name: str,
    issuer: Signed | None = None,
    *,
    kind: str = "p256",
    is_authority: bool = False,
    hosts: tuple[str, ...] = ("localhost",),
    days: tuple[int, int] = (-1, 90),
) -> Signed:
    """A certificate of this name, by the issuer or by itself; `days` from today on which it begins and ends."""
    key = new_key(kind)
    now = datetime.now(UTC)
    signer = issuer.key if issuer else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), False)
    )
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Signed(builder.sign(signer, digest), key)


def write_pair(folder: Path, name: str, *chain: Signed, password: bytes | None = None) -> tuple[Path, Path]:
    """The chain's and the key's file; the key is the first certificate's."""
    chain_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    chain_file.write_bytes(b"".join(one.certificate.public_bytes(Encoding.PEM) for one in chain))
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    key_file.write_bytes(chain[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    key_file.chmod(0o600)
    return chain_file, key_file


class Agreed(NamedTuple):
    """What a client and a server have agreed on."""

    version: str
    suite: str
    group: str
    certificate: x509.Certificate

    @property
    def kind(self) -> str:
        """`ed25519` or `p256`."""
        return "ed25519" if isinstance(self.certificate.public_key(), ed25519.Ed25519PublicKey) else "p256"


def client_context(*, signatures: str = "", groups: str = "", suites: str = "", ca_file: Path | None = None):
    """A context of a client that offers only this; it verifies when it is given an authority."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if signatures:
        assert lib.SSL_CTX_set1_sigalgs_list(context._context, signatures.encode()) == 1
    if groups:
        assert lib.SSL_CTX_set1_curves_list(context._context, groups.encode()) == 1
    if suites:
        context.set_tls13_ciphersuites(suites.encode())
    if ca_file is not None:
        context.load_verify_locations(str(ca_file))
        context.set_verify(SSL.VERIFY_PEER, lambda _connection, _certificate, _error, _depth, good: bool(good))
    return context


def shake_hands(port: int, *, host: str = "127.0.0.1", **offers: object) -> Agreed:
    """What a client with these offers and the server at this port agree on.

    Raises: SSL.Error, when they do not.
    """
    with socket.create_connection((host, port), timeout=READ_SECONDS) as plain:
        # pyOpenSSL wants a blocking socket.
        plain.settimeout(None)
        connection = SSL.Connection(client_context(**offers), plain)
        connection.set_connect_state()
        connection.do_handshake()
        return agreed(connection)


def agreed(connection: SSL.Connection) -> Agreed:
    """What this side of a finished handshake has agreed on."""
    return Agreed(
        connection.get_protocol_version_name(),
        connection.get_cipher_name(),
        connection.get_group_name(),
        connection.get_peer_certificate(as_cryptography=True),
    )


def agree(context: SSL.Context, **offers: object) -> Agreed:
    """What a client with these offers and this server's context agree on, in memory.

    Raises: SSL.Error, when they do not.
    """
    client, server = SSL.Connection(client_context(**offers), None), SSL.Connection(context, None)
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(4):
        for side, other in ((client, server), (server, client)):
            with contextlib.suppress(SSL.WantReadError):
                side.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                while True:
                    other.bio_write(side.bio_read(65_536))
    return agreed(client)
