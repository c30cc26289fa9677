"""Which certificates a client takes for its server's."""

import ssl
from pathlib import Path

from clawchat.protocol.errors import UsageError


def context_trusting(ca_file: Path) -> ssl.SSLContext:
    """A TLS context that believes the public authorities and the one in this file (`manage.py trustca` gives it).

    Raises: usage (the file is no certificate).
    """
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(f"{ca_file} is no file of certificates: {error.strerror or error}") from None
    return context
