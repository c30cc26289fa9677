"""Who this client is: its keys, its secrets, its account, and how far its enrolment has come."""

from dataclasses import dataclass, replace
from typing import Any, Self

from clawchat.protocol.credential import DeviceKind, device_id, seal_root_blob, sign_identity
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import Expired, Malformed, UsageError
from clawchat.protocol.invite import Invite
from clawchat.protocol.key_schedule import device_credentials, gate_key, key_id
from clawchat.protocol.keys import (
    DeviceKey,
    DiscoverySecret,
    GateKey,
    IdentityPublic,
    PreSharedKey,
    RecoveryKey,
    RootKey,
)
from clawchat.protocol.limits import CERTIFICATE_LEEWAY_SECONDS, CERTIFICATE_SECONDS
from clawchat.protocol.primitives import constant_time_equal
from clawchat.protocol.succession import SuccessorStatement

from .store import Store

STORE = "device"
ROW = b"this"
# Files sealed under a former secret may still lie on a mirror.
SECRETS_KEPT = 3
KID_BYTES = 8
# So far the server's clock, as we know it, and the time in a file sealed before its secret was renewed may differ.
UNDER_WAY_SECONDS = 60


NO_NEXT_PAIR: dict[str, Any] = {"next_psk_id": b"", "next_psk": b"", "next_psk_made": 0}


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What one handshake is made with: the device's own PSK, or the invite's for its enrolment."""

    server_public: IdentityPublic
    gate_key: GateKey
    psk_id: bytes
    psk: PreSharedKey
    device_key: DeviceKey


@dataclass(frozen=True, slots=True, repr=False)
class _State:
    """The row: everything a device must not lose."""

    device_key: bytes
    server_public: bytes
    # Newest first; none before the first file, when the invitation brought none.
    discovery_secrets: tuple[bytes, ...]
    locators: tuple[str, ...]
    name: str
    identity: bytes
    root_blob: bytes
    recovery_key: bytes
    has_account: bool = False
    # Empty before enrolment.
    psk_id: bytes = b""
    psk: bytes = b""
    # The pair that follows, until it has opened a session; empty while there is none.
    next_psk_id: bytes = b""
    next_psk: bytes = b""
    # When each was made, in seconds since 1970 by the server's clock; 0 is unknown.
    psk_made: int = 0
    next_psk_made: int = 0
    # Empty once the device's own PSK has opened a session.
    invite_id: bytes = b""
    invite_psk: bytes = b""
    # The server's identity has ended itself: nothing that it signs is believed any more.
    is_server_revoked: bool = False
    # When the server named a secret in a session, in seconds since 1970 by its clock.
    told: int = 0
    # The statement by which the server's identity hands over, while both hold; otherwise empty.
    succession: bytes = b""
    # The identity before this one; it opens what was kept from its time, and is believed no more. Empty: none.
    former: bytes = b""

    def encode(self) -> bytes:
        return encode_cbor({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        row: dict[str, Any] = parse_cbor(data)
        row["discovery_secrets"] = tuple(row["discovery_secrets"])
        row["locators"] = tuple(row["locators"])
        return cls(**row)


class Device:
    """A device of one server, kept in a store; every change is on the disk before the method returns.

    Enrolment may be interrupted anywhere and goes on with the same key: the server has bound the invite to it.
    Spec: 3.2
    """

    def __init__(self, store: Store, state: _State) -> None:
        self._store = store
        self._state = state

    @classmethod
    def load(cls, store: Store) -> "Device | None":
        """The device in this store, None when it holds none."""
        row = store.get(STORE, ROW)
        return None if row is None else cls(store, _State.parse(row))

    @classmethod
    def begin(cls, store: Store, invite: Invite, name: str, now: int, kind: DeviceKind = DeviceKind.HUMAN) -> "Device":
        """A new device with a key of its own, and a new person whom its root key makes.

        The root key itself is not kept: the server keeps it sealed, and the recovery key opens it.
        Raises: expired (the invite); usage (there is a device in this store).
        """
        if store.get(STORE, ROW) is not None:
            raise UsageError("there is a device in this place already")
        if now >= invite.expires:
            raise Expired("the invitation has expired; ask for a new one")
        device_key, root_key, recovery_key = DeviceKey.generate(), RootKey.generate(), RecoveryKey.generate()
        identity = sign_identity(
            root_key, device_key.public, kind, max(0, now - CERTIFICATE_LEEWAY_SECONDS), now + CERTIFICATE_SECONDS
        )
        device = cls(
            store,
            _State(
                device_key=bytes(device_key),
                server_public=bytes(invite.server_public),
                discovery_secrets=() if invite.discovery_secret is None else (bytes(invite.discovery_secret),),
                locators=invite.locators,
                name=name,
                identity=identity.encode(),
                root_blob=seal_root_blob(root_key, recovery_key),
                recovery_key=bytes(recovery_key),
                invite_id=invite.invite_id,
                invite_psk=bytes(invite.invite_psk),
            ),
        )
        device._save()
        return device

    # What it has

    @property
    def key(self) -> DeviceKey:
        """What it signs with."""
        return DeviceKey(self._state.device_key)

    @property
    def device_id(self) -> bytes:
        """Its 16-byte id."""
        return device_id(self.key.public)

    @property
    def user_id(self) -> bytes:
        """The 16-byte id of the person it belongs to."""
        return self._state.identity[1:17]

    @property
    def pins(self) -> list[IdentityPublic]:
        """The server identities it believes, the one to go by first; none once the server's has ended itself.

        Two while one hands over to the other. Spec: 3.2
        """
        if self._state.is_server_revoked:
            return []
        statement = self._succession
        return [self.server_public] if statement is None else [statement.new, statement.old]

    @property
    def kept_by(self) -> list[IdentityPublic]:
        """The identities that may have signed what this device has kept: its pins, and the one before."""
        return self.pins + ([IdentityPublic(self._state.former)] if self.pins and self._state.former else [])

    @property
    def server_public(self) -> IdentityPublic:
        """The server it belongs to; while it hands over, the identity that it still shows to people."""
        return IdentityPublic(self._state.server_public)

    @property
    def discovery_secrets(self) -> dict[bytes, DiscoverySecret]:
        """The secrets that connection files may be sealed under, by `kid`, the one in force first."""
        secrets = [DiscoverySecret(raw) for raw in self._state.discovery_secrets]
        return {key_id(secret): secret for secret in secrets}

    @property
    def psks(self) -> list[PreSharedKey]:
        """What a discovery secret may be wrapped under for this device: its own PSK, the next one, the invite's."""
        held = (self._state.psk, self._state.next_psk, self._state.invite_psk)
        return [PreSharedKey(raw) for raw in held if raw]

    @property
    def locators(self) -> tuple[str, ...]:
        """The places that the invite named for the connection file."""
        return self._state.locators

    @property
    def name(self) -> str:
        """The display name it was enrolled with."""
        return self._state.name

    @property
    def identity(self) -> bytes:
        """Its leaf identity, 146 bytes."""
        return self._state.identity

    @property
    def root_blob(self) -> bytes:
        """The person's root key, sealed by the recovery key."""
        return self._state.root_blob

    @property
    def recovery_key(self) -> RecoveryKey:
        """What opens the root blob; for the person to write down."""
        return RecoveryKey(self._state.recovery_key)

    @property
    def has_account(self) -> bool:
        """Whether the server knows whom this device belongs to."""
        return self._state.has_account

    @property
    def credentials(self) -> Credentials | None:
        """The device's own, None before it is enrolled."""
        return self._credentials(self._state.psk_id, self._state.psk)

    @property
    def next_credentials(self) -> Credentials | None:
        """Those of the pair that follows, to be tried first; None while there is none."""
        return self._credentials(self._state.next_psk_id, self._state.next_psk)

    @property
    def pair_made(self) -> int:
        """When the newest pair was made, in seconds since 1970 by the server's clock; 0 is unknown."""
        return self._state.next_psk_made if self._state.next_psk_id else self._state.psk_made

    @property
    def invite_credentials(self) -> Credentials | None:
        """The invite's, None once it is spent."""
        return self._credentials(self._state.invite_id, self._state.invite_psk)

    # How it goes on

    def enrolled(self, exporter: bytes, now: int) -> None:
        """AUTH_OK came under the invite: from now on the device has a PSK of its own. Units: now as everywhere here."""
        psk_id, psk = device_credentials(exporter, self.key.public)
        self._change(psk_id=psk_id, psk=bytes(psk), psk_made=now, **NO_NEXT_PAIR)

    def renewed(self, exporter: bytes, now: int) -> None:
        """The server has another pair for this device: it is kept beside the one in use until it has opened a session.

        exporter: of the epoch in which the request was sealed.
        Spec: 3.2, 3.14
        """
        psk_id, psk = device_credentials(exporter, self.key.public)
        self._change(next_psk_id=psk_id, next_psk=bytes(psk), next_psk_made=now)

    def pair_refused(self, psk_id: bytes) -> None:
        """The pair before has opened a session and this one has not: the server does not have it."""
        if self._state.next_psk_id == psk_id:
            self._change(**NO_NEXT_PAIR)

    def date_pair(self, made: int) -> None:
        """Take the pair in use to be made then: nobody has written it down."""
        self._change(psk_made=made)

    def confirmed(self, used: Credentials) -> None:
        """An own pair has opened a session: the invite is spent and erased, and so is the pair before this one."""
        state, changes = self._state, dict[str, Any]()
        if state.invite_id:
            changes |= {"invite_id": b"", "invite_psk": b""}
        if used.psk_id != state.psk_id:
            changes |= {"psk_id": used.psk_id, "psk": bytes(used.psk), "psk_made": state.next_psk_made}
        if used.psk_id == state.next_psk_id:
            changes |= NO_NEXT_PAIR
        if changes:
            self._change(**changes)
            self._store.forget_former()

    def account_made(self) -> None:
        """The server has taken the identity and the name."""
        self._change(has_account=True)

    def believe_secret(self, secret: DiscoverySecret, sealed: int) -> None:
        """The newest file is sealed under this discovery secret since this time: it is the one in force.

        Not so for a former one in a file from before the server named another in a session: it was under way then, or
        somebody shows it again. Units: seconds since 1970.
        """
        if key_id(secret) not in self.discovery_secrets or sealed > self._state.told + UNDER_WAY_SECONDS:
            self.learn_secret(secret)

    def learn_secret(self, secret: DiscoverySecret) -> None:
        """This discovery secret is in force from now on; the former ones still open older files."""
        if self._state.discovery_secrets[:1] != (bytes(secret),):
            self._change(discovery_secrets=self._with_secret(secret))

    def learn_renewed(self, kid: bytes, secret: bytes, now: int) -> None:
        """The server says in a session that its discovery secret is this one now.

        Units: now in seconds since 1970, by the server's clock.
        Raises: malformed (it is not the secret of this `kid`, or none at all).
        """
        renewed = DiscoverySecret.from_bytes(secret)
        if not constant_time_equal(key_id(renewed), kid):
            raise Malformed("a discovery secret under the kid of another")
        self._change(discovery_secrets=self._with_secret(renewed), told=now)

    def learn_succession(self, statement: bytes, now: int) -> None:
        """The server says in a session that this identity follows its own: from now on both are pinned.

        Units: now in seconds since 1970, by the server's clock.
        Raises: malformed; unknown_peer (another server hands over); unauthentic; expired; not_yet_valid.
        Spec: 3.2
        """
        if constant_time_equal(statement, self._state.succession):
            return
        parsed = SuccessorStatement.parse(statement)
        parsed.check(self.pins, now)
        if parsed.old != self.server_public:
            self._go_by(parsed.old)
        self._change(succession=statement)

    def end_succession(self, now: int) -> None:
        """Drop the identity that handed over, when its time is over. Units: now as above."""
        statement = self._succession
        if statement is not None and now >= statement.until:
            self._go_by(statement.new)

    def named(self, server_public: IdentityPublic) -> None:
        """The file in force names this identity: when it is the one that follows, the former is dropped."""
        statement = self._succession
        if statement is not None and statement.new == server_public:
            self._go_by(server_public)

    def identity_revoked(self, server_public: IdentityPublic) -> None:
        """This pinned identity has ended itself; while a server hands over, the other one remains."""
        statement = self._succession
        if statement is None:
            self._change(is_server_revoked=True)
        elif statement.old == server_public:
            self._go_by(statement.new)
        else:
            self._change(succession=b"")

    @property
    def _succession(self) -> SuccessorStatement | None:
        return SuccessorStatement.parse(self._state.succession) if self._state.succession else None

    def _go_by(self, server_public: IdentityPublic) -> None:
        former = self._state.server_public
        self._change(server_public=bytes(server_public), succession=b"", former=former)

    def _with_secret(self, secret: DiscoverySecret) -> tuple[bytes, ...]:
        former = (raw for raw in self._state.discovery_secrets if raw != bytes(secret))
        return (bytes(secret), *former)[:SECRETS_KEPT]

    def _credentials(self, psk_id: bytes, psk: bytes) -> Credentials | None:
        if not psk_id or not self._state.discovery_secrets:
            return None
        gate = gate_key(DiscoverySecret(self._state.discovery_secrets[0]))
        pin = (self.pins or [self.server_public])[0]
        return Credentials(pin, gate, psk_id, PreSharedKey(psk), self.key)

    def _change(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        self._save()

    def _save(self) -> None:
        self._store.put(STORE, ROW, self._state.encode())
