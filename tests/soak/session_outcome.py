"""What came of a long session: figures for people, and what must not be."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from clawchat.protocol.frame import Direction, Frame, FrameKeys, MessageType, seal_frame
from clawchat.protocol.limits import FRAME_CEILING_BYTES
from tests.soak.day import HOUR_SECONDS, Day
from tests.soak.recorder import Recorder
from tests.soak.recording import Judgement, Recording, judge
from tests.soak.rows import Rows
from tests.soak.scaled import EPOCH_SECONDS
from tests.soak.soak import machine


@dataclass
class SessionOutcome:
    """`figures` is for people to read; it is good when nobody complained."""

    figures: dict[str, Any] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing was wrong."""
        return not self.complaints

    @classmethod
    def of(cls, day: Day, rows: Rows, folder: Path) -> Self:
        """Compare what both ends wrote down."""
        recordings = {path.stem: Recording.parse(path.read_text().splitlines()) for path in folder.glob("*.txt")}
        judgement = judge(recordings)
        outcome = cls(complaints=[*day.complaints, *judgement.complaints])
        outcome._compare_messages(day)
        outcome._compare_epochs(day, recordings)
        outcome._compare_bytes(day, rows)
        outcome._check_course(day, judgement)
        outcome.figures = _figures(day, judgement, recordings)
        return outcome

    def table(self) -> str:
        """The figures for people."""
        lines = [f"  {name:<46} {value}" for name, value in self.figures.items()]
        return "\n".join([*lines, *(f"  WRONG: {text}" for text in self.complaints)])

    def _expect(self, holds: bool, text: str) -> None:
        if not holds:
            self.complaints.append(text)

    def _compare_messages(self, day: Day) -> None:
        """Every message is in the log once and in order, and both have read all of it."""
        for talker in day.talkers:
            try:
                talker.check(day.log)
            except AssertionError as error:
                self.complaints.append(f"the log is not what was said: {str(error).splitlines()[:1]}")
        self._expect(len(day.log) > 0, "nobody said anything")

    def _compare_epochs(self, day: Day, recordings: dict[str, Recording]) -> None:
        """Both ends have gone through the same epochs, with the same keys."""
        ends = [recording for recording in recordings.values() if recording.epoch(day.session_id) >= 0]
        epochs = [recording.epoch(day.session_id) for recording in ends]
        self._expect(epochs == [day.epoch] * 2, f"epochs of the two ends: {epochs}, of the client: {day.epoch}")
        keys = [recording.keys_of(day.session_id) for recording in ends]
        self._expect(len(keys) == 2 and keys[0] == keys[1], "the two ends had other keys")
        self._expect(day.epoch == day.passed.rekeys.total(), "not every rekey that was begun made an epoch")
        sealed = sum(len(end.nonces[name]) for end, known in zip(ends, keys, strict=True) for name in known.values())
        frames = day.passed.frames_up + day.passed.frames_down
        self._expect(sealed == frames, f"{sealed} frames of the session were sealed, {frames} came or went")

    def _compare_bytes(self, day: Day, rows: Rows) -> None:
        """What the server has counted is what the client has counted, and it was one connection."""
        counted = rows.ask("SELECT bytes_in, bytes_out, why FROM chat_connection ORDER BY bytes_in DESC")
        mine = day.passed.bytes_up, day.passed.bytes_down
        self._expect(counted[0][:2] == mine, f"the server counted {counted[0]}, the client {mine}")
        self._expect(len(counted) == len(day.talkers), f"{len(counted)} connections of two devices")

    def _check_course(self, day: Day, judgement: Judgement) -> None:
        course, passed = day.course, day.passed
        self._expect(judgement.is_good, "a nonce came twice, or out of turn")
        self._expect(passed.bytes >= course.bytes, f"only {passed.bytes} bytes")
        for why, least in {"time": course.hours, "volume": course.by_volume, "asked": course.asked}.items():
            self._expect(passed.rekeys[why] >= least, f"{passed.rekeys[why]} rekeys by {why}, {least} wanted")
        self._expect(passed.most_bytes < course.hard, "a hard limit of bytes was reached")
        self._expect(passed.most_seconds < course.hard_seconds, "a hard limit of time was reached")


def _figures(day: Day, judgement: Judgement, recordings: dict[str, Recording]) -> dict[str, Any]:
    passed, course = day.passed, day.course
    mine = [recording for recording in recordings.values() if recording.epoch(day.session_id) >= 0]
    return {
        "machine": machine(),
        "seconds": round(day.seconds),
        "an hour of the keys' time, s": HOUR_SECONDS,
        "bytes up": passed.bytes_up,
        "bytes down": passed.bytes_down,
        "frames up": passed.frames_up,
        "frames down": passed.frames_down,
        "MB per second, pauses included": round(passed.bytes / 1e6 / day.seconds, 1),
        "files there and back": day.files,
        "messages of two members": len(day.log),
        "rekeys by time": passed.rekeys["time"],
        "rekeys by volume": passed.rekeys["volume"],
        "rekeys asked for by the server": passed.rekeys["asked"],
        "epochs at both ends": [recording.epoch(day.session_id) for recording in mine],
        "soft limits, s and bytes": [HOUR_SECONDS, course.soft],
        "hard limits, s and bytes": [course.hard_seconds, course.hard],
        "most under one key, s and bytes": [round(passed.most_seconds, 1), passed.most_bytes],
        "an epoch lasts at least, s": EPOCH_SECONDS,
        "keys that sealed, all sessions": judgement.keys,
        "(key, nonce) pairs, all sessions": judgement.pairs,
        "pairs that came twice": judgement.repeated,
        "seals out of turn": judgement.out_of_turn,
        "keys that both ends sealed with": judgement.shared,
    }


def recorder_sees_a_reuse() -> bool:
    """Whether a counter that is used twice is found, and one that is not is let be."""
    found = []
    for counters in ((0, 1, 2), (0, 1, 1)):
        lines: list[str] = []
        with Recorder(lines.append):
            keys = FrameKeys(bytes(32), bytes(12), bytes(16), Direction.CLIENT_TO_SERVER, 0)
            for counter in counters:
                seal_frame(keys, counter, Frame(MessageType.PING, bytes(16), 0, b""), FRAME_CEILING_BYTES)
        found.append(judge({"here": Recording.parse(lines)}).repeated)
    return found == [0, 1]
