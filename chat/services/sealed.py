"""What rows hold sealed: secrets of devices and invites, and the discovery secret; each opens in its own row only."""

from functools import cache

from chat.models import Device, DiscoverySecret, Invite
from chat.services.secrets import open_secret, seal_secret
from clawchat.protocol import keys
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.keys import PreSharedKey

DEVICE_PURPOSE, INVITE_PURPOSE, DISCOVERY_PURPOSE = "device psk", "invite psk", "discovery secret"

# No device has this id: it is half a hash.
_NOBODY = bytes(16)


def seal_device_psk(device_id: bytes, psk: PreSharedKey) -> bytes:
    """A device's secret as its row holds it."""
    return seal_secret(DEVICE_PURPOSE, bytes(psk), device_id)


def open_device_psk(device: Device, sealed: bytes) -> PreSharedKey:
    """The secret in use or the pending one, whichever is given.

    Raises: unauthentic.
    """
    return PreSharedKey(open_secret(DEVICE_PURPOSE, bytes(sealed), bytes(device.device_id)))


def open_nobodys_psk() -> PreSharedKey:
    """A secret that no row holds, for what opening one costs."""
    try:
        return PreSharedKey(open_secret(DEVICE_PURPOSE, _nobodys_sealed(), _NOBODY))
    except Unauthentic:
        # The master key it was sealed under is gone.
        _nobodys_sealed.cache_clear()
        return PreSharedKey(open_secret(DEVICE_PURPOSE, _nobodys_sealed(), _NOBODY))


def seal_invite_psk(invite_id: bytes, psk: PreSharedKey) -> bytes:
    """An invite's secret as its row holds it."""
    return seal_secret(INVITE_PURPOSE, bytes(psk), invite_id)


def open_invite_psk(invite: Invite) -> PreSharedKey:
    """The secret of an invite that is still open.

    Raises: unauthentic.
    """
    return PreSharedKey(open_secret(INVITE_PURPOSE, bytes(invite.psk_sealed), bytes(invite.invite_id)))


def seal_discovery_secret(kid: bytes, secret: keys.DiscoverySecret) -> bytes:
    """A discovery secret as its row holds it."""
    return seal_secret(DISCOVERY_PURPOSE, bytes(secret), kid)


def open_discovery_secret(row: DiscoverySecret) -> keys.DiscoverySecret:
    """The secret of this row.

    Raises: unauthentic.
    """
    return keys.DiscoverySecret(open_secret(DISCOVERY_PURPOSE, bytes(row.secret_sealed), bytes(row.kid)))


@cache
def _nobodys_sealed() -> bytes:
    return seal_device_psk(_NOBODY, PreSharedKey.generate())
