"""The mirror at MEGA: publishes through one folder link that never changes, with a session that is kept."""

import os
import time

import pytest

from clawchat.protocol.places import FILE_NAME, LIST_NAME
from discovery.mirrors import MirrorError
from discovery.mirrors.mega.session import keep
from discovery.models import Mirror
from discovery.services.mirror_secrets import read_secrets, write_secrets
from discovery.services.mirrors import driver_of
from tests.mega.emulator import PASSWORD, MegaEmulator

pytestmark = pytest.mark.django_db


@pytest.fixture
def mirror(account, link, mega_mirror):
    """A mirror row for the account and its folder."""
    return mega_mirror(account, link)


def put(mirror, data, name=FILE_NAME):
    driver_of(mirror).put(name, data)


def get(mirror, name=FILE_NAME):
    return driver_of(mirror).get(name)


def files(mega, link):
    account, folder = mega.shared(link)
    return account.files(folder)


def test_what_is_put_is_read_through_the_link(mega, mirror, link):
    """Both objects are read back without the account; each name has one node."""
    for round_ in range(3):
        for name in (LIST_NAME, FILE_NAME):
            put(mirror, f"{name} {round_}".encode(), name)

    assert (get(mirror), get(mirror, LIST_NAME)) == (b"connection.json 2", b"revocations.json 2")
    assert len(files(mega, link)) == 2
    assert driver_of(mirror).public_locations() == (link,)


def test_a_kept_session_needs_two_calls_and_an_upload(mega, mirror):
    """The first visit logs in and looks; later ones, also of another process, do not; reading takes two calls more."""
    put(mirror, b"first")
    first = list(mega.requests)
    mega.requests.clear()

    put(Mirror.objects.get(pk=mirror.pk), b"second")
    written = list(mega.requests)
    get(mirror)

    assert first == ["us0", "us", "f", "f", "u", "upload", "p"]
    assert written == ["u", "upload", "p"]
    assert mega.requests[3:] == ["f", "g", "download"]


def test_no_version_is_left(mega, account, mirror):
    """A replaced file takes no room, in an account that keeps versions of everything else."""
    account.keeps_versions = True

    for size in (3000, 2000, 1000):
        put(mirror, os.urandom(size))

    assert account.used() == 1000


def test_a_session_that_ended_is_renewed_once(mega, mirror):
    """After a change of password the next visit logs in and publishes."""
    put(mirror, b"first")
    mega.end_sessions()
    mega.requests.clear()

    put(mirror, b"second")

    assert get(mirror) == b"second"
    assert mega.requests[:6] == ["u", "us0", "us", "u", "upload", "p"]


def test_a_session_that_never_lasts_is_an_error(mega, mirror):
    """When a fresh session is refused as well, the visit ends instead of logging in for ever."""
    mega.fault("u", "batch_code", -15, times=-1)

    with pytest.raises(MirrorError, match=r"-15"):
        put(mirror, b"data")

    assert mega.requests.count("us") == 1


def test_there_is_a_login_every_week(mega, mirror):
    """A session from last week, or from a clock that ran ahead, is replaced while it still lasts."""
    put(mirror, b"first")
    for due in (time.time() - 1, time.time() + 8 * 86_400):
        keep(mirror, {"login_due": int(due)})
        mega.requests.clear()
        put(mirror, b"next")
        assert mega.requests == ["us0", "us", "u", "upload", "p"]


def test_a_weekly_login_that_fails_costs_nothing(mega, account, mirror):
    """With a second factor, or with MEGA half away, the session goes on, and the login is tried a day later."""
    put(mirror, b"first")
    account.two_factor = "123456"
    keep(mirror, {"login_due": 0})

    put(mirror, b"second")
    mega.requests.clear()
    put(mirror, b"third")

    assert get(mirror) == b"third"
    assert "us" not in mega.requests


