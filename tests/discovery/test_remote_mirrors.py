"""Mirrors elsewhere, against real servers: WebDAV, an S3-compatible bucket, a folder; and places that behave badly."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc

import pytest
from botocore.exceptions import ClientError

from discovery import saving, services, storages
from discovery.mirrors import FILE_NAME, LIST_NAME, MirrorError
from discovery.mirrors.base import PROBE_NAME
from discovery.mirrors.storage import _as_mirror_error
from discovery.models import Mirror
from discovery.public_mirror import PublicMirror
from discovery.services.mirror_secrets import write_secrets
from discovery.web import Request, fetch
from tests.discovery import servers
from tests.ports import free_port

OLDER, NEWER, LIST = b'{"sealed":1}', b'{"sealed":2,"longer":true}', b'{"list":1}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def webdav_server(tmp_path_factory):
    """A WebDAV server for the tests of this file."""
    with servers.webdav(tmp_path_factory.mktemp("webdav"), free_port()) as place:
        yield place


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory):
    """An S3-compatible server for the tests of this file."""
    with servers.s3(tmp_path_factory.mktemp("s3"), free_port()) as place:
        yield place


def row(kind: str, options: dict, secrets: dict | None = None) -> Mirror:
    """A mirror of this kind as an operator would have entered it."""
    mirror = Mirror.objects.create(kind=kind, name="Elsewhere", options=options)
    write_secrets(mirror, secrets or {})
    return mirror


@pytest.fixture
def driver(server, request):
    """The driver of a mirror at the server that the test names."""
    kind = {"webdav_server": "webdav", "s3_server": "storage"}[request.param]
    place = request.getfixturevalue(request.param)
    return services.driver_of(row(kind, place.options, place.secrets))


both = pytest.mark.parametrize("driver", ["webdav_server", "s3_server"], indirect=True)


@both
def test_what_is_put_elsewhere_replaces_what_was_there(driver):
    """Two objects side by side, each overwritten under its own name, and read without a password."""
    driver.put(LIST_NAME, LIST)
    for data in (OLDER, NEWER, OLDER, NEWER, OLDER):
        driver.put(FILE_NAME, data)
        assert driver.get(FILE_NAME) == data

    assert driver.get(LIST_NAME) == LIST
    assert driver.check() == ""
    assert driver.public_locations() == (driver.mirror.options["public"],)


@both
def test_a_probe_proves_a_mirror_and_leaves_nothing(driver):
    """Written, read, overwritten, deleted; what readers ask for is not touched."""
    driver.put(FILE_NAME, OLDER)
    driver.probe()

    with pytest.raises(MirrorError, match=r"answered 40[34]"):
        driver.get(PROBE_NAME)
    assert driver.get(FILE_NAME) == OLDER


def test_wrong_password_needs_the_operator(server, webdav_server):
    """The sentence says what to do, and neither the password nor the path stands in it."""
    mirror = row("webdav", webdav_server.options, {"password": "wrong"})
    with pytest.raises(MirrorError, match="enter them again") as error:
        services.driver_of(mirror).put(FILE_NAME, OLDER)

    assert error.value.needs_operator
    assert "wrong" not in str(error.value)
    assert "/write" not in str(error.value)


def test_folder_that_is_missing_needs_the_operator(server, webdav_server):
    """A WebDAV address that leads nowhere is told from one that is down."""
    options = {**webdav_server.options, "folder": webdav_server.options["folder"] + "/none/at/all"}
    with pytest.raises(MirrorError, match="no such folder") as error:
        services.driver_of(row("webdav", options, webdav_server.secrets)).put(FILE_NAME, OLDER)

    assert error.value.needs_operator


def test_bucket_that_is_missing_needs_the_operator(server, s3_server):
    """What S3 says by code is told to the operator without what may hold a key."""
    options = {**s3_server.options, "options": {**s3_server.options["options"], "bucket_name": "nobodys"}}
    with pytest.raises(MirrorError, match="NoSuchBucket") as error:
        services.driver_of(row("storage", options, s3_server.secrets)).put(FILE_NAME, OLDER)

    assert error.value.needs_operator
    assert servers.SECRET_KEY not in str(error.value)


def test_folder_of_the_machine_is_a_storage_too(server, tmp_path):
    """Django's own storage, in a folder that some web server shows."""
    options = {
        "backend": "django.core.files.storage.FileSystemStorage",
        "options": {"location": str(tmp_path / "www")},
        "public": "https://example.org/www/connection.json",
    }
    driver = services.driver_of(row("storage", options))
    driver.put(FILE_NAME, OLDER)
    driver.put(FILE_NAME, NEWER)

    assert [(path.name, path.read_bytes()) for path in (tmp_path / "www").iterdir()] == [(FILE_NAME, NEWER)]


