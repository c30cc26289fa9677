"""How the area `operations` of tests/vectors is run."""

from clawchat.protocol.bodies import Request, Response, parse_exchange
from clawchat.protocol.operations import NOTICES, OPERATIONS, check_answer, check_notice, check_request
from clawchat.protocol.primitives import sha256

# Of a longer byte string a case has size and hash.
SHOWN_BYTES = 256


def run_operations(given):
    """A request, an answer or a notice, whole; the members that the table knows."""
    data = b"".join(_piece(each) for each in given["data"])
    exchange = parse_exchange(data)
    assert exchange.encode() == data
    if given["does"] == "answer":
        assert isinstance(exchange, Response)
        check_answer(given["op"], exchange.body)
        return {"members": _known(OPERATIONS[given["op"]].answer, exchange.body)}
    assert isinstance(exchange, Request)
    check, table = {"request": (check_request, OPERATIONS), "notice": (check_notice, NOTICES)}[given["does"]]
    op = check(exchange.body)
    return {"op": op, "members": _known(table[op].body, exchange.body)}


def _piece(piece):
    return bytes.fromhex(piece) if isinstance(piece, str) else bytes.fromhex(piece[0]) * piece[1]


def _known(kind, body):
    return {each.name: _shown(body[each.name]) for each in kind.members if each.name in body}


def _shown(value):
    if isinstance(value, bytes):
        return value.hex() if len(value) <= SHOWN_BYTES else {"size": len(value), "sha256": sha256(value).hex()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return value
