"""What a router is to us: something that lets a port in from outside, for a while."""

from typing import Protocol


class RouterError(Exception):
    """It did not do what we asked; the text is a sentence for the operator."""


class NoAnswer(RouterError):
    """Nobody answers, or what answers makes no sense."""


class Refused(RouterError):
    """It does not want to."""


class Taken(RouterError):
    """It lets somebody else in by that port."""


class Router(Protocol):
    """A router that answers. Ports are TCP, and the same on both sides. Every call ends within seconds."""

    # How we speak with it.
    name: str

    async def external_address(self) -> str:
        """Its address on the other side.

        Raises: RouterError.
        """

    async def map(self, port: int, seconds: int) -> int:
        """Let the port in to us, or go on doing so. Returns for how many seconds; 0 means until somebody ends it.

        Raises: Taken, Refused, NoAnswer.
        """

    async def unmap(self, port: int) -> None:
        """Let it in no more. One that it does not let in is none the worse.

        Raises: RouterError.
        """

    async def has_forgotten(self, port: int) -> bool:
        """Whether it has lost a port that it let in to us: it was restarted, or somebody ended it.

        Raises: RouterError.
        """

    async def leftovers(self) -> set[int]:
        """The ports that it lets in to us under our name, as far as it can be asked.

        Raises: RouterError.
        """