def test_storage_that_makes_up_names_is_made_to_overwrite(server, tmp_path):
    """A storage that would write beside an older file keeps one file, under the name that readers know."""
    options = {
        "backend": "django.core.files.storage.FileSystemStorage",
        "options": {"location": str(tmp_path / "www"), "allow_overwrite": False},
        "public": "https://example.org/www/connection.json",
    }
    driver = services.driver_of(row("storage", options))
    driver.put(FILE_NAME, OLDER)
    driver.put(FILE_NAME, NEWER)

    assert [(path.name, path.read_bytes()) for path in (tmp_path / "www").iterdir()] == [(FILE_NAME, NEWER)]


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("webdav", {"folder": "http://192.0.2.1/dav", "public": "https://x.org/f"}, "address of the folder"),
        ("webdav", {"folder": "https://x.org/dav"}, "public address"),
        ("webdav", {"folder": "https://x.org/dav", "public": "http://192.0.2.1/f"}, "public address"),
        ("storage", {"backend": "os.system"}, "has to be one of"),
        ("storage", {"backend": "storages.backends.s3.nothing"}, "cannot be used"),
        ("storage", {"backend": "storages.backends.s3.setting"}, "is no storage"),
        ("storage", {"backend": "storages.backends.s3.S3Storage", "options": {"bukket": 1}}, "cannot be used"),
    ],
)
def test_wrong_options_are_named_before_anything_is_asked(server, kind, options, words):
    """`check` has a sentence for each; nothing goes over the network."""
    assert words in services.driver_of(row(kind, options)).check()


def reading(origin: str) -> PublicMirror:
    """A mirror that is read from there."""
    options = {"folder": f"{origin}/dav", "public": f"{origin}/connection.json"}
    return services.driver_of(row("webdav", options, {"password": "x"}))


@pytest.mark.parametrize("url", ["https://[2001:db8::1::2]/f", "https://[::::]/f", "https://x.org:x/f", "mailto:x"])
def test_what_is_no_web_address_needs_the_operator(url):
    """Whatever stands in a row ends in a sentence of ours."""
    with pytest.raises(MirrorError, match="no web address") as error:
        fetch(Request("GET", url), 1)

    assert error.value.needs_operator


@pytest.mark.parametrize("length", [b"Content-Length: 10000000000\r\n", b""], ids=["announced", "unannounced"])
def test_ten_gigabytes_are_refused_in_little_memory(server, length):
    """However much is on its way, no more is taken than a published object may have."""

    def endless():
        yield HEAD + length + b"\r\n"
        while True:
            yield b"x" * 65536

    with servers.Misbehaving(endless) as place:
        driver = reading(place.origin)
        tracemalloc.start()
        with pytest.raises(MirrorError, match="larger than"):
            driver.get(FILE_NAME)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("chunks", "silent"),
    [
        ([], True),
        ([bytes([byte]) for byte in HEAD * 50], False),
        ([HEAD + b"\r\n", *[b"x"] * 500], False),
        ([HEAD + b"Content-Length: 500\r\n\r\n"], True),
    ],
    ids=["silence", "dripping head", "dripping body", "silence after the head"],
)
def test_slow_places_are_given_up_in_time(server, monkeypatch, chunks, silent):
    """One byte at a time or none at all: the deadline holds for the whole request."""
    monkeypatch.setattr(PublicMirror, "seconds", 0.4)
    with servers.Misbehaving(chunks, pause=0.05, silent=silent) as place:
        driver = reading(place.origin)
        began = time.monotonic()
        with pytest.raises(MirrorError, match="took too long"):
            driver.get(FILE_NAME)
        took = time.monotonic() - began

    assert took < 15


def test_silence_to_a_write_is_given_up_in_time(server, monkeypatch):
    """What takes the file and never says so has not taken it."""
    monkeypatch.setattr(PublicMirror, "seconds", 0.4)
    with servers.Misbehaving([], silent=True) as place, pytest.raises(MirrorError, match="took too long"):
        reading(place.origin).put(FILE_NAME, OLDER)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/secret-path\r\n\r\n", "elsewhere"),
        (b"HTTP/1.1 500 Oh\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "broke off"),
        (b"220 smtp ready\r\n", "does not answer"),
        (b"\x1b[2Jsecret-path\r\n", "does not answer: BadStatusLine"),
        (b"", "does not answer"),
    ],
)
def test_wrong_answers_are_named_and_lead_nowhere(server, answer, words):
    """Redirects are not followed, and no address is repeated beyond its host."""
    with servers.Misbehaving([answer]) as place, pytest.raises(MirrorError, match=words) as error:
        reading(place.origin).get(FILE_NAME)

    assert "secret-path" not in str(error.value)
    assert "connection.json" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("NoSuchBucket", "(ClientError NoSuchBucket)"),
        ("\x1b[2J", "(ClientError)"),
        (["x"], "(ClientError)"),
        (404, "(C"),
    ],
)
def test_storage_says_no_words_of_its_own(code, shown):
    """A code is repeated when it is one; anything else a stranger wrote is not."""
    raised = ClientError({"Error": {"Code": code, "Message": "\x1b[2J"}}, "PutObject")
    error = _as_mirror_error(saving.what_went_wrong(raised))

    assert shown in str(error)
    assert "\x1b" not in str(error)
    assert error.needs_operator == (code == "NoSuchBucket")


