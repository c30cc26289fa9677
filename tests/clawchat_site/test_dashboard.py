"""The dashboard: its figures for who may see them, what needs attention with the way to its remedy, and its time."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat.models import Alert, AuditEvent, Ban, Member, Tally
from chat.services import figures
from chat.services.alerts import close_alert, raise_alert
from chat.services.identity import ensure_server
from clawchat.protocol.schedule import LeaseState
from discovery.models import Mirror
from rotation.models import Burn, Node, PortLease

PATH = "/x7c1d9e0f2a3b4c5d6e7f8"
MANY = 10_000
T = timezone.now()


@pytest.fixture
def alice(db, client):
    """Alice, who runs the server, signed in on the machine itself."""
    client.force_login(User.objects.create_superuser("alice"))
    return client


@pytest.fixture
def charlie(db, client):
    """Charlie, who is staff and may look at nothing yet."""
    client.charlie = User.objects.create_user("charlie", is_staff=True)
    client.force_login(client.charlie)
    return client


def minute(ago: int, process: str = "p", node: str = "home", **counts: object) -> Tally:
    """A minute of one process, so many minutes ago."""
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=ago)
    return Tally.objects.create(node=node, process=process, minute=at, **counts)


def home(**changes: object) -> Node:
    """A node that runs."""
    now = timezone.now()
    return Node.objects.create(**{"name": "home", "host": "h", "started_at": now, "seen_at": now, **changes})


def asked(client, span: str = "hour") -> dict:
    """The figures as the page asks for them."""
    answer = client.get(reverse("dashboard"), {"span": span})
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return answer.json()


def test_figures_are_added_up_over_processes_and_told_by_the_minute(alice, monkeypatch):
    """People and rates of two processes; a minute nobody measured is a gap, not a zero."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    minute(2, "one", people=3, messages=10, bytes_in=5, bytes_out=7, refused={"gate": 2}, scans=1, delay_p99_ms=4.0)
    minute(2, "two", people=2, messages=1, refused={"gate": 1, "limit": 4}, delay_p99_ms=9.5)
    minute(1, "one", people=4, messages=6, bytes_in=100, bytes_out=20)

    told = asked(alice)

    series = told["series"]
    assert len({len(column) for column in series.values()}) == 1
    assert [series[name][-3] for name in ("people", "messages", "bytes", "refused", "scans", "delay")] == [
        *(5, 11, 12, 7, 1, 9.5),
    ]
    assert series["people"][-2] == 4
    assert series["people"][-4] is None
    assert told["now"] == {
        "people": 0,
        "without_mlkem": 0,
        "messages": 6,
        "bytes": 120,
        "refused": {"gate": 3, "limit": 4},
        "scans": 1,
    }


def test_hours_weigh_as_hours(alice):
    """An hour that was drawn together counts by the minute, beside minutes of the same point."""
    at = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    Tally.objects.create(node="home", process="p", minute=at, minutes=60, people=8, messages=600)

    series = asked(alice, "week")["series"]

    assert series["messages"][series["at"].index(int(at.timestamp()))] == 10


@pytest.mark.parametrize("span", figures.SPANS)
def test_a_plot_has_few_points(span):
    """Whatever the span, a few hundred points at most: what a screen can show."""
    seconds, step = figures.SPANS[span]

    assert 50 < seconds // step <= 400


def test_an_unknown_span_is_a_day(alice):
    """Not an error page: the address may be typed by hand."""
    assert asked(alice, "century")["span"] == "day"


