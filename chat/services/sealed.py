"""What rows hold sealed: secrets of devices and invites, and the discovery secret; each opens in its own row only."""

from functools import lru_cache

from chat.models import Device, DiscoverySecret, Invite
from chat.services.master_key import master_keys
from chat.services.secrets import open_secret, seal_secret
from clawchat.protocol import keys
from clawchat.protocol.keys import PreSharedKey

DEVICE_PURPOSE, INVITE_PURPOSE, DISCOVERY_PURPOSE = "device psk", "invite psk", "discovery secret"

# No device has this id: it is half a hash.
NOBODY = bytes(16)


def open_psk(purpose: str, sealed: bytes, row_id: bytes) -> PreSharedKey:
    """A device's or an invite's secret, by the id of its row.

    Raises: unauthentic.
    """
    return PreSharedKey(open_secret(purpose, bytes(sealed), bytes(row_id)))


def seal_device_psk(device_id: bytes, psk: PreSharedKey) -> bytes:
    """A device's secret as its row holds it."""
    return seal_secret(DEVICE_PURPOSE, bytes(psk), device_id)


def open_device_psk(device: Device, sealed: bytes) -> PreSharedKey:
    """The secret in use or the pending one, whichever is given.

    Raises: unauthentic.
    """
    return open_psk(DEVICE_PURPOSE, sealed, device.device_id)


def nobodys_sealed() -> bytes:
    """A secret that no row holds, as the row of the device `NOBODY` would hold it: for what opening one costs."""
    return _nobodys_sealed(master_keys()[0].id)


def seal_invite_psk(invite_id: bytes, psk: PreSharedKey) -> bytes:
    """An invite's secret as its row holds it."""
    return seal_secret(INVITE_PURPOSE, bytes(psk), invite_id)


def open_invite_psk(invite: Invite) -> PreSharedKey:
    """The secret of an invite that is still open.

    Raises: unauthentic.
    """
    return open_psk(INVITE_PURPOSE, invite.psk_sealed, invite.invite_id)


def seal_discovery_secret(kid: bytes, secret: keys.DiscoverySecret) -> bytes:
    """A discovery secret as its row holds it."""
    return seal_secret(DISCOVERY_PURPOSE, bytes(secret), kid)


def open_discovery_secret(row: DiscoverySecret) -> keys.DiscoverySecret:
    """The secret of this row.

    Raises: unauthentic.
    """
    return keys.DiscoverySecret(open_secret(DISCOVERY_PURPOSE, bytes(row.secret_sealed), bytes(row.kid)))


@lru_cache(maxsize=1)
def _nobodys_sealed(key_id: bytes) -> bytes:
    """Sealed once under each master key: what it was sealed under before may be gone."""
    return seal_device_psk(NOBODY, PreSharedKey.generate())
