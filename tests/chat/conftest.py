"""A hub that runs, and people on it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from chat.hub import Hub, get_hub
from chat.services.invites import create_invite
from tests.fakes import Clock
from tests.people import Phone


@pytest.fixture
def clock() -> Clock:
    """The hub's clock."""
    return Clock()


@pytest.fixture
async def hub(transactional_db, clock) -> AsyncIterator[Hub]:
    """The process's hub, running on an empty database."""
    get_hub.cache_clear()
    hub = get_hub()
    hub.clock = clock
    # This clock stands still, and Redis's does not.
    hub.redis_url = ""
    await hub.start()
    yield hub
    await hub.stop()
    get_hub.cache_clear()


@pytest.fixture
async def invite(hub) -> Callable[..., Awaitable[str]]:
    """Makes an invite as the operator does."""

    async def make(**options) -> str:
        return (await hub.database.run(lambda: create_invite(**options))).text

    return make


@pytest.fixture
async def join(hub, invite) -> AsyncIterator[Callable[..., Awaitable[Phone]]]:
    """Makes a person with an account and a connected phone."""
    phones = []

    async def make(name: str, owner: bool = False, root=None) -> Phone:
        phone = Phone(await invite(label=name, makes_owner=owner), root)
        phones.append(phone)
        await phone.enrol()
        await phone.connect()
        await phone.set_account(name)
        return phone

    yield make
    for phone in phones:
        await phone.hang_up()


@pytest.fixture
async def alice(join) -> Phone:
    """Alice, the owner."""
    return await join("Alice", owner=True)


@pytest.fixture
async def bob(join) -> Phone:
    """Bob, a member."""
    return await join("Bob")


@pytest.fixture
async def charlie(join) -> Phone:
    """Charlie, a member here, but of none of the rooms."""
    return await join("Charlie")
