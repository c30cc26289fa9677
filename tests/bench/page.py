"""Puts the figures of the session and of the timing into docs/: as they are, as plots, and as tables of the page."""

import json
from pathlib import Path
from typing import Any

from tests.bench.charts import bars, dots
from tests.bench.two_samples import SEEN

DOCS = Path(__file__).resolve().parents[2] / "docs"
FIGURES = DOCS / "figures"
PAGE = DOCS / "performance.md"
BEGIN, END = "<!-- {part}: written by `python -m tests.bench --only {part} --write` -->", "<!-- end of {part} -->"

# What the table of the session says, the figure it is of, the ratio's, and the goal with what decides it.
Row = tuple[str, str, str | None, float | None]
ROWS: tuple[Row, ...] = (
    ("256 bytes sealed, a second", "seal 256 bytes, a second", "seal 256 bytes, of bare", 200_000),
    ("256 bytes opened, a second", "open 256 bytes, a second", "open 256 bytes, of bare", 200_000),
    ("4 KiB sealed, a second", "seal 4096 bytes, a second", "seal 4096 bytes, of bare", None),
    ("4 KiB opened, a second", "open 4096 bytes, a second", "open 4096 bytes, of bare", None),
    ("64 KiB sealed, a second", "seal 65536 bytes, a second", "seal 65536 bytes, of bare", None),
    ("64 KiB opened, a second", "open 65536 bytes, a second", "open 65536 bytes, of bare", None),
    (
        "server handshakes, hybrid, a second",
        "server handshakes, hybrid, a second",
        "server handshakes, hybrid, of bare",
        2_000,
    ),
    (
        "server handshakes, X25519 alone, a second",
        "server handshakes, X25519 alone, a second",
        "server handshakes, X25519 alone, of bare",
        None,
    ),
    ("client handshake in Python, hybrid, ms", "client handshake, Python, hybrid, ms", None, None),
    ("client handshake in Python, X25519 alone, ms", "client handshake, Python, X25519 alone, ms", None, None),
    ("rekey, hybrid, both ends together, ms", "rekey, hybrid, both ends, ms", None, None),
    ("a stranger turned away, one gate, us", "a stranger, 1 gates, reception, us", None, -50),
    ("a stranger turned away, four gates, us", "a stranger, 4 gates, reception, us", None, -50),
    (
        "connect to end, bare Twisted, us",
        "from connecting to the end, a bare Twisted server that hangs up, us",
        None,
        None,
    ),
    (
        "connect to end, a wrong request, us",
        "from connecting to the end, a chat port, by a wrong request, us",
        "a chat port, by a wrong request, of bare Twisted",
        None,
    ),
    (
        "connect to end, a wrong gate value behind the right path, us",
        "from connecting to the end, a chat port, by a wrong gate value behind the right path, us",
        "a chat port, by a wrong gate value behind the right path, of bare Twisted",
        None,
    ),
)


def write_session(figures: dict[str, Any]) -> None:
    """Table, plot and figures of the session."""
    lines = ["| what | median | 80 of 100 between | of the bare library | goal | met |", "|---|---|---|---|---|---|"]
    lines += [_row(figures, *row) for row in ROWS]
    lines += ["", "| Chromium | mean | p99 | most | goal for the p99 | met |", "|---|---|---|---|---|---|"]
    for name, goal in (("encrypt and decrypt 4096", 5), ("bare Web Crypto 4096", None), ("client handshake", None)):
        found = figures[f"Chromium, {name}, ms"]
        met = "" if goal is None else "yes" if found["p99"] < goal else "**no**"
        shown = name.replace("4096", "4 KiB")
        cells = (
            shown,
            *(f"{found[each]:g} ms" for each in ("mean", "p99", "most")),
            "" if goal is None else f"{goal} ms",
            met,
        )
        lines.append(f"| {' | '.join(cells)} |")
    _write("session", figures, lines)
    (FIGURES / "session.svg").write_text(
        bars(
            "Microseconds of a core for one frame", _parts(figures), ("AESGCM alone", "the rest of the protocol"), "us"
        )
    )


def write_timing(figures: dict[str, Any]) -> None:
    """Table, plot and figures of the timing."""
    found = {name: each for name, each in figures.items() if isinstance(each, dict)}
    lines = ["| what is compared: first, second | t of each run | second slower by | would be seen from | seen |"]
    lines.append("|---|---|---|---|---|")
    for name, each in found.items():
        t = ", ".join(f"{value:g}" for value in each["t"])
        slower, least = (_time(each[key]) for key in ("difference, ns", "would be seen from, ns"))
        lines.append(f"| {name} | {t} | {slower} | {least} | {each['seen']} |")
    _write("timing", figures, lines)
    rows = [(name, each["t"]) for name, each in found.items()]
    (FIGURES / "timing.svg").write_text(dots("|t| of each run", rows, SEEN, f"{SEEN}: a difference is seen"))


def _row(figures: dict[str, Any], what: str, name: str, ratio: str | None, goal: float | None) -> str:
    """A goal below zero is one to stay under."""
    found = figures[name]
    shown = [f"{found[each]:,.6g}" for each in ("median", "low", "high")]
    of = f"{figures[ratio]['median']:.2f}" if ratio else ""
    goal_shown = met = ""
    if goal is not None:
        goal_shown = f"at least {goal:,}" if goal > 0 else f"under {-goal}"
        met = "yes" if (found["median"] >= goal if goal > 0 else found["median"] < -goal) else "**no**"
    return f"| {what} | {shown[0]} | {shown[1]} to {shown[2]} | {of} | {goal_shown} | {met} |"


def _parts(figures: dict[str, Any]) -> list[tuple[str, tuple[float, float]]]:
    rows = []
    for size, shown in ((256, "256 bytes"), (4096, "4 KiB"), (65_536, "64 KiB")):
        for verb in ("seal", "open"):
            whole, bare = (
                1e6 / figures[f"{verb} {size} bytes, {end}"]["median"] for end in ("a second", "bare AESGCM, a second")
            )
            rows.append((f"{verb} {shown}", (bare, whole - bare)))
    return rows


def _time(nanoseconds: float) -> str:
    return f"{nanoseconds / 1000:.1f} us" if abs(nanoseconds) >= 1000 else f"{nanoseconds:.1f} ns"


def _write(part: str, figures: dict[str, Any], lines: list[str]) -> None:
    (FIGURES / f"{part}.json").write_text(json.dumps(figures, indent=2) + "\n")
    begin, end = BEGIN.format(part=part), END.format(part=part)
    before, found, rest = PAGE.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{PAGE.name} has no place for the table of {part}: {begin} ... {end}")
    said = f"On {figures['machine']}; load when it began: {figures['load when it began']}."
    PAGE.write_text("\n".join([before + begin, said, "", *lines, "", end]) + after)
