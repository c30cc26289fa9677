"""Requests that a chat port must not answer: fed to its reader at every start, and to real ports by the tests."""

from typing import NamedTuple

PATH = "/" + "A" * 22
ORIGIN = "http://localhost:8000"

HOST = "Host: localhost\r\n"
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"
# The first bytes of a TLS ClientHello, to a port that speaks plain TCP.
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + b"\x11" * 190


class Probe(NamedTuple):
    """One request. `ends_at_once` is False when only the guard's deadline can end it."""

    name: str
    data: bytes
    ends_at_once: bool = True


def proper_request(
    path: str = PATH,
    *,
    line: str | None = None,
    host: str = HOST,
    upgrade: str = UPGRADE,
    key: str = KEY,
    version: str = VERSION,
    more: str = "",
) -> bytes:
    """A request that opens the port with this path, or one that differs from it in the named part."""
    return "".join(
        [line or f"GET {path} HTTP/1.1", "\r\n", host, upgrade, key, version, more, "\r\n"],
    ).encode("latin1")


def probes(path: str = PATH, origin: str = ORIGIN) -> list[Probe]:
    """All of them, for a port that answers to `path` and pages of `origin`."""
    return [
        *_strangers(path),
        *_wrong_lines(path),
        *_wrong_upgrades(path),
        *_wrong_headers(path, origin),
        *_halves(path),
    ]


def _strangers(path: str) -> list[Probe]:
    return [
        Probe("wrong path", proper_request("/" + "B" * 22)),
        Probe("a browser at /", b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n\r\n"),
        Probe("request line alone", b"GET / HTTP/1.1\r\n"),
        Probe("garbage", b"\x00\xff\x13garbage\r\n\r\n"),
        Probe("SSH banner", b"SSH-2.0-OpenSSH_9.2\r\n"),
        Probe("SMTP greeting", b"EHLO example\r\n"),
        Probe("blank line first", b"\r\n" + proper_request(path)),
        Probe("LF line ends", proper_request(path).replace(b"\r\n", b"\n") + b"\r\n\r\n"),
        Probe("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"),
        Probe("TLS hello", TLS_HELLO + b"\r\n"),
        Probe("line of 100 KB", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"),
        Probe("5 KB without a line end", b"x" * 5_000),
    ]


def _wrong_lines(path: str) -> list[Probe]:
    lines = {
        "HEAD": f"HEAD {path} HTTP/1.1",
        "POST": f"POST {path} HTTP/1.1",
        "OPTIONS": "OPTIONS * HTTP/1.1",
        "CONNECT": "CONNECT localhost:443 HTTP/1.1",
        "TRACE": f"TRACE {path} HTTP/1.1",
        "get in small letters": f"get {path} HTTP/1.1",
        "HTTP/0.9": f"GET {path}",
        "HTTP/1.0": f"GET {path} HTTP/1.0",
        "HTTP/1.2": f"GET {path} HTTP/1.2",
        "absolute form": f"GET http://localhost{path} HTTP/1.1",
        "query": f"GET {path}?a=b HTTP/1.1",
        "fragment": f"GET {path}# HTTP/1.1",
        "path one short": f"GET {path[:-1]} HTTP/1.1",
        "path one long": f"GET {path}A HTTP/1.1",
        "path percent-encoded": f"GET /%{ord(path[1]):02x}{path[2:]} HTTP/1.1",
        "two blanks": f"GET  {path} HTTP/1.1",
        "blank at the end": f"GET {path} HTTP/1.1 ",
    }
    return [Probe(name, proper_request(line=line)) for name, line in lines.items()]


def _wrong_upgrades(path: str) -> list[Probe]:
    h2c = "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n"
    return [
        Probe("no upgrade", proper_request(path, upgrade="")),
        Probe("upgrade without Connection", proper_request(path, upgrade="Upgrade: websocket\r\n")),
        Probe("upgrade to h2c", proper_request(path, upgrade=h2c)),
        Probe("no key", proper_request(path, key="")),
        Probe("short key", proper_request(path, key="Sec-WebSocket-Key: short\r\n")),
        Probe("key not base64", proper_request(path, key="Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==\r\n")),
        Probe("two keys", proper_request(path, more=KEY)),
        Probe("no version", proper_request(path, version="")),
        Probe("version 8", proper_request(path, version="Sec-WebSocket-Version: 8\r\n")),
        Probe("version 99", proper_request(path, version="Sec-WebSocket-Version: 99\r\n")),
        Probe("no Host", proper_request(path, host="")),
        Probe("two Hosts", proper_request(path, more="Host: y\r\n")),
        Probe("bad Host", proper_request(path, host="Host: a:b c\r\n")),
    ]


def _wrong_headers(path: str, origin: str) -> list[Probe]:
    headers = {
        "wrong Origin": "Origin: https://elsewhere.example\r\n",
        "Origin null": "Origin: null\r\n",
        "two Origins": f"Origin: {origin}\r\nOrigin: {origin}\r\n",
        "header of 20 KB": f"X: {'a' * 20_000}\r\n",
        "9 KB in nine headers": "".join(f"X{number}: {'a' * 1000}\r\n" for number in range(9)),
        "200 headers": "X: a\r\n" * 200,
        "blank in a name": "X Y: a\r\n",
        "no colon": "nonsense\r\n",
        "folded line": "X: a\r\n b\r\n",
        "NUL in a value": "X: a\0b\r\n",
        "Content-Length no number": "Content-Length: x\r\n",
        "odd Transfer-Encoding": "Transfer-Encoding: gzip\r\n",
        "Expect": "Expect: 100-continue\r\n",
    }
    bodies = [
        Probe("body", proper_request(path, more="Content-Length: 5\r\n") + b"hello"),
        Probe("chunked body", proper_request(path, more="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n"),
        Probe("a frame too early", proper_request(path) + b"\x82\x85garbage"),
        Probe("a second request", proper_request(path) + proper_request(path)),
    ]
    return [*(Probe(name, proper_request(path, more=header)) for name, header in headers.items()), *bodies]


def _halves(path: str) -> list[Probe]:
    return [
        Probe("nothing", b"", ends_at_once=False),
        Probe("half a line", b"GET /", ends_at_once=False),
        Probe("half a header", proper_request(path)[:-30], ends_at_once=False),
        Probe("binary without a line end", bytes(range(64)).replace(b"\r", b"x"), ends_at_once=False),
    ]
