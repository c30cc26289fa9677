"""Runs inside a server's installation: what a stranger costs the server once his first message is read."""

import time
from types import SimpleNamespace
from typing import Any

from chat.reception import Reception
from chat.strangers import Strangers
from clawchat.protocol.handshake import Gate, find_gate
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from tests.protocol.pairs import pair

ROUNDS, TIMES = 60, 200
# While one identity hands over to another and one secret to the next there could be four.
GATES = (1, 4)


def strangers() -> dict[str, Any]:
    """Microseconds of the processor: looking for a gate, and all that the reception does."""
    from tests.bench.session import spread

    figures = {}
    record = pair().hello()
    for count in GATES:
        gates = [Gate(gate_key(DiscoverySecret.generate()), IdentityKey.generate()) for _ in range(count)]
        hub: Any = SimpleNamespace(gates=gates, strangers=Strangers())
        kinds = {
            "find_gate": lambda gates=gates: find_gate(record, gates),
            "reception": lambda hub=hub: _refuse(hub, record),
        }
        for name, work in kinds.items():
            figures[f"a stranger, {count} gates, {name}, us"] = spread((_each(work) for _ in range(ROUNDS)), 1)
    return figures


def _refuse(hub: Any, record: bytes) -> None:
    link = SimpleNamespace(address="192.0.2.1", port=50_000, tripwire=False, judged=lambda: None, abort=lambda: None)
    try:
        Reception(hub, link).receive(record).send(None)
    except StopIteration as done:
        assert done.value is None


def _each(work: Any) -> float:
    began = time.process_time()
    for _ in range(TIMES):
        work()
    return 1e6 * (time.process_time() - began) / TIMES
