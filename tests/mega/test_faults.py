"""Whatever MEGA does wrong: a visit ends in time with a sentence for the operator, and the next good one mends all."""

import json
import time
import tracemalloc
from dataclasses import replace

import pytest

from clawchat.protocol.places import FILE_NAME
from discovery.mirrors import MirrorError
from discovery.mirrors.mega import MegaMirror
from discovery.mirrors.mega.gateway import Patience
from discovery.mirrors.mega.hashcash import solve
from discovery.models import Mirror
from discovery.services.mirror_secrets import read_secrets, write_secrets
from discovery.services.mirrors import driver_of
from tests.mega.codec import b64e

pytestmark = pytest.mark.django_db

DATA, OLD = b"the newest file", b"the file before"
SECONDS = 1.0
# A busy machine is given so much more to notice; what never ended would take far longer.
SLACK = 30.0
# For what has to end well, or by itself, however busy the machine is.
LONG_SECONDS = 60.0
LONG = Patience(exchange=15.0, call=45.0, first_pause=0.05, longest_pause=0.1)
# Bytes; the emulator's own are in it, and each try is cut off by itself.
MUCH = 16 << 20
# Numbers that another try may help, and what needs the operator; the last ones were unheard of in 2020.
PASSING = [-1, -3, -4, -5, -6, -7, -8, -13, -18, -19, -20, -21]
LASTING = [-2, -9, -10, -11, -12, -14, -16, -17, -22, -24, -26, -27, -28, -29, -30, -99]
# What may happen to a connection, and what may stand in an answer.
BROKEN = [
    ("http", 402),
    ("http", 500),
    ("http", 509),
    ("html", None),
    ("redirect", "http://127.0.0.1:9/cs"),
    ("drop", None),
    ("silence", None),
    ("drip", None),
    ("flood", None),
]
TEXTS = {
    "nothing": "",
    "zero": "0",
    "no_answer": "[]",
    "a_zero": "[0]",
    "null": "null",
    "a_map": '{"a":1}',
    "a_list": "[[]]",
    "an_empty_map": "[{}]",
    "a_nest": "[" * 100_000,
    "other_kinds": '[{"f":[{"h":null}],"p":[],"g":"https://example.test/","s":-1}]',
}


def cases(both: str, lines: str = "", texts: str = "") -> list:
    """(place, kind, value): of some places all that may happen, of others only the one or the other."""
    on_the_line = [(f"{kind}_{value}" if kind == "http" else kind, kind, value) for kind, value in BROKEN]
    in_the_text = [(name, "text", text) for name, text in TEXTS.items()]
    chosen = {place: [*on_the_line, *in_the_text] for place in both.split()}
    chosen |= dict.fromkeys(lines.split(), on_the_line) | dict.fromkeys(texts.split(), in_the_text)
    return [
        pytest.param(place, kind, value, id=f"{place}-{name}")
        for place, faults in chosen.items()
        for name, kind, value in faults
    ]


@pytest.fixture
def mirror(account, link, mega_mirror, monkeypatch):
    """A mirror that published once and has little patience."""
    row = mega_mirror(account, link)
    become_patient(monkeypatch)
    driver_of(row).put(FILE_NAME, OLD)
    patience = Patience(exchange=0.3, call=0.5, first_pause=0.05, longest_pause=0.1)
    monkeypatch.setattr(MegaMirror, "seconds", SECONDS)
    monkeypatch.setattr(MegaMirror, "patience", patience)
    return Mirror.objects.get(pk=row.pk)


@pytest.fixture
def patient(account, link, mega_mirror, monkeypatch):
    """A mirror that published once and has patience enough for a busy machine."""
    row = mega_mirror(account, link)
    become_patient(monkeypatch)
    driver_of(row).put(FILE_NAME, OLD)
    return row


def become_patient(monkeypatch) -> None:
    """From here on every visit has time."""
    monkeypatch.setattr(MegaMirror, "seconds", LONG_SECONDS)
    monkeypatch.setattr(MegaMirror, "patience", LONG)


def fails_in_time(call) -> MirrorError:
    """What the call raised, soon enough."""
    begun = time.monotonic()
    with pytest.raises(MirrorError) as caught:
        call()
    assert time.monotonic() - begun < MegaMirror.seconds + SLACK
    text = str(caught.value)
    assert text.endswith(".") and 10 < len(text) < 300
    assert "#" not in text and "sid" not in text
    return caught.value


def is_mended(mega, link, mirror, monkeypatch) -> None:
    """Without the fault the next visit publishes, and one more leaves one node of the name."""
    mega.faults.clear()
    become_patient(monkeypatch)
    for _ in range(2):
        driver_of(mirror).put(FILE_NAME, DATA)
        assert driver_of(mirror).get(FILE_NAME) == DATA
    account, folder = mega.shared(link)
    assert len(account.files(folder)) == 1


