"""The Wycheproof project's cases and our own hard ones in real Chromium: Web Crypto and libsodium.js beside our own.

Without the project's files (they are outside the repository) the hard ones are judged all the same.
"""

import asyncio

import pytest

from tests.e2e.browser import Browsers
from tests.e2e.module_page import module_page
from tests.protocol.wycheproof import FILES, FOLDER, cases, expected, hard_signatures, judge, takes

pytestmark = pytest.mark.e2e

HARD = "ed25519_test.hard"
SECONDS = 90


def served() -> dict[str, dict]:
    """Every file of cases by name; what follows the dot says which cases they are."""
    outside = {f"{file}.outside": cases(file) for file in FILES} if FOLDER.exists() else {}
    return {HARD: hard_signatures(), **outside}


@pytest.fixture
def address():
    """Where the page is."""
    with module_page("tests/e2e/wycheproof_page.mjs", served()) as address:
        yield address


def differing(ours: dict[str, str], theirs: dict[str, str], content: dict) -> set[str]:
    """What the cases are about that a library judges otherwise than we do."""
    all_cases = {str(case["tcId"]): case for group in content["testGroups"] for case in group["tests"]}
    return {all_cases[number]["comment"] for number, verdict in theirs.items() if ours[number] != verdict}


async def test_the_browser_judges_as_python_does(address, tmp_path, chromium_path):
    """Our primitives come to one verdict in both languages, case by case; where a library differs, it is known."""
    async with Browsers(chromium_path, tmp_path) as browsers:
        bob = await browsers.open("bob", address)
        async with asyncio.timeout(SECONDS):
            while await bob.page.title() != "judged":
                await asyncio.sleep(0.1)
        verdicts = await bob.page.evaluate("() => globalThis.verdicts")
        assert bob.complaints_about_code() == []

    for name, content in served().items():
        file, ours = name.split(".")[0], verdicts["ours"][name]
        taken = [case for group in content["testGroups"] if takes(file, group) for case in group["tests"]]
        assert len(taken) > 50
        assert ours == judge("ours", file, content), name
        assert ours == {str(case["tcId"]): expected(file, case) for case in taken}, name
        for engine in ("webCrypto", "sodium"):
            theirs = verdicts[engine][name]
            if theirs:
                # Web Crypto takes what OpenSSL takes, which is why signatures are judged by libsodium alone (4.4).
                known = {"r = 0", "key and R of small order, S = 0"} if (engine, name) == ("webCrypto", HARD) else set()
                assert differing(ours, theirs, content) == known, (engine, name)
    assert {name for name in served() if verdicts["webCrypto"][name]} == set(served())
    assert {name for name in served() if verdicts["sodium"][name]} == set(served()) - {"aes_gcm_test.outside"}
