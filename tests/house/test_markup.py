"""One script injected into the page equals all keys in use: our markup has no place where text could become code."""

import re
from pathlib import Path

import pytest

from tests.house.source import files, javascript_code, place, without_comments

SCRIPTS = files(".js", "static/js")
TEMPLATES = files(".html", "templates", "chat", "discovery", "rotation")

# In code: ways from a string to markup or to code.
CODE = re.compile(
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|parseHTMLUnsafe|createContextualFragment|DOMParser|srcdoc"
    r"|document\s*\.\s*write(?:ln)?|unsafeHTML|unsafeSVG|unsafeStatic|unsafeMathML|styleMap|eval|cssText|createPolicy"
    r"|new\s+Function)\b"
)
# The same with the string itself in the call.
STRINGS = re.compile(r"\bset(?:Timeout|Interval)\s*\(\s*[\"'`]|\.setAttribute\(\s*[\"'`](?:style|on\w+)[\"'`]")
# In words of templates and strings: what the content security policy refuses, and what escaping cannot make safe.
MARKUP = re.compile(
    r"<script(?![^>]*\bsrc=)[^>]*>|<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*[\"'$]|javascript:|<(?:iframe|object|embed|base)\b",
    re.IGNORECASE,
)
# Other people's code comes from our own origin or not at all.
FOREIGN = re.compile(r"(?:src|href|action)\s*=\s*[\"']?(?:https?:)?//|\burl\(\s*[\"']?(?:https?:)?//", re.IGNORECASE)
UNESCAPED = re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off|\|\s*safeseq\b")


def code_objections(source: str) -> list[str]:
    """Dangerous calls and markup in a script, as `line: words`."""
    code, words = javascript_code(source), without_comments(source)
    return sorted(
        f"{text.count(chr(10), 0, found.start()) + 1}: {found.group().strip()}"
        for text, patterns in ((code, [CODE]), (words, [STRINGS, MARKUP, FOREIGN]))
        for pattern in patterns
        for found in pattern.finditer(text)
    )


def markup_objections(source: str) -> list[str]:
    """Dangerous markup in a template, as `line: words`."""
    return [
        f"{source.count(chr(10), 0, found.start()) + 1}: {found.group().strip()}"
        for pattern in (MARKUP, FOREIGN, UNESCAPED)
        for found in pattern.finditer(source)
    ]


@pytest.mark.parametrize("path", SCRIPTS, ids=place)
def test_script_makes_no_markup_from_strings(path: Path):
    """Our scripts build the page through lit alone, which escapes; no string becomes markup, style or code."""
    objections = code_objections(path.read_text())

    assert [objection for objection in objections if not is_worker_address(path, objection)] == []


def is_worker_address(path: Path, objection: str) -> bool:
    """The one policy of ours: it makes one address, that of the service worker, whatever it is given."""
    return (
        place(path) == "static/js/worker/updates.js"
        and objection.endswith(": createPolicy")
        and path.read_text().count(".createPolicy(") == 1
        and '.createPolicy("worker", { createScriptURL: () => ADDRESS })' in path.read_text()
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=place)
def test_template_has_no_code_in_it(path: Path):
    """Our templates hold no inline script, handler or style, nothing from another origin, and nothing unescaped."""
    assert not markup_objections(path.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "box.innerHTML = text;",
        "eval(text);",
        "new Function('a');",
        "document.write(x)",
        'html`<p onclick="go()">`',
        'html`<p style="color: red">`',
        "html`<script>go()</script>`",
        "html`<a href=${`javascript:${x}`}>`",
        "html`${unsafeHTML(text)}`",
        'node.setAttribute("style", x)',
        "setTimeout('go()', 1)",
        'html`<img src="https://elsewhere.example/x.png">`',
    ],
)
def test_dangerous_script_is_refused(source):
    """Each way from text to code is seen."""
    assert code_objections(source)


@pytest.mark.parametrize(
    "source",
    [
        "html`<button @click=${this.send} ?disabled=${busy}>${words.send}</button>`",
        "// box.innerHTML = text",
        "const styles = css`p { color: red }`; box.classList.add('style');",
        "if (socket.onmessage === null) go();",
    ],
)
def test_ordinary_script_is_taken(source):
    """What lit and the house do all day is not mistaken for danger."""
    assert not code_objections(source)


@pytest.mark.parametrize(
    "source",
    [
        "<script>go()</script>",
        '<body onload="go()">',
        '<p style="x">',
        "{{ text|safe }}",
        '<script src="//cdn.example/x.js"></script>',
        "{% autoescape off %}",
    ],
)
def test_dangerous_template_is_refused(source):
    """Each way from text to code is seen."""
    assert markup_objections(source)
    assert not markup_objections('<script type="module" src="{% static "js/app.js" %}"></script><p class="style">')
