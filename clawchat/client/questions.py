"""Questions that wait for an answer, on one connection."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clawchat.protocol.bodies import Failure, Response
from clawchat.protocol.errors import ClawChatError, Malformed, error_for
from clawchat.protocol.operations import check_answer

from .errors import ConnectionLost, plain_text

Answer = dict[str, Any]
Then = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class _Question:
    """One that was asked: how its answer is told from others, and who waits for it."""

    op: str
    future: asyncio.Future[Answer]
    then: Then | None


class Questions:
    """Numbers them, and gives each its answer."""

    def __init__(self) -> None:
        # What the server has not answered, whether or not anybody still waits for it.
        self._unanswered: dict[int, _Question] = {}
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._next = 1

    def __len__(self) -> int:
        """How many are waited for."""
        return len(self._waiting)

    def begin(self, op: str, then: Then | None = None) -> tuple[int, asyncio.Future[Answer]]:
        """The number of a new question and what its answer comes to; `then` gets the answer at once."""
        number, self._next = self._next, self._next + 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._unanswered[number] = _Question(op, future, then)
        self._waiting[number] = future
        return number, future

    def end(self, number: int) -> None:
        """Nobody waits for this one any more; an answer that still comes is passed over."""
        future = self._waiting.pop(number)
        if not future.cancel() and not future.cancelled():
            # Looked at, or asyncio would complain of an error that nobody saw: who asked has it already.
            future.exception()

    def answer(self, exchange: Response | Failure) -> None:
        """Hand an answer to who asked, who gets malformed instead of one that has not the shape which 3.14 gives it.

        Raises: malformed (an answer to nothing, or a second one).
        Spec: 3.11
        """
        question = self._unanswered.pop(exchange.id, None)
        if question is None:
            raise Malformed("an answer to a question that was not asked")
        if question.future.done():
            return
        try:
            question.future.set_result(_result(question, exchange))
        except ClawChatError as error:
            question.future.set_exception(error)

    def lose(self, reason: ClawChatError) -> None:
        """The connection is over: what is unanswered raises connection_lost where it was asked."""
        for question in self._unanswered.values():
            if not question.future.done():
                question.future.set_exception(ConnectionLost(f"unanswered: {reason}"))


def _result(question: _Question, exchange: Response | Failure) -> Answer:
    if isinstance(exchange, Failure):
        details = {name: value for name, value in exchange.body.items() if name not in ("code", "text")}
        raise error_for(exchange.body["code"], plain_text(exchange.body["text"]), details)
    check_answer(question.op, exchange.body)
    if question.then is not None:
        question.then(exchange.body)
    return exchange.body
