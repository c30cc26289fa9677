"""Floods: far more from one address or device than anybody needs. The limits hold them; the operator is told."""

from collections import Counter
from collections.abc import Iterable, Mapping

from chat.addresses import network_of
from chat.models import Alert
from chat.services.alerts import open_subjects, raise_one_of_many
from clawchat.protocol.errors import Limit, TooFast

KIND = "flood"
# Within a minute, in one server process: first messages of one network that let nobody in, and frames of one session
# that came too fast. Clients of ours that are told to wait do so: they stay far below.
MOST_STRANGERS = 100
MOST_FRAMES = 200


def judge_strangers(counts: Iterable[tuple[tuple[str, str], int]]) -> None:
    """Alert on networks that came too often; `counts` are those of a minute, by address and where each was stopped."""
    by_network: dict[str, Counter[str]] = {}
    for (address, where), count in counts:
        by_network.setdefault(network_of(address) if address else "", Counter())[where] += count
    crowds = {network: wheres for network, wheres in by_network.items() if wheres.total() >= MOST_STRANGERS}
    if not crowds:
        return
    scans = open_subjects("scan")
    for network, wheres in crowds.items():
        # Its scan is told of already.
        if network not in scans:
            _tell_of_strangers(network, wheres)


def judge_frames(refused: Mapping[str, Mapping[str, int]]) -> None:
    """Alert on devices that are held back all the time; `refused` are frames by device (hex) and the error's code."""
    for device, codes in refused.items():
        count = codes.get(TooFast.code, 0) + codes.get(Limit.code, 0)
        if count >= MOST_FRAMES:
            text = (
                f"Device {device[:8]} was held back {count:,} times in a minute: it sends faster than its limits allow "
                "and does not wait."
            )
            remedy = "The limits hold it. Ask its owner what it does; if nobody knows, revoke the device."
            raise_one_of_many(KIND, device, Alert.Severity.WARNING, text, remedy, frames=count)


def _tell_of_strangers(network: str, wheres: Counter[str]) -> None:
    who = network or "A crowd of addresses"
    stopped = ", ".join(f"{where} {count:,}" for where, count in wheres.most_common())
    text = f"{who} came {wheres.total():,} times in a minute and was not let in (stopped at: {stopped})."
    remedy = "The limits hold it. If nobody of yours is there, ban the address (Bans) until it gives up."
    raise_one_of_many(KIND, network, Alert.Severity.WARNING, text, remedy, **wheres)
