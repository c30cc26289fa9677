"""Secrets that change, wraps, the revocation list: what a client takes, what it refuses, and what it says."""

import asyncio
import contextlib
import datetime
import ssl
import time
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from clawchat.client import Client
from clawchat.client.belief import weigh
from clawchat.client.device import Device
from clawchat.client.dial import dial
from clawchat.client.discovery import Finder
from clawchat.client.places import parse_places
from clawchat.client.store import Store
from clawchat.protocol.bodies import CloseNotify, Request, parse_exchange
from clawchat.protocol.connection_file import Endpoint, seal_connection_file
from clawchat.protocol.errors import Malformed, Replayed, Revoked, Unauthentic, UnknownPeer
from clawchat.protocol.frame import MessageType
from clawchat.protocol.invite import Invite
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import DeviceKey, DiscoverySecret, IdentityKey
from clawchat.protocol.places import LIST_NAME
from clawchat.protocol.revocation_list import RevocationKind, revoked_id, sign_identity_revocation
from clawchat.protocol.revocation_list import Revoked as Entry
from tests.client.conftest import ROOM, message
from tests.client.tiny_server import until


@pytest.fixture
def finder(server):
    """The finder of a device that has begun to enrol, and the device."""
    store = Store.in_memory()
    yield Finder(store, Device.begin(store, Invite.parse(server.invite()), "Bob", 0))
    store.close()


def renew(server) -> DiscoverySecret:
    """The server draws a new discovery secret; the answer is the former one."""
    former, server.secret = server.secret, DiscoverySecret.generate()
    return former


def identity_entry(server, signer: IdentityKey) -> Entry:
    """What ends the server's identity, if it is the one that signed."""
    public = bytes(server.identity.public)
    return Entry(RevocationKind.IDENTITY, revoked_id(public), 1, "stolen", sign_identity_revocation(signer))


# Wraps


async def test_invitation_without_a_secret_is_enough(server, tmp_path):
    """The newcomer takes the secret from the published file, and comes back with it after a restart."""
    text = server.invite(brings_secret=False)
    server.publish(*server.ports)
    client = await Client.enrol(text, tmp_path / "bob", name="Bob")
    await client.close()
    async with Client.open(tmp_path / "bob") as again:
        assert again.status == "connected"


async def test_newcomer_who_has_no_secret_yet_waits_for_the_places(server, monkeypatch):
    """The first good file is believed before its port is dialled: without the secret no gate opens."""
    monkeypatch.setattr("clawchat.client.places.REST_SECONDS", 0.1)
    server.locators = (server.locators[0].replace("connection.json", "slow"), *server.locators)
    text = server.invite(brings_secret=False)
    server.publish(*server.ports)
    server.other_files = {"slow": server.published}
    bob = await Client.enrol(text, None, name="Bob")

    assert bob.status == "connected"
    await bob.close()


async def test_new_invitation_is_waited_for(server):
    """Until a place has the wrap the client goes on trying, and says what it waits for."""
    text = server.invite(brings_secret=False)
    enrolling = asyncio.create_task(Client.enrol(text, None, name="Bob"))
    await asyncio.sleep(0.3)
    assert not enrolling.done()
    server.publish(*server.ports)

    await (await enrolling).close()


async def test_invitation_that_opens_nothing_says_so(server):
    """A used one, found later: the file was published anew and has no wrap for it."""
    text = server.invite(brings_secret=False)
    server.devices.clear()
    server.publish(*server.ports)
    with pytest.raises(UnknownPeer):
        await Client.enrol(text, None, name="Mallory", seconds=3)


async def test_place_that_lies_ends_no_enrolment(server, monkeypatch):
    """What it gives says nothing of the invitation, however often."""
    monkeypatch.setattr("clawchat.client.line.BackOff", lambda **_: _Impatient())
    text = server.invite(brings_secret=False)
    server.published = _forged(server)
    enrolling = asyncio.create_task(Client.enrol(text, None, name="Bob"))
    await asyncio.sleep(0.5)
    assert not enrolling.done()
    server.publish(*server.ports)

    await (await enrolling).close()


