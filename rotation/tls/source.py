"""Where listeners get the TLS context of each new connection, and how it is exchanged while they listen."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from .context import Pair, TlsProblem, make_context, prove
from .files import FileSupply
from .local import LocalSupply

logger = logging.getLogger(__name__)

LOOK_SECONDS = 3.0


class Supply(Protocol):
    """Where certificates come from."""

    def is_stale(self) -> bool:
        """Whether `pairs` would give others than the last time it was asked, whatever came of it."""

    def pairs(self) -> list[Pair]:
        """The certificates of now. Raises: TlsProblem."""

    def withdrawn(self) -> list[Pair]:
        """Those that were replaced so that nobody believes them any more, since this was asked last."""


@implementer(IOpenSSLContextFactory)
class ContextSource:
    """Makes a context at once, and a new one whenever the supply has other certificates.

    Connections keep the context that they began with. While new certificates cannot be used the old ones stay, and the
    log says why, once. Raises: TlsProblem, when there are no good ones to begin with.
    """

    def __init__(self, supply: Supply) -> None:
        self._supply = supply
        self._context = self._make()

    def getContext(self) -> SSL.Context:
        """The context for one new connection."""
        return self._context

    def look(self) -> bool:
        """Take over other certificates when there are some; whether there were, and they are good."""
        if not self._supply.is_stale():
            return False
        try:
            self._context = self._make()
        except TlsProblem as problem:
            logger.error("New TLS certificates cannot be used, the old ones stay: %s", problem)
            return False
        logger.info("TLS certificates were exchanged; connections that are open keep theirs")
        return True

    async def watch(
        self, withdraw: Callable[[list[str]], Awaitable[None]], note_exchange: Callable[[], Awaitable[None]]
    ) -> None:
        """Look again and again, until cancelled; `withdraw` is given certificates, in PEM, that nobody should believe
        any more, `note_exchange` is called after each exchange; either again with the next look when it raises."""
        waiting: list[str] = []
        is_new = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                is_new |= await asyncio.to_thread(self.look)
                waiting += [pair.certificate.public_bytes(Encoding.PEM).decode() for pair in self._supply.withdrawn()]
                if waiting:
                    await withdraw(waiting)
                    waiting = []
                if is_new:
                    await note_exchange()
                    is_new = False
            except Exception:
                logger.exception("the TLS certificates could not be looked after")

    def _make(self) -> SSL.Context:
        pairs = self._supply.pairs()
        context = make_context(pairs)
        prove(context, pairs)
        # One that has shaken hands is as good as new, except that pyOpenSSL forbids changing it: nobody wants to.
        return context


def context_source() -> ContextSource | None:
    """What the settings ask for; None without TLS.

    Raises: TlsProblem.
    """
    if settings.CLAWCHAT_TLS == "local":
        return ContextSource(LocalSupply())
    if settings.CLAWCHAT_TLS == "files":
        return ContextSource(FileSupply(settings.CLAWCHAT_TLS_FILES))
    return None
