"""Shutting devices out of a real server: who remains comes back, who was shut out opens nothing that came after."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from clawchat.client import Client
from clawchat.protocol.bodies import ChatDelivery
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.errors import ClawChatError, PeerError, Revoked, Unauthentic, UnknownPeer
from clawchat.protocol.invite import Invite
from clawchat.protocol.key_schedule import PREFIXES, connection_file_key, wrap_key
from clawchat.protocol.keys import DiscoverySecret, PreSharedKey
from clawchat.protocol.primitives import aead_key, aead_open
from clawchat.protocol.revocation_list import SealedRevocationList
from clawchat.protocol.wraps import WRAP_BYTES
from tests.e2e.browser import Browsers
from tests.e2e.members import make_room, mls_message
from tests.e2e.pairs import until
from tests.e2e.server import ServerProcess
from tests.e2e.talking import everything_arrived
from tests.soak.rows import Rows

pytestmark = pytest.mark.e2e

REACH_SECONDS = 40
REACH_MS = REACH_SECONDS * 1000
SHUT_OUT = ("mallory", "trudy", "eve")


# What the operator does with the button "Revoke" of the admin pages.
REVOKE = """
from chat.models import Device
from chat.services.devices import revoke
[device] = Device.objects.filter(member__name="{name}")
assert revoke(bytes(device.device_id), "a test", "operator")
"""
MEMBERS = """
from chat.models import Device, Member
for member in Member.objects.order_by("pk"):
    has = Device.objects.in_use().filter(member=member).exists()
    print(member.name, "with devices" if has else "without devices")
