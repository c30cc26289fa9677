"""How the console looks and what its side bar leads to (the theme's settings)."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

# What each group of the side bar holds: title, icon, and the model whose rows it lists.
GROUPS: dict[str, list[tuple[str, str, str]]] = {
    "People": [
        ("Members", "group", "chat.member"),
        ("Devices", "devices", "chat.device"),
        ("Invites", "mail", "chat.invite"),
        ("Connections", "sync_alt", "chat.connection"),
        ("Rooms", "forum", "chat.room"),
    ],
    "Safety": [
        ("Alerts", "notifications", "chat.alert"),
        ("Where alerts go", "campaign", "chat.alertchannel"),
        ("Limits", "tune", "chat.connectionpolicy"),
        ("Bans", "block", "chat.ban"),
        ("Scans", "radar", "rotation.scan"),
        ("Revocations", "gpp_bad", "chat.revocation"),
        ("Audit", "history", "chat.auditevent"),
    ],
    "Place": [
        ("Ports", "meeting_room", "rotation.portlease"),
        ("Nodes", "dns", "rotation.node"),
        ("Mirrors", "cloud_upload", "discovery.mirror"),
        ("Publications", "description", "discovery.publication"),
        ("Keys", "key", "chat.serveridentity"),
        ("Burns", "local_fire_department", "rotation.burn"),
        ("Figures by the minute", "monitoring", "chat.tally"),
    ],
    "Operators": [
        ("Accounts", "manage_accounts", "auth.user"),
    ],
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar: the dashboard, then the groups with what this operator may see; groups of nothing are not there."""
    dashboard = {"title": "Dashboard", "icon": "space_dashboard", "link": reverse("admin:index")}
    groups = [
        {"title": title, "items": [_item(*item) for item in items if _may_see(request, item[2])]}
        for title, items in GROUPS.items()
    ]
    return [{"items": [dashboard]}, *(group for group in groups if group["items"])]


def _may_see(request: HttpRequest, label: str) -> bool:
    app, model = label.split(".")
    return admin.site.is_registered(apps.get_model(label)) and request.user.has_perm(f"{app}.view_{model}")


def _item(title: str, icon: str, label: str) -> dict[str, str]:
    return {"title": title, "icon": icon, "link": reverse(f"admin:{label.replace('.', '_')}_changelist")}


def _icon(request: HttpRequest) -> str:
    return static("icons/icon.svg")


def console_looks(server_name: str) -> dict[str, Any]:
    """The theme's settings for a server of this name."""
    return {
        "SITE_TITLE": "ClawChat",
        "SITE_HEADER": "ClawChat",
        "SITE_SUBHEADER": lambda request: server_name,
        "SITE_URL": None,
        "SITE_ICON": _icon,
        "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
        "DASHBOARD_CALLBACK": "clawchat_site.dashboard.with_dashboard",
        "SHOW_HISTORY": True,
        "SHOW_VIEW_ON_SITE": False,
        "SHOW_BACK_BUTTON": True,
        "STYLES": [lambda request: static("css/admin/console.css")],
        "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": navigation},
    }