async def test_place_that_lies_ends_no_enrolment_while_the_good_one_is_silent(server, monkeypatch):
    """Nor does an older file of our own server that it shows, whose port was left."""
    monkeypatch.setattr("clawchat.client.line.BackOff", lambda **_: _Impatient())
    (good,) = server.locators
    server.locators = (good, *(good.replace("connection.json", name) for name in ("noise", "old")))
    text, (left,) = server.invite(), server.ports
    server.other_files = {"noise": b"<html>Welcome</html>", "old": server.publish(left)}
    server.published = b""
    await server.open_port()
    await server.close_port(left)
    enrolling = asyncio.create_task(Client.enrol(text, None, name="Bob"))
    await asyncio.sleep(0.5)
    assert not enrolling.done()
    server.publish(*server.ports)

    await (await enrolling).close()


async def test_file_that_is_not_for_us_says_more_than_a_foreign_one(server):
    """Whichever place answers first."""
    server.other_files = {"forged": _forged(server)}
    (good,) = server.locators
    liar = good.replace("connection.json", "forged")
    for server.locators in ((good, liar), (liar, good)):
        with pytest.raises(UnknownPeer):
            await Client.enrol(server.invite(brings_secret=False), None, name="Bob", seconds=3)


def _forged(server) -> bytes:
    mallory = IdentityKey.generate()
    info = replace(server.info(*server.ports), server_public=mallory.public)
    return seal_connection_file(info, DiscoverySecret.generate(), mallory, info.timestamp, wraps=server.wraps())


async def test_who_was_away_for_three_changes_comes_back(server, alice, tmp_path):
    """The secret of now is wrapped for the device, and those between are not needed."""
    await alice.close()
    for _ in range(3):
        renew(server)
    await server.close_port(server.ports[0])
    server.publish(await server.open_port())

    async with Client.open(tmp_path / "alice") as again:
        assert await again.send(ROOM, message("back")[1]) == 1


async def test_who_was_shut_out_while_away_is_told(server, alice, tmp_path):
    """No wrap, no way: the reason is that the file is not for this device, not that ports are silent."""
    await alice.close()
    server.devices.clear()
    renew(server)
    await server.close_port(server.ports[0])
    server.publish(await server.open_port())
    again = Client.open(tmp_path / "alice")
    with pytest.raises(UnknownPeer):
        await again.connect(1)
    await again.close()


async def test_old_file_brings_no_old_secret_back(server, finder):
    """A place that shows a former file, with the wrap for us that it had, changes nothing."""
    former_file = server.publish(*server.ports)
    renew(server)
    finder.take(server.publish(*server.ports))
    secrets = finder._device.discovery_secrets

    with pytest.raises(Replayed):
        finder.take(former_file)
    assert finder._device.discovery_secrets == secrets
    assert next(iter(secrets)) == key_id(server.secret)


async def test_three_secrets_are_kept(server, finder):
    """Older ones are forgotten; the one in force comes first."""
    for _ in range(4):
        renew(server)
        finder.take(server.publish(*server.ports))

    assert len(finder._device.discovery_secrets) == 3
    assert next(iter(finder._device.discovery_secrets)) == key_id(server.secret)


async def test_file_under_a_former_secret_puts_that_in_force(server, finder):
    """A server that was restored from a backup signs newer files under a secret of before."""
    former = renew(server)
    finder.take(server.publish(*server.ports))
    server.secret = former
    finder.take(server.publish(*server.ports))

    assert next(iter(finder._device.discovery_secrets)) == key_id(former)


async def test_file_that_was_under_way_sets_no_new_secret_aside(server, finder):
    """The server named a secret in session, and a file from just before comes after it."""
    before = server.publish(*server.ports)
    former = renew(server)
    finder._device.learn_renewed(key_id(server.secret), bytes(server.secret), int(time.time()))

    assert finder.take(before) and finder._device.discovery_secrets[key_id(former)] == former
    assert next(iter(finder._device.discovery_secrets)) == key_id(server.secret)


async def test_file_shown_again_later_sets_no_new_secret_aside(server):
    """Nor after a restart: it is older than what the server said, and only a later one speaks for a restored server."""
    store, now = Store.in_memory(), int(time.time())
    device = Device.begin(store, Invite.parse(server.invite()), "Bob", 0)
    before, later = (server.seal(server.info(*server.ports, now=at)) for at in (now, now + 100))
    former = renew(server)
    device.learn_renewed(key_id(server.secret), bytes(server.secret), now)
    finder = Finder(store, device := Device.load(store))

    finder.take(before)
    assert list(device.discovery_secrets) == [key_id(server.secret), key_id(former)]
    finder.take(later)
    assert list(device.discovery_secrets) == [key_id(former), key_id(server.secret)]


