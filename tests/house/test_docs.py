"""What the code has, the docs have: settings, commands, checks, codes, message types, mirrors, each `Spec:` line."""

import ast
import re
from pathlib import Path

import pytest

from clawchat.mls.errors import EpochGone, Invalid, KeyUsed
from clawchat.protocol.errors import CLOSE_CODE_BASE, CODES, PeerError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.operations import NOTICES, OPERATIONS
from clawchat.protocol.schedule import TRANSITIONS
from tests.house.source import PRODUCT, ROOT, files, place

PYTHON = [ROOT / "manage.py", *files(".py", *PRODUCT)]
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
GUIDE = (ROOT / "docs/operator-guide.md").read_text()
SETTING = re.compile(r"\bCLAWCHAT_[A-Z][A-Z0-9_]*\b")
ENVIRONMENT_READERS = {
    f"env_{kind}"
    for kind in (
        "str",
        "bool",
        "seconds",
        "address",
        "secret",
        "int",
        "choice",
        "pairs",
        "path",
        "networks",
        "ip",
        "host",
        "urls",
    )
}
# What the plan would have had, and the coverage page says is elsewhere.
ABSENT = {"backend/", "frontend/"}
SPEC = re.compile(r"\bSpec: (?P<sections>\d+(?:\.\d+)*(?:(?:, | and )\d+(?:\.\d+)*)*)")


def environment_names(source: str) -> set[str]:
    """Names that the source reads from the environment; a secret may also be named by a file."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ENVIRONMENT_READERS:
            name = node.args[0].value
            names |= {name, f"{name}_FILE"} if node.func.id == "env_secret" else {name}
    return names


def headings(markdown: str) -> set[str]:
    """Section numbers of a page: `### 3.5 Data frames` gives 3.5."""
    return set(re.findall(r"^#+ (\d+(?:\.\d+)*)\.? ", markdown, re.MULTILINE))


def sections_named(source: str) -> set[str]:
    """Section numbers that `Spec:` lines name."""
    return {number for found in SPEC.finditer(source) for number in re.findall(r"[\d.]+", found["sections"])}


ENVIRONMENT = environment_names((ROOT / "clawchat_site/settings.py").read_text())
COMMANDS = [path for path in PYTHON if path.parent.name == "commands" and path.stem != "__init__"]
# A file or a folder for each kind.
MIRRORS = [
    path
    for path in sorted((ROOT / "discovery/mirrors").iterdir())
    if path.stem not in ("__init__", "base", "__pycache__")
]
SPOKEN = [
    path
    for path in [*files(".py", *PRODUCT, "tests"), *files(".js", "static/js", "tests")]
    if path.name != Path(__file__).name
]


def test_every_setting_is_in_the_guide():
    """A setting that the code names stands in the operator's guide."""
    named = {name for path in PYTHON for name in SETTING.findall(path.read_text())}

    assert named
    assert sorted(name for name in named | ENVIRONMENT if f"`{name}`" not in GUIDE) == []


def test_every_environment_variable_is_in_the_example():
    """.env.example has each variable and nothing else."""
    example = set(re.findall(r"^#?([A-Z][A-Z_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert example == ENVIRONMENT


def test_the_docs_name_no_setting_that_is_gone():
    """A page that names a setting names one that exists."""
    code = "\n".join(path.read_text() for path in PYTHON)
    known = set(SETTING.findall(code)) | ENVIRONMENT
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *files(".md", "docs")]

    assert [
        f"{place(page)}: {name}" for page in pages for name in SETTING.findall(page.read_text()) if name not in known
    ] == []


@pytest.mark.parametrize("path", COMMANDS, ids=place)
def test_every_command_is_in_the_guide(path: Path):
    """A management command has its row in the operator's guide."""
    assert re.search(rf"^\| `{path.stem}\b", GUIDE, re.MULTILINE)


def test_the_guide_names_no_command_that_is_gone():
    """Each row of the guide's table of commands is a command."""
    table = GUIDE.partition("## Commands")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)", table, re.MULTILINE)) == {path.stem for path in COMMANDS}


def test_every_system_check_is_in_the_guide():
    """A check's id stands in the operator's guide, with what to do."""
    ids = {found for path in PYTHON for found in re.findall(r"\bclawchat\.[EWI]\d{3}\b", path.read_text())}

    assert sorted(found for found in ids if f"`{found}`" not in GUIDE) == []


def audit_codes(source: str) -> set[str]:
    """Codes that the source writes into the audit log."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args)
    return {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute | ast.Name)
        and getattr(call.func, "attr", getattr(call.func, "id", "")) == "record"
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_audit_code_is_in_the_guide():
    """The operator's guide lists the codes of the audit log, and no others."""
    table = GUIDE.partition("## Audit log")[2].partition("\n## ")[0]

    listed = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))

    assert listed == {code for path in PYTHON for code in audit_codes(path.read_text())}


