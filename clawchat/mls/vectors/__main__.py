"""python -m clawchat.mls.vectors FOLDER"""

import sys
from pathlib import Path

from clawchat.mls.vectors.running import run_folder


def main(arguments: list[str]) -> int:
    """A line for each file, then the sum; 1 when something failed or there was nothing to run."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m clawchat.mls.vectors FOLDER", file=sys.stderr)
        return 2
    outcomes = []
    for outcome in run_folder(Path(arguments[0])):
        print(outcome.line(), flush=True)
        for trouble in outcome.troubles:
            print(f"  {trouble}")
        outcomes.append(outcome)
    passed, failed, skipped = (
        sum(getattr(each, name) for each in outcomes) for name in ("passed", "failed", "skipped")
    )
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
