"""`/healthz` tells whether the server can work."""

import pytest
from django.db import DatabaseError, connection


@pytest.mark.django_db
def test_healthz_is_well_while_the_database_answers(client):
    """200 and one word."""
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_healthz_says_when_the_database_is_away(client, monkeypatch):
    """503 and a sentence, without the database's own words."""

    def away(*_args, **_kwargs):
        raise DatabaseError("secret host name")

    monkeypatch.setattr(connection, "cursor", away)

    response = client.get("/healthz")

    assert (response.status_code, response.content) == (503, b"The database does not answer.\n")
