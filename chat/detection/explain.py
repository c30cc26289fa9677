"""Findings in sentences: what, how much, against what is usual, and what to do."""

from typing import NamedTuple

from .judge import Finding

_KIBIBYTE, _MEBIBYTE = 1 << 10, 1 << 20


class Explained(NamedTuple):
    """One sentence each."""

    text: str
    remedy: str


def device_sentence(device: str, finding: Finding) -> Explained:
    """About one device, by the beginning of its id."""
    return Explained(
        f"Device {device} sent {amount(finding)} in a minute; usually it sends {usual(finding)}.",
        "Ask its owner what it does. If nobody knows, revoke the device; its limits hold meanwhile.",
    )


def server_sentence(finding: Finding) -> Explained:
    """About the whole server."""
    happened, usually = {
        "messages": ("There were {} in a minute", "there are {}"),
        "bytes": ("Devices sent {} in a minute", "they send {}"),
        "connections": ("There were {} in a minute", "there are {}"),
        "handshakes": ("There were {} in a minute", "there are {}"),
    }[finding.metric]
    return Explained(
        f"{happened.format(amount(finding))}; usually {usually.format(usual(finding))}.",
        "Look at the connections and the bans: is it one address, or are they your people?",
    )


def amount(finding: Finding) -> str:
    """The count with what it counts."""
    return size(finding.count) if finding.metric == "bytes" else f"{finding.count:,} {finding.metric}"


def usual(finding: Finding) -> str:
    """From where to where."""
    low, high = (size(finding.low), size(finding.high)) if finding.metric == "bytes" else (finding.low, finding.high)
    if low == high:
        return f"{low:,}" if isinstance(low, int) else low
    return f"{low:,} to {high:,}" if isinstance(low, int) else f"{low} to {high}"


def size(count: int) -> str:
    """Bytes as people say them."""
    if count >= _MEBIBYTE:
        return f"{count / _MEBIBYTE:,.1f} MiB"
    return f"{count / _KIBIBYTE:,.0f} KiB" if count >= _KIBIBYTE else f"{count} bytes"
