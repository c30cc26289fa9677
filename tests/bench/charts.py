"""Plots as SVG, for a page: bars of parts, and dots beside a bound."""

import math
from collections.abc import Iterable, Sequence
from html import escape

WIDTH, LABEL, ROW, HEAD, FOOT = 900, 380, 26, 40, 46
ROOM = WIDTH - LABEL - 70
COLOURS = ("#9aa5b1", "#1f6feb")
WARNING = "#c62828"
TEXT = "#1f2328"


def bars(title: str, rows: Sequence[tuple[str, Sequence[float]]], parts: Sequence[str], unit: str) -> str:
    """One row a label; its parts stand one after the other, and the sum beside them."""
    longest = max(sum(values) for _, values in rows)
    drawn = []
    for at, (label, values) in enumerate(rows):
        y, x = HEAD + at * ROW, float(LABEL)
        drawn.append(_text(LABEL - 10, y + 16, label, "end"))
        for value, colour in zip(values, COLOURS, strict=False):
            width = ROOM * value / longest
            drawn.append(f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{ROW - 8}" fill="{colour}"/>')
            x += width
        drawn.append(_text(x + 6, y + 16, f"{sum(values):.1f} {unit}"))
    foot = HEAD + len(rows) * ROW + 22
    for at, part in enumerate(parts):
        x = LABEL + at * 180
        drawn.append(f'<rect x="{x}" y="{foot - 10}" width="12" height="12" fill="{COLOURS[at]}"/>')
        drawn.append(_text(x + 18, foot, part))
    return _picture(title, len(rows), drawn)


def dots(title: str, rows: Sequence[tuple[str, Sequence[float]]], bound: float, meaning: str) -> str:
    """One row a label with all of its values on a logarithmic scale, a line at the bound, and red beyond it."""
    floor = 0.1
    most = max(10 * bound, *(max(map(abs, values)) for _, values in rows))
    place = lambda value: LABEL + ROOM * math.log(max(abs(value), floor) / floor) / math.log(most / floor)  # noqa: E731
    bottom = HEAD + len(rows) * ROW
    drawn = []
    for at, (label, values) in enumerate(rows):
        y = HEAD + at * ROW + ROW / 2
        drawn.append(_text(LABEL - 10, y + 4, label, "end"))
        drawn.append(f'<line x1="{LABEL}" x2="{LABEL + ROOM}" y1="{y}" y2="{y}" stroke="#e3e6ea"/>')
        for value in values:
            colour = WARNING if abs(value) >= bound else COLOURS[1]
            drawn.append(f'<circle cx="{place(value):.1f}" cy="{y}" r="4" fill="{colour}" fill-opacity="0.65"/>')
    x = place(bound)
    drawn.append(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD}" y2="{bottom}" stroke="{WARNING}" stroke-dasharray="4 3"/>'
    )
    drawn.append(_text(x, bottom + 16, meaning, "middle"))
    for power in range(math.ceil(math.log10(floor)), math.floor(math.log10(most)) + 1):
        drawn.append(_text(place(10.0**power), bottom + 34, f"{10.0**power:g}", "middle"))
    return _picture(title, len(rows), drawn)


def _picture(title: str, rows: int, drawn: Iterable[str]) -> str:
    height = HEAD + rows * ROW + FOOT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
            f' font-family="system-ui, sans-serif" font-size="13" fill="{TEXT}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="16" y="24" font-weight="600" font-size="15">{escape(title)}</text>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
