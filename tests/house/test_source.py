"""The reader that the other house tests stand on."""

from tests.house.source import ROOT, javascript_code, javascript_imports, python_imports, without_comments

HERE = ROOT / "static/js/chat/example.js"


def test_python_imports_resolves_relative_lazy_and_submodule_imports():
    """A lazy import counts, and `from chat import apps` names the module, not the package."""
    source = "from chat import apps\ndef f():\n    from ..protocol import x\n    import os.path\n"

    found = sorted((name.module, name.line) for name in python_imports(source, "clawchat.client.example"))

    assert found == [("chat.apps", 1), ("clawchat.protocol", 3), ("os.path", 4)]


def test_javascript_imports_sees_every_form():
    """Static, bare, dynamic and re-exported imports are found, commented ones are not."""
    source = (
        'import { a } from "../protocol/frame.js";\nimport "./b.js";\nexport * from \'../sodium.js\';\n'
        '// import "./no.js";\nconst lazy = await import("../ui/c.js");\nf("from", "import");\n'
    )

    found = [(name.module, name.line) for name in javascript_imports(source, HERE)]

    assert found == [
        ("static/js/protocol/frame.js", 1),
        ("static/js/chat/b.js", 2),
        ("static/js/sodium.js", 3),
        ("static/js/ui/c.js", 5),
    ]


def test_javascript_code_keeps_code_and_lines_only():
    """Words in comments, strings, expressions and templates are gone; code inside a template stays."""
    source = 'const a = "Date"; // Date\n/* Date\n*/ f(`Date ${now(`x${Date}`)} Date`, /"Date/, {b: 1});\nfetch(a);\n'

    code = javascript_code(source)

    assert code.count("Date") == 1
    assert code.count("\n") == source.count("\n")
    assert "now(" in code
    assert "fetch(a);" in code


def test_without_comments_keeps_strings():
    """An address in a string is no comment."""
    assert without_comments('a("http://x"); // b') == 'a("http://x");     '
