"""Who this server is: its identity key and its discovery secret."""

from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from chat.models import AuditHead, ConnectionPolicy, DiscoverySecret, DiscoveryWrap, News, Revocation, ServerIdentity
from chat.services import audit, news, wraps
from chat.services.sealed import open_discovery_secret, seal_discovery_secret
from chat.services.secrets import MasterKeyError, has_master_key, open_secret, seal_secret
from clawchat.protocol import fingerprint, keys
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.key_schedule import key_id

IDENTITY_PURPOSE = "server identity"
WHY_LENGTH = 128


@dataclass(frozen=True)
class ServerKeys:
    """What a handshake needs of the server."""

    identity: keys.IdentityKey
    discovery_secret: keys.DiscoverySecret
    server_id: str
    # While the identity hands over: to whom, and its word for it.
    successor: keys.IdentityKey | None = None
    statement: bytes = b""

    def hands_over(self, server_public: keys.IdentityPublic) -> bool:
        """Whether who came by this identity is to be told who follows."""
        return self.successor is not None and server_public == self.identity.public

    @property
    def kid(self) -> bytes:
        """Which discovery secret this is, 8 bytes."""
        return key_id(self.discovery_secret)


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
    return open_identity(ServerIdentity.objects.get(state=ServerIdentity.State.ACTIVE))


def successor_row() -> ServerIdentity | None:
    """The identity that follows, while this server hands over."""
    return ServerIdentity.objects.filter(state=ServerIdentity.State.SUCCESSOR).first()


def successor_identity() -> keys.IdentityKey | None:
    """The key that signs beside it, while this server hands over to another identity. Spec: 3.2, 3.8"""
    row = successor_row()
    return open_identity(row) if row else None


def every_identity() -> list[keys.IdentityPublic]:
    """Who this server is, will be and ever was: whose signature was ours when it was made."""
    rows = ServerIdentity.objects.order_by("pk").values_list("public", flat=True)
    return [keys.IdentityPublic(bytes(public)) for public in rows]


def open_identity(row: ServerIdentity) -> keys.IdentityKey:
    """The key of this row.

    Raises: unauthentic.
    """
    return keys.IdentityKey(open_secret(IDENTITY_PURPOSE, bytes(row.private_sealed), bytes(row.public)))


def current_discovery_secret() -> keys.DiscoverySecret:
    """The secret that opens the connection file."""
    return open_discovery_secret(DiscoverySecret.objects.get(current=True))


def current_kid() -> bytes:
    """Which discovery secret is in force, 8 bytes."""
    return bytes(DiscoverySecret.objects.values_list("kid", flat=True).get(current=True))


def renew_discovery_secret(why: str, actor: str) -> DiscoverySecret:
    """Put a new secret in the place of the one in force, wrapped for everybody who remains.

    In the caller's transaction. Every server process goes over to it within a second and gives it to its sessions;
    ports and files follow with the next pass of the decider.
    Spec: 3.10
    """
    former = wraps.lock_secret()
    DiscoverySecret.objects.filter(pk=former.pk).update(current=False, until=timezone.now())
    # They are not published any more.
    former.wraps.all().delete()
    renewed = _draw_discovery_secret()
    wraps.make_for_secret(renewed)
    Revocation.objects.create(kind=Revocation.Kind.DISCOVERY, subject=bytes(former.kid), why=why[:WHY_LENGTH])
    audit.record("discovery_secret_renewed", actor=actor, subject=bytes(renewed.kid).hex(), why=why)
    news.tell(News.Kind.SECRET)
    return renewed


def server_id() -> str:
    """The name that only this server's first identity has; those that follow it keep the name. Spec: 1 (18), 3.2"""
    return fingerprint.server_id(every_identity()[0])


def server_keys() -> ServerKeys:
    """All of it at once, read from the database."""
    row = successor_row()
    successor, statement = (open_identity(row), bytes(row.statement or b"")) if row else (None, b"")
    return ServerKeys(current_identity(), current_discovery_secret(), server_id(), successor, statement)


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
        secret = _draw_discovery_secret()
        audit.record("discovery_secret_made", actor="server", subject=bytes(secret.kid).hex())
    # A database from before there were wraps has a secret without.
    if not DiscoveryWrap.objects.filter(secret__current=True).exists():
        secret = wraps.lock_secret()
        if not secret.wraps.exists():
            wraps.make_for_secret(secret)


def _make_identity() -> None:
    key = keys.IdentityKey.generate()
    public = bytes(key.public)
    ServerIdentity.objects.create(public=public, private_sealed=seal_secret(IDENTITY_PURPOSE, bytes(key), public))
    audit.record("identity_made", actor="server", subject=fingerprint.server_id(key.public))


def _draw_discovery_secret() -> DiscoverySecret:
    secret = keys.DiscoverySecret.generate()
    kid = key_id(secret)
    return DiscoverySecret.objects.create(kid=kid, secret_sealed=seal_discovery_secret(kid, secret))
