"""Typed readers of the environment. A value that cannot be read is named, never guessed."""

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
_HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?", re.ASCII)


def env_str(name: str, default: str = "") -> str:
    """The value of `name`, or the default when it is not set."""
    return os.environ.get(name, default)


def env_bool(name: str, default: bool = False) -> bool:
    """True or False, written as 1/0, true/false, yes/no or on/off."""
    text = os.environ.get(name)
    if text is None:
        return default
    if text.strip().lower() in TRUE:
        return True
    if text.strip().lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {text!r}; write 1 or 0.")


def env_seconds(name: str, default: float, least: float = 0.0) -> float:
    """A number of seconds, not below `least`."""
    text = os.environ.get(name)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {text!r}; write a number of seconds, such as {default:g}.") from None
    if not least <= seconds < 1e9:
        raise ImproperlyConfigured(f"{name} is {text}; it must be at least {least:g} seconds.")
    return seconds


def env_int(name: str, default: int, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    text = os.environ.get(name, str(default)).strip()
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ImproperlyConfigured(f"{name} is {text!r}; write a whole number from {least} to {most}.")
    return int(text)


def env_address(name: str, default: str) -> tuple[str, int] | None:
    """A `host:port` pair, or None when the value is `off`."""
    text = os.environ.get(name, default).strip()
    if text.lower() == "off":
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ImproperlyConfigured(f"{name} is {text!r}; write host:port, such as {default}, or off.")
    return host.strip("[]"), int(port)


def env_secret(name: str) -> str:
    """A secret from `name`, or from the file that `name_FILE` points to; empty when neither is set."""
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name, "")
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE points to {path}, which cannot be read: {error.strerror}.") from None


def env_choice(name: str, choices: tuple[str, ...]) -> str:
    """One of these words; the first is the default."""
    text = os.environ.get(name, choices[0]).strip().lower()
    if text not in choices:
        raise ImproperlyConfigured(f"{name} is {text!r}; write {' or '.join(filter(None, choices))}, or nothing.")
    return text


def env_pairs(name: str) -> tuple[tuple[Path, Path], ...]:
    """Pairs of files, written `chain.pem:key.pem` with a comma between pairs."""
    pairs = [pair.strip().split(":") for pair in os.environ.get(name, "").split(",") if pair.strip()]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise ImproperlyConfigured(f"{name} cannot be read; write chain.pem:key.pem, with a comma between pairs.")
    return tuple((Path(chain).resolve(), Path(key).resolve()) for chain, key in pairs)


def env_path(name: str) -> Path | None:
    """A path, None when nothing is written."""
    text = os.environ.get(name, "").strip()
    return Path(text).resolve() if text else None


def env_networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks with commas between them; an address is a network of one."""
    try:
        return tuple(ip_network(text.strip()) for text in os.environ.get(name, "").split(",") if text.strip())
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}; write addresses or networks such as 10.0.0.0/24.") from None


def env_ip(name: str) -> str:
    """An IP address, or nothing."""
    text = os.environ.get(name, "").strip()
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {text!r}; write an IP address, or nothing.") from None


def env_host(name: str) -> str:
    """A host name in lower case, without scheme and port, or nothing."""
    text = os.environ.get(name, "").strip().lower()
    if text and not _HOST.fullmatch(text):
        raise ImproperlyConfigured(f"{name} is {text!r}; write a host name such as admin.example.org, and no port.")
    return text


def env_urls(name: str) -> tuple[str, ...]:
    """Web addresses with commas between them."""
    urls = tuple(text.strip() for text in os.environ.get(name, "").split(",") if text.strip())
    if not all(urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname for url in urls):
        raise ImproperlyConfigured(f"{name} cannot be read; write web addresses with commas between them.")
    return urls
