"""The app's shell: its page and every file that the page is made of, so that a browser can keep one whole version."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from posixpath import dirname, join, normpath

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string

PAGE = "/"
ENTRY = "js/app.js"
TEMPLATE = "chat/index.html"

_NAMED = re.compile(r'\b(?:href|src)="([^"]+)"')
# Types in comments name modules, too, which the page need not load.
_COMMENT = re.compile(r"^\s*(?:/\*.*?\*/|//[^\n]*)", re.MULTILINE | re.DOTALL)
_IMPORTED = re.compile(r"""(?:\bfrom|\bimport\s*\(?)\s*["'](\.[^"'\n]+)["']""")


def page() -> str:
    """The one page of the app, the same for everybody."""
    return render_to_string(TEMPLATE, {"modules": modules()})


@cache
def modules() -> tuple[str, ...]:
    """The addresses of all modules that the page's script leads to, nearest first, without the script itself."""
    found = {ENTRY: None}
    for name in (queue := [ENTRY]):
        news = [imported for imported in _imports(name) if imported not in found]
        found.update(dict.fromkeys(news))
        queue += dict.fromkeys(news)
    return tuple(settings.STATIC_URL + name for name in found if name != ENTRY)


def files() -> dict[str, str]:
    """Address -> digest of the page and of each file in it, as the `integrity` of a request has it."""
    text = page()
    named = [address for address in _NAMED.findall(text) if address.startswith(settings.STATIC_URL)]
    digests = {address: _digest_of(address) for address in [*named, *modules()]}
    return {PAGE: integrity(text.encode()), **{address: found for address, found in digests.items() if found}}


def integrity(content: bytes) -> str:
    """The digest of some content as browsers compare it: `sha256-` and base64."""
    return f"sha256-{b64encode(sha256(content).digest()).decode()}"


def imports_in(source: str) -> list[str]:
    """The relative specifiers that a script imports, statically or later."""
    return _IMPORTED.findall(_COMMENT.sub("", source))


def _imports(name: str) -> list[str]:
    path = _find(name)
    if path is None or path.suffix != ".js":
        return []
    return [normpath(join(dirname(name), specifier)) for specifier in imports_in(path.read_text())]


@cache
def _digest_of(address: str) -> str | None:
    """The digest of a static file; None when there is none, which is no trouble of who keeps the others."""
    path = _find(address.removeprefix(settings.STATIC_URL))
    return integrity(path.read_bytes()) if path else None


def _find(name: str) -> Path | None:
    found = finders.find(name)
    return Path(found) if found else None
