"""What the tests of rotation share."""

from collections.abc import Iterator

import pytest

from tests.rotation.doors import Doors, run


@pytest.fixture
def doors() -> Iterator[Doors]:
    """Open doors, closed again after the test."""
    opened = Doors()
    yield opened
    run(opened.close())
