"""How fast devices and addresses may be, in this server process and, with Redis, in all of them together.

Spec: 3.13
"""

from collections.abc import Hashable, Mapping
from typing import Protocol

from chat.addresses import is_one_caller, network_of
from chat.buckets import Buckets
from chat.models import ConnectionPolicy

# A package is taken from a stock for so many minutes at once.
PACKAGE_BURST_MINUTES = 4
# What one request may ask for (3.14); a bucket that holds less would never let it pass.
MOST_PACKAGES = 16


class Shared(Protocol):
    """Buckets that all server processes share; while they are out of reach they let everything pass."""

    def wait(self, name: str, limits: Buckets, key: Hashable, now: float, count: float) -> float:
        """Seconds until there is enough, 0 when there is."""

    def take(self, name: str, limits: Buckets, key: Hashable, now: float, count: float) -> None:
        """Use so much, after `wait` said 0."""


class Rate:
    """One kind of limit: so much of something for each key."""

    def __init__(self, name: str, shared: Shared | None) -> None:
        self._name, self._shared = name, shared
        self._own = Buckets(1, 1)

    def limit(self, rate: float, burst: float, now: float) -> None:
        """Take over other limits; what was used stays used."""
        self._own.limit(rate, burst, now)

    def wait(self, key: Hashable, now: float, count: float = 1) -> float:
        """Seconds until there is enough, 0 when there is."""
        own = self._own.wait(key, now, count)
        if own or self._shared is None:
            return own
        return self._shared.wait(self._name, self._own, key, now, count)

    def take(self, key: Hashable, now: float, count: float = 1) -> None:
        """Use so much, after `wait` said 0."""
        # Of our own bucket too: when the shared ones get out of reach, nobody begins anew.
        self._own.take(key, now, count)
        if self._shared is not None:
            self._shared.take(self._name, self._own, key, now, count)


class Rates:
    """All rates of one server process. What is refused takes nothing from any bucket."""

    def __init__(self, policy: ConnectionPolicy, now: float, shared: Shared | None = None) -> None:
        names = ("messages", "requests", "bytes")
        self._of_device = {name: Rate(f"device {name}", shared) for name in names}
        self._of_address = {name: Rate(f"address {name}", shared) for name in names}
        self._packages = Rate("device packages", shared)
        self._handshakes = Rate("address handshakes", shared)
        self.limit(policy, now)

    def limit(self, policy: ConnectionPolicy, now: float) -> None:
        """Take over the operator's limits; nobody's bucket is filled by it."""
        self._prefix_bits = policy.ipv6_prefix_bits
        device, address = self._of_device, self._of_address
        device["messages"].limit(policy.messages_per_second, policy.message_burst, now)
        device["requests"].limit(policy.requests_per_second, policy.request_burst, now)
        device["bytes"].limit(policy.bytes_per_second, policy.byte_burst, now)
        address["messages"].limit(policy.address_messages_per_second, policy.address_message_burst, now)
        address["requests"].limit(policy.address_requests_per_second, policy.address_request_burst, now)
        address["bytes"].limit(policy.address_bytes_per_second, policy.address_byte_burst, now)
        per_minute = policy.packages_per_minute
        self._packages.limit(per_minute / 60, max(MOST_PACKAGES, per_minute * PACKAGE_BURST_MINUTES), now)
        self._handshakes.limit(policy.handshakes_per_minute / 60, policy.handshake_burst, now)

    def take_message(self, device_pk: int, address: str, size: int, now: float) -> float:
        """0 when a message of `size` bytes may come in; else the seconds until it may.

        `address` is empty when none counts for it.
        """
        return self._take({"messages": 1, "bytes": size}, device_pk, address, now)

    def take_request(self, device_pk: int, address: str, size: int, now: float) -> float:
        """The same for a request, and whatever else makes the server do something."""
        return self._take({"requests": 1, "bytes": size}, device_pk, address, now)

    def take_bytes(self, device_pk: int, address: str, size: int, now: float) -> float:
        """The same for so many bytes that are to be handed out."""
        return self._take({"bytes": size}, device_pk, address, now)

    def take_packages(self, device_pk: int, count: int, now: float) -> float:
        """The same for so many key packages at once."""
        wait = self._packages.wait(device_pk, now, count)
        if not wait:
            self._packages.take(device_pk, now, count)
        return wait

    def take_handshake(self, address: str, now: float) -> bool:
        """Whether this address may begin one more handshake."""
        if not is_one_caller(address):
            return True
        network = network_of(address, self._prefix_bits)
        if self._handshakes.wait(network, now):
            return False
        self._handshakes.take(network, now)
        return True

    def _take(self, counts: Mapping[str, int], device_pk: int, address: str, now: float) -> float:
        taken: list[tuple[Rate, Hashable, int]]
        taken = [(self._of_device[name], device_pk, count) for name, count in counts.items()]
        if address:
            network = network_of(address, self._prefix_bits)
            taken += [(self._of_address[name], network, count) for name, count in counts.items()]
        wait = max(rate.wait(key, now, count) for rate, key, count in taken)
        if not wait:
            for rate, key, count in taken:
                rate.take(key, now, count)
        return wait


def counted_address(address: str) -> str:
    """The address when limits by address are for it, else nothing."""
    return address if is_one_caller(address) else ""
