"""Networks of a test's own: Linux network namespaces, joined by cables, gone when the test is over.

They have no way out: what runs in them reaches what was joined to them and nothing else. They need root.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from ipaddress import ip_interface
from pathlib import Path
from typing import Any, Self

import pytest

PREFIX = "clawchat"
COMMAND_SECONDS = 90
CLONE_NEWNET = 0x4000_0000
OURS = Path("/proc/thread-self/ns/net")
NAMED = Path("/run/netns")
# A device's name has at most fifteen characters.
MOST_DEVICE_CHARACTERS = 15


def needs_networks(*programs: str) -> None:
    """Skip the test when this machine does not let us make networks, or lacks one of these programs."""
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces (run the tests as root)")
    for program in ("ip", *programs):
        if shutil.which(program, path=_path()) is None:
            pytest.skip(f"{program} is not installed (scripts/test_tools.sh says which package has it)")


class Namespace:
    """A machine of its own as far as the network goes. Use it as a context manager: it leaves nothing behind."""

    def __init__(self, label: str) -> None:
        # The process's number tells whose leftovers may be cleared away.
        self.name = f"{PREFIX}-{os.getpid()}-{label}"

    def __enter__(self) -> Self:
        _clear_leftovers()
        ip("netns", "add", self.name)
        ip("-netns", self.name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for process in ip("netns", "pids", self.name).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), 9)
        ip("netns", "del", self.name)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Inside, the sockets that this thread makes, and the processes and threads it starts, are in here."""
        with OURS.open() as before, (NAMED / self.name).open() as here:
            _set_namespace(here.fileno())
            try:
                yield
            finally:
                _set_namespace(before.fileno())

    def run(self, *command: str, **options: Any) -> str:
        """What a program prints that runs in here; it fails loudly."""
        with self.entered():
            return _output(command, **options)

    def start(self, *command: str, **options: Any) -> subprocess.Popen:
        """A program that runs in here until it ends, or the namespace does."""
        with self.entered():
            return subprocess.Popen(command, env={**os.environ, "PATH": _path()}, **options)

    def route_by(self, gateway: str) -> None:
        """Everything that is not near goes through `gateway`."""
        ip("-netns", self.name, "route", "add", "default", "via", gateway)


def join(one: Namespace, its_address: str, other: Namespace, that_address: str) -> None:
    """Lay a cable between the two. Addresses are written with their network: 192.0.2.1/24."""
    names = [_device(other), _device(one)]
    ip("link", "add", names[0], "netns", one.name, "type", "veth", "peer", "name", names[1], "netns", other.name)
    for namespace, address, device in ((one, its_address, names[0]), (other, that_address, names[1])):
        ip("-netns", namespace.name, "address", "add", str(ip_interface(address)), "dev", device)
        ip("-netns", namespace.name, "link", "set", device, "up")


def _device(leads_to: Namespace) -> str:
    """What a namespace calls the cable to another: the last part of that one's name."""
    return leads_to.name.rpartition("-")[2][:MOST_DEVICE_CHARACTERS]


def ip(*arguments: str) -> str:
    """What iproute2 prints; it fails loudly."""
    return _output(["ip", *arguments])


def _output(command: Sequence[str], **options: Any) -> str:
    """What a program prints. Raises: AssertionError, with what it said."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
        env={**os.environ, "PATH": _path()},
        **options,
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


def _path() -> str:
    """Where programs are looked for: those of administrators too."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _clear_leftovers() -> None:
    """Remove what test runs left behind that were killed."""
    for path in NAMED.glob(f"{PREFIX}-*"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists():
            ip("netns", "del", path.name)