@pytest.mark.parametrize(("after", "is_set_aside"), [(60, False), (61, True)])
def test_sixty_seconds_may_lie_between_the_servers_word_and_a_file(server, after, is_set_aside):
    """As in the browser (tests/js/chat/account.test.js), also after a restart; a wrapped one is in force at once."""
    store, told = Store.in_memory(), 1000
    device = Device.begin(store, Invite.parse(server.invite()), "Bob", 0)
    former, renewed = renew(server), server.secret
    device.learn_renewed(key_id(renewed), bytes(renewed), told)

    device = Device.load(store)
    device.believe_secret(former, told + after)

    in_force = former if is_set_aside else renewed
    assert next(iter(device.discovery_secrets)) == key_id(in_force)
    device.believe_secret(wrapped := DiscoverySecret.generate(), told - 1000)
    assert next(iter(device.discovery_secrets)) == key_id(wrapped)


# In session


async def test_secret_comes_in_session(server, alice):
    """The notice is answered, kept, and not among the program's events: nobody else needs it."""
    former = renew(server)
    await server.seats[0].send(MessageType.REQUEST, _notice(key_id(server.secret), bytes(server.secret)))
    await until(lambda: key_id(server.secret) in alice._device.discovery_secrets)

    assert list(alice._device.discovery_secrets) == [key_id(server.secret), key_id(former)]
    assert alice._inbox._events.empty()


@pytest.mark.parametrize(
    ("kid", "secret"), [(bytes(8), bytes(32)), (bytes(7), bytes(32)), (bytes(8), bytes(31)), ("kid", "secret")]
)
async def test_secret_that_is_none_is_refused(server, alice, kid, secret):
    """Malformed, the answer says; what the client has stays in force."""
    answers = []
    seat = server.seats[0]
    seat.session.open, opened = lambda data: answers.append(opened(data)) or answers[-1], seat.session.open
    await seat.send(MessageType.REQUEST, _notice(kid, secret))
    await until(lambda: any(frame.type == MessageType.REQUEST for frame in answers))

    answer = parse_exchange(next(frame for frame in answers if frame.type == MessageType.REQUEST).payload)
    assert answer.body["code"] == Malformed.number
    assert list(alice._device.discovery_secrets) == [key_id(server.secret)]


async def test_secret_in_auth_ok_that_is_none_closes(server, alice):
    """What the client has stays in force, and it comes again."""
    server.finished_tlvs = {16: bytes(40)}
    server.cut()
    await until(lambda: isinstance(alice.problem, Malformed))
    server.finished_tlvs = {}
    await until(lambda: alice.status == "connected")

    assert list(alice._device.discovery_secrets) == [key_id(server.secret)]


def _notice(kid, secret) -> bytes:
    return Request(1, {"op": "secret", "kid": kid, "secret": secret}).encode()


async def test_shut_out_in_session_is_the_end(server, alice):
    """Close code 10: no further try, and everybody who waits is told."""
    await server.close_all(4410, CloseNotify(10, ""))
    with pytest.raises(Revoked):
        await anext(alice.events())


# The revocation list


async def test_server_that_ends_itself_ends_the_client(server, alice, tmp_path):
    """The pin is dropped for good: also the next start believes nothing."""
    server.list_revoked(identity_entry(server, server.identity), serial=5)
    await server.announce(*server.ports)
    with pytest.raises(Revoked, match="own word"):
        await anext(alice.events())
    await until(lambda: alice.status == "offline")
    await alice.close()

    again = Client.open(tmp_path / "alice")
    with pytest.raises(Revoked):
        await again.connect(2)
    await again.close()


async def test_nobody_else_can_end_the_server(server, alice):
    """An entry that another key signed, or that is about another identity, is no reason to go."""
    other = IdentityKey.generate()
    of_another = Entry(RevocationKind.IDENTITY, revoked_id(bytes(other.public)), 1, "", sign_identity_revocation(other))
    server.list_revoked(identity_entry(server, other), of_another, serial=5)
    await server.announce(*server.ports)
    await until(lambda: len(alice._finder.revocations._list.entries) == 2)

    assert await alice.send(ROOM, message("still here")[1]) == 1


