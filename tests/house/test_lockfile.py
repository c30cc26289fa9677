"""What we stand on is pinned exactly and named without a download address; what is made is never committed."""

import json
import re
import subprocess

import pytest

from tests.house.source import ROOT

REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
PIN = re.compile(r"[A-Za-z0-9._-]+(?:\[[a-z,]+\])?==[0-9][0-9a-z.]*")
EXACT = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?")
MADE = ("static/vendor/", "node_modules/", ".venv/", "var/")
# Written in pieces, so that this file does not name them either.
REGISTRY_HOSTS = re.compile(
    "|".join((r"py" r"pi\.org", r"python" r"hosted", r"npm" r"js\.(?:org|com)", r"deb\.deb" r"ian"))
)


def tracked_files() -> list[str]:
    """Paths of the files that git keeps; none outside a checkout."""
    if not (ROOT / ".git").exists():
        return []
    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def unpinned(text: str) -> list[str]:
    """Lines of a requirements file that are neither an exact pin, a comment nor another file."""
    lines = (line.strip().partition("; platform_machine")[0] for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-r ")) and not PIN.fullmatch(line)]


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_python_packages_are_pinned(name):
    """Every package has one exact version."""
    assert not unpinned((ROOT / name).read_text())


def test_javascript_packages_are_pinned():
    """package.json names exact versions, and the lock file has the same ones."""
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())
    wanted = {**package.get("dependencies", {}), **package.get("devDependencies", {})}

    assert [f"{name} {version}" for name, version in wanted.items() if not EXACT.fullmatch(version)] == []
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_lock_file_names_digests_and_no_addresses():
    """Each package is known by its digest; where to fetch it is the machine's business."""
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]

    fetched = {path: entry for path, entry in packages.items() if path and not entry.get("link")}

    assert fetched
    assert [path for path, entry in fetched.items() if "resolved" in entry or not entry.get("integrity")] == []


def test_nothing_made_is_committed():
    """Packed libraries, installed packages and the server's state stay out of git."""
    assert [path for path in tracked_files() if path.startswith(MADE)] == []


def test_no_file_names_a_registry():
    """Which registry or mirror a machine uses is not the project's to say."""
    named = [
        path
        for path in tracked_files()
        if (ROOT / path).is_file() and REGISTRY_HOSTS.search((ROOT / path).read_text(errors="replace"))
    ]

    assert named == []


def test_a_loose_pin_is_seen():
    """The rules themselves refuse what they are there for."""
    assert unpinned("# x\n-r other.txt\ndjango==5.2.19\npsycopg[binary]==3.3.9\nredis>=8\nrich\n") == [
        "redis>=8",
        "rich",
    ]
    assert not EXACT.fullmatch("^1.2.3")
    assert REGISTRY_HOSTS.search("https://files.python" + "hosted.org/x")
