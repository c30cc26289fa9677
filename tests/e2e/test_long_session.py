"""The soak of one session in short: `python -m tests.soak.session` is the long form."""

import pytest

from tests.soak.day import Course
from tests.soak.session import soak

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


async def test_one_session_over_rekeys_of_every_kind_uses_no_nonce_twice(tmp_path):
    """By time, by volume and on an operator's word; both processes' recorders are compared, and what both counted."""
    outcome = await soak(Course.of(4_000_000, 2), tmp_path)

    assert outcome.is_good, outcome.complaints
    assert outcome.figures["epochs at both ends"][0] >= 3
    assert outcome.figures["(key, nonce) pairs, all sessions"] > 200