@pytest.mark.parametrize("number", PASSING)
def test_a_passing_refusal_is_tried_again_and_then_later(mega, patient, link, number, monkeypatch):
    """A number that means congestion is no matter for the operator, and ends even when MEGA repeats it for ever."""
    mega.fault("p", "code", number, times=-1)
    monkeypatch.setattr(MegaMirror, "patience", replace(LONG, call=2.0))

    error = fails_in_time(lambda: driver_of(patient).put(FILE_NAME, DATA))

    assert not error.needs_operator
    assert str(number) in str(error)
    is_mended(mega, link, patient, monkeypatch)


@pytest.mark.parametrize(
    ("kind", "number"), [*(("code", number) for number in LASTING), ("batch_code", -16), ("batch_code", -99)]
)
def test_a_lasting_refusal_is_told_at_once(mega, patient, link, kind, number, monkeypatch):
    """A number that trying again does not change needs the operator, and is not repeated; unknown ones are such."""
    mega.fault("u", kind, number, times=-1)
    mega.requests.clear()

    error = fails_in_time(lambda: driver_of(patient).put(FILE_NAME, DATA))

    assert error.needs_operator
    assert f"(error {number})" in str(error)
    assert mega.requests == ["u"]
    is_mended(mega, link, patient, monkeypatch)


@pytest.mark.parametrize(("place", "kind", "value"), cases("p", lines="upload", texts="u"))
def test_nothing_that_breaks_a_publication_lasts(mega, mirror, link, place, kind, value, monkeypatch):
    """Silence, drips, floods, pages and nonsense in any step of a publication end in time."""
    mega.fault(place, kind, value, times=-1)

    error = fails_in_time(lambda: driver_of(mirror).put(FILE_NAME, DATA))

    assert not error.needs_operator
    is_mended(mega, link, mirror, monkeypatch)


@pytest.mark.parametrize(("place", "kind", "value"), cases("us", texts="us0"))
def test_nothing_that_breaks_a_login_lasts(mega, mirror, link, place, kind, value, monkeypatch):
    """The same in a login, whose answers the library reads."""
    mega.end_sessions()
    mega.fault(place, kind, value, times=-1)

    fails_in_time(lambda: driver_of(mirror).put(FILE_NAME, DATA))

    is_mended(mega, link, mirror, monkeypatch)


@pytest.mark.parametrize("answer", ['[{"v":1}]', '[{"v":2,"s":null}]', "[7]"])
def test_an_account_of_the_old_kind_is_told_at_once(mega, patient, answer):
    """It has no salt; the library would hash for minutes, in pure Python, and send what MEGA keeps no more."""
    mega.end_sessions()
    mega.fault("us0", "text", answer, times=-1)
    mega.requests.clear()

    error = fails_in_time(lambda: driver_of(patient).put(FILE_NAME, DATA))

    assert error.needs_operator
    assert "old kind" in str(error)
    assert "us" not in mega.requests


@pytest.mark.parametrize(("place", "kind", "value"), cases("f", lines="download", texts="g"))
def test_nothing_that_breaks_reading_lasts(mega, mirror, place, kind, value, monkeypatch):
    """The same in reading back."""
    mega.fault(place, kind, value, times=-1)

    fails_in_time(lambda: driver_of(mirror).get(FILE_NAME))

    mega.faults.clear()
    become_patient(monkeypatch)
    assert driver_of(mirror).get(FILE_NAME) == OLD


@pytest.mark.parametrize("kind", ["truncate", "corrupt"])
def test_a_file_that_was_changed_on_its_way_is_not_given_out(mega, mirror, kind):
    """Half a file, or one with another bit, is an error and not a file."""
    mega.fault("download", kind, times=-1)

    fails_in_time(lambda: driver_of(mirror).get(FILE_NAME))


@pytest.mark.parametrize("place", ["u", "p", "f", "g"])
def test_a_stumble_is_nobodys_business(mega, patient, place):
    """Two refusals, a dropped connection and a page in between: the same visit goes through."""
    for kind, value in (("code", -3), ("drop", None), ("batch_code", -4), ("html", None), ("http", 500)):
        mega.fault(place, kind, value)

    driver_of(patient).put(FILE_NAME, DATA)

    assert driver_of(patient).get(FILE_NAME) == DATA


@pytest.mark.parametrize("place", ["u", "p"])
def test_a_lost_answer_makes_nothing_twice(mega, patient, link, place):
    """When what we asked was done and only the answer was lost, the repetition with its number makes no second node."""
    mega.fault(place, "lose")

    driver_of(patient).put(FILE_NAME, DATA)

    account, folder = mega.shared(link)
    assert len(account.files(folder)) == 1
    assert driver_of(patient).get(FILE_NAME) == DATA


