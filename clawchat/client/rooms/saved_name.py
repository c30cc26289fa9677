"""The name under which a file of somebody else is put into a folder of ours."""

import re

# Separators, drives, streams and patterns of one system or another; and a beginning that hides a file, which shells and
# programs read when they start.
_NOT_SAVED = re.compile(r'[<>:"/\\|?*]|^\.+')
# What Windows cuts off, so that another ending than was shown is the last one.
_CUT_OFF = re.compile(r"[. ]+$")
# Names that Windows gives to devices, whatever follows them.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def saved_name(name: str) -> str:
    """The attachment's name without what a system or a shell would take for more than a name.

    Sizes: no longer than it was, but for one letter.
    """
    plain = _CUT_OFF.sub("_", _NOT_SAVED.sub("_", name))
    return f"_{plain}" if _DEVICES.fullmatch(plain) else plain