async def test_own_device_on_the_list_is_the_end(server, alice):
    """The client says that this device was shut out."""
    number = revoked_id(bytes(alice._device.key.public))
    server.list_revoked(Entry(RevocationKind.DEVICE, number, 1, "lost"), serial=5)
    await server.announce(*server.ports)
    with pytest.raises(Revoked, match="shut out"):
        await anext(alice.events())


async def test_other_devices_on_the_list_are_no_matter_of_ours(server, alice):
    """What the server enforces is for the server."""
    number = revoked_id(bytes(DeviceKey.generate().public))
    server.list_revoked(Entry(RevocationKind.DEVICE, number, 1, "lost"), serial=5)
    await server.announce(*server.ports)
    await until(lambda: alice._finder.revocations._serial == 5)

    assert alice.status == "connected"


async def test_files_under_a_revoked_secret_count_no_more(server, alice, tmp_path):
    """Also after a restart, and also when the secret is among those that are held."""
    former = renew(server)
    number = revoked_id(key_id(former))
    now = int(time.time())
    server.list_revoked(Entry(RevocationKind.DISCOVERY, number, now, "a device was shut out"), serial=5)
    await server.announce(*server.ports)
    await until(lambda: alice._finder.revocations.refuses_secret(key_id(former), now))
    await alice.close()
    store = Store.open(tmp_path / "alice")
    finder = Finder(store, Device.load(store))
    server.secret = former

    with pytest.raises(UnknownPeer, match="revoked"):
        finder.take(server.publish(*server.ports))
    store.close()


async def test_restored_server_is_believed_under_the_secret_it_has_again(server, finder):
    """Its files are newer than the revocation; what was sealed before that stays refused."""
    former, since = renew(server), int(time.time()) - 1000
    server.list_revoked(Entry(RevocationKind.DISCOVERY, revoked_id(key_id(former)), since, ""), serial=5)
    finder.take(server.publish(*server.ports))
    finder.revocations.take(server.other_files[LIST_NAME], finder.known)
    server.secret = former

    with pytest.raises(UnknownPeer, match="revoked"):
        finder.take(server.seal(server.info(*server.ports, now=since + 300)))
    assert finder.take(server.publish(*server.ports))
    assert next(iter(finder._device.discovery_secrets)) == key_id(former)


async def test_list_is_asked_for_again_until_a_place_has_it(server, alice, monkeypatch):
    """A file may reach a place before the list does."""
    monkeypatch.setattr("clawchat.client.discovery.BackOff", lambda *_: _Impatient())
    server.list_revoked(serial=5)
    right = server.other_files.pop(LIST_NAME)
    alice._finder._list_named.set()
    await server.announce(*server.ports)
    await asyncio.sleep(0.1)
    server.other_files[LIST_NAME] = right
    await until(lambda: alice._finder.revocations._serial == 5)


class _Impatient:
    def next_pause(self) -> float:
        return 0.01

    def reset(self) -> None:
        """Nothing grows here."""


async def test_list_that_the_file_does_not_name_is_refused(server, finder):
    """Another one, an older one, and one from elsewhere."""
    server.list_revoked(serial=5)
    first = server.other_files[LIST_NAME]
    named = server.info(*server.ports)
    server.list_revoked(serial=4)
    older, older_named = server.other_files[LIST_NAME], server.info(*server.ports)

    with pytest.raises(Unauthentic):
        finder.revocations.take(older, named)
    finder.revocations.take(first, named)
    assert not finder.revocations.is_due(named) and not finder.revocations.is_due(older_named)
    with pytest.raises(Replayed):
        finder.revocations.take(older, older_named)


def test_revoked_certificate_is_known_by_its_key(finder, server):
    """Whatever certificate is made for that key, and no other."""
    bad, good = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    key = bad.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert not finder.revocations.refuses_certificate(_certificate(bad))
    server.list_revoked(Entry(RevocationKind.CERTIFICATE, revoked_id(key), 1, "stolen"), serial=5)
    finder.revocations.take(server.other_files[LIST_NAME], server.info(*server.ports))

    assert finder.revocations.refuses_certificate(_certificate(bad))
    assert not finder.revocations.refuses_certificate(_certificate(good))


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    number = x509.random_serial_number()
    builder = x509.CertificateBuilder(name, name, key.public_key(), number, now - day, now + day)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


# Places that lie


