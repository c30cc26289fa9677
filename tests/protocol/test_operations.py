"""Operations: the table of the document, and nothing that is not in it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.errors import Malformed, PeerError
from clawchat.protocol.operations import (
    NOTICES,
    OPERATIONS,
    Bytes,
    Exactly,
    Many,
    Member,
    Members,
    Text,
    Uint,
    check_notice,
    check_request,
)

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text()
SECTION = DOCUMENT[DOCUMENT.index("### 3.14") : DOCUMENT.index("## 4. Layer B")]
FROM_CLIENT, FROM_SERVER = SECTION.split("From the server")


def rows(text, column=1):
    """The tables' rows: name and members, or what else stands in a column."""
    found = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[column] for row in found}


def example(kind):
    """A value of this kind, as large as may be."""
    if isinstance(kind, Exactly):
        return bytes(kind.size)
    if isinstance(kind, Bytes):
        return bytes(kind.limit)
    if isinstance(kind, Text):
        return "x" * kind.limit
    if isinstance(kind, Uint):
        return 2**53 - 1
    if isinstance(kind, Many):
        return [example(kind.of)] * kind.limit
    assert isinstance(kind, Members)
    return {member.name: example(member.kind) for member in kind.members}


def too_much(kind):
    """Values that are just not of this kind."""
    if isinstance(kind, Exactly):
        return [bytes(kind.size - 1), bytes(kind.size + 1)]
    if isinstance(kind, Bytes):
        return [bytes(kind.limit + 1)]
    if isinstance(kind, Text):
        return ["x" * (kind.limit + 1), "ü" * (kind.limit // 2 + 1)]
    if isinstance(kind, Many):
        return [[example(kind.of)] * (kind.limit + 1), [None], {}]
    return []


CASES = [(name, member) for name, operation in OPERATIONS.items() for member in operation.members]
IDS = [f"{name}:{member.name}" for name, member in CASES]


def request(name):
    return {"op": name, **example(OPERATIONS[name].body)}


def test_table_is_the_documents():
    """Names, members, types, limits and what may be absent; the same of answers."""

    def members(table):
        return {name: ", ".join(map(str, operation.members)) for name, operation in table.items()}

    assert members(OPERATIONS) == rows(FROM_CLIENT)
    answers = {name: ", ".join(map(str, operation.answer.members)) for name, operation in OPERATIONS.items()}
    assert answers == rows(FROM_CLIENT, 2)
    assert members(NOTICES) == rows(FROM_SERVER)
    assert all(name == operation.name for name, operation in [*OPERATIONS.items(), *NOTICES.items()])


@pytest.mark.parametrize("name", OPERATIONS)
def test_largest_request_is_taken(name):
    """Every member at its limit; and every member that may be absent absent."""
    assert check_request(request(name)) == name
    required = {member.name for member in OPERATIONS[name].members if member.required}
    assert check_request({key: value for key, value in request(name).items() if key in required | {"op"}}) == name


@pytest.mark.parametrize(("name", "member"), CASES, ids=IDS)
def test_member_of_another_kind_is_named(name, member):
    """Another type or one item too many is malformed, and the error says which."""
    wrong = [*too_much(member.kind), None, 0.5, -1.5, object(), *([True] if isinstance(member.kind, Uint) else [7])]
    wrong += ["text"] if not isinstance(member.kind, Text) else [b"bytes"]
    for value in wrong:
        with pytest.raises(Malformed, match=member.name):
            check_request({**request(name), member.name: value})


@pytest.mark.parametrize(("name", "member"), CASES, ids=IDS)
def test_missing_member_is_named(name, member):
    """Only members marked so may be absent."""
    body = request(name)
    del body[member.name]
    if member.required:
        with pytest.raises(Malformed, match=member.name):
            check_request(body)
    else:
        assert check_request(body) == name


def test_member_inside_a_list_is_named_with_its_place():
    """So that the other side's programmer finds it."""
    rooms = [{"room": bytes(16), "cursor": 0}, {"room": bytes(16), "cursor": "0"}]
    with pytest.raises(Malformed, match=re.escape("rooms[1].cursor")):
        check_request({"op": "room.resume", "rooms": rooms})


def test_unknown_members_are_ignored():
    """Later versions may say more, also inside."""
    assert check_request({"op": "device.list", "more": 1}) == "device.list"
    room = {"room": bytes(16), "cursor": 0, "more": 1}
    assert check_request({"op": "room.resume", "rooms": [room]}) == "room.resume"


@pytest.mark.parametrize("body", [{}, {"op": None}, {"op": 7}, {"op": b"directory"}, {"op": "room.delete"}, {"op": ""}])
def test_unknown_operation_is_malformed(body):
    """For both directions."""
    for check in (check_request, check_notice):
        with pytest.raises(Malformed, match="op"):
            check(body)


def test_directions_are_apart():
    """A client's operation is no notice, nor the other way round."""
    assert check_notice({"op": "welcome"}) == "welcome"
    with pytest.raises(Malformed):
        check_notice({"op": "room.create", "room": bytes(16), "scheme": 1})
    with pytest.raises(Malformed):
        check_request({"op": "welcome"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["room", "cursor", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = sorted({member.name for _, member in CASES})


@given(st.sampled_from(sorted(OPERATIONS)), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_any_map_is_a_request_or_malformed(name, members):
    """Nothing else is raised."""
    try:
        assert check_request({"op": name, **members}) == name
    except PeerError as error:
        assert error.code == "malformed"


def test_kinds_show_the_documents_notation():
    """What the table test compares."""
    inner = Members((Member("room", Exactly(16)), Member("cursor", Uint(), False)))

    assert str(Many(inner, 256)) == "[{`room` b16, `cursor` uint ?}]..256"
    assert (str(Bytes(7)), str(Text(8))) == ("b..7", "t..8")
