"""Blobs on their way to a server that loses them, or pretends to."""

import pytest

from clawchat.client.rooms.staging import MAX_GAPS, stage
from clawchat.protocol.errors import Malformed, OutOfOrder
from clawchat.protocol.limits import STAGE_CHUNK_BYTES
from clawchat.protocol.primitives import random_bytes, sha256

BLOB = random_bytes(2 * STAGE_CHUNK_BYTES + 5)


class Server:
    """Answers `room.stage` in turn, then as it should; an error is raised."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.offsets: list[int] = []

    async def __call__(self, _op: str, *, offset: int, bytes: bytes, **_: object) -> dict:
        self.offsets.append(offset)
        answer = self.answers.pop(0) if self.answers else {"have": offset + len(bytes)}
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_server_that_lost_a_part_is_given_it_again():
    """From where it says, and then on to the end."""
    server = Server({"have": STAGE_CHUNK_BYTES}, OutOfOrder("a gap", {"have": 0}))

    assert await stage(server, BLOB) == sha256(BLOB)

    assert server.offsets == [0, STAGE_CHUNK_BYTES, 0, STAGE_CHUNK_BYTES, 2 * STAGE_CHUNK_BYTES]


@pytest.mark.parametrize("answer", [{"have": 0}, OutOfOrder("a gap", {"have": 0})])
async def test_a_server_that_keeps_nothing_is_not_given_it_for_ever(answer):
    """Whoever wants the blob there tries again later, at the pace of a commit that has to wait."""
    server = Server(*[answer] * 100)

    with pytest.raises(OutOfOrder):
        await stage(server, BLOB)

    assert len(server.offsets) == MAX_GAPS + 1


@pytest.mark.parametrize("answer", [{}, {"have": -5}, {"have": "5"}, OutOfOrder("a gap", {})])
async def test_what_is_no_number_is_no_answer(answer):
    """Nor is a place before the beginning."""
    with pytest.raises(Malformed):
        await stage(Server(answer), BLOB)
