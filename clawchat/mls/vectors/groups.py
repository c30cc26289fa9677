"""Checks of groups."""

from collections.abc import Callable, Mapping
from typing import Any

from clawchat.mls.suite import CipherSuite

Case = dict[str, Any]

CHECKS: Mapping[str, Callable[[Case, CipherSuite], None]] = {}