def test_two_factor_codes_are_used_once(mega, account, mirror):
    """An account with a second factor asks for its code; what the operator enters is used and forgotten."""
    account.two_factor = "123456"
    with pytest.raises(MirrorError, match="two-factor code") as caught:
        put(mirror, b"data")
    assert caught.value.needs_operator
    write_secrets(mirror, {**read_secrets(mirror), "two_factor_code": "654321"})
    with pytest.raises(MirrorError, match="two-factor code"):
        put(mirror, b"data")
    assert "two_factor_code" not in read_secrets(mirror)
    write_secrets(mirror, {**read_secrets(mirror), "two_factor_code": "123456"})

    put(mirror, b"data")

    assert get(mirror) == b"data"
    assert "two_factor_code" not in read_secrets(mirror)


def test_the_work_asked_for_at_a_login_is_done(mega, mirror):
    """A login that wants proof of work gets it."""
    mega.easiness = 220

    put(mirror, b"data")

    assert mega.requests[:3] == ["us0", "us", "us"]


def test_duplicates_are_cleaned_up(mega, mirror, link):
    """What a run that was interrupted, or somebody else, left under the name is gone after the next publication."""
    put(mirror, b"first")
    for at in (1, 2, int(time.time()) + 100):
        mega.put_file(link, FILE_NAME, b"left over", at=at)
    mega.put_file(link, "photo.jpg", b"the operator's own")

    assert get(mirror) == b"left over"
    put(mirror, b"second")

    assert get(mirror) == b"second"
    assert sorted(node["s"] for node in files(mega, link)) == [6, 18]


def test_a_node_that_somebody_removed_is_no_matter(mega, mirror, link):
    """When our node was deleted or the whole folder emptied in the web client, the next publication makes a new one."""
    put(mirror, b"first")
    account, folder = mega.shared(link)
    for node in account.files(folder):
        account.drop(node["h"])

    put(mirror, b"second")

    assert get(mirror) == b"second"


def test_a_real_service_may_refuse_the_old_node(mega, mirror):
    """A refusal of the node that is to be replaced makes us look at the folder again."""
    put(mirror, b"first")
    mega.fault("p", "code", -9)

    put(mirror, b"second")

    assert get(mirror) == b"second"


def test_another_link_is_another_folder(mega, account, mirror):
    """The operator enters another folder's link: from then on that one is written."""
    put(mirror, b"first")
    other = mega.export_folder(account, "other")
    write_secrets(mirror, {**read_secrets(mirror), "link": other})

    put(mirror, b"second")

    assert get(mirror) == b"second"
    assert len(files(mega, other)) == 1


def test_another_account_does_not_get_the_old_session(mega, mirror):
    """The operator enters another account: its own login is made, and its own folder written."""
    put(mirror, b"first")
    other = mega.make_account("second@example.test")
    mirror.options = {"email": other.email}
    mirror.save()
    write_secrets(mirror, {**read_secrets(mirror), "link": mega.export_folder(other)})

    put(mirror, b"second")

    assert get(mirror) == b"second"
    assert other.used() == 6


def test_several_accounts_are_several_mirrors(mega, mega_mirror):
    """Each account has its row, its session and its folder; one that fails is none of the other's business."""
    accounts = [mega.make_account(f"owner{number}@example.test") for number in range(3)]
    mirrors = [mega_mirror(account, mega.export_folder(account)) for account in accounts]
    accounts[1].blocked = True

    for mirror in mirrors:
        if mirror is mirrors[1]:
            with pytest.raises(MirrorError, match="blocked"):
                put(mirror, b"data")
        else:
            put(mirror, b"data")

    assert [account.used() for account in accounts] == [4, 0, 4]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"link": ""}, "link is missing"),
        ({"link": "https://mega.nz/file/AAAAAAAA#x"}, "link is missing or is none"),
        ({"link": "https://mega.nz/folder/AAAAAAAA"}, "with its key"),
        ({"password": ""}, "password is missing"),
    ],
)
def test_what_is_missing_is_said_without_asking(mega, mirror, change, text):
    """A mirror that was not told enough says what to enter, and asks nobody."""
    write_secrets(mirror, {**read_secrets(mirror), **change})

    assert text in driver_of(mirror).check()
    with pytest.raises(MirrorError, match=text) as caught:
        put(mirror, b"data")
    assert caught.value.needs_operator
    assert mega.requests == []


