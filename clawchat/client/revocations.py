"""What counts no more: the newest revocation list that a believed connection file has named, kept for the next start.

Spec: 3.12
"""

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clawchat.protocol.connection_file import ConnectionInfo
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import ClawChatError, Replayed, Revoked, Unauthentic
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.limits import CLOCK_SKEW_SECONDS
from clawchat.protocol.primitives import constant_time_equal
from clawchat.protocol.revocation_list import (
    RevocationKind,
    RevocationList,
    SealedRevocationList,
    check_identity_revocation,
    revoked_id,
)

from .device import Device
from .store import Store

STORE = "discovery"
LIST, SEEN = b"revocations", b"revocations seen"


class Revocations:
    """The revocation list as this device knows it; an empty one before the first."""

    def __init__(self, store: Store, device: Device) -> None:
        self._store = store
        self._device = device
        seen = store.get(STORE, SEEN)
        row: dict[str, Any] = parse_cbor(seen) if seen is not None else {"serial": 0, "digest": b""}
        self._serial: int = row["serial"]
        self._digest: bytes = row["digest"]
        self._list = self._load()

    def is_due(self, info: ConnectionInfo) -> bool:
        """Whether this file names a list that we have not got."""
        head = info.revocations
        return head is not None and head.serial >= self._serial and not constant_time_equal(head.sha256, self._digest)

    def take(self, data: bytes, info: ConnectionInfo) -> None:
        """Keep the list that this believed file names.

        Raises: unauthentic (it is another one); replayed; unknown_peer, malformed, too_large (no list of our server).
        """
        head = info.revocations
        if head is None or not head.matches(data):
            raise Unauthentic("not the revocation list that the connection file names")
        opened = self._open(data, self._device.pins)
        if opened.serial != head.serial or opened.serial < self._serial:
            raise Replayed(f"revocation list {opened.serial} after {self._serial}", {"serial": opened.serial})
        with self._store.transaction():
            self._list, self._serial, self._digest = opened, head.serial, head.sha256
            self._store.put(STORE, LIST, data)
            self._store.put(STORE, SEEN, encode_cbor({"serial": head.serial, "digest": head.sha256}))
            for pin in self._device.pins:
                if any(check_identity_revocation(entry, pin) for entry in opened.entries):
                    self._device.identity_revoked(pin)

    def check(self) -> None:
        """Nothing, while server and device may go on.

        Raises: revoked.
        """
        if not self._device.pins:
            raise Revoked("the server's identity was revoked, by its own word; ask for a new invitation")
        if self._list.find(RevocationKind.DEVICE, revoked_id(bytes(self._device.key.public))) is not None:
            raise Revoked("this device was shut out; ask for a new invitation")

    def refuses_secret(self, kid: bytes, timestamp: int) -> bool:
        """Whether a file sealed under the secret of this `kid` at this time counts no more.

        One that our server signed well after it gave the secret up comes from a server restored from a backup.
        Units: seconds since 1970.
        """
        entry = self._list.find(RevocationKind.DISCOVERY, revoked_id(kid))
        return entry is not None and timestamp <= entry.since + CLOCK_SKEW_SECONDS

    def refuses_certificate(self, certificate: bytes) -> bool:
        """Whether the key of this certificate (DER) counts no more, or cannot be told while any is revoked."""
        if not any(entry.kind is RevocationKind.CERTIFICATE for entry in self._list.entries):
            return False
        try:
            key = x509.load_der_x509_certificate(certificate).public_key()
            subject = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        except (ValueError, UnsupportedAlgorithm):
            # OpenSSL took it, this library does not read it: it may be the revoked one.
            return True
        return self._list.find(RevocationKind.CERTIFICATE, revoked_id(subject)) is not None

    def _open(self, data: bytes, pins: Sequence[IdentityPublic]) -> RevocationList:
        return SealedRevocationList.parse(data).open(self._device.discovery_secrets, pins)

    def _load(self) -> RevocationList:
        data = self._store.get(STORE, LIST)
        if data is not None and self._device.pins:
            try:
                return self._open(data, self._device.kept_by)
            except ClawChatError:
                # Sealed under a secret that was renewed long ago: the places have a newer one.
                self._digest = b""
        return RevocationList(0, 0, ())
