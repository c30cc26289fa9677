"""The way out of this machine: who stands there, and by what address it knows us."""

import socket
from ipaddress import IPv4Address
from pathlib import Path

from .router import NoAnswer

ROUTES = Path("/proc/net/route")
# Of a line in there: destination, gateway, flags, metric.
DESTINATION, GATEWAY, FLAGS, METRIC = 1, 2, 3, 6
UP_AND_GATEWAY = 0x3
EVERYWHERE = "00000000"
# No packet is sent there: naming a target makes the system choose the address that it would send from.
SOMEWHERE = ("192.0.2.1", 9)


def default_gateway() -> str:
    """The address of the next router.

    Raises: NoAnswer (there is none, or this is no Linux).
    """
    try:
        gateway = gateway_of(ROUTES.read_text())
    except OSError:
        raise NoAnswer("This system does not say which router it uses.") from None
    if gateway is None:
        raise NoAnswer("This machine has no way out: it knows no router.")
    return gateway


def gateway_of(routes: str) -> str | None:
    """The gateway of the best default route in a table as Linux writes it."""
    best: tuple[int, str] | None = None
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) <= METRIC or fields[DESTINATION] != EVERYWHERE:
            continue
        if int(fields[FLAGS], 16) & UP_AND_GATEWAY != UP_AND_GATEWAY:
            continue
        # In the byte order of the machine: little on all that we meet.
        address = str(IPv4Address(bytes.fromhex(fields[GATEWAY])[::-1]))
        best = min(filter(None, (best, (int(fields[METRIC]), address))))
    return best and best[1]


def own_address(towards: tuple[str, int] = SOMEWHERE) -> str | None:
    """The address that this machine would send from; None when it cannot send there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(towards)
        except OSError:
            return None
        return probe.getsockname()[0]
