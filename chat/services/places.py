"""Where newcomers find the connection file: what an invite names. Spec: 3.16"""

from collections.abc import Callable, Iterable

from django.conf import settings

from clawchat.protocol.places import FILE_NAME, MAX_PLACES, parse_place

# Who else puts the file somewhere: this app knows the front door alone.
_sources: list[Callable[[], Iterable[str]]] = []


def add_source(source: Callable[[], Iterable[str]]) -> None:
    """Have the places that `source` gives named in every invite from now on; asked in the invite's transaction."""
    if source not in _sources:
        _sources.append(source)


def known_places() -> tuple[str, ...]:
    """The places of the connection file, the front door first, at most 16."""
    front = settings.CLAWCHAT_FRONT_URL.rstrip("/")
    places = [f"{front}/{FILE_NAME}"] if front else []
    places += [place for source in _sources for place in source() if parse_place(place) is not None]
    return tuple(dict.fromkeys(places))[:MAX_PLACES]
