"""Certificates from files, of a public authority for example: read, and refused in a sentence when they are no good.

The files are looked at again and again, so a renewal needs no restart.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .context import Pair, TlsProblem
from .names import own_names, vouches_for

SETTING = "CLAWCHAT_TLS_FILES"
FilePair = tuple[Path, Path]
Stamp = tuple[object, ...]


class FileSupply:
    """The certificates in these files. `clock` gives seconds since 1970."""

    def __init__(self, files: Sequence[FilePair], clock: Callable[[], float] = time.time) -> None:
        self._files = tuple(files)
        self._clock = clock
        self._stamp: Stamp | None = None

    def is_stale(self) -> bool:
        """Whether a file is another than when `pairs` was last asked."""
        return self._stamp != _stamp(self._files)

    def pairs(self) -> list[Pair]:
        """The certificates, each checked.

        Raises: TlsProblem.
        """
        self._stamp = _stamp(self._files)
        return load_pairs(self._files, self._clock())

    def withdrawn(self) -> list[Pair]:
        """None: whoever wants a certificate of a public authority withdrawn tells that authority."""
        return []


def load_pairs(files: Sequence[FilePair], now: float) -> list[Pair]:
    """A certificate and its key for each pair of files.

    Raises: TlsProblem, which names the file and the remedy.
    """
    if not files:
        raise TlsProblem(f"CLAWCHAT_TLS is files, and {SETTING} names none. Write {SETTING}=chain.pem:key.pem.")
    pairs = [_load_pair(chain, key, now) for chain, key in files]
    for pair, (_, key) in zip(pairs[1:], files[1:], strict=True):
        if pair.signature in {other.signature for other in pairs if other is not pair}:
            raise TlsProblem(f"Two keys in {SETTING} are of one kind. Leave {key} and its chain out.")
    return pairs


def _load_pair(chain_file: Path, key_file: Path, now: float) -> Pair:
    chain, key = _load_chain(chain_file), _load_key(key_file)
    certificate = chain[0]
    if certificate.public_key() != key.public_key():
        if any(other.public_key() == key.public_key() for other in chain[1:]):
            raise TlsProblem(f"{chain_file} must begin with the server's own certificate. Put it first.")
        raise TlsProblem(
            f"The key in {key_file} does not belong to the certificate in {chain_file}. "
            f"Name the pair that was issued together in {SETTING}."
        )
    pair = Pair(certificate, key, chain_file)
    if not pair.signature:
        raise _other_kind(key_file)
    _check_time(chain_file, certificate, now)
    _check_names(chain_file, certificate)
    return pair


def _check_time(chain_file: Path, certificate: x509.Certificate, now: float) -> None:
    at = datetime.fromtimestamp(now, UTC)
    if at > certificate.not_valid_after_utc:
        raise TlsProblem(
            f"The certificate in {chain_file} expired on {certificate.not_valid_after_utc:%Y-%m-%d}. "
            "Renew it (with certbot: certbot renew), and see that its timer runs."
        )
    if at < certificate.not_valid_before_utc:
        raise TlsProblem(
            f"The certificate in {chain_file} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on, "
            f"and this machine's clock says {at:%Y-%m-%d %H:%M} UTC. Set the clock (timedatectl set-ntp true)."
        )


def _check_names(chain_file: Path, certificate: x509.Certificate) -> None:
    for name in sorted(own_names().dialled, key=str):
        if not vouches_for(certificate, name):
            raise TlsProblem(
                f"The certificate in {chain_file} is not for {name}, which clients dial. "
                "Get one for that name, or set CLAWCHAT_HOST and CLAWCHAT_FRONT_URL to a name that it has."
            )


def _load_chain(path: Path) -> list[x509.Certificate]:
    data = _read(path)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        pass
    if b"PRIVATE KEY-----" in data:
        raise TlsProblem(f"{path} holds a key where a certificate belongs. Write {SETTING}=chain.pem:key.pem.")
    raise TlsProblem(f"{path} holds no certificate in PEM form. Name the file that begins with -----BEGIN CERTIFICATE.")


def _load_key(path: Path) -> Ed25519PrivateKey | EllipticCurvePrivateKey:
    data = _read(path)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        raise TlsProblem(
            f"The key in {path} is encrypted, and nobody is there to type its password when the server starts. "
            f"Write it without one: openssl pkey -in {path} -out {path}.plain, then chmod 600, and name that file."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise TlsProblem(
            f"{path} holds no private key in PEM form. Name the file that begins with -----BEGIN PRIVATE KEY."
        ) from None
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise _other_kind(path)
    return key


def _other_kind(key_file: Path) -> TlsProblem:
    return TlsProblem(
        f"The key in {key_file} is neither Ed25519 nor P-256. Have a certificate issued for one that is "
        "(with certbot: --key-type ecdsa --elliptic-curve secp256r1)."
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsProblem(
            f"{path} cannot be read: {error.strerror}. {SETTING} names it, and the server's user must be able to read "
            "it."
        ) from None


def _stamp(files: Sequence[FilePair]) -> Stamp:
    return tuple(file_stamp(path) for pair in files for path in pair)


def file_stamp(path: Path) -> object:
    """Something that is another once the file, or what a link leads to, was written or replaced."""
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return status.st_mtime_ns, status.st_size, status.st_ino
