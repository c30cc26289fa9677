"""When a client that nobody tells anything does something by itself."""

import time

from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.endpoint_choice import look_at

from .back_off import BackOff, jitter
from .discovery import Finder

FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 5.0, 300.0
FIRST_RETURN_SECONDS, LONGEST_RETURN_SECONDS = 30.0, 3600.0


class Stay:
    """The time a connection spends on one endpoint: when to ask the mirrors, when to try to leave a fixed port.

    Spec: 3.15
    """

    def __init__(self, finder: Finder, endpoint: Endpoint) -> None:
        self._finder = finder
        self._endpoint = endpoint
        self._draw = jitter()
        self._looks = BackOff(FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS)
        self._returns = BackOff(FIRST_RETURN_SECONDS, LONGEST_RETURN_SECONDS)
        self._not_before = time.monotonic()
        self.put_off()

    @property
    def endpoint(self) -> Endpoint:
        """Where it is, as the newest file has it; as it was when that does not list it any more."""
        return self._listed or self._endpoint

    @property
    def is_calm(self) -> bool:
        """Whether its port serves on for good: one that never moves and is listed."""
        return self._listed is not None and self._listed.fixed and not self._listed.retiring

    @property
    def left(self) -> float:
        """For how many more seconds its port serves."""
        return self.endpoint.valid_until - self._finder.now()

    @property
    def seconds(self) -> float:
        """For how long there is nothing to do."""
        wait = self._not_before - time.monotonic()
        if not self.is_calm:
            grace = self._finder.known.grace_seconds if self._finder.known is not None else 0
            wait = max(wait, look_at(self.endpoint, grace, self._draw) - self._finder.now())
        return max(0.0, wait)

    @property
    def is_over(self) -> bool:
        """Whether there is something to do now."""
        return self.seconds == 0

    def put_off(self) -> None:
        """It was tried, or need not be yet: not again for a while."""
        back_off = self._returns if self.is_calm else self._looks
        self._not_before = time.monotonic() + back_off.next_pause()

    @property
    def _listed(self) -> Endpoint | None:
        listed = self._finder.known.endpoints if self._finder.known is not None else ()
        return next((each for each in listed if each.url == self._endpoint.url), None)
