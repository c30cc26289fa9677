"""The coverage-guided fuzzer of every parser, the protocol's and MLS's, and of the protocol's machines; its corpus.

    python -m tests.protocol.fuzz [SECONDS]          all of them, in so much time together (600)
    python -m tests.protocol.fuzz --only NAME [SECONDS]
    python -m tests.protocol.fuzz --keep             put short inputs of the protocol's into tests/vectors
    python -m tests.protocol.fuzz --keep NAME...     only those of some

What finds new paths is kept in var/fuzz, so that the next run goes on from there; what is a find lies there, too.
"""

import base64
import contextlib
import functools
import io
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

from tests.mls.decoders import DECODERS
from tests.mls.seeds import seeds as mls_seeds
from tests.protocol.machines import MACHINES, play
from tests.protocol.machines_seeds import seeds as machine_seeds
from tests.protocol.parser_seeds import seeds
from tests.protocol.parsers import PARSERS, verdict

ROOT = Path(__file__).resolve().parents[2]
CORPUS, MACHINE_CORPUS = ROOT / "tests/vectors/protocol_corpus.json", ROOT / "tests/vectors/machine_corpus.json"
WORK = ROOT / "var/fuzz"
DEFAULT_SECONDS, MAX_INPUT_BYTES = 600, 4096
# What is kept: short inputs; of each parser only so many of one outcome, and so many bytes in all.
MAX_BYTES, MAX_ALIKE, MAX_ALL = 1500, 25, 12_000
# Of a machine's scripts: few of them come to the same.
MAX_SCRIPT_BYTES = 300
MLS = {f"mls {name}": mls_seeds()[name] for name in DECODERS}
ALL = {**{name: seeds()[name] for name in PARSERS}, **machine_seeds(), **MLS}


def folder_of(name: str) -> Path:
    """Where the inputs of a parser or machine are."""
    return WORK / name.replace(" ", "_")


def runner(name: str, seconds: float) -> Callable[[bytes], None]:
    """One input; anything but the same bytes or a PeerError is a find. Of modules that are instrumented.

    When the time is over the process ends, and its log says after how many runs.
    """
    until, runs = time.monotonic() + seconds, 0
    modules = sys.modules
    if name in MACHINES:
        read = functools.partial(_play, modules["tests.protocol.machines"].play, name)
    elif name.startswith("mls "):
        read = modules["tests.mls.decoders"].DECODERS[name.removeprefix("mls ")]
    else:
        read = modules["tests.protocol.parsers"].PARSERS[name]
    refused = modules["clawchat.protocol.errors"].PeerError

    def run(data: bytes) -> None:
        nonlocal runs
        runs += 1
        if time.monotonic() > until:
            print(f"Done {runs} runs", flush=True)
            os._exit(0)
        try:
            encoded = read(data)
        except refused:
            return
        assert encoded is None or encoded == data

    return run


def _play(play_anew: Callable[[str, bytes], str], name: str, data: bytes) -> None:
    """A script has no other spelling."""
    play_anew(name, data)


def instrument() -> None:
    """Import the code under test anew, with atheris watching its branches."""
    try:
        import atheris
    except ImportError:
        sys.exit("The fuzzer, atheris, is there for x86_64 alone. What it found is replayed by make test everywhere.")

    watched = ["clawchat.mls", "clawchat.protocol", "clawchat.client.rooms.payload"]
    ours = (*watched, "tests.mls.decoders", "tests.protocol.")
    for module in [each for each in sys.modules if each.startswith(ours)]:
        del sys.modules[module]
    instrumented = atheris.instrument_imports(include=watched)
    # It names each module on standard error.
    with contextlib.redirect_stderr(io.StringIO()), instrumented:
        import tests.mls.decoders
        import tests.protocol.machines
        import tests.protocol.parsers  # noqa: F401


def fuzz(name: str, seconds: float) -> tuple[int, bool]:
    """So many runs of one parser or machine, and whether none of them was a find; in a process of its own."""
    folder = folder_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    for place, right in enumerate(ALL[name]):
        (folder / f"seed-{place}").write_bytes(right)
    child = os.fork()
    if child == 0:
        _become_fuzzer(name, folder, seconds)
    _, status = os.waitpid(child, 0)
    log = (WORK / "log").read_text(errors="replace")
    runs = max(
        map(int, re.findall(r"^(?:Done |stat::number_of_executed_units:\s+)(\d+)", log, re.MULTILINE)), default=0
    )
    if status:
        shutil.copy(WORK / "log", WORK / f"find-{folder.name}.log")
    return runs, status == 0


def _become_fuzzer(name: str, folder: Path, seconds: float) -> None:
    import atheris

    log = os.open(WORK / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    options = [f"-max_len={MAX_INPUT_BYTES}", "-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=10"]
    options.append(f"-artifact_prefix={WORK}/find-{folder.name}-")
    atheris.Setup([sys.argv[0], str(folder), *options], runner(name, seconds))
    atheris.Fuzz()


def main(names: list[str], seconds: float) -> int:
    """Each in its share of the time; the last line says what came of it."""
    instrument()
    WORK.mkdir(parents=True, exist_ok=True)
    began, total, finds = time.monotonic(), 0, []
    for place, name in enumerate(names):
        left = seconds - (time.monotonic() - began)
        runs, good = fuzz(name, left / (len(names) - place))
        total += runs
        finds += [] if good else [name]
        print(
            f"{place + 1:3} of {len(names)}  {name:24} {runs:10,} runs  {'' if good else 'A FIND'}".rstrip(), flush=True
        )
    print(f"{total:,} runs of {len(names)} parsers and machines in {time.monotonic() - began:.0f} s: ", end="")
    print(f"finds in {', '.join(finds)}; see {WORK.relative_to(ROOT)}/find-*" if finds else "no find.")
    return 1 if finds else 0


def keep(names: Collection[str]) -> None:
    """The shortest inputs of these parsers of the protocol and of these machines, with what is to come of them."""
    kinds = ((CORPUS, PARSERS, verdict, MAX_BYTES, MAX_ALIKE), (MACHINE_CORPUS, MACHINES, play, MAX_SCRIPT_BYTES, 1))
    for corpus, targets, outcome, *most in kinds:
        kept = json.loads(corpus.read_text())
        kept |= {name: _shortest(name, functools.partial(outcome, name), *most) for name in targets if name in names}
        corpus.write_text(json.dumps({name: kept[name] for name in targets if name in kept}, indent=1) + "\n")


def _shortest(name: str, outcome: Callable[[bytes], str], max_bytes: int, max_alike: int) -> dict[str, str]:
    """Of each outcome some."""
    mine: dict[str, list[str]] = {}
    size = 0
    for path in sorted(folder_of(name).iterdir(), key=lambda each: (each.stat().st_size, each.name)):
        data = path.read_bytes()
        alike = mine.setdefault(outcome(data), [])
        if len(data) <= max_bytes and size + len(data) <= MAX_ALL and len(alike) < max_alike:
            alike.append(base64.b64encode(data).decode())
            size += len(data)
    return {encoded: code for code, alike in mine.items() for encoded in alike}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--keep"]:
        keep(sys.argv[2:] or [*PARSERS, *MACHINES])
    elif sys.argv[1:2] == ["--only"]:
        sys.exit(main([sys.argv[2]], float(sys.argv[3]) if len(sys.argv) > 3 else 60))
    else:
        sys.exit(main(list(ALL), float(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SECONDS))
