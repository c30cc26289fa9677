"""How many there may be at once: devices in all, devices behind one address, sessions of one device."""

from django.db.models import QuerySet

from chat.addresses import is_one_caller, network_of
from chat.models import Connection, ConnectionPolicy, Device


def reason_to_refuse(policy: ConnectionPolicy, device: Device, address: str, live: QuerySet[Connection]) -> str:
    """Why this device finds no room among the live connections; empty when it does.

    Only the others are counted: a device that is in may come once more from another port or place.
    """
    others = live.exclude(device=device)
    taken = others.values("device").distinct().count()
    if taken >= policy.max_devices:
        return f"{taken} devices are connected"
    if not is_one_caller(address):
        return ""
    behind = _devices_behind(network_of(address, policy.ipv6_prefix_bits), policy.ipv6_prefix_bits, others)
    if behind >= policy.max_sessions_per_address:
        return f"{behind} devices are connected from this address"
    return ""


def surplus(policy: ConnectionPolicy, device: Device, live: QuerySet[Connection]) -> int:
    """The newest of a device's connections that is one too many, by its row; 0 when none is. All older ones are, too.

    The oldest go: which of them is dead only the device knows, and it has just come anew.
    """
    newest_first = live.filter(device=device).order_by("-pk").values_list("pk", flat=True)
    return next(iter(newest_first[policy.max_sessions_per_device : policy.max_sessions_per_device + 1]), 0)


def _devices_behind(network: str, prefix_bits: int, others: QuerySet[Connection]) -> int:
    if "/" not in network:
        # A socket for both families wrote the same address in another way.
        return others.filter(address__in=[network, f"::ffff:{network}"]).values("device").distinct().count()
    rows = others.filter(address__contains=":").values_list("address", "device")
    return len({device for address, device in rows if network_of(address, prefix_bits) == network})