def test_the_wrong_password_is_told(mega, patient, account):
    """MEGA says -9 for it, as for a lost folder; the operator reads which one it is."""
    mega.end_sessions()
    account.authentication = b64e(bytes(16))

    error = fails_in_time(lambda: driver_of(patient).put(FILE_NAME, DATA))

    assert error.needs_operator
    assert "password" in str(error)


def test_a_blocked_account_is_told(patient, account):
    """An account that MEGA closed needs the operator."""
    account.blocked = True

    error = fails_in_time(lambda: driver_of(patient).put(FILE_NAME, DATA))

    assert error.needs_operator
    assert "blocked" in str(error)


def test_a_full_account_is_told(patient, account):
    """No room for the file needs the operator."""
    account.quota = account.used() + 1

    error = fails_in_time(lambda: driver_of(patient).put(FILE_NAME, DATA))

    assert error.needs_operator
    assert "room" in str(error)


def test_a_folder_of_somebody_else_is_told(mega, patient):
    """A link that opens, but to another account's folder, needs the operator."""
    other = mega.make_account("other@example.test")
    write_secrets(patient, {**read_secrets(patient), "link": mega.export_folder(other)})

    error = fails_in_time(lambda: driver_of(patient).put(FILE_NAME, DATA))

    assert error.needs_operator
    assert "folder of this account" in str(error)


def test_a_folder_that_is_no_longer_shared_is_told(patient, account):
    """A link that was withdrawn needs the operator."""
    account.links.clear()

    error = fails_in_time(lambda: driver_of(patient).get(FILE_NAME))

    assert error.needs_operator
    assert "share" in str(error)


def test_nobody_at_all_is_a_matter_of_time(mega, mirror):
    """A service that is away altogether ends in time and is tried again."""
    mega.__exit__()

    error = fails_in_time(lambda: driver_of(mirror).put(FILE_NAME, DATA))

    assert not error.needs_operator


def test_work_that_is_too_hard_ends_in_time(mega, patient, monkeypatch):
    """A challenge nobody here can meet takes the visit's time and no more."""
    monkeypatch.setattr(MegaMirror, "seconds", 4.0)
    mega.end_sessions()
    mega.easiness = 0

    error = fails_in_time(lambda: driver_of(patient).put(FILE_NAME, DATA))

    assert not error.needs_operator
    assert "work" in str(error)


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "1:2:3",
        "2:192:0:" + "A" * 64,
        "1:x:0:" + "A" * 64,
        "1:256:0:" + "A" * 64,
        "1:192:0:AAAA",
        "1:192:0:" + "*" * 64,
    ],
)
def test_another_kind_of_work_is_refused(challenge):
    """Work of a kind that we do not know is not guessed at."""
    with pytest.raises(MirrorError, match="does not know"):
        solve(challenge, time.monotonic() + 1)


def test_the_work_meets_the_rule():
    """What is found is what the rule of MEGA's clients takes; the emulator has its own copy of the rule."""
    token = "A" * 64

    header = solve(f"1:255:0:{token}", time.monotonic() + LONG_SECONDS)

    assert header.split(":")[:2] == ["1", token]
    assert len(header.split(":")[2]) == 6


@pytest.mark.parametrize("place", ["f", "download", "u"])
def test_a_flood_takes_no_memory(mega, mirror, place):
    """Noise without end is cut off: neither our memory nor the line has much more than the limit of it."""
    driver = driver_of(mirror)
    mega.fault(place, "flood", times=-1)
    mega.bytes_sent = 0
    tracemalloc.start()

    fails_in_time(lambda: driver.put(FILE_NAME, DATA) if place == "u" else driver.get(FILE_NAME))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < MUCH
    assert mega.bytes_sent < 10 * MUCH


def test_a_large_node_is_not_fetched(mega, patient, link):
    """A file above what a published object may have is refused by its size, before it is downloaded."""
    mega.put_file(link, FILE_NAME, bytes(70_000), at=int(time.time()) + 10)
    mega.requests.clear()

    error = fails_in_time(lambda: driver_of(patient).get(FILE_NAME))

    assert "larger" in str(error)
    assert "download" not in mega.requests


def test_a_crowded_folder_is_bounded(mega, patient):
    """A listing above 64 KiB, which no reader takes, is not called well: the operator has to clear the folder."""
    nodes = [{"h": "A" * 8, "p": "B" * 8, "t": 0, "k": "", "a": "", "ts": 0, "s": 0}] * 1_100
    mega.fault("f", "text", json.dumps([{"f": nodes}], separators=(",", ":")), times=-1)

    error = fails_in_time(lambda: driver_of(patient).get(FILE_NAME))

    assert "holds too much else" in str(error)
    assert error.needs_operator
