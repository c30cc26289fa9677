"""What a finder must not forget when the program ends, and what it judges with care."""

import pytest

from clawchat.client.device import Device
from clawchat.client.discovery import FILE, STORE, Finder
from clawchat.client.store import Store
from clawchat.protocol.errors import Forked, Replayed
from clawchat.protocol.invite import Invite
from clawchat.protocol.places import LIST_NAME
from clawchat.protocol.revocation_list import RevocationKind, revoked_id
from clawchat.protocol.revocation_list import Revoked as Entry


@pytest.fixture
def store():
    """A client's store."""
    store = Store.in_memory()
    yield store
    store.close()


@pytest.fixture
def finder(server, store) -> Finder:
    """The finder of a device that has begun to enrol."""
    return Finder(store, Device.begin(store, Invite.parse(server.invite()), "Bob", 0))


@pytest.mark.parametrize("opens", [True, False])
async def test_rolled_back_or_forked_file_is_refused_after_a_restart(server, store, finder, opens):
    """Also when the file that was believed does not open any more."""
    older = server.publish(*server.ports)
    newest = finder.take(server.publish(*server.ports))
    other = server.seal(server.info(*server.ports, serial=newest.serial, now=newest.timestamp - 1))
    if not opens:
        store.delete(STORE, FILE)
    again = Finder(store, Device.load(store))

    assert (again.known == newest) is opens
    with pytest.raises(Replayed):
        again.take(older)
    with pytest.raises(Forked):
        again.take(other)


async def test_certificate_that_cannot_be_read_counts_as_revoked_while_any_is(server, finder):
    """It may be the one on the list; a list without certificates has nothing to compare it with."""
    assert not finder.revocations.refuses_certificate(b"not DER")
    server.list_revoked(Entry(RevocationKind.CERTIFICATE, revoked_id(b"a key"), 1, "stolen"), serial=5)
    finder.revocations.take(server.other_files[LIST_NAME], server.info(*server.ports))

    assert finder.revocations.refuses_certificate(b"not DER")
