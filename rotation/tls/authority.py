"""The local authority: a P-256 certificate authority of this server alone, and the certificates that it issues.

Its key can vouch only for this server's names and for private addresses (name constraints): who steals it can stand
between this server and its people, and between them and nobody else.
"""

import contextlib
import datetime
import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clawchat.protocol.primitives import random_bytes

from .context import Pair, PrivateKey, TlsProblem
from .names import Address

AUTHORITY_DAYS = 3650
LEAF_DAYS = 90
# Clocks of clients that are behind.
EARLIER = timedelta(days=1)
MAX_COMMON_NAME = 64
# Loopback and what never is anybody's on the internet.
PRIVATE_NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
LOCK = "lock"
KEY_MODE, CERTIFICATE_MODE = 0o600, 0o644
KEY_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Authority(NamedTuple):
    """The authority's certificate and key, and the file of its certificate, to be given to who shall trust it."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey
    path: Path

    @property
    def pem(self) -> bytes:
        """The certificate, as it may be given away."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def may_vouch_for(self, name: str | Address) -> bool:
        """Whether its constraints allow this name or address."""
        allowed = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
        values = [subtree.value for subtree in allowed or ()]
        if isinstance(name, str):
            return any(isinstance(value, str) and (name == value or name.endswith(f".{value}")) for value in values)
        return any(not isinstance(value, str) and name in value for value in values)


def certificate_file(data_dir: Path) -> Path:
    """Where the authority's certificate lies, once there is one."""
    return data_dir / "tls" / "ca.crt"


def renewal_file(data_dir: Path) -> Path:
    """Another file here means that somebody wants new keys; what is in it means nothing."""
    return data_dir / "tls" / "renew"


def ensure_authority(data_dir: Path, name: str, names: frozenset[str | Address], now: float) -> Authority:
    """The authority in this data directory, made on first use for these names; `name` is what people see.

    Raises: TlsProblem.
    """
    path = certificate_file(data_dir)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with _alone(path.parent):
            if path.exists():
                return _load(path, _instant(now))
            made = _make(path, name, names, _instant(now))
            _give_to_owner_of(data_dir, path.parent, path.parent / LOCK, _key_file(path), path)
            return made
    except OSError as error:
        raise TlsProblem(
            f"{error.filename or path.parent} cannot be used: {error.strerror}. It must belong to the server's user."
        ) from None


def ask_for_new_keys(authority: Authority) -> None:
    """Have every server process of this data directory issue itself certificates with new keys, within seconds.

    Raises: TlsProblem.
    """
    path = renewal_file(authority.path.parent.parent)
    try:
        _write(path, random_bytes(16).hex().encode(), CERTIFICATE_MODE)
        _give_to_owner_of(path.parent.parent, path)
    except OSError as error:
        raise TlsProblem(f"{path} cannot be written: {error.strerror}. It must belong to the server's user.") from None


def issue(authority: Authority, key: PrivateKey, names: frozenset[str | Address], now: float) -> Pair:
    """A certificate for this key and these names, good for 90 days."""
    at = _instant(now)
    extensions = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName([_general_name(name) for name in sorted(names, key=str)]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), False),
    ]
    builder = _builder(_named("ClawChat server"), authority.certificate.subject, key, at, LEAF_DAYS)
    return Pair(_sign(builder, extensions, authority.key), key)


def new_keys() -> list[PrivateKey]:
    """A key for programs and a key for browsers."""
    return [Ed25519PrivateKey.generate(), generate_private_key(SECP256R1())]


# The files


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Several server processes may share a data directory, and only one makes the authority."""
    # The folder is the server's, and root may be the one who runs this: a link that was laid there is not followed.
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, KEY_MODE)
    with os.fdopen(lock, "w"):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _give_to_owner_of(data_dir: Path, *paths: Path) -> None:
    """Root may run the command first; the files are for the server's own user all the same, and no others are."""
    owner = data_dir.stat()
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _load(path: Path, at: datetime.datetime) -> Authority:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        key = _load_key(_key_file(path))
    except (ValueError, TypeError, FileNotFoundError):
        key = None
    if key is None or key.public_key() != certificate.public_key():
        raise TlsProblem(
            f"{path} and {_key_file(path)} are not the certificate and key of one authority. Restore both from the "
            "backup, or move both away: then a new authority is made, which everybody has to trust anew."
        )
    if at > certificate.not_valid_after_utc:
        raise TlsProblem(
            f"The local authority in {path} expired on {certificate.not_valid_after_utc:%Y-%m-%d}. "
            "Move it and its key away: then a new one is made, which everybody has to trust anew."
        )
    if at < certificate.not_valid_before_utc:
        raise TlsProblem(
            f"The local authority in {path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} on, and this "
            f"machine's clock says {at:%Y-%m-%d}. Set the clock (timedatectl set-ntp true). If it is right now and was "
            "wrong when the authority was made, move that and its key away: then a new one is made, which everybody "
            "has to trust anew."
        )
    return Authority(certificate, key, path)


def _load_key(path: Path) -> EllipticCurvePrivateKey | None:
    key = load_pem_private_key(path.read_bytes(), password=None)
    return key if isinstance(key, EllipticCurvePrivateKey) else None


def _make(path: Path, name: str, names: frozenset[str | Address], at: datetime.datetime) -> Authority:
    key = generate_private_key(SECP256R1())
    subject = _named(f"{name} (local authority)"[:MAX_COMMON_NAME])
    private = [ip_network(text) for text in PRIVATE_NETWORKS]
    public = {one for one in names if isinstance(one, str) or not any(one in network for network in private)}
    allowed = [_subtree(one) for one in sorted(public, key=str)]
    extensions = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_key_usage(key_cert_sign=True, crl_sign=True), True),
        (x509.NameConstraints([*allowed, *map(x509.IPAddress, private)], None), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ]
    certificate = _sign(_builder(subject, subject, key, at, AUTHORITY_DAYS), extensions, key)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # The certificate comes last: while it is missing, nobody has trusted the key, and both are made anew.
    _write(_key_file(path), pem, KEY_MODE)
    _write(path, certificate.public_bytes(Encoding.PEM), CERTIFICATE_MODE)
    return Authority(certificate, key, path)


def _key_file(path: Path) -> Path:
    return path.with_suffix(".key")


def _write(path: Path, data: bytes, mode: int) -> None:
    """Put a file in its place at once and for good, readable by `mode` from its first byte on."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


# Certificates


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, at: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - EARLIER)
        .not_valid_after(at + timedelta(days=days))
    )


def _sign(
    builder: x509.CertificateBuilder, extensions: list[tuple[x509.ExtensionType, bool]], key: EllipticCurvePrivateKey
) -> x509.Certificate:
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256())


def _key_usage(**uses: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: uses.get(use, False) for use in KEY_USES})


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str | Address) -> x509.GeneralName:
    return x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)


def _subtree(name: str | Address) -> x509.GeneralName:
    return x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(ip_network(name))


def _instant(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, UTC)
