"""The coverage-guided fuzzer of MLS's decoders, and its corpus.

    python -m tests.mls.fuzz FOLDER [SECONDS]    fuzz, keeping what finds new paths in the folder
    python -m tests.mls.fuzz --keep FOLDER       put the small ones of it into tests/vectors/mls_corpus.json

The first byte of an input says for which decoder the rest is.
"""

import base64
import json
import sys
from pathlib import Path

from clawchat.protocol.errors import PeerError
from tests.mls.decoders import DECODERS
from tests.mls.seeds import seeds

CORPUS = Path(__file__).resolve().parents[1] / "vectors/mls_corpus.json"
NAMES = list(DECODERS)
# What is kept: short inputs, and of each decoder only so many.
MAX_BYTES, MAX_EACH = 1500, 40


def run(data: bytes) -> None:
    """One input; anything but the same bytes or a PeerError is a find."""
    if not data:
        return
    try:
        encoded = DECODERS[NAMES[data[0] % len(NAMES)]](data[1:])
    except PeerError:
        return
    assert encoded == data[1:]


def fuzz(folder: Path, seconds: int) -> None:
    """Until the time is over or something is found."""
    import atheris

    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(NAMES):
        for place, right in enumerate(seeds()[name]):
            (folder / f"seed-{number}-{place}").write_bytes(bytes([number]) + right)
    for module in [
        name for name in sys.modules if name.startswith(("clawchat.mls", "clawchat.protocol", "tests.mls.dec"))
    ]:
        del sys.modules[module]
    with atheris.instrument_imports(include=["clawchat.mls", "clawchat.protocol"]):
        import tests.mls.decoders as again
    DECODERS.update(again.DECODERS)
    globals()["PeerError"] = sys.modules["clawchat.protocol.errors"].PeerError
    atheris.Setup([sys.argv[0], str(folder), f"-max_total_time={seconds}", "-max_len=4096"], run)
    atheris.Fuzz()


def keep(folder: Path) -> None:
    """The shortest inputs of each decoder, with what is to come of them."""
    kept: dict[str, dict[str, str]] = {name: {} for name in NAMES}
    for path in sorted(folder.iterdir(), key=lambda each: (each.stat().st_size, each.name)):
        data = path.read_bytes()
        if not data or len(data) > MAX_BYTES:
            continue
        name = NAMES[data[0] % len(NAMES)]
        if len(kept[name]) < MAX_EACH:
            kept[name][base64.b64encode(data[1:]).decode()] = verdict(name, data[1:])
    CORPUS.write_text(json.dumps(kept, indent=1) + "\n")


def verdict(name: str, data: bytes) -> str:
    """`ok`, or the code of the refusal."""
    try:
        DECODERS[name](data)
    except PeerError as error:
        return error.code
    return "ok"


if __name__ == "__main__":
    if sys.argv[1] == "--keep":
        keep(Path(sys.argv[2]))
    else:
        fuzz(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60)
