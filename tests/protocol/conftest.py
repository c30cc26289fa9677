"""Settings of the property tests, and who meets where two languages do."""

import pytest
from hypothesis import settings

from tests.protocol.interop import Household, NodeEnd

# A slow machine is no wrong answer, so no example has a deadline.
settings.register_profile("protocol", deadline=None)
settings.load_profile("protocol")


@pytest.fixture
def browser():
    """A fresh browser."""
    process = NodeEnd()
    yield process
    process.close()


@pytest.fixture
def household():
    """A fresh server and member."""
    return Household()
