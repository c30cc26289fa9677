"""Who this server is: its identity key and its discovery secret."""

from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction

from chat.models import AuditHead, ConnectionPolicy, DiscoverySecret, ServerIdentity
from chat.services import audit
from chat.services.secrets import MasterKeyError, has_master_key, open_secret, seal_secret
from clawchat.protocol import fingerprint, keys
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.key_schedule import key_id

IDENTITY_PURPOSE = "server identity"
DISCOVERY_PURPOSE = "discovery secret"


@dataclass(frozen=True)
class ServerKeys:
    """What a handshake needs of the server."""

    identity: keys.IdentityKey
    discovery_secret: keys.DiscoverySecret
    server_id: str


def ensure_server() -> None:
    """Nothing, once this database has an identity, a discovery secret, a policy and the end of an audit chain.

    Raises: MasterKeyError (its secrets are sealed under a master key that is missing, or not the one that is there).
    """
    _check_master_key()
    try:
        _make_what_is_missing()
    except IntegrityError:
        # Another process made them at the same time; its rows count.
        _make_what_is_missing()


def current_identity() -> keys.IdentityKey:
    """The key this server signs with."""
    row = ServerIdentity.objects.get(state=ServerIdentity.State.ACTIVE)
    return keys.IdentityKey(open_secret(IDENTITY_PURPOSE, bytes(row.private_sealed), bytes(row.public)))


def current_discovery_secret() -> keys.DiscoverySecret:
    """The secret that opens the connection file."""
    row = DiscoverySecret.objects.get(current=True)
    return keys.DiscoverySecret(open_secret(DISCOVERY_PURPOSE, bytes(row.secret_sealed), bytes(row.kid)))


def server_id() -> str:
    """The name that only this server's identity has. Spec: 1 (18)"""
    return fingerprint.server_id(current_identity().public)


def server_keys() -> ServerKeys:
    """All of it at once, read from the database."""
    identity = current_identity()
    return ServerKeys(identity, current_discovery_secret(), fingerprint.server_id(identity.public))


def _check_master_key() -> None:
    """A new key would not open old secrets; it would only hide from the operator that the old one has to be found."""
    if not ServerIdentity.objects.filter(state=ServerIdentity.State.ACTIVE).exists():
        return
    path = settings.CLAWCHAT_MASTER_KEY_FILE
    remedy = "Restore the file that belongs to it from the backup."
    if not has_master_key():
        raise MasterKeyError(f"The master key file {path} is missing, and this database is sealed by it. {remedy}")
    try:
        current_identity()
    except Unauthentic:
        raise MasterKeyError(f"The master key in {path} does not open this database's secrets. {remedy}") from None


@transaction.atomic
def _make_what_is_missing() -> None:
    ConnectionPolicy.objects.get_or_create(pk=1)
    AuditHead.objects.get_or_create(pk=1)
    if not ServerIdentity.objects.filter(state=ServerIdentity.State.ACTIVE).exists():
        _make_identity()
    if not DiscoverySecret.objects.filter(current=True).exists():
        _make_discovery_secret()


def _make_identity() -> None:
    key = keys.IdentityKey.generate()
    public = bytes(key.public)
    ServerIdentity.objects.create(public=public, private_sealed=seal_secret(IDENTITY_PURPOSE, bytes(key), public))
    audit.record("identity_made", actor="server", subject=fingerprint.server_id(key.public))


def _make_discovery_secret() -> None:
    secret = keys.DiscoverySecret.generate()
    kid = key_id(secret)
    DiscoverySecret.objects.create(kid=kid, secret_sealed=seal_secret(DISCOVERY_PURPOSE, bytes(secret), kid))
    audit.record("discovery_secret_made", actor="server", subject=kid.hex())
