"""Writes tests/vectors/mls_hostile.json: `python -m tests.mls.hostile.generate`.

Sealing to an X-Wing key draws its own randomness, so the bytes differ at every run; the cases and what is expected of
them do not.
"""

import base64
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from clawchat.mls.group import Group
from tests.mls.hostile import commits, externals, joins, messages, world
from tests.mls.hostile.file import Pool, names_once
from tests.mls.hostile.world import DEVICES, Case

FILE = Path(__file__).parents[2] / "vectors" / "mls_hostile.json"
# The states that cases are judged in: whose, and in which room or at which moment.
STATES = {
    "plain": ("bert", lambda: world.plain().groups["bert"]),
    "ruled": ("bert", lambda: world.ruled().groups["bert"]),
    "vouched": ("bert", externals.vouched),
    **{name: ("bert", made) for name, made in messages.STATES.items()},
}


def all_cases() -> Iterator[Case]:
    """Every case there is."""
    return chain.from_iterable(module.cases() for module in (commits, externals, messages, joins))


def document() -> dict[str, Any]:
    """The file's content."""
    pool, cases = Pool(), list(all_cases())
    twice = list(names_once(case.name for case in cases))
    if twice:
        raise ValueError(f"two cases of one name: {twice}")
    states = {name: _state(pool, device, made()) for name, (device, made) in STATES.items()}
    written = [_case(pool, case) for case in cases]
    return {"devices": {name: _device(name) for name in DEVICES}, "states": states, "cases": written, "pool": pool}


def _device(name: str) -> dict[str, str]:
    device = DEVICES[name]
    parts = {"seed": bytes(device.key), "identity": device.identity().encode()}
    return {part: base64.b64encode(data).decode() for part, data in parts.items()}


def _state(pool: Pool, device: str, group: Group) -> dict[str, Any]:
    rows = {name: None if row is None else pool.cut(row) for name, row in group.rows().items()}
    return {"device": device, "rows": rows}


def _case(pool: Pool, case: Case) -> dict[str, Any]:
    written: dict[str, Any] = {"name": case.name, "does": case.does, "device": case.device, "expect": case.expect}
    if case.reason:
        written["reason"] = case.reason
    if case.state:
        written["state"] = case.state
    return {**written, "parts": {name: pool.cut(data) for name, data in case.parts.items()}}


def text(content: dict[str, Any]) -> str:
    """The file's text: a case a line, the pool in lines of its own."""

    def compact(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    heads = (f'"{name}":{compact(content[name])}' for name in ("devices", "states"))
    cases = ",\n".join(map(compact, content["cases"]))
    pool = ",\n".join(map(compact, content["pool"].lines()))
    return "{\n" + ",\n".join(heads) + f',\n"cases":[\n{cases}\n],\n"pool":[\n{pool}\n]\n}}\n'


if __name__ == "__main__":
    FILE.write_text(text(document()), "utf-8")
