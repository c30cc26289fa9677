"""The emulator is close enough to the service that the unmodified mega.py works against it."""

import json
import os
from pathlib import Path

import pytest
import requests


def test_the_unmodified_library_works(unmodified, tmp_path):
    """mega.py makes a folder, uploads, makes links, reads back and deletes, over several chunks."""
    folder = unmodified.create_folder("clawchat")["clawchat"]
    (tmp_path / "sent").write_bytes(os.urandom(200_000))

    link = unmodified.get_upload_link(unmodified.upload(str(tmp_path / "sent"), folder, "connection.json"))
    read = unmodified.download_url(link, str(tmp_path), "read")
    shared = unmodified.export("clawchat")
    unmodified.destroy(unmodified.find("clawchat/connection.json")[0])

    assert Path(read).read_bytes() == (tmp_path / "sent").read_bytes()
    assert "/#F!" in shared
    assert unmodified.find("clawchat/connection.json") is None


def test_a_repeated_request_is_done_once(mega, account, link, unmodified):
    """A request that comes again with its number gets the answer it had: nothing is made twice."""
    body = json.dumps([{"a": "p", "t": account.root, "n": [{"h": "xxxxxxxx", "t": 1, "a": "", "k": ""}]}])
    url = f"{mega.origin}/cs?id=7&sid={unmodified.sid}"

    answers = [requests.post(url, data=body, timeout=5).json() for _ in range(2)]

    assert answers[0] == answers[1]
    assert len([node for node in account.nodes.values() if node["t"] == 1]) == 2


@pytest.mark.parametrize(
    ("kind", "value", "status", "text"),
    [
        ("code", -3, 200, "[-3]"),
        ("batch_code", -15, 200, "-15"),
        ("http", 509, 509, ""),
        ("html", None, 200, "<!DOCTYPE html><title>Please log in</title>"),
        ("redirect", "http://127.0.0.1:9/", 302, ""),
    ],
)
def test_a_fault_happens_as_often_as_it_was_asked_for(mega, kind, value, status, text):
    """A fault is played once, and then the service answers again."""
    mega.fault("us0", kind, value)

    first, second = (
        requests.post(f"{mega.origin}/cs?id={n}", data='[{"a":"us0","user":"x"}]', allow_redirects=False, timeout=5)
        for n in range(2)
    )

    assert (first.status_code, first.text) == (status, text)
    assert second.json()[0]["v"] == 2


def test_an_unknown_fault_is_refused(mega):
    """A slip in a test does not make it pass."""
    with pytest.raises(ValueError, match="sloow"):
        mega.fault("us", "sloow")


def test_browsers_may_read(mega):
    """Every answer may be read by a page of another origin, errors too."""
    for answer in (requests.options(mega.origin + "/cs", timeout=5), requests.get(mega.origin + "/dl/x", timeout=5)):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
