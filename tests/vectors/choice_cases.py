"""Cases of choosing an endpoint: what comes out is written by hand."""

from tests.vectors.bare import base64url, seed
from tests.vectors.cases import Area

NOW = 1_760_000_000
PATH = "/" + base64url(seed("path", 16))


def at(port, host="chat.example", **members):
    """An endpoint as a file lists it."""
    usual = {"tls": True, "from": NOW - 60, "until": NOW + 3600, "load": 0, "region": ""}
    return {"host": host, "port": port, "path": PATH, **usual, **members}


def places(*ports):
    return [f"chat.example:{port}" for port in ports]


def endpoint_choice():
    area = Area("endpoint_choice", "3.15")
    _orders(area)
    _wrong_draws(area)
    _stays(area)
    _pauses(area)
    _times(area)
    return area


def _orders(area):
    def right(name, comment, endpoints, order, draws=None, slow=(), region=""):
        draws = [0] * len(endpoints) if draws is None else draws
        given = {"question": "order", "endpoints": endpoints, "now": NOW, "draws": draws, "slow": slow}
        area.right(f"order_{name}", comment, {**given, "region": region}, {"order": order})

    right("none", "a file without a port to dial", [at(1, tls=False)], [])
    right("one", "nothing to choose", [at(1)], places(1))
    right("twice", "one endpoint listed twice", [at(1), at(1)], places(1))
    right("over", "a port whose time is over comes last", [at(1, until=NOW - 1), at(2)], places(2, 1))
    right("last_second", "its last second is not over", [at(1, until=NOW), at(2)], places(1, 2))
    right("fixed", "a fixed port after those that move", [at(1, fixed=True), at(2)], places(2, 1))
    right("over_or_fixed", "a fixed port before one that is over", [at(1, until=0), at(2, fixed=True)], places(2, 1))
    right("retiring", "a retiring port after its successor", [at(1, retiring=True), at(2)], places(2, 1))
    right("retiring_or_fixed", "and before a fixed one", [at(1, fixed=True), at(2, retiring=True)], places(2, 1))
    right("slow", "a host that was slow", [at(1), at(2)], places(2, 1), slow=places(1))
    right("slow_or_retiring", "before a retiring one", [at(1, retiring=True), at(2)], places(2, 1), slow=places(2))
    regions = [at(1, region="us"), at(2, region="eu"), at(3)]
    right("region", "our region first", regions, places(2, 1, 3), region="eu")
    right("no_region", "who is nowhere prefers nobody", regions, places(1, 2, 3))
    right("region_case", "regions are compared exactly", regions, places(1, 2, 3), region="EU")
    right("slow_region", "quick elsewhere before slow here", regions, places(1, 3, 2), slow=places(2), region="eu")
    three = [at(1), at(2), at(3)]
    right("draw", "each third of the draw is one of three", three, places(2, 1, 3), draws=[0.5, 0, 0])
    right("draw_last", "the highest draw is the last one", three, places(3, 2, 1), draws=[0.999, 0.999, 0.999])
    loaded = [at(1, load=0.75), at(2, load=0.25)]
    right("load", "a quarter and three quarters of the draw: just below", loaded, places(1, 2), draws=[0.249, 0])
    right("load_above", "and at the border", loaded, places(2, 1), draws=[0.25, 0])
    full = [at(1, load=1), at(2, load=7.5), at(3, load=0.05)]
    right("full", "a full server keeps a weight of 0.05", full, places(2, 1, 3), draws=[0.05, 0, 0])
    right("full_beside", "beside one that is not", full, places(3, 1, 2), draws=[0.1, 0, 0])
    right("more_draws", "further draws are not used", [at(1), at(2)], places(2, 1), draws=[0.5, 0, 0, 0])
    mixed = [at(1, fixed=True), at(2, retiring=True), at(3, until=0), at(4, region="eu"), at(5), at(6, load=0.5)]
    right(
        "all_of_it",
        "every rule at once; draws are used in the order of the places",
        mixed,
        places(4, 6, 5, 2, 1, 3),
        draws=[0.9, 0.7, 0.9, 0.9, 0.9, 0.9],
        region="eu",
    )


def _wrong_draws(area):
    for name, comment, draws in (
        ("few", "one draw for two endpoints", [0.5]),
        ("none", "no draw", []),
        ("one", "a draw of 1", [0.5, 1]),
        ("negative", "a draw below zero", [-0.1, 0]),
    ):
        given = {"question": "order", "endpoints": [at(1), at(2)], "now": NOW, "draws": draws, "slow": []}
        area.wrong(f"draws_{name}", "usage", comment, {**given, "region": ""})
    for name, comment, changes in (
        ("retiring", "retiring that is text", {"retiring": "yes"}),
        ("fixed", "fixed that is a number", {"fixed": 1}),
    ):
        area.wrong(
            f"member_{name}",
            "malformed",
            comment,
            {"question": "stay", "own": at(1), "endpoints": [at(1, **changes)]},
        )


