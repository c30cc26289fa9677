"""What a room costs one core: each step of MLS with so many devices, in Python and in Chromium, and its bytes.

One device made the room and added all others at once, so the tree is as bare as it can be and paths are as long as they
get. Everything is in the room's profile, the validity function included. Python's are a core's own milliseconds; in the
browser, where nobody tells them, they pass on the clock.
"""

import asyncio
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from clawchat.mls.group import Group, Pending
from clawchat.mls.key_package import make_key_package
from clawchat.mls.profile import Roles, room_extensions
from clawchat.mls.validity import RoomRules
from clawchat.protocol.authenticated_data import member_data, resync_data
from clawchat.protocol.primitives import random_bytes
from tests.e2e.browser import Browsers
from tests.e2e.plain_site import PlainSite
from tests.mls.members import NOW, Device
from tests.soak.soak import percentiles

_T = TypeVar("_T")
ROOT = Path(__file__).resolve().parents[2]
DEVICES = (2, 10, 50, 100)
ROOM = bytes(16)
TEXT = bytes(200)
RULES = RoomRules()
MEASURE = "async (what) => (await import('/tests/bench/mls_page.js')).measure(what)"


@dataclass
class Clock:
    """A core's seconds of each try, by what was done: what else the machine does is not counted."""

    tries: dict[str, list[float]] = field(default_factory=dict)

    def note(self, name: str, work: Callable[[], _T]) -> _T:
        """Do it, and note what it took."""
        began = time.process_time()
        result = work()
        self.tries.setdefault(name, []).append(time.process_time() - began)
        return result


def mls(folder: Path, messages: int = 1000, commits: int = 20) -> dict[str, Any]:
    """Both languages, each number of devices."""
    figures: dict[str, Any] = {}
    for devices in DEVICES:
        figures |= in_python(devices, messages, commits)
    return figures | asyncio.run(_in_browser(folder, messages, commits))


def in_python(devices: int, messages: int, commits: int) -> dict[str, Any]:
    """Milliseconds of each step, messages a second, and bytes."""
    clock, sizes = Clock(), {}
    ada, ben, *others = (Device("bench", number + 1).member() for number in range(devices))
    packages = [make_key_package(each, NOW, random_bytes) for each in (ben, *others)]
    roles = Roles(1, (Device("bench").user,), ())
    hers = Group.create(ada, ROOM, extensions=room_extensions(roles), random=random_bytes, now=NOW, rules=RULES)
    adding = _commit(hers, add=tuple(each.package for each in packages))
    hers = hers.adopt(adding.next)
    for _ in range(commits):
        his = clock.note(
            "join", lambda: Group.join(ben, packages[0], adding.welcome or b"", adding.group_info, rules=RULES)
        )
    for _ in range(commits):
        pending = clock.note("commit", lambda: _commit(hers))
        his = clock.note("process", lambda: his.open(pending.commit)).group
        hers = hers.adopt(pending.next)
    group_info = clock.note("GroupInfo", hers.group_info)
    for _ in range(commits):
        entering = clock.note("external join", lambda: _enter(ben, group_info, his.leaf_index))
        clock.note("process an external join", lambda: hers.open(entering.commit))
    for _ in range(messages):
        data = member_data(ROOM, random_bytes(16))
        hers, message = clock.note("encrypt 200", lambda: hers.seal(TEXT, data, random=random_bytes))
        his = clock.note("decrypt 200", lambda: his.open(message)).group
    sizes["message of 200 bytes"], sizes["path update"] = len(message), len(pending.commit)
    sizes["commit that adds all others"], sizes["external join"] = len(adding.commit), len(entering.commit)
    sizes["Welcome"], sizes["GroupInfo"] = len(adding.welcome or b""), len(group_info)
    sizes |= {f"stored, row {row}": len(content or b"") for row, content in his.rows().items()}
    return _figures("Python", devices, clock.tries) | {f"{devices} devices, bytes": sizes}


def _commit(group: Group, **changes: Any) -> Pending:
    data = member_data(ROOM, random_bytes(16))
    return group.commit(**changes, authenticated_data=data, random=random_bytes, now=NOW)


def _enter(member: Any, group_info: bytes, old_leaf: int) -> Pending:
    """The device lost its state and takes its old leaf's place."""
    return Group.join_externally(
        member,
        group_info,
        authenticated_data=resync_data(ROOM, random_bytes(16)),
        remove=old_leaf,
        random=random_bytes,
        now=NOW,
        rules=RULES,
    )


async def _in_browser(folder: Path, messages: int, commits: int) -> dict[str, Any]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    figures: dict[str, Any] = {}
    with PlainSite(ROOT) as site:
        async with Browsers(chromium, folder / "profiles") as browsers:
            person = await browsers.open("mls", f"{site.origin}/tests/bench/finding.html")
            for devices in DEVICES:
                what = {"devices": devices, "messages": messages, "commits": commits}
                found = await person.page.evaluate(MEASURE, what)
                tries = {name: [each / 1000 for each in tries] for name, tries in found["milliseconds"].items()}
                figures |= _figures("Chromium", devices, tries)
    return figures


def _figures(where: str, devices: int, tries: dict[str, list[float]]) -> dict[str, Any]:
    """Messages as so many a second, everything else as percentiles."""
    figures: dict[str, Any] = {}
    for name, seconds in tries.items():
        title = f"{where}, {devices} devices, {name}"
        figures[f"{title}, ms"] = percentiles(seconds)
        if name in ("encrypt 200", "decrypt 200"):
            figures[f"{title} bytes, a second"] = round(1 / statistics.median(seconds))
    return figures
