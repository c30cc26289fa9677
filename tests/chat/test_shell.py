"""The list of what the app is made of: everything that the page loads, nothing else, each with its digest."""

import base64
import hashlib

import pytest

from chat import shell
from tests.house.source import ROOT, javascript_imports


def imported_from(name: str) -> set[str]:
    """Files below static/ that a script leads to, at any depth, by the reader of the house tests."""
    found, waiting = set(), [name]
    while waiting:
        path = ROOT / "static" / waiting.pop()
        for each in javascript_imports(path.read_text(), path):
            module = each.module.removeprefix("static/")
            if module not in found:
                found.add(module)
                # Packed libraries stand alone (tests/js/assets.test.js).
                waiting += [module] if module.startswith("js/") else []
    return found


def test_modules_are_what_the_entry_imports():
    """Static and lazy imports at any depth; types in comments and the worker are none."""
    listed = shell.modules()

    assert {address.removeprefix("/static/") for address in listed} == imported_from("js/app.js")
    assert "/static/js/chat/app.js" in listed
    assert "/static/vendor/lit.js" in listed
    assert "/static/js/worker/service_worker.js" not in listed


def test_the_page_asks_for_all_of_them_at_once():
    """Each module stands in the page, so that no chain of imports is waited for."""
    text = shell.page()

    assert all(f'<link rel="modulepreload" href="{address}">' in text for address in shell.modules())


def test_the_list_has_the_page_and_all_that_it_names():
    """Style sheets, icons, the manifest and the scripts, beside the modules."""
    listed = shell.files()

    assert {"/", "/static/js/app.js", "/static/css/base.css", "/static/icons/icon.svg"} <= listed.keys()
    assert {"/static/manifest.webmanifest", "/static/js/ui/theme.js", *shell.modules()} <= listed.keys()
    assert not any(address.startswith(("/admin", "/static/admin")) for address in listed)


@pytest.mark.django_db
def test_digests_are_those_of_what_is_served(client):
    """The page and the files as a browser gets them, or it would keep nothing."""
    files = shell.files()
    assert shell.PAGE in files
    for address, digest in files.items():
        answer = client.get(address)
        content = answer.getvalue() if not answer.streaming else b"".join(answer)
        answer.close()
        assert digest == f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}", address


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ('import { a } from "./a.js";', ["./a.js"]),
        ("import './a.js';\nexport * from \"../b.js\";", ["./a.js", "../b.js"]),
        ('const { App } = await import("./chat/app.js");', ["./chat/app.js"]),
        ('import {\n  a,\n  b,\n} from "./a.js";', ["./a.js"]),
        ('/** @param {import("./no.js").No} no */\n// import "./no.js"\nimport { a } from "./a.js";', ["./a.js"]),
        ('/*\n * @param {import("./no.js").No} no\n */', []),
        ('fetch("./no.js"); const from = "./no.js";', []),
        ('import lit from "lit";', []),
    ],
)
def test_imports_are_read_as_browsers_do(source, modules):
    """Every form of import, and what only looks like one."""
    assert shell.imports_in(source) == modules


def test_a_file_that_is_not_there_is_left_out(monkeypatch):
    """A browser would keep nothing at all for the sake of one that cannot be had."""
    monkeypatch.setattr(shell, "page", lambda: '<link href="/static/js/gone.js"><link href="/static/js/bytes.js">')

    assert "/static/js/gone.js" not in shell.files()
    assert "/static/js/bytes.js" in shell.files()