def test_nodes_ports_and_mirrors_are_told(alice):
    """What each node uses, when its ports served, and how each mirror is; never the path of a port."""
    now = timezone.now()
    node = home()
    times = {"planned_at": now, "moved_at": now, "opens_at": now, "closes_at": now + timedelta(minutes=65)}
    PortLease.objects.create(
        **{**times, "node": node, "period": 1, "port": 40_123, "path": PATH},
        state=LeaseState.OPEN,
        moves_at=now + timedelta(hours=1),
    )
    minute(0, people=2, cpu_percent=3.5, memory_bytes=70_000_000, machine_cpu_percent=20.0, disk_free_bytes=1)
    Mirror.objects.create(name="Swiss", kind="webdav", state=Mirror.State.WELL, visited_at=now)

    answer = alice.get(reverse("dashboard"))
    told = answer.json()

    assert [(port["port"], port["state"]) for port in told["timeline"]["ports"]] == [(40_123, "open")]
    assert 3590 <= told["timeline"]["next_move"] - told["at"] <= 3600
    assert (told["nodes"][0]["people"], told["nodes"][0]["cpu"], told["nodes"][0]["running"]) == (2, 3.5, True)
    assert "Swiss" in [mirror["name"] for mirror in told["mirrors"]]
    assert PATH not in answer.content.decode()
    assert PATH not in alice.get(reverse("admin:index")).content.decode()


def test_an_open_alert_comes_with_its_remedy_and_the_way_there(alice):
    """The most urgent first; one that is over is gone."""
    raise_alert("scan", "192.0.2.1", "notice", "Somebody scans.", "Nothing to do.")
    raise_alert("audit", "", "urgent", "The audit log was changed at 7.", "Run verifyaudit.")
    Member.objects.create(user_id=bytes(16), root_public=bytes(32))

    matters = asked(alice)["attention"]

    assert [matter["text"] for matter in matters] == ["The audit log was changed at 7.", "Somebody scans."]
    assert matters[0]["remedy"] == "Run verifyaudit."
    assert matters[0]["link"] == reverse("admin:chat_auditevent_changelist")
    close_alert("audit")
    assert [matter["kind"] for matter in asked(alice)["attention"]] == ["scan"]


def test_an_alert_of_any_kind_leads_somewhere(alice):
    """Also one that nobody thought of here."""
    raise_alert("tides", "", "warning", "The water rises.", "Move upstairs.")

    (matter,) = [matter for matter in asked(alice)["attention"] if matter["kind"] == "tides"]
    assert (matter["label"], matter["link"]) == ("See the alerts", reverse("admin:chat_alert_changelist"))


def test_rows_tell_what_no_alert_tells_yet(alice):
    """A lying mirror, a silent node and an empty server need somebody; an alert about the same takes their place."""
    home(name="far", seen_at=timezone.now() - timedelta(minutes=3))
    mirror = Mirror.objects.create(name="Swiss", kind="webdav", state=Mirror.State.SUSPECT, last_error="Another file.")

    matters = {matter["kind"]: matter for matter in asked(alice)["attention"]}

    assert set(matters) == {"mirror", "node", "start"}
    assert "Another file." in matters["mirror"]["text"]
    assert matters["mirror"]["link"] == reverse("admin:discovery_mirror_change", args=[mirror.pk])
    assert matters["node"]["severity"] == "urgent"
    raise_alert("node", "far", "urgent", "Node far is silent.", "Start it again.")
    nodes = [matter["text"] for matter in asked(alice)["attention"] if matter["kind"] == "node"]
    assert nodes == ["Node far is silent."]


def test_charlie_sees_the_parts_he_may_see(charlie):
    """Without any right an empty dashboard; with the right to see figures these, and nothing of the mirrors."""
    home(seen_at=timezone.now() - timedelta(hours=1))
    raise_alert("scan", "192.0.2.1", "notice", "Somebody scans.", "Nothing to do.")

    told = asked(charlie)
    assert set(told) == {"at", "span", "attention", "ways", "took_ms"}
    assert (told["attention"], told["ways"]) == ([], [])

    charlie.charlie.user_permissions.add(Permission.objects.get(codename="view_tally"))
    assert set(asked(charlie)) - set(told) == {"now", "series"}


def test_nobody_sees_it_unsigned(client, db):
    """Neither the page nor its figures."""
    for name in ("dashboard", "admin:index"):
        assert client.get(reverse(name)).status_code == 302


