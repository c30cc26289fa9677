"""The bans in force, as the guard of every chat port asks for them."""

import time
from collections.abc import Callable, Mapping

from chat.addresses import network_of


class Banned:
    """Networks whose new connections are refused, and until when; asking takes as long for a thousand as for one.

    Units: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._until: Mapping[str, float] = {}

    def replace(self, until: Mapping[str, float]) -> None:
        """From now on these are banned, and nobody else."""
        self._until = dict(until)

    def __contains__(self, address: str) -> bool:
        return bool(self._until) and self._until.get(network_of(address), 0.0) > self._clock()
