"""What all rooms of a device share: its store, its keys, its server, and who does what goes on by itself."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clawchat.client.store import Store
from clawchat.mls.member import Member
from clawchat.mls.rules import Rules

from .directory import Directory
from .pace import Pace
from .staging import Ask

if TYPE_CHECKING:
    from .archive import Entry
    from .room import Room

RETRY_SECONDS = 2.0


@dataclass(slots=True)
class Home:
    """One device among the members of its rooms. Ids are 16 bytes."""

    store: Store
    member: Member
    rules: Rules
    user_id: bytes
    device_id: bytes
    pace: Pace
    directory: Directory
    ask: Ask
    # Something may be sent, or is to be looked after.
    wake: Callable[[], None]
    # These entries of a room are new.
    tell: Callable[["Room", "list[Entry]"], None]
    # Run this beside everything else, as long as the client is there.
    spawn: Callable[[Coroutine[Any, Any, None]], None]

    # Have a room's rows brought from its cursor on.
    take_up: Callable[["Room"], None]

    async def pause(self, seconds: float) -> None:
        """Wait so long, or a little when nobody says how long."""
        await asyncio.sleep(seconds or RETRY_SECONDS)

    def now(self) -> int:
        """Seconds since 1970."""
        return int(time.time())

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000
