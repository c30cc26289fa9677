"""The least a Twisted server can do with a stranger: take what he says and hang up. Prints its port.

Its reactor is the one that the real server has, and it resets as that one does.
"""

from twisted.internet import asyncioreactor

asyncioreactor.install()

from twisted.internet import reactor  # noqa: E402
from twisted.internet.protocol import Factory, Protocol  # noqa: E402


class HangUp(Protocol):
    """One connection."""

    def dataReceived(self, data: bytes) -> None:
        """Whatever it is, that was it."""
        self.transport.abortConnection()


if __name__ == "__main__":
    factory = Factory.forProtocol(HangUp)
    factory.noisy = False
    print(reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port, flush=True)
    reactor.run()
