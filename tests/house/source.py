"""The project's source as the house tests read it: files, imports, and JavaScript without comments and strings."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("clawchat", "chat", "discovery", "rotation", "clawchat_site")


@dataclass(frozen=True)
class Import:
    """One imported module (dotted for Python, a path from the root for JavaScript) and the line that imports it."""

    module: str
    line: int


def files(suffix: str, *tops: str) -> list[Path]:
    """Every file of ours below the given folders that ends in `suffix`, in a steady order."""
    found = (path for top in tops for path in (ROOT / top).rglob(f"*{suffix}"))
    return sorted(path for path in found if not {"vendor", "node_modules", "__pycache__"} & set(path.parts))


def place(path: Path) -> str:
    """The path from the root, as messages name it."""
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    """`chat/models/room.py` is `chat.models.room`; a package is named without its `__init__`."""
    return place(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def python_imports(source: str, module: str, is_package: bool = False) -> Iterator[Import]:
    """Every import in the source, lazy ones and those for type checkers included; relative ones are resolved."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield Import(whole if is_module(whole) else base, node.lineno)


def is_module(dotted: str) -> bool:
    """Whether a dotted name is a file or a folder of ours."""
    path = ROOT / dotted.replace(".", "/")
    return path.with_suffix(".py").is_file() or path.is_dir()


def file_imports(path: Path) -> list[Import]:
    """The imports of one Python file."""
    return list(python_imports(path.read_text(), module_name(path), path.name == "__init__.py"))


_IMPORTING = re.compile(r"(?:\bfrom|\bimport(?:\s*\()?)\s*$")


def javascript_imports(source: str, path: Path) -> Iterator[Import]:
    """Every import and re-export in the source; relative ones become paths from the root."""
    before = ""
    for kind, text in _tokens(source):
        if kind == "string" and _IMPORTING.search(before):
            specifier = text[1:-1]
            if specifier.startswith("."):
                specifier = (path.parent / specifier).resolve().relative_to(ROOT).as_posix()
            yield Import(specifier, before.count("\n") + 1)
        before += text if kind == "code" else _blank(text)


_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<regex>(?<=[(,=:\[!&|?{};\n])[ ]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*)"""
    r"""|(?P<tick>`)|(?P<open>\$?\{)|(?P<close>\})""",
    re.DOTALL,
)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of the whole source: code, comment, string, regex, and template for the words of a template."""
    position, depth, templates = 0, 0, []  # templates: the brace depth at which each open `${` ends
    inside = False
    while position < len(source):
        if inside:
            found = re.compile(r"(?:\\.|(?!\$\{)[^`\\])*", re.DOTALL).match(source, position)
            yield "template", found.group()
            position = found.end()
            if source.startswith("${", position):
                templates.append(depth)
                yield "code", "${"
                position += 2
            else:
                yield "code", "`"
                position += 1
            inside = False
            continue
        found = _TOKEN.search(source, position)
        if not found:
            yield "code", source[position:]
            return
        yield "code", source[position : found.start()]
        position, kind = found.end(), found.lastgroup
        if kind in ("comment", "string", "regex"):
            yield kind, found.group()
            continue
        yield "code", found.group()
        if kind == "tick":
            inside = True
        elif kind == "open":
            depth += 1
        elif templates and templates[-1] == depth:
            templates.pop()
            inside = True
        else:
            depth -= 1


def without_comments(source: str) -> str:
    """JavaScript with its comments blanked out; every line keeps its number."""
    return "".join(_blank(text) if kind == "comment" else text for kind, text in _tokens(source))


def javascript_code(source: str) -> str:
    """JavaScript with comments, strings, regular expressions and the words of templates blanked out."""
    return "".join(text if kind == "code" else _blank(text) for kind, text in _tokens(source))
