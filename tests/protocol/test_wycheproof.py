"""The Wycheproof project's cases, and our own hard ones, judged by our primitives and by `cryptography` as it is.

The browser's two libraries judge the same in tests/e2e/test_wycheproof.py.
"""

import pytest

from tests.protocol.wycheproof import FILES, FOLDER, OUTSIDE, cases, expected, hard_signatures, judge, takes

needs_outside = pytest.mark.skipif(not FOLDER.exists(), reason=OUTSIDE)


@needs_outside
@pytest.mark.parametrize("file", FILES)
def test_outside_cases_are_judged_as_the_project_has_them(file):
    """Each verdict is the file's, each result its bytes; a shared secret of zero is refused."""
    content = cases(file)
    taken = [case for group in content["testGroups"] if takes(file, group) for case in group["tests"]]

    assert len(taken) > 50
    assert judge("ours", file, content) == {str(case["tcId"]): expected(file, case) for case in taken}


@needs_outside
@pytest.mark.parametrize("file", FILES)
def test_our_checks_change_no_verdict_of_the_library_there(file):
    """What we refuse on top (4.4) is in none of the project's cases."""
    assert judge("ours", file, cases(file)) == judge("cryptography", file, cases(file))


def test_hard_signatures_are_judged_strictly():
    """r = 0, points of small order and second spellings are refused, and honest signatures are not."""
    content = hard_signatures()

    verdicts = judge("ours", "ed25519_test", content)

    assert verdicts == {
        str(case["tcId"]): "01" if case["result"] == "valid" else "refused"
        for case in content["testGroups"][0]["tests"]
    }
    assert sorted(verdicts.values()).count("01") == 4


def test_the_library_alone_would_take_some_of_them():
    """Our own check is there for a reason: OpenSSL accepts r = 0, and keys of small order for some messages."""
    content = hard_signatures()
    taken = {
        case["comment"]
        for case in content["testGroups"][0]["tests"]
        if case["result"] == "invalid"
        and judge("cryptography", "ed25519_test", {"testGroups": [{"tests": [case]}]}) == {str(case["tcId"]): "01"}
    }

    assert taken == {"r = 0", "key and R of small order, S = 0"}