@pytest.mark.parametrize("path", MIRRORS, ids=place)
def test_every_mirror_is_in_the_guide(path: Path):
    """A kind of mirror has its row in the operator's guide."""
    assert re.search(rf"^\| `{path.stem}`", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("number", sorted(CODES))
def test_every_error_code_is_in_the_protocol(number):
    """Code, number and close code of an error stand side by side in 3.11's table."""
    section = PROTOCOL.partition("\n### 3.11 ")[2].partition("\n### ")[0]

    assert f"\n| `{CODES[number].code}` | {number} | {CLOSE_CODE_BASE + number} |" in section


@pytest.mark.parametrize(
    "kind", sorted({*PeerError.__subclasses__(), EpochGone, Invalid, KeyUsed}, key=repr), ids=lambda kind: kind.code
)
def test_every_error_has_a_code_that_the_docs_name(kind):
    """Codes without a number, which only judge files, stand in the protocol too."""
    assert f"`{kind.code}`" in PROTOCOL or kind.number is not None


@pytest.mark.parametrize("kind", MessageType, ids=lambda kind: kind.name)
def test_every_message_type_is_in_the_protocol(kind):
    """Number and name of a message type stand in one line of the protocol."""
    name = re.compile(rf"\b{kind.name.lower().replace('_', '[ _]')}\b", re.IGNORECASE)

    assert any(f"0x{kind:02x}" in line.lower() and name.search(line) for line in PROTOCOL.splitlines())


def operation_rows(title: str) -> dict[str, str]:
    """Name and members of each row of the table below a line of 3.14."""
    section = PROTOCOL.partition("\n### 3.14 ")[2].partition("\n## ")[0]
    table = section.partition(f"\n{title}")[2].partition("\n|")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `([a-z._]+)` \| ?(.*?) ?\|", table, re.MULTILINE))


@pytest.mark.parametrize(
    ("title", "operations"), [("From the client:", OPERATIONS), ("From the server", NOTICES)], ids=["client", "server"]
)
def test_operations_are_as_the_protocol_lists_them(title, operations):
    """Each operation has its row in 3.14 with exactly its members, types and limits, and each row its operation."""
    code = {name: ", ".join(map(str, operation.members)) for name, operation in operations.items()}

    assert code
    assert operation_rows(title) == code


def moves(table: str) -> set[tuple[str, str]]:
    """The steps that a table's first column draws: `a, b -> c` is two."""
    column = "\n".join(re.findall(r"^\| ([^|]*->[^|]*) \|", table, re.MULTILINE))
    drawn = re.findall(r"((?:\w+, )*\w+) -> (\w+)", column)
    return {(old, new) for olds, new in drawn for old in olds.split(", ")} - {("from", "to")}


def test_the_life_of_a_lease_is_drawn_as_it_is():
    """The table of the architecture page has each step of TRANSITIONS, and no others."""
    page = (ROOT / "docs/architecture.md").read_text()

    assert moves(page) == {(old.value, new.value) for (old, _), new in TRANSITIONS.items()}


@pytest.mark.parametrize("path", SPOKEN, ids=place)
def test_every_spec_line_leads_to_a_heading(path: Path):
    """`Spec: 3.5` names a section that docs/protocol.md has."""
    assert sections_named(path.read_text()) - headings(PROTOCOL) == set()


def test_links_between_pages_lead_somewhere():
    """A relative link of ours names a file that exists and, within it, a heading that exists."""
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    broken = [
        f"{place(page)}: {target}"
        for page in [*pages, *files(".md", "docs")]
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())
        if not _leads_somewhere(page, target)
    ]

    assert broken == []


@pytest.mark.parametrize(("name", "least"), [("spec-coverage", 100), ("threat-model", 50), ("attacks", 30)])
def test_pages_name_what_exists(name, least):
    """Each file and each test that a page of claims names is there."""
    page = (ROOT / f"docs/{name}.md").read_text()
    named = re.findall(r"`([\w./]+/[\w./]*?)(?:::(\w+))?`", page)

    missing = [f"{path}::{test}" for path, test in named if path not in ABSENT and not _is_there(ROOT / path, test)]

    assert len(named) > least
    assert missing == []


def _is_there(path: Path, test: str) -> bool:
    return path.exists() and (not test or f"def {test}(" in path.read_text())


def _leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    goal = (page.parent / name).resolve() if name else page
    if not goal.exists() or not anchor:
        return goal.exists()
    titles = re.findall(r"^#+ (.+)$", goal.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readers_see_their_case():
    """The readers themselves find what they are there for."""
    assert environment_names('A = env_secret("X")\nB = env_str("Y", "z")\n') == {"X", "X_FILE", "Y"}
    assert audit_codes('audit.record("a", actor="b")\nrecord("c")\nrecord(code)\n') == {"a", "c"}
    assert moves("| a, b -> c | x |\n| c -> d, d -> e | y |\n") == {("a", "c"), ("b", "c"), ("c", "d"), ("d", "e")}
    assert headings("## 1. Where\n### 3.5 Data frames\n# Title\n") == {"1", "3.5"}
    assert sections_named('"""Seal.\n\nSpec: 3.5, 9.9 and 3.13 (device)\n"""') == {"3.5", "9.9", "3.13"}
