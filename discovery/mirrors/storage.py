"""Any Django storage: S3-compatible buckets and whatever else django-storages reaches, read at a public address."""

import queue
import re
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage as DjangoStorage
from django.utils.module_loading import import_string

from discovery.public_mirror import PublicMirror
from discovery.services.mirror_secrets import read_secrets

from .base import MirrorError

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
# A save that hangs for so long does not end any more; so many of them are left behind, and no further one is begun.
STUCK_SECONDS = 300
MOST_LEFT_BEHIND = 3
# What S3-compatible servers call things that time does not mend.
NEEDS_OPERATOR = {
    "AccessDenied",
    "AllAccessDisabled",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "NoSuchBucket",
    "SignatureDoesNotMatch",
}
# Only what looks like such a word is repeated: the answer is a stranger's.
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)


class Storage(PublicMirror):
    """Saves through `options["backend"]`, made with `options["options"]` and, secret, `options` of its secrets.

    Names under which operators know them are those of the storage's own manual (`bucket_name`, `access_key`, ...).
    """

    # When the saves were begun (`time.monotonic`) that are still under way, given up or not, by row.
    _busy: dict[int, list[float]] = {}
    _lock = threading.Lock()

    def put(self, name: str, data: bytes) -> None:
        """Save under this very name; a storage that made up another one is made to forget both first."""
        storage = self._storage()
        self._within_time(lambda: _overwrite(storage, name, data))

    def remove(self, name: str) -> None:
        """Delete the object."""
        storage = self._storage()
        self._within_time(lambda: storage.delete(name))

    def check(self) -> str:
        """Says which package is missing, or what the storage does not like about its options."""
        try:
            self._storage()
        except MirrorError as error:
            return str(error)
        return super().check()

    def _storage(self) -> DjangoStorage:
        path = str(self.mirror.options.get("backend", ""))
        if not path.startswith(TRUSTED):
            raise MirrorError(f"A storage has to be one of {' or '.join(TRUSTED)}*.", needs_operator=True)
        secrets = read_secrets(self.mirror).get("options", {})
        try:
            backend = import_string(path)
            if not (isinstance(backend, type) and issubclass(backend, DjangoStorage)):
                raise MirrorError(f"{path} is no storage.", needs_operator=True)
            options = {**NEEDED.get(path, {}), **self.mirror.options.get("options", {}), **secrets}
            return backend(**options, **_patience(path, options, self.seconds))
        except MirrorError:
            raise
        except Exception as error:
            # What it says may repeat what it was given: a secret among it.
            raise MirrorError(
                f"{path} cannot be used ({type(error).__name__}): its package is missing, or one of its options is "
                "wrong.",
                needs_operator=True,
            ) from error

    def _within_time(self, save: Callable[[], None]) -> None:
        """Run it on a thread that may be left behind: a storage has time limits of its own, or has none."""
        began = monotonic()
        with self._lock:
            earlier = self._busy.get(self.mirror.pk, [])
            if len(earlier) >= MOST_LEFT_BEHIND or any(began - each < STUCK_SECONDS for each in earlier):
                raise MirrorError("The storage has not ended an earlier attempt yet.")
            self._busy[self.mirror.pk] = [*earlier, began]
        outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(save, began, outcome), daemon=True, name="mirror").start()
        try:
            error = outcome.get(timeout=self.seconds)
        except queue.Empty:
            raise MirrorError(f"The storage took too long: more than {self.seconds:g} s.") from None
        if error is not None:
            raise _as_mirror_error(error) from error

    def _run(self, save: Callable[[], None], began: float, outcome: "queue.SimpleQueue[Exception | None]") -> None:
        error = None
        try:
            save()
        except Exception as problem:
            error = problem
        with self._lock:
            self._busy[self.mirror.pk].remove(began)
            if not self._busy[self.mirror.pk]:
                del self._busy[self.mirror.pk]
        # Only now, so that who is told may go on at once.
        outcome.put(error)


def _overwrite(storage: DjangoStorage, name: str, data: bytes) -> None:
    saved = storage.save(name, ContentFile(data, name=name))
    if saved != name:
        storage.delete(saved)
        storage.delete(name)
        if storage.save(name, ContentFile(data, name=name)) != name:
            raise MirrorError(f"The storage does not keep the name {name}.", needs_operator=True)


def _patience(path: str, options: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Time limits for the storage that we know has none by itself."""
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


def _as_mirror_error(error: Exception) -> MirrorError:
    """In one sentence, without what the storage says by itself: that may hold keys and signed addresses."""
    if isinstance(error, MirrorError):
        return error
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
    known = isinstance(code, str) and _CODE.fullmatch(code)
    what = f"{type(error).__name__}{' ' + code if known else ''}"
    return MirrorError(
        f"The storage did not take the file ({what}).", needs_operator=bool(known) and code in NEEDS_OPERATOR
    )
