"""Keys come from one source, through one derivation, and go into no log."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import PRODUCT, ROOT, file_imports, files, javascript_code, place

PYTHON = [ROOT / "manage.py", *files(".py", *PRODUCT, "scripts")]
SCRIPTS = files(".js", "static/js")
# Who may call these: the protocol's primitives, and MLS's suites with the HPKE under them. Everybody else names a
# purpose in key_schedule.py's table, or a label of MLS.
DERIVERS = {
    "clawchat/protocol/primitives.py",
    *(f"clawchat/mls/{name}.py" for name in ("hpke", "suite", "vector_suites")),
}
DERIVATION = {"HKDF", "HKDFExpand", "pbkdf2_hmac", "scrypt", "PBKDF2HMAC", "HMAC"}
SECRET_WORDS = re.compile(
    r"(?:^|_)(?:secret|secrets|psk|private|seed|plaintext|passphrase|password|payload|ciphertext|exporter|"
    r"(?:master|gate|session|file|root|recovery|encryption|storage)_key)(?:_|$)"
)
PUBLIC_WORDS = re.compile(r"(?:psk_id|_path|_file|_count|_bytes|_seconds|_name)$")
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def derivations(source: str) -> list[str]:
    """Keyed hashes and derivations made by hand, as `line: call`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        owner = node.value.id if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else ""
        if name in DERIVATION or (owner == "hmac" and name in {"new", "digest", "HMAC"}):
            found.append(f"{node.lineno}: {f'{owner}.' if owner else ''}{name}")
    return found


def telling_logs(source: str) -> list[str]:
    """Log calls and prints that are handed something secret, as `line: name`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        is_log = isinstance(node.func, ast.Attribute) and node.func.attr in LOG_METHODS and _is_logger(node.func.value)
        is_print = isinstance(node.func, ast.Name) and node.func.id == "print"
        if is_log or is_print:
            shown = (name for argument in [*node.args, *node.keywords] for name in _shown(argument))
            found += [f"{node.lineno}: {name}" for name in shown if _is_secret(name)]
    return found


def _is_logger(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and "log" in (
        getattr(node, "attr", "") or getattr(node, "id", "")
    )


def _shown(node: ast.AST) -> Iterator[str]:
    """Names whose own value ends up in the text; what a call makes of its arguments is another value."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):  # secret.hex()
            yield from _shown(node.func.value)
        elif isinstance(node.func, ast.Name) and node.func.id in {"str", "repr", "bytes", "format", "list"}:
            yield from (name for argument in node.args for name in _shown(argument))
    else:
        yield from (name for child in ast.iter_child_nodes(node) for name in _shown(child))


def _is_secret(name: str) -> bool:
    return bool(SECRET_WORDS.search(name)) and not PUBLIC_WORDS.search(name)


@pytest.mark.parametrize("path", PYTHON, ids=place)
def test_randomness_is_never_predictable(path: Path):
    """`random` is imported nowhere: ports, paths and keys come from the system's generator."""
    modules = {found.module.partition(".")[0] for found in file_imports(path)}

    assert not modules & {"random", "numpy"}


@pytest.mark.parametrize("path", SCRIPTS, ids=place)
def test_script_randomness_is_never_predictable(path: Path):
    """`Math.random` is called nowhere in the browser client."""
    assert not re.search(r"Math\s*\.\s*random", javascript_code(path.read_text()))


@pytest.mark.parametrize("path", [path for path in PYTHON if place(path) not in DERIVERS], ids=place)
def test_nobody_derives_keys_by_hand(path: Path):
    """HMAC and HKDF are called in the derivers alone; key_schedule.py and labels.py name every purpose."""
    assert not derivations(path.read_text())


@pytest.mark.parametrize("path", PYTHON, ids=place)
def test_logs_are_handed_no_secret(path: Path):
    """No log call and no print is given a value whose name says that it is secret."""
    assert not telling_logs(path.read_text())


@pytest.mark.parametrize("path", SCRIPTS, ids=place)
def test_script_logs_nothing(path: Path):
    """Extensions read the browser's console: the client writes nothing to it but the error of a bug."""
    assert not re.search(r"\bconsole\s*\.(?!error\(\w+\))", javascript_code(path.read_text()))


def test_each_rule_sees_its_case():
    """The rules themselves refuse what they are there for, and let ordinary lines pass."""
    assert derivations("import hmac\nhmac.new(key, b'')\nHKDF(a)\nhmac.compare_digest(a, b)\n") == [
        "2: hmac.new",
        "3: HKDF",
    ]
    assert telling_logs("logger.info('x %s', device.psk)\nprint(f'{root_key}')\nlog.info(seed.hex(), psk_id)\n") == [
        "1: psk",
        "2: root_key",
        "3: seed",
    ]
    assert telling_logs("logger.warning('%s after %d', session_id, payload_bytes)\nrow.log(secret)\n") == []
    assert telling_logs("logger.info('%d bytes, code %d', len(payload), Error.parse(frame.payload).number)\n") == []