"""


class Burglar:
    """A device that was shut out, with every secret it ever had, tried on everything whatever the labels say."""

    def __init__(self, client: Client, invite: str) -> None:
        device = client._device
        self.secrets: list[DiscoverySecret] = list(device.discovery_secrets.values())
        self.psks: list[PreSharedKey] = [*device.psks, Invite.parse(invite).invite_psk]
        self.pins = device.pins

    def opens_file(self, data: bytes) -> bool:
        """Whether the file itself opens to a secret, or one of its wraps to a PSK."""
        sealed = SealedConnectionFile.parse(data)
        wraps = [sealed.wraps[at : at + WRAP_BYTES] for at in range(0, len(sealed.wraps), WRAP_BYTES)]
        aad = PREFIXES["discovery wrap"] + sealed.kid
        tries = [
            (connection_file_key(secret), sealed.iv, sealed.ciphertext + sealed.tag, b"") for secret in self.secrets
        ]
        tries += [(wrap_key(psk, sealed.kid), bytes(12), wrap[8:], aad) for psk in self.psks for wrap in wraps]
        return any(_opens(*attempt) for attempt in tries)

    def opens_list(self, data: bytes) -> bool:
        """The same for a revocation list."""
        sealed = SealedRevocationList.parse(data)
        body = sealed.ciphertext + sealed.tag
        return any(_opens(connection_file_key(secret), sealed.iv, body, b"") for secret in self.secrets)


def _opens(key: bytes, iv: bytes, sealed: bytes, aad: bytes) -> bool:
    try:
        aead_open(aead_key(key), iv, sealed, aad)
    except Unauthentic:
        return False
    return True


def published(data_dir: Path, table: str) -> dict[str, list[bytes]]:
    """Every object of this kind that the server ever published, by the `kid` it names, the oldest `kid` first."""
    with sqlite3.connect(f"file:{data_dir / 'clawchat.sqlite3'}?mode=ro", uri=True) as database:
        rows = database.execute(f"SELECT kid, body FROM discovery_{table} ORDER BY serial").fetchall()
    objects: dict[str, list[bytes]] = {}
    for kid, body in rows:
        objects.setdefault(kid, []).append(bytes(body))
    return objects


@pytest.fixture
def server(tmp_path):
    """A server whose port moves only when somebody is shut out."""
    with ServerProcess(tmp_path / "data", interval=600, lead=3, grace=4) as running:
        yield running


async def test_all_but_who_was_shut_out_come_back(server, tmp_path):
    """Four devices: one is shut out, one is away during three such changes, one invitation lies unused; two more are
    shut out after the first. Those who remain are back; the first opens nothing newer, with all it ever had."""
    async with AsyncExitStack() as stack:
        invites = {
            name: server.create_invite(*(["--owner"] if name == "alice" else []))["invite"]
            for name in ("alice", "bob", "carol", *SHUT_OUT)
        }
        people = {name: await Client.enrol(text, tmp_path / name, name=name.title()) for name, text in invites.items()}
        for client in people.values():
            stack.push_async_callback(client.close)
        alice, bob, carol, mallory = (people[name] for name in ("alice", "bob", "carol", "mallory"))
        room, seq = await make_room(alice, [bob, carol])
        await bob.follow(room, seq)
        await carol.follow(room, seq)
        unused = server.create_invite()["invite"]
        burglar = Burglar(mallory, invites["mallory"])
        await carol.close()

        for name in SHUT_OUT:
            await _shut_out(server, alice, people[name])
        await alice.send(room, mls_message(room, b"who is here?")[1])
        arrived = [await _next_row(bob)]
        carol_again = await stack.enter_async_context(Client.open(tmp_path / "carol"))
        arrived.append(await _next_row(carol_again))
        dora = await Client.enrol(unused, tmp_path / "dora", name="Dora", seconds=REACH_SECONDS)
        stack.push_async_callback(dora.close)
        for client in (alice, bob, carol_again, dora):
            await until(lambda client=client: client.status == "connected", REACH_SECONDS)
        await mallory.close()
        mallory_again = Client.open(tmp_path / "mallory")
        stack.push_async_callback(mallory_again.close)
        with pytest.raises(UnknownPeer):
            await mallory_again.connect(10)

    files, lists = published(server.data_dir, "publication"), published(server.data_dir, "revocationlist")
    first, *later = files
    assert [row.seq for row in arrived] == [seq + 1, seq + 1]
    assert len(later) == len(SHUT_OUT)
    assert all(burglar.opens_file(data) for data in files[first])
    assert not any(burglar.opens_file(data) for kid in later for data in files[kid])
    assert not any(burglar.opens_list(data) for kid in later for data in lists[kid])
    assert all(_is_refused(burglar, data) for kid in later for data in files[kid])


async def test_a_browser_goes_on_and_one_that_was_away_comes_back(server, tmp_path, chromium_path):
    """Alice's page stays in session through one lock-out and is closed during two more; her invitation is a version
    without the secret, and she never sees a problem."""
    async with AsyncExitStack() as stack:
        owner_invite = server.create_invite("--owner")["invite"]
        owner = await stack.enter_async_context(await Client.enrol(owner_invite, tmp_path / "owner", name="Olga"))
        others = []
        for name in SHUT_OUT:
            invite = server.create_invite()["invite"]
            others.append(await Client.enrol(invite, tmp_path / name, name=name.title()))
            stack.push_async_callback(others[-1].close)
        browsers = await stack.enter_async_context(Browsers(chromium_path, tmp_path / "browsers"))
        alice = await browsers.open("alice", server.create_invite()["url"])
        await alice.enrol()
        await alice.create_room("Garden")
        await alice.say("before")
        await everything_arrived([alice], 1, REACH_SECONDS)

        await _shut_out(server, owner, others[0])
        await alice.say("in session")
        await everything_arrived([alice], 2, REACH_SECONDS)
        await alice.page.goto("about:blank")
        for other in others[1:]:
            await _shut_out(server, owner, other)
        await alice.page.goto(server.front_url)
        await alice.open_room("Garden")
        await alice.say("back again")
        await everything_arrived([alice], 3, REACH_SECONDS)

    assert alice.complaints_about_code() == []


async def test_a_browser_shut_out_while_away_starts_over_when_asked(server, tmp_path, chromium_path):
    """Alice's old link is not needed while she is a member. Her device is revoked while her page is closed; the link
    of a new invitation asks her, also when the page is opened again, and a yes lets her in as somebody new."""
    async with AsyncExitStack() as stack:
        browsers = await stack.enter_async_context(Browsers(chromium_path, tmp_path / "browsers"))
        first_link = server.create_invite()["url"]
        alice = await browsers.open("alice", first_link)
        await alice.enrol()
        await alice.create_room("Garden")
        await alice.say("before")
        await everything_arrived([alice], 1, REACH_SECONDS)
        page = alice.page

        await page.goto("about:blank")
        await page.goto(first_link)
        await page.get_by_text("You are already a member here on this device").wait_for(timeout=REACH_MS)
        await page.get_by_role("button", name="All right").click()
        await page.goto("about:blank")
        await _revoke_by_operator(server, "Alice")
        await page.goto(server.front_url)
        await page.get_by_text("The server's address does not open here any more").wait_for(timeout=REACH_MS)
        # Into the address of the page as it is: only the fragment changes.
        await page.goto(server.create_invite()["url"])
        question = page.get_by_role("dialog", name="Start over with this invitation?")
        await question.wait_for(timeout=REACH_MS)
        assert "#" not in page.url
        await page.goto("about:blank")
        await page.goto(server.front_url)
        await question.wait_for(timeout=REACH_MS)
        await page.get_by_text("Garden").first.wait_for()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.get_by_role("textbox", name="Your name").wait_for(timeout=REACH_MS)
        alice.name = "alice anew"
        await alice.enrol()
        assert await page.get_by_text("Garden").count() == 0
        await alice.create_room("Attic")
        await alice.say("back")
        await everything_arrived([alice], 1, REACH_SECONDS)
        members = (await asyncio.to_thread(server.run, "shell", "-v", "0", "-c", MEMBERS)).splitlines()

    assert members == ["Alice without devices", "Alice Anew with devices"]
    assert alice.complaints_about_code() == []


async def _revoke_by_operator(server: ServerProcess, name: str) -> None:
    """Revoke the one device of this member, and return once the file is published under another secret."""
    kids = len(published(server.data_dir, "publication"))
    await asyncio.to_thread(server.run, "shell", "-v", "0", "-c", REVOKE.format(name=name))
    await until(lambda: len(published(server.data_dir, "publication")) > kids, REACH_SECONDS)


async def _shut_out(server: ServerProcess, owner: Client, other: Client) -> None:
    """Revoke a device, and return once the file is published under another secret.

    Who is between two ports just then hears nothing and finds only that the file is not for it: so it has to be there.
    """
    rows = Rows(server.data_dir)
    await until(lambda: other.port in {lease.port for lease in rows.leases() if lease.state == "open"}, REACH_SECONDS)
    kids = len(published(server.data_dir, "publication"))
    await owner.request("device.revoke", device_id=other.device_id)
    await until(lambda: len(published(server.data_dir, "publication")) > kids, REACH_SECONDS)
    await until(lambda: isinstance(other.problem, Revoked), REACH_SECONDS)


def _is_refused(burglar: Burglar, data: bytes) -> bool:
    """Whether the file says to the burglar's own client, as it is, that it is not for it."""
    try:
        SealedConnectionFile.parse(data).unwrap(burglar.psks, burglar.pins)
    except UnknownPeer:
        return True
    except PeerError:
        return False
    return False


async def _next_row(client: Client) -> ChatDelivery:
    async with asyncio.timeout(REACH_SECONDS):
        async for event in client.events():
            if isinstance(event, ChatDelivery):
                return event
    raise ClawChatError("no row came")
