"""News as one process reads them: each once, late ones too, and nothing of what its rows told it at the start."""

import pytest

from chat.models import News
from chat.services.news import NewsReader

pytestmark = pytest.mark.django_db
SECRET, POLICY = News.Kind.SECRET, News.Kind.POLICY


def told(number: int, kind: News.Kind) -> None:
    """A row as a transaction leaves it that drew this id; the database may show a higher one first."""
    News.objects.create(id=number, kind=kind)


def read(reader: NewsReader) -> list[str]:
    """The kinds of what is new."""
    return [row.kind for row in reader.read()]


def test_what_is_there_at_the_start_is_skipped():
    """Whoever starts reads it from the rows that it tells of."""
    told(500, SECRET)
    told(501, POLICY)
    reader = NewsReader()
    reader.skip()

    assert read(reader) == []
    told(502, SECRET)
    assert read(reader) == [SECRET]


def test_what_was_under_way_at_the_start_is_read():
    """Its transaction had drawn a lower id and was not over: the rows did not show yet what it tells of."""
    told(500, POLICY)
    told(502, POLICY)
    reader = NewsReader()
    reader.skip()

    told(501, SECRET)
    assert read(reader) == [SECRET]
    assert read(reader) == []


def test_the_first_news_of_a_server_are_read():
    """There is nothing to skip."""
    reader = NewsReader()
    reader.skip()

    told(1, POLICY)
    told(3, POLICY)
    assert read(reader) == [POLICY, POLICY]
    told(2, SECRET)
    assert read(reader) == [SECRET]
