"""Keys as types: a key of one kind cannot be passed for another, has the right length, and never shows in a repr.

`bytes(key)` gives the raw bytes (for a signing key: its seed). Equality takes constant time.
Spec: 3.2
"""

from functools import cached_property
from typing import Self

from clawchat.protocol import primitives
from clawchat.protocol.errors import Malformed, UsageError
from clawchat.protocol.fingerprint import fingerprint


class _Key:
    """Raw bytes of one fixed size, frozen."""

    __slots__ = ("_raw",)
    SIZE = 32
    _raw: bytes

    def __init__(self, raw: bytes) -> None:
        if not isinstance(raw, bytes) or len(raw) != self.SIZE:
            raise UsageError(f"{type(self).__name__} takes {self.SIZE} bytes")
        object.__setattr__(self, "_raw", raw)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The key in bytes that came from outside.

        Raises: malformed (another length).
        """
        if len(raw) != cls.SIZE:
            raise Malformed(f"{cls.__name__} of {len(raw)} bytes, expected {cls.SIZE}")
        return cls(bytes(raw))

    def __setattr__(self, name: str, value: object) -> None:
        raise UsageError("keys are frozen")

    def __bytes__(self) -> bytes:
        return self._raw

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return primitives.constant_time_equal(self._raw, bytes(other))

    def __hash__(self) -> int:
        return hash((type(self), self._raw))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class _SecretKey(_Key):
    """A key that is simply random bytes."""

    __slots__ = ()

    @classmethod
    def generate(cls) -> Self:
        """A fresh one."""
        return cls(primitives.random_bytes(cls.SIZE))


class _ComputingKey(_SecretKey):
    """A private key. What OpenSSL computes with is made at the first use and goes with the key, wiped by OpenSSL."""

    # Only what `cached_property` keeps; everything else is as frozen as in other keys.
    __slots__ = ("__dict__",)


class DiscoverySecret(_SecretKey):
    """Opens the connection file and passes the gate; every enrolled device has it, so it proves nobody."""

    __slots__ = ()


class PreSharedKey(_SecretKey):
    """One device's (or one invite's) secret with the server, mixed into every session."""

    __slots__ = ()


class GateKey(_Key):
    """Derived from the discovery secret: lets the server tell its own people from strangers before any costly work."""

    __slots__ = ()


class SignalKey(_Key):
    """Seals signals of one room while an epoch lasts; every member of it has it, so it proves nobody."""

    __slots__ = ()


class RecoveryKey(_SecretKey):
    """Opens a person's root blob; shown once, never stored by us."""

    __slots__ = ()


class AttachmentKey(_SecretKey):
    """Seals one file, once; it travels in the message that shows the file."""

    __slots__ = ()


class _VerifyKey(_Key):
    """An Ed25519 public key."""

    __slots__ = ()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Nothing, when the signature is good.

        Raises: unauthentic.
        """
        primitives.ed25519_verify(self._raw, signature, message)

    @property
    def fingerprint(self) -> str:
        """For people to compare: eight groups of four hex digits."""
        return fingerprint(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.fingerprint[:9]}...)"


class IdentityPublic(_VerifyKey):
    """A server's identity, as clients pin it."""

    __slots__ = ()


class DevicePublic(_VerifyKey):
    """A device's identity, as the server and its peers know it."""

    __slots__ = ()


class RootPublic(_VerifyKey):
    """A person's root, which certifies the person's devices."""

    __slots__ = ()


class _SigningKey(_ComputingKey):
    """An Ed25519 seed."""

    __slots__ = ()
    _ready = cached_property(lambda self: primitives._ed25519_key(self._raw))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature. The message begins with a prefix of key_schedule.PREFIXES, so no two uses mix."""
        return primitives.ed25519_sign(self._ready, message)

    def _public_bytes(self) -> bytes:
        return primitives.ed25519_public(self._ready)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({fingerprint(self._public_bytes())[:9]}...)"


class IdentityKey(_SigningKey):
    """A server's identity."""

    __slots__ = ()

    @property
    def public(self) -> IdentityPublic:
        """What clients pin."""
        return IdentityPublic(self._public_bytes())


class DeviceKey(_SigningKey):
    """A device's identity."""

    __slots__ = ()

    @property
    def public(self) -> DevicePublic:
        """What the server and peers know."""
        return DevicePublic(self._public_bytes())


class RootKey(_SigningKey):
    """A person's root: unsealed only to link, revoke or join a device."""

    __slots__ = ()

    @property
    def public(self) -> RootPublic:
        """What every certificate of the person's devices names."""
        return RootPublic(self._public_bytes())


class ExchangePublic(_Key):
    """An ephemeral X25519 public value."""

    __slots__ = ()


class ExchangeSecret(_ComputingKey):
    """An ephemeral X25519 secret: one handshake, then dropped."""

    __slots__ = ()
    _ready = cached_property(lambda self: primitives._x25519_key(self._raw))

    @property
    def public(self) -> ExchangePublic:
        """What is sent."""
        return ExchangePublic(primitives.x25519_public(self._ready))

    def exchange(self, their_public: ExchangePublic) -> bytes:
        """The shared 32 bytes.

        Raises: malformed (a value of small order).
        """
        return primitives.x25519(self._ready, bytes(their_public))


class EncapsulationKey(_Key):
    """An ephemeral ML-KEM-768 public key."""

    __slots__ = ()
    SIZE = 1184

    def encapsulate(self) -> tuple[bytes, bytes]:
        """A fresh shared secret (32 bytes) and its ciphertext (1088 bytes).

        Raises: malformed (a key that is no ML-KEM key).
        """
        return primitives.mlkem768_encapsulate(self._raw)


class DecapsulationKey(_ComputingKey):
    """An ephemeral ML-KEM-768 seed: one handshake, then dropped."""

    __slots__ = ()
    SIZE = 64
    _ready = cached_property(lambda self: primitives._mlkem768_key(self._raw))

    @property
    def public(self) -> EncapsulationKey:
        """What is sent."""
        return EncapsulationKey(primitives.mlkem768_public(self._ready))

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The shared 32 bytes.

        Raises: malformed (ciphertext size).
        """
        return primitives.mlkem768_decapsulate(self._ready, ciphertext)
