"""A real ClawChat server in a process of its own, with a data directory and a front port of its own."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 60.0
COMMAND_SECONDS = 120.0
POLL_SECONDS = 0.1


class ServerFailed(Exception):
    """The server ended, or did not get ready in time; the text carries the end of its log."""


class ServerProcess:
    """Starts, asks, kills and stops one server.

    Units: interval, lead and grace in seconds. The log of every run of the process is appended to `log_path`.
    A server that is started again keeps its data directory and its front port.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        interval: float = 10,
        lead: float = 3,
        grace: float = 4,
        front_port: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.front_port = front_port or free_port()
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._environment = {
            # Nothing of the caller's own configuration may reach the server under test.
            **{name: value for name, value in os.environ.items() if not configures_clawchat(name)},
            "DJANGO_SETTINGS_MODULE": "clawchat_site.settings",
            "PYTHONUNBUFFERED": "1",
            "CLAWCHAT_DATA_DIR": str(data_dir),
            "CLAWCHAT_FRONT": f"127.0.0.1:{self.front_port}",
            "CLAWCHAT_ROTATION_INTERVAL": str(interval),
            "CLAWCHAT_ROTATION_LEAD": str(lead),
            "CLAWCHAT_ROTATION_GRACE": str(grace),
            **(environment or {}),
        }
        self.speaks_tls = self._front_speaks_tls()
        self.front_url = f"{'https' if self.speaks_tls else 'http'}://localhost:{self.front_port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What the server's processes find in their environment; for others of the same installation."""
        return dict(self._environment)

    # Life

    def start(self, *, front: bool = True) -> None:
        """Start `runclawchat` and return once the front door answers, or a port is open where there is to be none.

        Without its front door a server is still the one of its address, whose pages may open its ports.
        Raises: ServerFailed.
        """
        if self.process is not None:
            raise ServerFailed("This server is running already.")
        self._started_at = time.time()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "runclawchat"],
                cwd=ROOT,
                env=self._environment if front else {**self._environment, **self._front_is_off()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until(self._front_answers if front else self._has_an_open_port)
        except ServerFailed:
            self.kill()
            raise

    def stop(self) -> int | None:
        """Ask the server to end (SIGTERM) and return its exit status; one that does not end in time is killed."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"The server did not end within {STOP_SECONDS:g} s.\n{self.log_tail()}") from None
        self.process = None
        return status

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would: no drain, no close frame."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    # Questions

    def run(self, *arguments: str) -> str:
        """What a management command prints, run against this server's data directory.

        Raises: ServerFailed when the command's status is not 0.
        """
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def create_invite(self, *arguments: str) -> dict[str, Any]:
        """A new invitation, as `createinvite --json` prints it."""
        return json.loads(self.run("createinvite", "--json", *arguments))

    def status(self) -> dict[str, Any]:
        """What the server says of itself, as `clawchatstatus --json` prints it."""
        return json.loads(self.run("clawchatstatus", "--json"))

    def log(self) -> str:
        """Everything the server has written so far, over all its runs."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the log, for the text of a failure."""
        return "\n".join(self.log().splitlines()[-lines:])

    # Internal

    def _front_is_off(self) -> dict[str, str]:
        return {"CLAWCHAT_FRONT": "off", "CLAWCHAT_FRONT_URL": self.front_url}

    def _has_an_open_port(self) -> bool:
        status = self.status()
        running = {node["name"] for node in status["nodes"] if node["started_at"] >= int(self._started_at)}
        return any(lease["state"] == "open" and lease["node"] in running for lease in status["leases"])

    def _front_answers(self) -> bool:
        return self._answers("/healthz")

    def _wait_until(self, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise ServerFailed(f"The server ended with {self.process.returncode}.\n{self.log_tail()}")
            if is_ready():
                return
            time.sleep(POLL_SECONDS)
        raise ServerFailed(f"The server was not ready in {START_SECONDS:g} s.\n{self.log_tail()}")

    def _front_speaks_tls(self) -> bool:
        on_loopback = self._environment["CLAWCHAT_FRONT"].startswith("127.")
        forced = self._environment.get("CLAWCHAT_LOOPBACK_TLS") == "1"
        return bool(self._environment.get("CLAWCHAT_TLS")) and (forced or not on_loopback)

    def _answers(self, path: str) -> bool:
        scheme = "https" if self.speaks_tls else "http"
        try:
            with urllib.request.urlopen(
                f"{scheme}://127.0.0.1:{self.front_port}{path}", timeout=2, context=_taking_any_certificate()
            ) as answer:
                return answer.status == 200
        except (OSError, urllib.error.HTTPError):
            return False


def _taking_any_certificate() -> ssl.SSLContext:
    # Whether the server is there is asked, not who it is.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def configures_clawchat(name: str) -> bool:
    """Whether a variable of the environment tells a server where its things are."""
    return name.startswith(("CLAWCHAT_", "CELERY_")) or name in {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
