"""Compose the connection file, seal it, and see it safely onto its mirrors."""

from .carrying import carry, carry_one
from .contents import compose, content_digest
from .mirrors import driver_of, ensure_mirrors, public_locations, retry_now, served_file
from .publications import (
    is_due,
    latest_publication,
    publication_is_safe,
    publish,
    publish_everywhere,
    published_bytes,
    published_info,
    published_serial,
    readers_find,
    says,
)
from .side_by_side import run_all, start_aside
from .watching import watch

__all__ = [
    "carry",
    "carry_one",
    "compose",
    "content_digest",
    "driver_of",
    "ensure_mirrors",
    "is_due",
    "latest_publication",
    "public_locations",
    "publication_is_safe",
    "publish",
    "publish_everywhere",
    "published_bytes",
    "published_info",
    "published_serial",
    "readers_find",
    "retry_now",
    "run_all",
    "says",
    "served_file",
    "start_aside",
    "watch",
]
