"""Servers to keep files on, each in a process of its own: WebDAV, S3, and one that answers as badly as it is told."""

import contextlib
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

START_SECONDS = 120.0
USER, PASSWORD = "alice", "correct horse battery"
BUCKET = "mirror"
# As tests/discovery/object_store.py has it.
ACCESS_KEY, SECRET_KEY, BUCKET_PATH = "mirrors:alice", "correct-horse-battery-staple", f"/v1/AUTH_mirrors/{BUCKET}"
LOOPBACK = "127.0.0.1"


class Process:
    """A server on a loopback port, started by its own command line; killed at the end, or before."""

    def __init__(self, *command: str, port: int) -> None:
        self.origin = f"http://{LOOPBACK}:{port}"
        self._command, self._port = [sys.executable, "-m", *command], port
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            assert self._process.poll() is None, f"{self._command[2]} ended with {self._process.returncode}"
            with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self._port), timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError(f"{self._command[2]} does not listen")

    def kill(self) -> None:
        """End it without a word, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@dataclass
class Place:
    """A mirror that a server keeps: how its row is written, and the process behind it."""

    process: Process
    options: dict
    secrets: dict


@contextlib.contextmanager
def webdav(folder: Path, port: int) -> Iterator[Place]:
    """A WebDAV server: alice writes, anyone reads."""
    shared = folder / "shared"
    shared.mkdir(parents=True)
    users = {"/write": {USER: {"password": PASSWORD}}, "/read": True}
    config = {
        "host": LOOPBACK,
        "port": port,
        "provider_mapping": {"/write": str(shared), "/read": {"root": str(shared), "readonly": True}},
        "simple_dc": {"user_mapping": users},
        "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
        "verbose": 0,
    }
    path = folder / "wsgidav.json"
    path.write_text(json.dumps(config))
    with Process("wsgidav.server.server_cli", "--config", str(path), port=port) as process:
        options = {
            "folder": f"{process.origin}/write",
            "user": USER,
            "public": f"{process.origin}/read/connection.json",
        }
        yield Place(process, options, {"password": PASSWORD})


@contextlib.contextmanager
def s3(folder: Path, port: int) -> Iterator[Place]:
    """An S3-compatible server with one bucket that anyone reads."""
    with Process("tests.discovery.object_store", str(folder / "objects"), str(port), port=port) as process:
        make_bucket(process)
        options = {
            "backend": "storages.backends.s3.S3Storage",
            "options": {
                "bucket_name": BUCKET,
                "endpoint_url": process.origin,
                "region_name": "us-east-1",
                "default_acl": "public-read",
            },
            "public": f"{process.origin}{BUCKET_PATH}/connection.json",
        }
        yield Place(process, options, {"options": {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}})


def make_bucket(process: Process) -> None:
    """A new server of this kind has none."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=process.origin,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
    client.create_bucket(Bucket=BUCKET, ACL="public-read")
    client.close()


class Misbehaving:
    """Accepts, reads the request and writes `chunks` as they come, with a pause after each; then it may stay silent."""

    def __init__(self, chunks, *, pause: float = 0.0, silent: bool = False) -> None:
        ended = self._ended = threading.Event()
        self.sent = 0
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(65536)
                with contextlib.suppress(OSError):
                    for chunk in chunks() if callable(chunks) else chunks:
                        self.request.sendall(chunk)
                        owner.sent += len(chunk)
                        if ended.wait(pause) if pause else ended.is_set():
                            return
                    if silent:
                        ended.wait()

        self._server = socketserver.ThreadingTCPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
