"""Keys changed on an operator's word, one kind after the other."""

from collections.abc import Sequence

from .devices_kind import DevicesKind
from .key_kinds import DiscoveryKind, IdentityKind, KeyKind, KeyNotChanged, Order, SessionsKind
from .master_kind import MasterKind
from .tls_kind import TlsKind

# In the order in which they are changed: what takes longest comes last.
KINDS: tuple[KeyKind, ...] = (IdentityKind(), DiscoveryKind(), TlsKind(), DevicesKind(), SessionsKind(), MasterKind())


def standings() -> dict[str, str]:
    """How each kind of key stands, by its name."""
    return {kind.name: kind.standing() for kind in KINDS}


def kinds_named(names: Sequence[str]) -> list[KeyKind]:
    """The kinds with these names, in the order in which they are changed."""
    return [kind for kind in KINDS if kind.name in names]


def change(kind: KeyKind, order: Order) -> str:
    """Change a key; returns who has to do what.

    Raises: KeyNotChanged.
    """
    obstacle = kind.obstacle()
    if obstacle:
        raise KeyNotChanged(obstacle)
    return kind.change(order)