def test_storage_that_hangs_is_ended_each_time(server, monkeypatch):
    """An FTP server that falls silent, and a library without time limits: no attempt is the last, nothing is left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        address = f"ftp://alice:secret@127.0.0.1:{listener.getsockname()[1]}/"
        options = {"backend": "storages.backends.ftp.FTPStorage", "public": "https://x.org/connection.json"}
        driver = services.driver_of(row("storage", options, {"options": {"location": address}}))
        monkeypatch.setattr(type(driver), "seconds", 4)
        began, attempts = [], []
        monkeypatch.setattr(subprocess, "Popen", _noting(subprocess.Popen, began))
        for _ in range(2):
            with pytest.raises(MirrorError, match="too long: more than 4 s") as error:
                driver.put(FILE_NAME, OLDER)
            attempts.append(listener.accept())

    assert [process.returncode for process in began] == [-signal.SIGKILL] * 2
    assert "secret" not in str(error.value)
    assert "secret" not in " ".join(argument for process in began for argument in process.args)
    for connection, _ in attempts:
        connection.close()


def _noting(begin, began):
    def begin_and_note(*arguments, **options):
        began.append(begin(*arguments, **options))
        return began[-1]

    return begin_and_note


def test_s3_takes_a_process_when_a_thread_hangs(server, s3_server, monkeypatch):
    """A bucket that answers a byte at a time keeps one thread at most, and the mirror goes on."""
    driver, ends, began = (
        services.driver_of(row("storage", s3_server.options, s3_server.secrets)),
        threading.Event(),
        [],
    )
    monkeypatch.setattr(subprocess, "Popen", _noting(subprocess.Popen, began))
    hangs = threading.Thread(target=ends.wait, daemon=True)
    hangs.start()
    driver.put(FILE_NAME, OLDER)
    without = len(began)
    monkeypatch.setitem(saving._hanging, driver.mirror.pk, hangs)
    driver.put(FILE_NAME, NEWER)
    beside, read = len(began), driver.get(FILE_NAME)
    ends.set()
    hangs.join(10)
    driver.put(FILE_NAME, OLDER)

    assert (without, beside, read, len(began)) == (0, 1, NEWER, 1)


def test_s3_that_drips_is_given_up_in_time(server, monkeypatch):
    """Its library waits for each byte anew."""
    with servers.Misbehaving([bytes([byte]) for byte in HEAD * 50], pause=0.05) as place:
        options = {"bucket_name": "b", "endpoint_url": place.origin, "region_name": "us-east-1"}
        options = {"backend": storages.S3, "options": options, "public": f"{place.origin}/b/connection.json"}
        secrets = {"options": {"access_key": servers.ACCESS_KEY, "secret_key": servers.SECRET_KEY}}
        driver = services.driver_of(row("storage", options, secrets))
        monkeypatch.setattr(type(driver), "seconds", 1)
        with pytest.raises(MirrorError, match=r"too long"):
            driver.put(FILE_NAME, OLDER)
        assert saving._hanging[driver.mirror.pk].is_alive()
    saving._hanging.pop(driver.mirror.pk).join(10)


def test_storage_whose_process_cannot_be_ended_gets_no_second_one(server, tmp_path, monkeypatch):
    """What waits for a disk that is gone ends when the disk says so: one process for a mirror at most."""
    options = {"backend": storages.FOLDER, "options": {"location": str(tmp_path)}, "public": "https://x.org/c.json"}
    driver = services.driver_of(row("storage", options))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as waits:
        monkeypatch.setitem(saving._stuck, driver.mirror.pk, waits)
        with pytest.raises(MirrorError, match="cannot be ended"):
            driver.put(FILE_NAME, OLDER)
    driver.put(FILE_NAME, NEWER)

    assert (tmp_path / FILE_NAME).read_bytes() == NEWER
    assert saving._stuck == {}


def test_saving_ends_by_itself_when_nobody_waits_for_it(tmp_path):
    """The process that began it may have been killed."""
    work = saving.Work("storages.backends.ftp.FTPStorage", {"location": ""}, FILE_NAME, 1, OLDER)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        work.options["location"] = f"ftp://alice:secret@127.0.0.1:{listener.getsockname()[1]}/"
        command = [sys.executable, "-m", saving.__name__]
        ended = subprocess.run(command, input=work.encode(), capture_output=True, timeout=40, check=False)

    assert ended.returncode == -signal.SIGALRM


def test_options_hold_no_secret(server, s3_server):
    """What the admin shows is what is in the clear."""
    mirror = row("storage", s3_server.options, s3_server.secrets)

    assert servers.SECRET_KEY not in json.dumps(Mirror.objects.values("options").get(pk=mirror.pk))
