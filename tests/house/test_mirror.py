"""The libraries are twins in both languages, protocol and MLS: the same files, the same public names, the same tables.

Names change from snake_case to camelCase mechanically, and nothing is excepted. A file or name that begins with an
underscore is an inner part of its neighbours, in either language.
"""

import ast
import importlib
import json
import re
import subprocess
from collections.abc import Mapping
from enum import Enum

import pytest

from tests.house.source import ROOT

FOLDERS = ("protocol", "mls")
PYTHON = {f"{folder}/{path.stem}": path for folder in FOLDERS for path in (ROOT / "clawchat" / folder).glob("[!_]*.py")}


@pytest.fixture(scope="module")
def twin():
    """What the JavaScript files export: {file: {name: content or None}}."""
    ran = subprocess.run(
        ["node", "tests/house/exports.mjs"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(ran.stdout)


def camel_case(name: str) -> str:
    """`derive_session_keys` is `deriveSessionKeys`; classes and constants keep their names."""
    return re.sub(r"_([a-z0-9])", lambda found: found.group(1).upper(), name) if name.islower() else name


def public_names(source: str) -> set[str]:
    """What a Python module defines or lists in `__all__`."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            assigned = {target.id for each in node.targets for target in getattr(each, "elts", [each])}
            names.update(ast.literal_eval(node.value) if "__all__" in assigned else assigned)
    return {name for name in names if not name.startswith("_")}


def typing_names(source: str) -> set[str]:
    """Aliases and interfaces: the other language may have them in its comments alone."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and getattr(node.annotation, "id", "") == "TypeAlias":
            names.add(node.target.id)
        elif isinstance(node, ast.ClassDef) and "Protocol" in {getattr(base, "id", "") for base in node.bases}:
            names.add(node.name)
    return names


def content(value: object) -> object:
    """The value as exports.mjs gives it, None where there is nothing to compare."""
    if isinstance(value, type):
        if issubclass(value, Enum):
            return {member.name: member.value for member in value}
        if hasattr(value, "code"):
            return f"{value.code} {'null' if value.number is None else value.number}"
        return None
    if isinstance(value, Mapping):
        return {_key(key): content(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, (tuple, list)):
        return [content(item) for item in value]
    if hasattr(value, "body"):
        return f"{value.body} {value.answer}"
    return value if isinstance(value, (int, str)) else None


def _key(key: object) -> str:
    return " ".join(key) if isinstance(key, tuple) else str(key)


def test_the_twins_have_the_same_files(twin):
    """Each file of one language has its namesake in the other."""
    assert set(twin) == set(PYTHON)


@pytest.mark.parametrize("name", sorted(PYTHON))
def test_the_twins_have_the_same_names(twin, name):
    """Each public name of one file is in the other, in the other's spelling."""
    source = PYTHON[name].read_text()
    typing = typing_names(source) - set(twin[name])
    assert set(twin[name]) == {camel_case(each) for each in public_names(source) - typing}


@pytest.mark.parametrize("name", sorted(PYTHON))
def test_the_twins_have_the_same_tables(twin, name):
    """Limits, labels, prefixes, codes, states and operations have one content in both languages."""
    module = importlib.import_module(f"clawchat.{name.replace('/', '.')}")
    ours = {camel_case(each): content(getattr(module, each)) for each in public_names(PYTHON[name].read_text())}

    assert {each: value for each, value in twin[name].items() if value != ours[each]} == {}


def test_names_are_read_from_any_form_of_definition():
    """A constant, a pair of constants, a table with its type, a class, a function and a re-export are all seen; what is
    for the type checker alone is known.
    """
    source = "A, B = 1, 2\nC: int = 3\n_d = 4\nclass E: ...\ndef f(): ...\ndef _g(): ...\n__all__ = ['h']\n"
    aliases = "I: TypeAlias = int\nclass J(Protocol): ...\nK: int = 5\n"

    assert public_names(source) == {"A", "B", "C", "E", "f", "h"}
    assert public_names(aliases) == {"I", "J", "K"}
    assert typing_names(aliases) == {"I", "J"}
    assert [camel_case(name) for name in ("user_id", "u8", "MAX_BYTES", "FrameHeader")] == [
        "userId",
        "u8",
        "MAX_BYTES",
        "FrameHeader",
    ]