def test_a_link_that_was_copied_without_care_is_told(mega, mirror, link):
    """A key of another folder is found out before anything is written."""
    write_secrets(mirror, {**read_secrets(mirror), "link": link[:-22] + "A" * 22})

    with pytest.raises(MirrorError, match="does not open the folder") as caught:
        put(mirror, b"data")

    assert caught.value.needs_operator
    assert "p" not in mega.requests


def test_a_session_is_of_no_use_in_another_row(mega, mirror, mega_mirror, account, link):
    """Secrets that were moved to another row do not open there, and the operator is told."""
    put(mirror, b"data")
    other = mega_mirror(account, link, name="other")
    Mirror.objects.filter(pk=other.pk).update(secrets_sealed=Mirror.objects.get(pk=mirror.pk).secrets_sealed)

    assert "master key" in driver_of(Mirror.objects.get(pk=other.pk)).check()


def test_nothing_secret_is_logged(mega, mirror, link, caplog):
    """Neither password, session, key nor link is in a log, whatever the level."""
    caplog.set_level(0)
    put(mirror, b"data")
    mega.fault("g", "http", 500)
    get(mirror)
    mega.end_sessions()
    put(mirror, b"data")

    secrets = read_secrets(mirror)
    for word in (PASSWORD, secrets["session"]["sid"], secrets["session"]["master_key"], link[-22:]):
        assert word not in caplog.text


def test_a_probe_leaves_nothing(mega, mirror, link):
    """What checkmirrors writes to prove the mirror is gone afterwards, and what readers ask for stays."""
    put(mirror, b"data")

    driver_of(mirror).probe()

    assert len(files(mega, link)) == 1
    assert get(mirror) == b"data"


def test_the_live_report_tries_everything_and_leaves_nothing(mega, account, mirror, link):
    """The open questions are answered with a folder of its own, which is gone afterwards."""
    mega.easiness = 230
    before = set(account.nodes)

    lines = driver_of(mirror).live_report()

    assert [line.partition(":")[0] for line in lines] == [
        "login",
        "sharing a folder without an owner's key",
        "a file put into it and replaced",
        "taking the folder away",
    ]
    assert "easiness 230" in lines[0]
    assert "accepted" in lines[1]
    assert "read through the link, 1 left of 2" in lines[2]
    assert set(account.nodes) == before
    assert not any(word in " ".join(lines) for word in (PASSWORD, link[-22:]))


@pytest.mark.parametrize(("command", "line"), [("us", 0), ("s2", 1), ("u", 2), ("d", 3)])
def test_the_live_report_names_what_fails(mega, account, mirror, command, line):
    """A step that the service refuses is a line of the report, and the end of it."""
    mega.fault(command, "code", -99, times=-1)

    lines = driver_of(mirror).live_report()

    assert "error -99" in lines[line]
    assert len([node for node in account.nodes.values() if node["t"] == 1]) == (2 if command == "d" else 1)


def test_an_empty_folder_says_so(mirror):
    """Nothing there is an error that names the file."""
    with pytest.raises(MirrorError, match=r"holds no connection\.json"):
        get(mirror)


def test_mega_itself_is_asked_for_its_own_links(mirror):
    """A link to MEGA goes to MEGA's interface, a link to this machine to this machine."""
    write_secrets(mirror, {**read_secrets(mirror), "link": "https://mega.nz/folder/AAAAAAAA#" + "A" * 22})

    assert driver_of(mirror)._folder().gateway == "https://g.api.mega.co.nz/cs"


def test_two_services_are_two_mirrors(mega, mirror, mega_mirror):
    """A second emulator, on another port, has what was put there alone."""
    with MegaEmulator() as other:
        account = other.make_account()
        second = mega_mirror(account, other.export_folder(account), name="second")
        put(mirror, b"here")
        put(second, b"there")

        assert (get(mirror), get(second)) == (b"here", b"there")
