"""Every request to MEGA goes through here: one host, one deadline, pauses between tries, one number for all tries."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from clawchat.mega import is_storage
from clawchat.protocol.places import MegaFolder
from discovery.mirrors.base import MirrorError
from discovery.web import Answer, Request, converse

from .errors import Refused
from .hashcash import HEADER, solve

# A login, or the listing of a folder that holds other things as well.
REPLY_MAX_BYTES = 1 << 20
OK, WORK_ASKED = 200, 402

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait. Units: seconds; `exchange` for one request, `call` for its repetitions, pauses between two."""

    exchange: float = 15.0
    call: float = 45.0
    first_pause: float = 1.0
    longest_pause: float = 16.0


class Gateway:
    """MEGA's interface for one folder, until this instant of `time.monotonic`; after it nothing is waited for."""

    def __init__(self, folder: MegaFolder, until: float, patience: Patience) -> None:
        self._folder, self._until, self._patience = folder, until, patience
        # What proof of work was asked for, as MEGA wrote it; empty when none was.
        self.challenge = ""

    def call(self, commands: list[dict[str, Any]], query: dict[str, str], number: int) -> list[Any]:
        """The answers to these commands.

        What may do after a pause is repeated with the same number, so that what was done already is not done twice.
        Raises: Refused (an error number in the place of an answer); MirrorError.
        """
        url = f"{self._folder.gateway}?{urlencode({'id': number, **query})}"
        return self.repeat(url, json.dumps(commands).encode(), lambda body: _answers(commands, body))

    def repeat(self, url: str, body: bytes, understand: Callable[[bytes], T]) -> T:
        """POST until `understand` takes the answer, or it will not do, or there is no time left.

        Raises: Refused, MirrorError (the last refusal, or what kept an answer away when there was none).
        """
        headers = {"Content-Type": "application/json"}
        request = Request("POST", url, body, headers, max_bytes=REPLY_MAX_BYTES)
        until = min(self._until, time.monotonic() + self._patience.call)
        pause = self._patience.first_pause
        refused: Refused | None = None
        while True:
            try:
                return understand(self._answer(request, until))
            except MirrorError as error:
                # Full jitter, so that servers that were refused together do not come back together.
                wait = pause * secrets.randbelow(1001) / 1000
                refused = error if isinstance(error, Refused) else refused
                is_final = error.needs_operator or (isinstance(error, Refused) and not error.may_do_at_once)
                if is_final or time.monotonic() + wait >= until:
                    # That the last try of many had no time left says less than why there were many.
                    raise (refused or error) from None
            time.sleep(wait)
            pause = min(2 * pause, self._patience.longest_pause)

    def upload(self, url: str, data: bytes) -> bytes:
        """What a storage host answers to these bytes.

        Raises: MirrorError.
        """
        return self._transfer(Request("POST", url, data))

    def download(self, url: str) -> bytes:
        """What lies at a storage host, at most 64 KiB.

        Raises: MirrorError.
        """
        return self._transfer(Request("GET", url))

    def _answer(self, request: Request, until: float) -> bytes:
        answer = converse(request, self._left(until))
        if answer.status == WORK_ASKED and HEADER in answer.headers:
            self.challenge = answer.headers[HEADER]
            header = {HEADER: solve(self.challenge, self._until)}
            answer = converse(replace(request, headers=request.headers | header), self._left(self._until))
        return _body(answer, "MEGA")

    def _transfer(self, request: Request) -> bytes:
        if not is_storage(self._folder, request.url):
            raise MirrorError("MEGA names a storage host that is not its own; it is tried again.")
        return _body(converse(request, self._left(self._until)), "MEGA's storage")

    def _left(self, until: float) -> float:
        left = min(until - time.monotonic(), self._patience.exchange)
        if left <= 0:
            raise MirrorError("MEGA took too long; it is tried again.")
        return left


def _body(answer: Answer, who: str) -> bytes:
    if answer.status != OK:
        raise MirrorError(f"{who} answered {answer.status}; it is tried again.")
    return answer.body


def _answers(commands: list[dict[str, Any]], body: bytes) -> list[Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise MirrorError("What answers in MEGA's place is not MEGA: a proxy or a login page.") from None
    if type(value) is int and value < 0:
        raise Refused(str(commands[0]["a"]), value)
    if not isinstance(value, list) or len(value) != len(commands):
        raise MirrorError("MEGA's answer has another shape than was asked for; it is tried again.")
    for command, answer in zip(commands, value, strict=True):
        if type(answer) is int and answer < 0:
            raise Refused(str(command["a"]), answer)
    return value
