"""Imports run down the floors: services never import doors, the library knows no Django, `chat` knows no rotation."""

import pytest

from tests.house.source import PRODUCT, ROOT, file_imports, files, javascript_imports, module_name, place

# Between packages, downwards only: each may import itself and what stands after it.
PACKAGES = ("clawchat_site", "rotation", "discovery", "chat", "clawchat")

LIBRARY, MODELS, SERVICES, DOORS, WIRING = range(5)
# The door a room belongs to; whatever is neither a model nor a door is a service or an adapter to the outside.
DOOR_OF = {
    "consumers": "socket",
    "handlers": "socket",
    "operations": "socket",
    "routing": "socket",
    "views": "pages",
    "urls": "pages",
    "tasks": "tasks",
    "admin": "admin",
    "checks": "checks",
    "management": "commands",
    # Django asks apps.py to register the checks.
    "apps": "checks",
}
SERVER_ONLY = {"django", "channels", "celery", "twisted", "daphne", "autobahn", "channels_redis", "kombu", "redis"}


def floor(module: str) -> int:
    """The floor a dotted name of ours stands on."""
    package, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    if package == "clawchat":
        return LIBRARY
    if package == "clawchat_site":
        return WIRING
    if room in DOOR_OF:
        return DOORS
    return MODELS if room in ("models", "migrations", "") else SERVICES


def door(module: str) -> tuple[str, str]:
    """The door a dotted name on the door floor belongs to."""
    package, _, rest = module.partition(".")
    return package, DOOR_OF[rest.partition(".")[0]]


def objection(importer: str, imported: str) -> str | None:
    """Why `importer` may not import `imported`, or None when it may."""
    package, other = importer.partition(".")[0], imported.partition(".")[0]
    if package == "clawchat" and other in SERVER_ONLY:
        return "the library stands without Django and its server"
    if other not in PACKAGES:
        return None
    if PACKAGES.index(other) < PACKAGES.index(package):
        return f"{package} does not know {other}"
    if floor(imported) > floor(importer):
        return "imports run down the floors"
    if floor(imported) == floor(importer) == DOORS and door(importer) != door(imported):
        return "a door never imports a door"
    return None


@pytest.mark.parametrize("package", PRODUCT)
def test_python_imports_run_down(package):
    """No import of ours goes up a floor, from door to door, or against the order of the packages."""
    wrong = [
        f"{place(path)}:{found.line} imports {found.module}: {why}"
        for path in files(".py", package)
        for found in file_imports(path)
        if (why := objection(module_name(path), found.module))
    ]

    assert not wrong, "\n".join(wrong)


def test_clawchat_site_is_imported_by_nobody():
    """The wiring stands on top: only the settings of the test run take it in."""
    importers = [
        place(path)
        for path in [ROOT / "manage.py", *files(".py", *PRODUCT, "scripts", "tests")]
        if not place(path).startswith(("clawchat_site/", "tests/"))
        for found in file_imports(path)
        if found.module.partition(".")[0] == "clawchat_site"
    ]

    assert not importers


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("chat.services.rooms", "chat.consumers"),
        ("chat.models.room", "chat.services.rooms"),
        ("chat.hub", "rotation.keeper"),
        ("chat.hub", "discovery.models"),
        ("discovery.services", "rotation.models"),
        ("discovery.services", "discovery.tasks"),
        ("rotation.tasks", "discovery.tasks"),
        ("chat.admin.rooms", "chat.views"),
        ("rotation.server", "clawchat_site.settings"),
        ("clawchat.client.client", "django.conf"),
        ("clawchat.protocol.frame", "chat.models"),
    ],
)
def test_an_arrow_that_goes_up_is_refused(importer, imported):
    """The rule itself refuses what it is there for."""
    assert objection(importer, imported)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("chat.consumers", "chat.handlers.chat"),
        ("chat.operations.rooms", "chat.services.rooms"),
        ("rotation.services", "discovery.services"),
        ("rotation.keeper", "chat.hub"),
        ("discovery.urls", "discovery.views"),
        ("clawchat_site.asgi", "chat.consumers"),
        ("chat.services.rooms", "clawchat.protocol.errors"),
        ("clawchat.client.client", "aiohttp"),
    ],
)
def test_an_arrow_that_goes_down_is_taken(importer, imported):
    """The rule itself lets pass what the architecture draws."""
    assert objection(importer, imported) is None


# The browser client. A folder may import itself, the folders named after it, and the ground (bytes.js).
SCRIPT_ARROWS = {
    # The console: beside the app, on another page and another host.
    "admin": set(),
    "app": {"ui", "chat", "worker"},
    "ui": {"chat"},
    "chat": {"net", "store", "discovery", "rotation", "mls", "protocol"},
    "rotation": {"discovery", "net", "protocol"},
    "discovery": {"net", "store", "protocol"},
    "net": {"protocol"},
    "store": {"protocol", "sodium"},
    "mls": {"protocol", "sodium"},
    "protocol": {"sodium"},
    "sodium": set(),
    "worker": set(),
}
# Which folders may open which packed library.
LIBRARIES = {
    "sodium": {"sodium"},
    "cborg": {"protocol"},
    "idb": {"store"},
    "lit": {"ui", "app", "admin"},
    "qrcode": {"ui"},
    "alpine": {"admin"},
    "uplot": {"admin"},
}


def script_objection(importer: str, imported: str) -> str | None:
    """Why a script (a path from the root) may not import another, or None when it may."""
    folder, other = _script_folder(importer), _script_folder(imported)
    if imported.startswith("static/vendor/"):
        library = imported.removeprefix("static/vendor/").removesuffix(".js")
        if folder in LIBRARIES.get(library, set()):
            return None
        return f"{library} is opened by {' and '.join(sorted(LIBRARIES.get(library, {'nobody'})))} only"
    if not imported.startswith("static/js/"):
        return "only relative imports of our own files"
    if other == "bytes" and folder in SCRIPT_ARROWS and folder != "worker":
        return None
    if other != folder and other not in SCRIPT_ARROWS.get(folder, set()):
        return f"{folder} does not know {other}"
    return None


def _script_folder(path: str) -> str:
    return path.removeprefix("static/js/").partition("/")[0].removesuffix(".js")


def test_script_imports_run_down():
    """No import of the browser client goes up, sideways, or past the folder that owns a library."""
    wrong = [
        f"{place(path)}:{found.line} imports {found.module}: {why}"
        for path in files(".js", "static/js")
        for found in javascript_imports(path.read_text(), path)
        if (why := script_objection(place(path), found.module))
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("static/js/protocol/frame.js", "static/js/net/socket.js"),
        ("static/js/protocol/frame.js", "static/vendor/sodium.js"),
        ("static/js/chat/app.js", "static/js/ui/words.js"),
        ("static/js/chat/rooms.js", "static/vendor/sodium.js"),
        ("static/js/store/rows.js", "static/js/net/socket.js"),
        ("static/js/ui/room.js", "static/js/store/rows.js"),
        ("static/js/sodium.js", "static/js/protocol/frame.js"),
        ("static/js/ui/room.js", "lit"),
        ("static/js/worker/service_worker.js", "static/js/net/socket.js"),
        ("static/js/bytes.js", "static/js/protocol/frame.js"),
    ],
)
def test_a_script_arrow_that_goes_up_is_refused(importer, imported):
    """The rule itself refuses what it is there for."""
    assert script_objection(importer, imported)
