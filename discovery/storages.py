"""Django storages as mirrors need them: made by the name of their class, and made to keep one object under its name."""

from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.utils.module_loading import import_string

S3 = "storages.backends.s3.S3Storage"
FOLDER = "django.core.files.storage.FileSystemStorage"
# Classes are named in the admin; these are the places where they may come from.
TRUSTED = ("storages.backends.", "django.core.files.storage.")
# What has to be so for a mirror: the same name is written again and again, and readers ask each time.
NEEDED: dict[str, dict[str, Any]] = {
    S3: {"file_overwrite": True, "querystring_auth": False, "object_parameters": {"CacheControl": "no-cache"}},
    FOLDER: {"allow_overwrite": True},
}
CONNECT_SECONDS = 5


class Unusable(Exception):
    """The storage is none, or not one for this; the text is one sentence for the operator."""


def make_storage(path: str, options: dict[str, Any], seconds: float) -> Storage:
    """The storage of this class, made with these options.

    Units: seconds that one answer of it may take, where its class can be told.
    Raises: Unusable.
    """
    if not path.startswith(TRUSTED):
        raise Unusable(f"A storage has to be one of {' or '.join(TRUSTED)}*.")
    try:
        backend = import_string(path)
        if not (isinstance(backend, type) and issubclass(backend, Storage)):
            raise Unusable(f"{path} is no storage.")
        options = {**NEEDED.get(path, {}), **options}
        return backend(**options, **_patience(path, options, seconds))
    except Unusable:
        raise
    except Exception as error:
        # What it says may repeat what it was given: a secret among it.
        raise Unusable(
            f"{path} cannot be used ({type(error).__name__}): its package is missing, or one of its options is wrong."
        ) from None


def overwrite(storage: Storage, name: str, data: bytes) -> None:
    """Save under this very name; a storage that made up another one is made to forget both first.

    Raises: Unusable when it does so again; whatever the storage raises.
    """
    saved = storage.save(name, ContentFile(data, name=name))
    if saved != name:
        storage.delete(saved)
        storage.delete(name)
        if storage.save(name, ContentFile(data, name=name)) != name:
            raise Unusable(f"The storage does not keep the name {name}.")


def _patience(path: str, options: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Time limits for the storage that we know can be told of some."""
    if path != S3:
        return {}
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=seconds,
        # One try: the next one is ours, later.
        retries={"total_max_attempts": 1},
        # Not every S3-compatible server knows the checksums that are Amazon's newest.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": options.get("addressing_style")},
        signature_version=options.get("signature_version"),
    )
    return {"client_config": config}
