"""Finds a marker wherever it could hide: raw, in hex, in UTF-16, and in base64 at each of its three alignments."""

import base64
from collections.abc import Iterator
from pathlib import Path


def disguises(marker: str) -> set[bytes]:
    """Every form of `marker` that the search knows; for base64 only the characters that the marker alone decides."""
    raw = marker.encode()
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    forms |= {marker.encode("utf-16-le"), marker.encode("utf-16-be")}
    for offset in range(3):
        whole = base64.b64encode(bytes(offset) + raw)
        inner = whole[4 if offset else 0 : (len(raw) + offset) // 3 * 4]
        forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


def traces(marker: str, sources: dict[str, bytes]) -> list[str]:
    """The names of the sources that hold the marker in any form."""
    forms = disguises(marker)
    return sorted(name for name, data in sources.items() if any(form in data for form in forms))


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below `folder`, by its path within it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
