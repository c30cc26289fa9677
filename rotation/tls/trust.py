"""Having this system trust the local authority, where it lets us: the system's own store, and browsers of this user."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import hashes

from .authority import Authority

SYSTEM_FOLDER = Path("/usr/local/share/ca-certificates")
SYSTEM_PROGRAM = "update-ca-certificates"
# What Chromium, Chrome and Edge read on Linux.
CHROMIUM_STORE = Path(".pki/nssdb")
FIREFOX_FOLDERS = (".mozilla/firefox", "snap/firefox/common/.mozilla/firefox")
PROGRAM_SECONDS = 60


class NotInstalled(Exception):
    """Why a store did not take the certificate, as half a sentence."""


class Store:
    """One place that may be taught to trust: `name` for people, `install()` does it."""

    def __init__(self, name: str, authority: Authority) -> None:
        self.name = name
        self._authority = authority

    @property
    def nickname(self) -> str:
        """What the authority is called in the store; another authority of a server of the same name is another."""
        return f"clawchat-{self._authority.certificate.fingerprint(hashes.SHA256()).hex()[:12]}"

    def install(self) -> None:
        """Put the certificate in; again does no harm.

        Raises: NotInstalled.
        """
        raise NotImplementedError


class SystemStore(Store):
    """Debian's: curl, Python, git and most programs go by it."""

    def install(self) -> None:
        """Copy the certificate and have the system's bundle written anew."""
        program = _program(SYSTEM_PROGRAM, "ca-certificates")
        target = SYSTEM_FOLDER / f"{self.nickname}.crt"
        try:
            SYSTEM_FOLDER.mkdir(exist_ok=True)
            target.write_bytes(self._authority.pem)
        except OSError as error:
            raise NotInstalled(f"{target} cannot be written: {error.strerror}; try it as root") from None
        _run(program)


class BrowserStore(Store):
    """An NSS database: of Chromium and its kin, or of one Firefox profile."""

    def __init__(self, name: str, authority: Authority, folder: Path) -> None:
        super().__init__(name, authority)
        self._folder = folder

    def install(self) -> None:
        """Add the certificate as one that may vouch for servers, making the database when there is none."""
        program = _program("certutil", "libnss3-tools")
        database = f"sql:{self._folder}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NotInstalled(f"{self._folder} cannot be made: {error.strerror}") from None
        if not (self._folder / "cert9.db").exists():
            _run(program, "-N", "--empty-password", "-d", database)
        _run(program, "-A", "-d", database, "-n", self.nickname, "-t", "C,,", "-i", str(self._authority.path))


def stores(authority: Authority, home: Path) -> Iterator[Store]:
    """The stores of this machine and of the user whose home this is."""
    yield SystemStore("this system (curl, Python, git, ...)", authority)
    yield BrowserStore("Chromium, Chrome, Edge of this user", authority, home / CHROMIUM_STORE)
    for folder in FIREFOX_FOLDERS:
        for profile in sorted((home / folder).glob("*/cert9.db")):
            yield BrowserStore(f"Firefox, profile {profile.parent.name}", authority, profile.parent)


def _program(name: str, package: str) -> str:
    # Programs for root are not on everybody's path.
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise NotInstalled(f"the program {name} is missing; on Debian: sudo apt install {package}")
    return found


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{Path(command[0]).name} could not be run: {error}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NotInstalled(f"{Path(command[0]).name} refused: {said[-1] if said else f'status {done.returncode}'}")
