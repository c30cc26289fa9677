"""The protocol library is pure: no clock, no dice, no wire; the same input always gives the same bytes."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.source import ROOT, file_imports, files, javascript_code, javascript_imports, place

PYTHON = files(".py", "clawchat/protocol")
SCRIPTS = [*files(".js", "static/js/protocol"), ROOT / "static/js/bytes.js"]

ALLOWED = {
    *("__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "dataclasses", "enum"),
    *("functools", "hashlib", "hmac", "io", "ipaddress", "itertools", "json", "math", "operator", "re", "string"),
    *("struct", "types", "typing", "unicodedata", "urllib.parse", "uuid"),
}
# What one file alone may import, and nobody beside it.
RESERVED = {
    "cryptography": "primitives.py",
    "secrets": "primitives.py",
    "hmac": "primitives.py",
    "hashlib": "primitives.py",
    "cbor2": "encoding.py",
}
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"}
IMPURE_ATTRIBUTES = {"uuid1", "uuid4", "uuid6", "uuid7", "getnode", "environ", "urandom"}

IMPURE_WORDS = re.compile(
    r"\b(Date|fetch|document|window|self|navigator|localStorage|sessionStorage|indexedDB|WebSocket|XMLHttpRequest"
    r"|EventSource|Worker|setTimeout|setInterval|queueMicrotask|requestAnimationFrame|performance|console|process"
    r"|require|eval|Function)\b|Math\s*\.\s*random"
)
RANDOM_WORDS = re.compile(r"\bcrypto\b")
# The files of the twin that may reach Web Crypto, and what one file alone may import.
WEB_CRYPTO = {"primitives.js"}
SCRIPT_RESERVED = {"primitives.js": ["static/js/sodium.js"], "encoding.js": ["static/vendor/cborg.js"]}


def import_objection(name: str, module: str) -> str | None:
    """Why the protocol file `name` may not import `module`."""
    if module == "clawchat.protocol" or module.startswith("clawchat.protocol."):
        return None
    owner = RESERVED.get(module.partition(".")[0])
    if owner:
        return None if owner == name else f"only {owner} imports it"
    if module in ALLOWED or module.partition(".")[0] in ALLOWED - {"urllib.parse"}:
        return None
    return "not among the pure parts of the standard library"


def impure_uses(source: str) -> list[str]:
    """What the source calls or reads that depends on more than its arguments, as `line: name`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            found.append(f"{node.lineno}: {node.func.id}()")
        elif isinstance(node, ast.Attribute) and node.attr in IMPURE_ATTRIBUTES:
            found.append(f"{node.lineno}: .{node.attr}")
        elif isinstance(node, ast.Global):
            found.append(f"{node.lineno}: global {', '.join(node.names)}")
    return sorted(found)


def impure_words(name: str, source: str) -> list[str]:
    """Words of the browser, the clock or the dice in a script, as `line: word`."""
    patterns = [IMPURE_WORDS] if name in WEB_CRYPTO else [IMPURE_WORDS, RANDOM_WORDS]
    return [
        f"{number}: {found.group()}"
        for number, line in enumerate(javascript_code(source).split("\n"), 1)
        for pattern in patterns
        for found in pattern.finditer(line)
    ]


@pytest.mark.parametrize("path", PYTHON, ids=place)
def test_protocol_imports_only_pure_modules(path: Path):
    """A protocol file imports the pure standard library and its own package; primitives and encoding a little more."""
    wrong = [
        f"{place(path)}:{found.line} imports {found.module}: {why}"
        for found in file_imports(path)
        if (why := import_objection(path.name, found.module))
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", PYTHON, ids=place)
def test_protocol_uses_no_clock_no_dice_no_files(path: Path):
    """A protocol file opens, prints and draws nothing."""
    assert not impure_uses(path.read_text())


@pytest.mark.parametrize("path", SCRIPTS, ids=place)
def test_script_protocol_is_pure(path: Path):
    """A protocol script knows no page, no clock, no network, and only primitives.js knows Web Crypto."""
    assert not impure_words(path.name, path.read_text())


@pytest.mark.parametrize("path", SCRIPTS, ids=place)
def test_script_protocol_imports_itself_and_sodium_only(path: Path):
    """A protocol script imports its own folder and bytes.js; primitives.js also sodium.js, encoding.js also cborg."""
    allowed = {"static/js/bytes.js", *SCRIPT_RESERVED.get(path.name, [])}
    wrong = [
        f"{place(path)}:{found.line} imports {found.module}"
        for found in javascript_imports(path.read_text(), path)
        if not found.module.startswith("static/js/protocol/") and found.module not in allowed
    ]

    assert not wrong, "\n".join(wrong)


def test_there_is_a_protocol_to_read():
    """An empty list of files would make every test above pass."""
    assert len(PYTHON) > 10
    assert len(SCRIPTS) > 10


@pytest.mark.parametrize("module", ["django.conf", "asyncio", "socket", "logging", "time", "random", "os", "urllib"])
def test_an_impure_import_is_refused(module):
    """The list of style is refused for every file."""
    assert import_objection("primitives.py", module)


@pytest.mark.parametrize("module", ["cryptography.hazmat.primitives", "secrets", "cbor2", "hmac"])
def test_a_reserved_import_is_refused_elsewhere(module):
    """Only primitives and encoding have their libraries."""
    assert import_objection("frame.py", module)


def test_impure_uses_are_seen():
    """A clock in a string is none; a call is one."""
    assert impure_uses("x = uuid.uuid4()\nprint(x)\n") == ["1: .uuid4", "2: print()"]
    assert impure_words("frame.js", 'const a = Date.now(); // Date\nb("Date", crypto.subtle);') == [
        "1: Date",
        "2: crypto",
    ]
