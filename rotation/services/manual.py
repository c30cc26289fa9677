"""The operator's hand: ports that move early because somebody says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from chat.services import audit
from clawchat.protocol.schedule import LeaseState
from rotation.models import LeaseKind, PortLease

from .decider import tick
from .homes import Home, homes_of, running_nodes
from .plan import instant, rotation_plan, seconds
from .planning import move_earlier


class NothingMoves(Exception):
    """No port can be moved by hand; the text says why."""


@dataclass(frozen=True)
class EarlyMove:
    """A port, when it was going to move, and when it does now; its successor once that is planned.

    Units: seconds since 1970.
    """

    node: str
    port: int
    before: int
    after: int
    successor: int | None = None


def rotate_ports(
    now: int,
    actor: str,
    *,
    at_once: bool = False,
    port: int | None = None,
    node: str | None = None,
    dry_run: bool = False,
) -> list[EarlyMove]:
    """Let the open ports move as soon as the lead allows, and return what becomes of each.

    With `at_once` they move as soon as the published file lists the next ones; `port` and `node` choose. With `dry_run`
    nothing is done. A port that moves as early by itself is left as it is.
    Raises: NothingMoves.
    """
    homes = _homes(now, node)
    heads = _heads(homes, port)
    lead = 0 if at_once else rotation_plan().lead
    moves = [
        EarlyMove(head.node.name, head.port, seconds(head.moves_at), min(seconds(head.moves_at), now + lead))
        for head in heads
    ]
    if dry_run:
        return moves
    changed = [_hasten(head, move, actor) for head, move in zip(heads, moves, strict=True) if move.after < move.before]
    if changed:
        tick(now)
    return _with_successors(moves, heads, now)


def _homes(now: int, node: str | None) -> list[Home]:
    homes = homes_of(running_nodes(instant(now)), rotation_plan())
    if not homes:
        raise NothingMoves("No server process runs, so no port can move. Start one: manage.py runclawchat.")
    chosen = [home for home in homes if node in (None, home.node.name)]
    if not chosen:
        names = ", ".join(home.node.name for home in homes)
        raise NothingMoves(f"No running node is called {node}; there is {names}.")
    return chosen


def _heads(homes: Sequence[Home], port: int | None) -> list[PortLease]:
    heads = [lease for home in homes for lease in home.of(LeaseKind.MOVING, LeaseState.OPEN)]
    chosen = [lease for lease in heads if port in (None, lease.port)]
    if chosen:
        return chosen
    if port is None:
        raise NothingMoves("No port is open yet, so none can move; manage.py clawchatstatus says why.")
    for lease in (lease for home in homes for lease in home.leases if lease.port == port):
        if lease.kind == LeaseKind.FIXED:
            raise NothingMoves(f"Port {port} is the fixed one, which never moves.")
        raise NothingMoves(f"Port {port} is {lease.state}; only an open port can move.")
    ports = ", ".join(str(lease.port) for lease in heads)
    raise NothingMoves(f"Port {port} is not one of ours; open are: {ports or 'none'}.")


def _hasten(head: PortLease, move: EarlyMove, actor: str) -> bool:
    grace = rotation_plan().grace
    with transaction.atomic():
        if not move_earlier(head, move.after, move.after + grace):
            # It is moving already.
            return False
        audit.record(
            "rotation_asked", actor=actor[:64], subject=head.node.name, port=head.port, seconds=move.before - move.after
        )
    return True


def _with_successors(moves: Sequence[EarlyMove], heads: Sequence[PortLease], now: int) -> list[EarlyMove]:
    homes = {home.node.pk: home for home in homes_of(running_nodes(instant(now)), rotation_plan())}
    found = []
    for move, head in zip(moves, heads, strict=True):
        home = homes.get(head.node_id)
        slot = home.of(LeaseKind.MOVING, *_NEXT, slot=head.slot) if home else []
        newer = [lease.port for lease in slot if lease.pk > head.pk]
        found.append(EarlyMove(move.node, move.port, move.before, move.after, newer[-1] if newer else None))
    return found


_NEXT = (LeaseState.PLANNED, LeaseState.BOUND, LeaseState.ANNOUNCED, LeaseState.OPEN)
