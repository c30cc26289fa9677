"""The bans in force, as the guard of every chat port asks for them."""

import time
from collections.abc import Callable, Mapping
from ipaddress import ip_network

from chat.addresses import parse_address


class Banned:
    """Networks whose new connections are refused, and until when; asking takes as long for a thousand as for one.

    Units: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        # By version and by how many bits of an address say nothing: the bits that do, and until when.
        self._until: dict[tuple[int, int], dict[int, float]] = {}

    def replace(self, until: Mapping[str, float]) -> None:
        """From now on these are banned, and nobody else."""
        found: dict[tuple[int, int], dict[int, float]] = {}
        for text, end in until.items():
            network = ip_network(text)
            spare = network.max_prefixlen - network.prefixlen
            found.setdefault((network.version, spare), {})[int(network.network_address) >> spare] = end
        self._until = found

    def __contains__(self, address: str) -> bool:
        found = parse_address(address) if self._until else None
        if found is None:
            return False
        now, number = self._clock(), int(found)
        return any(
            ends.get(number >> spare, 0.0) > now
            for (version, spare), ends in self._until.items()
            if version == found.version
        )
