"""Any Django storage: S3-compatible buckets and whatever else django-storages reaches, read at a public address."""

from typing import Any

from discovery.public_mirror import PublicMirror
from discovery.saving import Outcome, Stuck, Work, run
from discovery.services.mirror_secrets import read_secrets
from discovery.storages import Unusable, make_storage

from .base import MirrorError

# What S3-compatible servers call things that time does not mend.
NEEDS_OPERATOR = {
    "AccessDenied",
    "AllAccessDisabled",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "NoSuchBucket",
    "SignatureDoesNotMatch",
}


class Storage(PublicMirror):
    """Saves through `options["backend"]`, made with `options["options"]` and, secret, `options` of its secrets.

    Names under which operators know them are those of the storage's own manual (`bucket_name`, `access_key`, ...).
    """

    # The start of a process is among them.
    seconds = 15.0

    def put(self, name: str, data: bytes) -> None:
        """Save under this very name, where what takes too long is given up: see saving.py."""
        self._run(name, data)

    def remove(self, name: str) -> None:
        """Delete the object."""
        self._run(name, None)

    def check(self) -> str:
        """Says which package is missing, or what the storage does not like about its options."""
        try:
            make_storage(self._backend(), self._options(), self.seconds)
        except (Unusable, MirrorError) as error:
            return str(error)
        return super().check()

    def _backend(self) -> str:
        return str(self.mirror.options.get("backend", ""))

    def _options(self) -> dict[str, Any]:
        return {**self.mirror.options.get("options", {}), **read_secrets(self.mirror).get("options", {})}

    def _run(self, name: str, data: bytes | None) -> None:
        try:
            outcome = run(self.mirror.pk, Work(self._backend(), self._options(), name, self.seconds, data))
        except TimeoutError:
            raise MirrorError(f"The storage took too long: more than {self.seconds:g} s.") from None
        except Stuck:
            raise MirrorError("An earlier attempt cannot be ended: it waits for a disk that does not answer.") from None
        if outcome != Outcome():
            raise _as_mirror_error(outcome)


def _as_mirror_error(outcome: Outcome) -> MirrorError:
    """In one sentence."""
    if outcome.unusable:
        return MirrorError(outcome.unusable, needs_operator=True)
    what = " ".join(filter(None, [outcome.error, outcome.code]))
    return MirrorError(f"The storage did not take the file ({what}).", needs_operator=outcome.code in NEEDS_OPERATOR)
