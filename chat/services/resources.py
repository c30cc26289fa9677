"""Processor, memory and disk of a server's machine: told when they are nearly used up, before anything stops."""

from collections.abc import Sequence

from chat.models import Alert, ConnectionPolicy
from chat.services.alerts import close_alert, raise_alert
from chat.services.policy import current_policy
from chat.usage import Usage

KIND = "resources"
# One busy minute is nothing: so many in a row are.
BUSY_MINUTES = 5
# So little is left of the disk that the next days may fill it: messages are then refused.
URGENT_DISK_PERCENT = 97
_GIBIBYTE = 1 << 30


def judge_usage(node: str, usages: Sequence[Usage]) -> None:
    """Raise and close the alerts of one node's machine; `usages` are those of the last minutes, the newest last."""
    policy, last = current_policy(), usages[-1:]
    busy = [usage.machine_cpu_percent for usage in usages[-BUSY_MINUTES:] if usage.machine_cpu_percent is not None]
    if busy:
        _judge_processors(node, busy, policy)
    for usage in last:
        _judge_memory(node, usage, policy)
        _judge_disk(node, usage, policy)


def _judge_processors(node: str, busy: Sequence[float], policy: ConnectionPolicy) -> None:
    if len(busy) == BUSY_MINUTES and min(busy) >= policy.alert_cpu_percent:
        mean = sum(busy) / len(busy)
        _raise(
            node,
            "processors",
            Alert.Severity.WARNING,
            f"The processors of {node} are {mean:.0f} % busy for {BUSY_MINUTES} minutes; "
            f"{policy.alert_cpu_percent} % is the most that is wanted.",
            "Look at which process is busy (top); if it is ClawChat, lower the limits or add a node.",
            percent=round(mean),
        )
    elif busy[-1] < policy.alert_cpu_percent:
        _close(node, "processors")


def _judge_memory(node: str, usage: Usage, policy: ConnectionPolicy) -> None:
    percent = usage.machine_memory_percent
    if percent is None:
        return
    if percent < policy.alert_memory_percent:
        _close(node, "memory")
        return
    ours = f"; ClawChat has {usage.memory_bytes / (1 << 20):,.0f} MiB of it" if usage.memory_bytes else ""
    _raise(
        node,
        "memory",
        Alert.Severity.WARNING,
        f"The memory of {node} is {percent:.0f} % in use{ours}; {policy.alert_memory_percent} % is the most that is "
        "wanted.",
        "Look at which process holds it (top, by M); end what is not needed, or give the machine more.",
        percent=round(percent),
    )


def _judge_disk(node: str, usage: Usage, policy: ConnectionPolicy) -> None:
    if usage.disk_free_bytes is None or not usage.disk_total_bytes:
        return
    percent = 100 * (1 - usage.disk_free_bytes / usage.disk_total_bytes)
    if percent < policy.alert_disk_percent:
        _close(node, "disk")
        return
    _raise(
        node,
        "disk",
        Alert.Severity.URGENT if percent >= URGENT_DISK_PERCENT else Alert.Severity.WARNING,
        f"The disk of {node} is {percent:.0f} % full, {usage.disk_free_bytes / _GIBIBYTE:,.1f} GiB are free; "
        f"{policy.alert_disk_percent} % is the most that is wanted.",
        "Make room, or keep messages for fewer days (connection policy) and run prunemessages.",
        percent=round(percent),
        free_bytes=usage.disk_free_bytes,
    )


def _raise(node: str, what: str, severity: str, text: str, remedy: str, **facts: object) -> None:
    raise_alert(KIND, f"{what} of {node}", severity, text, remedy, **facts)


def _close(node: str, what: str) -> None:
    close_alert(KIND, f"{what} of {node}")
