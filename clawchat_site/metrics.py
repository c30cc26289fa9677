"""`/metrics`: what this process counts and what the rows say, as Prometheus reads it; of things, never of whom."""

from collections.abc import Iterable, Iterator

from django.db import DatabaseError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from chat.counting import BUCKETS, LEAST_SECONDS, WIDER, Counts, Delays
from chat.hub import get_hub
from chat.models import Alert
from chat.services.connections import connected_by_suite, connected_count
from discovery.models import Mirror
from rotation.models import LIVE, PortLease

from .monitors import for_monitors

# Of the buckets in which delays are counted, every so manieth is told.
TOLD_EVERY = 20
COUNTERS = {
    "connections": "WebSockets that opened on chat ports.",
    "handshakes": "Handshakes that were completed.",
    "messages": "Messages and commits that were stored.",
    "requests": "Requests that came.",
    "deliveries": "Rows of rooms that were handed out.",
    "bytes_in": "Bytes of frames that came.",
    "bytes_out": "Bytes of frames that went.",
    "scans": "Touches of tripwires and decoys.",
}


class ProcessCounts(Collector):
    """What this process's hub counts."""

    def collect(self) -> Iterator[Metric]:
        """Asked for at each scrape."""
        hub = get_hub()
        yield GaugeMetricFamily("clawchat_devices", "Devices with a session in this process.", len(hub.sessions))
        sessions = sum(map(len, list(hub.sessions.values())))
        yield GaugeMetricFamily("clawchat_sessions", "Sessions of devices in this process.", sessions)
        yield from _counters(hub.counts)
        yield _delays(hub.counts.delays.copy())


class Rows(Collector):
    """What the rows say of all processes; nothing but `clawchat_database_up` while the database is away."""

    def collect(self) -> Iterator[Metric]:
        """Asked for at each scrape."""
        try:
            found = [
                GaugeMetricFamily("clawchat_devices_everywhere", "Devices with a session anywhere.", connected_count()),
                _suites(),
                _by("clawchat_alerts_open", "Alerts that go on.", Alert.objects.filter(closed_at=None), "severity"),
                _by("clawchat_mirrors", "Mirrors that are in use.", Mirror.objects.enabled(), "state"),
                _by("clawchat_ports", "Ports that are planned or listen.", PortLease.objects.filter(state__in=LIVE)),
            ]
        except DatabaseError:
            found = []
        yield GaugeMetricFamily("clawchat_database_up", "1 while the database answers.", bool(found))
        yield from found


def make_registry() -> CollectorRegistry:
    """A registry of our own: the library's holds what any other package puts there."""
    registry = CollectorRegistry()
    registry.register(ProcessCounts())
    registry.register(Rows())
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


REGISTRY = make_registry()


@for_monitors
def metrics(request: HttpRequest) -> HttpResponse:
    """All of it, in the text that the caller can read."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(REGISTRY), content_type=content_type)


def _counters(counts: Counts) -> Iterator[Metric]:
    for name, text in COUNTERS.items():
        yield CounterMetricFamily(f"clawchat_{name}", text, getattr(counts, name))
    refused = CounterMetricFamily("clawchat_refused", "Who was turned away, by where or why.", labels=["why"])
    for why, count in dict(counts.refused).items():
        refused.add_metric([why], count)
    yield refused


def _delays(delays: Delays) -> Metric:
    ends = [*range(TOLD_EVERY, BUCKETS, TOLD_EVERY)]
    told = [(f"{LEAST_SECONDS * WIDER**end:.3g}", sum(delays.buckets[:end])) for end in ends]
    return HistogramMetricFamily(
        "clawchat_acknowledgement_seconds",
        "From a message's coming to its acknowledgement.",
        buckets=[*told, ("+Inf", sum(delays.buckets))],
        sum_value=delays.total,
    )


def _suites() -> Metric:
    family = GaugeMetricFamily("clawchat_suites", "Devices with a session anywhere, by its suite.", labels=["suite"])
    for suite, count in connected_by_suite().items():
        family.add_metric([suite], count)
    return family


def _by(name: str, text: str, rows: QuerySet, column: str = "state") -> Metric:
    family = GaugeMetricFamily(name, text, labels=[column])
    counts: Iterable[tuple[str, int]] = rows.order_by(column).values_list(column).annotate(Count("pk"))
    for value, count in counts:
        family.add_metric([value], count)
    return family
