"""Which connection file to believe when mirrors are late, old ones are replayed, or somebody shows two.

Spec: 3.8
"""

from collections.abc import Iterable

from clawchat.protocol.connection_info import ConnectionInfo
from clawchat.protocol.errors import Expired, Forked, NotYetValid, Replayed, UsageError
from clawchat.protocol.primitives import constant_time_equal


def check_freshness(info: ConnectionInfo, *, last_serial: int, last_digest: bytes, now: int) -> None:
    """Nothing, when the file is not older than the last one believed, not another with its serial, and in time.

    last_serial is 0 and last_digest empty when none was believed before; now is local time plus the last authenticated
    offset.
    Units: seconds since 1970.
    Raises: replayed; forked; not_yet_valid; expired (the last two with 300 s for wrong clocks).
    """
    _check_serial(info, last_serial, last_digest)
    if not info.is_current(now):
        raise (
            NotYetValid(f"valid from {info.valid_from}")
            if now < info.valid_from
            else Expired(f"valid until {info.valid_until}")
        )


def choose_freshest(
    infos: Iterable[ConnectionInfo], *, last_serial: int, last_digest: bytes, now: int
) -> ConnectionInfo:
    """The file to use of those the mirrors gave.

    It is the one with the highest serial among those in time. When none is in time it is the highest of the others:
    the handshake, not the clock, proves the server; ask `is_current` and warn.
    Raises: forked (two of one serial differ); replayed (all are older than the last one believed); usage (none given).
    """
    candidates: list[ConnectionInfo] = []
    by_serial: dict[int, ConnectionInfo] = {}
    refused: Replayed | None = None
    for info in infos:
        try:
            _check_serial(info, last_serial, last_digest)
        except Replayed as error:
            refused = error
            continue
        if not constant_time_equal(by_serial.setdefault(info.serial, info).digest, info.digest):
            raise Forked(f"two files with serial {info.serial}", {"serial": info.serial})
        candidates.append(info)
    if not candidates:
        raise refused or UsageError("no connection file to choose from")
    return max(candidates, key=lambda info: (info.is_current(now), info.serial))


def _check_serial(info: ConnectionInfo, last_serial: int, last_digest: bytes) -> None:
    if info.serial < last_serial:
        raise Replayed(f"serial {info.serial} after {last_serial}", {"serial": info.serial})
    if info.serial == last_serial and last_digest and not constant_time_equal(info.digest, last_digest):
        raise Forked(f"two files with serial {info.serial}", {"serial": info.serial})
