"""Ports of loopback for the servers that tests start."""

import secrets
import socket

LOOPBACK = "127.0.0.1"
# Below what systems give to outgoing connections (from 32768) and below what a server moves over (from 49152): nothing
# takes such a port while the server it was found for has not started, or is down for a while.
LOWEST, HIGHEST = 16_384, 32_767


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    while True:
        number = LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, number))
            except OSError:
                continue
            return number
