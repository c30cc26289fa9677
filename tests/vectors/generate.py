"""Write our own cases to tests/vectors/<area>/<case>.json: `python -m tests.vectors.generate [--check]`.

It does not import `clawchat`: what a case should give comes from bare primitives. With --check nothing is written, and
a difference between the files and what would be written is a failure.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __package__ in (None, ""):
    sys.path.insert(0, str(HERE.parent.parent))

from tests.vectors import (  # noqa: E402
    attachment_cases,
    body_cases,
    choice_cases,
    credential_cases,
    discovery_cases,
    external_cases,
    file_cases,
    frame_cases,
    handshake_cases,
    operation_cases,
    parameter_cases,
    primitive_cases,
    rekey_cases,
    signal_cases,
    succession_cases,
    suite_cases,
)


def handshake():
    """Its cases are of two files."""
    area = handshake_cases.handshake()
    suite_cases.add_cases(area)
    return area


AREAS = (
    primitive_cases.primitives,
    handshake_cases.derive_session_keys,
    handshake_cases.expand_label,
    handshake_cases.gate,
    handshake,
    rekey_cases.rekey,
    frame_cases.frame,
    frame_cases.padding,
    body_cases.tlv,
    body_cases.bodies,
    body_cases.message_header,
    parameter_cases.parameters,
    operation_cases.operations,
    external_cases.authenticated_data,
    external_cases.external_commit,
    file_cases.invite,
    file_cases.connection_file,
    discovery_cases.wraps,
    discovery_cases.revocation_list,
    discovery_cases.places,
    succession_cases.succession,
    credential_cases.credential,
    choice_cases.endpoint_choice,
    attachment_cases.attachment,
    signal_cases.signal,
)


def wanted():
    """Every file there should be: its path in this folder, and its text."""
    areas = [make() for make in AREAS]
    return {f"{area.name}/{case}.json": text for area in areas for case, text in area.files.items()}


def present():
    """Every file there is."""
    return {path.relative_to(HERE).as_posix(): path.read_text("utf-8") for path in HERE.glob("*/*.json")}


def main(arguments):
    there, wished = present(), wanted()
    stale = sorted(name for name in there.keys() | wished.keys() if there.get(name) != wished.get(name))
    if "--check" in arguments:
        print(f"{len(wished)} cases, {len(stale)} stale", *stale, sep="\n")
        return 1 if stale else 0
    for name in stale:
        path = HERE / name
        if name in wished:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wished[name], "utf-8")
        else:
            path.unlink()
    print(f"{len(wished)} cases, {len(stale)} written anew")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