@pytest.mark.parametrize(
    ("lie", "code"), [("forked", "forked"), ("forged", "unauthentic"), ("noise", "malformed"), ("late", None)]
)
async def test_place_that_lies_keeps_nobody_from_the_others(server, alice, lie, code):
    """The newest good file is used, and the host is named with the reason; being late by a moment is none."""
    liar = server.locators[0].replace("127.0.0.1", "localhost").replace("connection.json", lie)
    server.locators = (*server.locators, liar)
    late = server.publish(*server.ports)
    alice._finder.take(server.publish(*server.ports))
    known = alice._finder.known
    forged = server.info(*server.ports)
    server.other_files = {
        "forked": server.seal(server.info(*server.ports, serial=known.serial, now=known.timestamp - 1)),
        "forged": seal_connection_file(
            replace(forged, server_public=(mallory := IdentityKey.generate()).public), server.secret, mallory, 1
        ),
        "noise": b"\0" * 100,
        "late": late,
    }
    server.publish(*server.ports)

    found = await alice._finder.fetch(alice._http)

    assert found.serial == server._serial > known.serial
    assert alice.doubts == ({liar.split("/")[2]: code} if code else {})


@pytest.mark.parametrize(("age", "code"), [(0, None), (400, "replayed")])
async def test_place_with_an_older_file_than_another_has_is_named_unless_it_is_late_by_a_moment(
    server, alice, age, code
):
    """Both files are news to her, who was away."""
    liar = server.locators[0].replace("127.0.0.1", "localhost").replace("connection.json", "older")
    server.locators = (*server.locators, liar)
    alice._finder.take(server.publish(*server.ports))
    sealed_at = int(time.time()) - age
    server.other_files = {"older": server.seal(server.info(*server.ports, now=sealed_at))}
    server.published = server.seal(server.info(*server.ports, now=sealed_at))

    found = await alice._finder.fetch(alice._http)

    assert found.serial == server._serial
    assert alice.doubts == ({liar.split("/")[2]: code} if code else {})


async def test_two_new_files_of_one_number_are_both_refused(server):
    """Nobody can tell which is true; an older good one is used."""
    one, other = server.info(*server.ports, serial=9), server.info(*server.ports, serial=9, now=int(time.time()) - 1)
    good = server.info(*server.ports, serial=8)
    read = [_read(server, info) for info in (one, other, good)]

    chosen, refused = weigh(read, last_serial=7, last_digest=b"", now=int(time.time()))

    assert chosen is read[2]
    assert [(info.serial, error.code) for info, error in refused] == [(9, "forked"), (9, "forked")]


def _read(server, info):
    store = Store.in_memory()
    finder = Finder(store, Device.begin(store, Invite.parse(server.invite()), "Bob", 0))
    return finder.take(server.seal(info))


def test_places_are_asked_once_each_and_at_most_sixteen():
    """What is no place is passed over."""
    urls = [f"https://{number}.example/c.json" for number in range(20)]

    assert len(parse_places(urls)) == 16
    assert len(parse_places([urls[0], urls[0], "ftp://x/y", "http://elsewhere.example/c.json"])) == 1


async def test_connection_that_shows_a_revoked_certificate_is_ended(server, tmp_path, finder):
    """Before a first message: whoever has the stolen key learns nothing of us."""
    key = ec.generate_private_key(ec.SECP256R1())
    heard = []

    async def listen(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        heard.extend([message async for message in socket])
        return socket

    async with _over_tls(key, tmp_path, listen) as port, aiohttp.ClientSession() as http:
        endpoint = Endpoint("localhost", port, "/" + "A" * 22, True, 0, 1)
        trusting = ssl.create_default_context(cafile=tmp_path / "certificate.pem")
        shown = []
        with pytest.raises(Unauthentic, match="certificate of localhost was revoked"):
            await dial(
                http,
                endpoint,
                finder._device.invite_credentials,
                tls=trusting,
                refuses_certificate=lambda certificate: shown.append(certificate) or True,
            )

    assert x509.load_der_x509_certificate(shown[0]).public_key() == key.public_key()
    assert heard == []


@contextlib.asynccontextmanager
async def _over_tls(key, folder, handler):
    """The port of a server for `localhost` that vouches for itself with this key."""
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(x509.load_der_x509_certificate(_certificate(key)).public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, private)
    application = web.Application()
    application.router.add_get("/{path}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()
