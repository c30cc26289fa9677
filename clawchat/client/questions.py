"""Questions that wait for an answer, on one connection."""

import asyncio
from collections.abc import Callable
from typing import Any

from clawchat.protocol.bodies import Failure, Response
from clawchat.protocol.errors import ClawChatError, Malformed, error_for
from clawchat.protocol.operations import check_answer

from .errors import ConnectionLost, plain_text

Answer = dict[str, Any]
Then = Callable[[Answer], None]


class Questions:
    """Numbers them, and gives each its answer."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[str, asyncio.Future[Answer], Then | None]] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._asked)

    def begin(self, op: str, then: Then | None = None) -> tuple[int, asyncio.Future[Answer]]:
        """The number of a new question and what its answer comes to; `then` gets the answer at once."""
        number, self._next = self._next, self._next + 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[number] = (op, future, then)
        return number, future

    def end(self, number: int) -> None:
        """Nobody waits for this one any more."""
        _, future, _ = self._asked.pop(number)
        if not future.cancel() and not future.cancelled():
            # Looked at, or asyncio would complain of an error that nobody saw: who asked has it already.
            future.exception()

    def answer(self, exchange: Response | Failure) -> None:
        """Hand an answer to who asked; one that nobody waits for is passed over.

        Who asked gets malformed instead of one that has not the shape which 3.14 gives it.
        """
        op, future, then = self._asked.get(exchange.id, ("", None, None))
        if future is None or future.done():
            return
        if isinstance(exchange, Failure):
            details = {name: value for name, value in exchange.body.items() if name not in ("code", "text")}
            future.set_exception(error_for(exchange.body["code"], plain_text(exchange.body["text"]), details))
            return
        try:
            check_answer(op, exchange.body)
        except Malformed as error:
            future.set_exception(error)
            return
        if then is not None:
            then(exchange.body)
        future.set_result(exchange.body)

    def lose(self, reason: ClawChatError) -> None:
        """The connection is over: what is unanswered raises connection_lost where it was asked."""
        for _, future, _ in list(self._asked.values()):
            if not future.done():
                future.set_exception(ConnectionLost(f"unanswered: {reason}"))
