"""Protocol and MLS are pure: no clock, no dice, no wire; the same input always gives the same bytes."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.source import ROOT, file_imports, files, javascript_code, javascript_imports, place

PYTHON = [
    *files(".py", "clawchat/protocol"),
    # The runner of vectors reads files, and the app does not have it.
    *(path for path in files(".py", "clawchat/mls") if path.parent.name != "vectors"),
]
SCRIPTS = [
    *files(".js", "static/js/protocol"),
    *(path for path in files(".js", "static/js/mls") if path.parent.name != "vectors"),
    ROOT / "static/js/bytes.js",
]

ALLOWED = {
    *("__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "dataclasses", "enum"),
    *("functools", "hashlib", "hmac", "io", "ipaddress", "itertools", "json", "math", "operator", "re", "string"),
    *("struct", "types", "typing", "unicodedata", "urllib.parse", "uuid"),
}
# What some files alone may import, and nobody beside them: folder and file.
_SUITES = ("mls/hpke.py", "mls/suite.py", "mls/vector_suites.py")
RESERVED = {
    "cryptography": ("protocol/primitives.py", *_SUITES),
    "secrets": ("protocol/primitives.py",),
    "hmac": ("protocol/primitives.py", *_SUITES),
    "hashlib": ("protocol/primitives.py", *_SUITES),
    "cbor2": ("protocol/encoding.py",),
}
# What a folder may import of ours.
FLOORS = {"protocol": ("clawchat.protocol",), "mls": ("clawchat.mls", "clawchat.protocol")}
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"}
IMPURE_ATTRIBUTES = {"uuid1", "uuid4", "uuid6", "uuid7", "getnode", "environ", "urandom"}

IMPURE_WORDS = re.compile(
    r"\b(Date|fetch|document|window|self|navigator|localStorage|sessionStorage|indexedDB|WebSocket|XMLHttpRequest"
    r"|EventSource|Worker|setTimeout|setInterval|queueMicrotask|requestAnimationFrame|performance|console|process"
    r"|require|eval|Function)\b|Math\s*\.\s*random"
)
RANDOM_WORDS = re.compile(r"\bcrypto\b")
# The files of the twins that may reach Web Crypto, and what one file alone may import. MLS knows libsodium wherever
# a key is wiped.
WEB_CRYPTO = {"protocol/primitives.js", "mls/_web_crypto.js", "mls/_elliptic.js"}
SCRIPT_RESERVED = {
    "protocol/primitives.js": ["static/js/sodium.js"],
    "protocol/encoding.js": ["static/vendor/cborg.js"],
    "mls": ["static/js/sodium.js"],
}
SCRIPT_FLOORS = {"protocol": ("static/js/protocol/",), "mls": ("static/js/mls/", "static/js/protocol/"), "js": ()}


def import_objection(name: str, module: str) -> str | None:
    """Why the file `name` (folder and file) may not import `module`."""
    folder = name.partition("/")[0]
    if any(module == floor or module.startswith(f"{floor}.") for floor in FLOORS[folder]):
        return None
    owners = RESERVED.get(module.partition(".")[0])
    if owners:
        return None if name in owners else f"only {' and '.join(owners)} import it"
    if module in ALLOWED or module.partition(".")[0] in ALLOWED - {"urllib.parse"}:
        return None
    return "not among the pure parts of the standard library"


def folder_and_file(path: Path) -> str:
    """`protocol/frame.py`."""
    return f"{path.parent.name}/{path.name}"


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
    """A file imports the pure standard library and its own floor; primitives, encoding and suites a little more."""
    wrong = [
        f"{place(path)}:{found.line} imports {found.module}: {why}"
        for found in file_imports(path)
        if (why := import_objection(folder_and_file(path), found.module))
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", PYTHON, ids=place)
def test_protocol_uses_no_clock_no_dice_no_files(path: Path):
    """A protocol file opens, prints and draws nothing."""
    assert not impure_uses(path.read_text())


@pytest.mark.parametrize("path", SCRIPTS, ids=place)
def test_script_protocol_is_pure(path: Path):
    """A protocol script knows no page, no clock, no network, and only primitives.js knows Web Crypto."""
    assert not impure_words(folder_and_file(path), path.read_text())


@pytest.mark.parametrize("path", SCRIPTS, ids=place)
def test_script_protocol_imports_itself_and_sodium_only(path: Path):
    """A script imports its own floor and bytes.js; primitives.js and MLS also sodium.js, encoding.js also cborg."""
    folder = path.parent.name
    reserved = [*SCRIPT_RESERVED.get(folder_and_file(path), []), *SCRIPT_RESERVED.get(folder, [])]
    allowed = {"static/js/bytes.js", *reserved}
    wrong = [
        f"{place(path)}:{found.line} imports {found.module}"
        for found in javascript_imports(path.read_text(), path)
        if not found.module.startswith(SCRIPT_FLOORS[folder]) and found.module not in allowed
    ]

    assert not wrong, "\n".join(wrong)


def test_there_is_a_protocol_to_read():
    """An empty list of files would make every test above pass."""
    assert len(PYTHON) > 10
    assert len(SCRIPTS) > 10


@pytest.mark.parametrize("module", ["django.conf", "asyncio", "socket", "logging", "time", "random", "os", "urllib"])
def test_an_impure_import_is_refused(module):
    """The list of style is refused for every file."""
    assert import_objection("protocol/primitives.py", module)
    assert import_objection("mls/suite.py", module)


@pytest.mark.parametrize("module", ["cryptography.hazmat.primitives", "secrets", "cbor2", "hmac"])
def test_a_reserved_import_is_refused_elsewhere(module):
    """Only primitives, encoding and suites have their libraries."""
    assert import_objection("protocol/frame.py", module)
    assert import_objection("mls/group.py", module)


def test_mls_stands_above_the_protocol():
    """MLS may know the protocol, not the other way round."""
    assert import_objection("mls/group.py", "clawchat.protocol.errors") is None
    assert import_objection("mls/suite.py", "cryptography.hazmat.primitives") is None
    assert import_objection("protocol/frame.py", "clawchat.mls.codec")
    assert import_objection("mls/group.py", "clawchat.client.store")


def test_impure_uses_are_seen():
    """A clock in a string is none; a call is one."""
    assert impure_uses("x = uuid.uuid4()\nprint(x)\n") == ["1: .uuid4", "2: print()"]
    assert impure_words("protocol/frame.js", 'const a = Date.now(); // Date\nb("Date", crypto.subtle);') == [
        "1: Date",
        "2: crypto",
    ]
