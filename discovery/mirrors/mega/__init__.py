"""A folder that is shared as a link in an account at MEGA."""

from .driver import MegaMirror

__all__ = ["MegaMirror"]
