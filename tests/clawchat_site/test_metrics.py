"""What Prometheus reads: the counts of this process and of the rows, and nobody's name."""

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from chat.hub import get_hub
from chat.models import Alert
from discovery.models import Mirror

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub():
    """A hub that has counted nothing yet."""
    get_hub.cache_clear()
    yield get_hub()
    get_hub.cache_clear()


def scrape(client) -> dict[tuple[str, ...], float]:
    """What is read, by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.content.decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_what_is_counted_is_told(client, hub):
    """Counters, reasons, delays; the process's own memory."""
    hub.counts.messages, hub.counts.bytes_in, hub.counts.scans = 7, 4096, 2
    hub.counts.refuse("gate")
    hub.counts.refuse("limit")
    hub.counts.refuse("limit")
    for seconds in (0.004, 0.005, 0.8):
        hub.counts.delays.add(seconds)

    told = scrape(client)

    assert told["clawchat_messages_total",] == 7
    assert told["clawchat_bytes_in_total",] == 4096
    assert told["clawchat_scans_total",] == 2
    assert (told["clawchat_refused_total", "gate"], told["clawchat_refused_total", "limit"]) == (1, 2)
    assert told["clawchat_acknowledgement_seconds_count",] == 3
    assert told["clawchat_acknowledgement_seconds_sum",] == pytest.approx(0.809)
    within = {
        float(key[1]): value for key, value in told.items() if key[0] == "clawchat_acknowledgement_seconds_bucket"
    }
    assert [value for _, value in sorted(within.items())] == sorted(within.values())
    assert max(value for end, value in within.items() if end < 0.5) == 2
    assert told["process_resident_memory_bytes",] > 1 << 20


def test_what_the_rows_say_is_told(client, hub):
    """Alerts that go on, mirrors by how they fare; by kinds, not by names."""
    now = timezone.now()
    Alert.objects.create(kind="scan", subject="203.0.113.9", severity="urgent", text="x", opened_at=now, last_at=now)
    Alert.objects.create(kind="scan", text="x", opened_at=now, last_at=now, closed_at=now)
    Mirror.objects.create(kind="directory", name="secret-name", state=Mirror.State.WELL)

    answer = client.get("/metrics").content

    assert b'clawchat_alerts_open{severity="urgent"} 1.0' in answer
    assert b'clawchat_mirrors{state="well"}' in answer
    assert b'clawchat_suites{suite="classic"} 0.0' in answer
    assert b"clawchat_database_up 1.0" in answer
    assert b"secret-name" not in answer
    assert b"203.0.113.9" not in answer


def test_while_the_database_is_away_the_counts_are_told(client, hub, monkeypatch):
    """Most of all then somebody looks."""
    hub.counts.handshakes = 3

    def away(*_args, **_kwargs):
        raise DatabaseError("secret host name")

    monkeypatch.setattr(connection, "cursor", away)
    told = scrape(client)

    assert (told["clawchat_database_up",], told["clawchat_handshakes_total",]) == (0, 3)