def test_the_page_brings_its_figures(alice):
    """So that it shows them before it asks for anything."""
    text = alice.get(reverse("admin:index")).content.decode()

    assert 'id="dashboard-figures"' in text
    assert "js/admin/dashboard.js" in text


def test_a_burn_begins_by_a_click(alice):
    """The page says what it does; a post begins it once, and a second one is told that it goes on."""
    ensure_server()
    page = reverse("admin:rotation_burn_add")
    assert "worthless" in alice.get(page).content.decode()
    assert not Burn.objects.exists()

    begun = alice.post(page, {"why": "a lost phone", "drill": "on"}, follow=True)
    again = alice.post(page, {"why": "nervous"}, follow=True)

    burn = Burn.objects.get()
    assert (burn.made_by, burn.why, burn.drill) == ("alice", "a lost phone", True)
    assert "It has begun" in begun.content.decode()
    assert "going on already" in again.content.decode()


def test_charlie_burns_nothing(charlie):
    """Staff may look at burns without the right to make one."""
    charlie.charlie.user_permissions.add(Permission.objects.get(codename="view_burn"))

    assert charlie.post(reverse("admin:rotation_burn_add"), {"why": "fun"}).status_code == 403
    assert not Burn.objects.exists()


def test_no_query_grows_with_the_audit_log(alice):
    """Nothing of the dashboard counts or reads audit events, however many there are."""
    with CaptureQueriesContext(connection) as asked_for:
        alice.get(reverse("admin:index"))

    table = AuditEvent._meta.db_table
    assert not [query["sql"] for query in asked_for.captured_queries if table in query["sql"]]


def test_a_day_of_two_processes_takes_no_more_queries_than_an_hour(alice):
    """With 2 x 1,440 minutes in it; how long the page takes is measured by the bench."""
    page = reverse("admin:index")
    alice.get(page)
    before = queries_of(alice, page)
    now = timezone.now().replace(second=0, microsecond=0)
    Tally.objects.bulk_create(
        Tally(node="home", process=process, minute=now - timedelta(minutes=ago), people=3, refused={"gate": 1})
        for process in ("one", "two")
        for ago in range(1440)
    )

    assert queries_of(alice, page) == before


LISTS = {
    "chat_auditevent": lambda: [
        AuditEvent(number=number, time_ms=number, code="banned", subject=f"{number:032x}", details={"port": number})
        for number in range(1, MANY + 1)
    ],
    "chat_alert": lambda: [
        Alert(kind="scan", subject=str(number), text="t", opened_at=T, last_at=T) for number in range(MANY)
    ],
    "chat_ban": lambda: [
        Ban(network=f"10.{number >> 8}.{number & 255}.0/24", since=T, until=T) for number in range(MANY)
    ],
    "chat_member": lambda: [
        Member(user_id=number.to_bytes(16), root_public=number.to_bytes(32), name=f"M{number}")
        for number in range(MANY)
    ],
    "chat_tally": lambda: [
        Tally(node="home", process=str(number), minute=T, refused={"gate": number}) for number in range(MANY)
    ],
}


@pytest.mark.parametrize("name", LISTS)
def test_ten_thousand_rows_are_a_list_of_pages(alice, name):
    """The first page and one in the middle are full, and take as many queries as a list of a hundred rows."""
    rows = LISTS[name]()
    page = reverse(f"admin:{name}_changelist")
    type(rows[0]).objects.bulk_create(rows[:100])
    few = queries_of(alice, page)
    type(rows[0]).objects.bulk_create(rows[100:], batch_size=1000)

    for asked_for in (page, f"{page}?p=100"):
        assert queries_of(alice, asked_for) == few
        assert alice.get(asked_for).content.count(b"data-row") == 50


def queries_of(client, page: str) -> int:
    """How often a page asks the database."""
    with CaptureQueriesContext(connection) as asked_for:
        assert client.get(page).status_code == 200
    return len(asked_for)