def _stays(area):
    def right(name, comment, own, endpoints, better=None):
        given = {"question": "stay", "own": own, "endpoints": endpoints}
        output = {"content": better is None, "better": places(*(better or ()))}
        area.right(f"stay_{name}", comment, given, output)

    right("alone", "the only port", at(1), [at(1)])
    right("beside", "another node's port that lives longer", at(1), [at(1), at(2, until=NOW + 9999)])
    right("beside_retiring", "another node's move moves nobody", at(1), [at(1), at(2, retiring=True), at(3)])
    right("over", "a server that could not move yet serves on", at(1), [at(1, until=NOW - 5), at(2)])
    right("loaded", "a load is no reason to leave", at(1), [at(1, load=9), at(2)])
    right("retiring", "our successor is listed", at(1), [at(1, retiring=True), at(2)], better=[2])
    right("retiring_two", "of two nodes", at(1), [at(1, retiring=True), at(2), at(3)], better=[2, 3])
    right(
        "both_retiring", "not to another that retires", at(1), [at(1, retiring=True), at(2, retiring=True)], better=[]
    )
    right("to_fixed", "to a fixed port too", at(1), [at(1, retiring=True), at(2, fixed=True)], better=[2])
    right("gone", "no longer listed", at(1), [at(2), at(3, retiring=True)], better=[2])
    right("gone_all_retiring", "no longer listed, and the others retire", at(1), [at(2, retiring=True)], better=[2])
    right("other_path", "the number alone is not the endpoint", at(1), [{**at(1), "path": "/" + "A" * 22}], better=[1])
    right("fixed", "back to a port that moves", at(1), [at(1, fixed=True), at(2), at(3, fixed=True)], better=[2])
    right("fixed_alone", "a fixed port when there is no other", at(1), [at(1, fixed=True), at(2, fixed=True)])
    right("fixed_retiring", "not back to one that retires", at(1), [at(1, fixed=True), at(2, retiring=True)])
    right("not_dialable", "nor where it may not dial", at(1), [at(1, retiring=True), at(2, tls=False)], better=[])


def _pauses(area):
    def right(name, comment, left, draw, grace, pause, look):
        given = {"question": "when", "endpoints": [at(1)], "left": left, "draw": draw, "grace": grace}
        area.right(f"when_{name}", comment, given, {"pause": pause, "look": NOW + 3600 + look})

    right("long", "four seconds at most", 400, 0.5, 300, 2.0, -112.5)
    right("short", "and a third of the time left", 6, 0.5, 4, 1.0, -1.5)
    right("first", "the lowest draw", 400, 0, 300, 0, -150)
    right("no_time", "at once", 0, 0.75, 4, 0, -1.25)
    right("late", "the time is over already", -10, 0.75, 4, 0, -1.25)


def _times(area):
    def remember(name, comment, times, milliseconds, result):
        given = {"question": "remember", "endpoints": [at(1)], "times": times, "milliseconds": milliseconds, "now": NOW}
        area.right(f"remember_{name}", comment, given, {"times": result})

    remember("first", "the first one", {}, 80, [["chat.example:1", 80, NOW]])
    remember("mean", "the mean, rounded down", {"chat.example:1": [41, NOW - 9]}, 80, [["chat.example:1", 60, NOW]])
    remember(
        "old", "what is older than an hour", {"chat.example:1": [40, NOW - 3601]}, 80, [["chat.example:1", 80, NOW]]
    )
    remember(
        "ahead", "a clock that was set back", {"chat.example:2": [40, NOW + 3601]}, 80, [["chat.example:1", 80, NOW]]
    )
    two = {"chat.example:1": [40, NOW - 3600], "chat.example:2": [7, NOW - 1]}
    remember(
        "newest_last", "it moves to the end", two, 40, [["chat.example:2", 7, NOW - 1], ["chat.example:1", 40, NOW]]
    )
    many = {f"chat.example:{port}": [port, NOW] for port in range(100, 164)}
    kept = [[place, *known] for place, known in list(many.items())[1:]]
    remember("many", "64 at most", many, 80, [*kept, ["chat.example:1", 80, NOW]])

    def slow(name, comment, times, result, endpoints=(at(1), at(2))):
        given = {"question": "slow", "endpoints": endpoints, "times": times, "now": NOW}
        area.right(f"slow_{name}", comment, given, {"slow": result})

    slow("nothing_known", "nobody is slow", {}, [])
    slow("one_known", "with nobody to compare", {"chat.example:1": [9000, NOW]}, [], endpoints=[at(1), at(2, host="b")])
    slow("twice", "not more than twice", {"chat.example:1": [200, NOW], "chat.example:2": [100, NOW]}, [])
    slow("more", "more than twice", {"chat.example:1": [201, NOW], "chat.example:2": [100, NOW]}, places(1))
    slow("near", "50 ms above", {"chat.example:1": [60, NOW], "chat.example:2": [10, NOW]}, [])
    slow("far", "51 ms above", {"chat.example:1": [61, NOW], "chat.example:2": [10, NOW]}, places(1))
    slow("forgotten", "an hour ago", {"chat.example:1": [999, NOW - 3601], "chat.example:2": [10, NOW]}, [])
    slow(
        "remembered",
        "an hour ago to the second",
        {"chat.example:1": [999, NOW - 3600], "b:2": [10, NOW]},
        places(1),
        endpoints=[at(1), at(2, host="b")],
    )
    slow("not_listed", "the best of those listed", {"chat.example:1": [999, NOW], "else:3": [10, NOW]}, [])
    by_host = {"a:7": [900, NOW], "a:8": [300, NOW], "b:2": [10, NOW]}
    slow("host", "a new port is as slow as its host was last", by_host, ["a:1"], endpoints=[at(1, "a"), at(2, "b")])
    six = {"2001:db8::1:7": [900, NOW], "2001:db8::2:7": [10, NOW]}
    of_six = [at(1, "2001:db8::1"), at(2, "2001:db8::2")]
    slow("address_6", "an address of version 6", six, ["2001:db8::1:1"], endpoints=of_six)
