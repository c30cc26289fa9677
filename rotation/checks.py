"""What makes it unsafe to open the doors, said before they open."""

from ipaddress import ip_address

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def check_addresses(**_: object) -> list[CheckMessage]:
    """Without TLS, nothing listens where other machines can reach it."""
    addresses = {"CLAWCHAT_BIND": settings.CLAWCHAT_BIND}
    if settings.CLAWCHAT_FRONT is not None:
        addresses["CLAWCHAT_FRONT"] = settings.CLAWCHAT_FRONT[0]
    return [
        Error(
            f"{name} is {address}, which other machines can reach, and this server does not speak TLS yet.",
            hint="Set it to 127.0.0.1 and let people in another way, for example through an SSH tunnel.",
            id="clawchat.E301",
        )
        for name, address in addresses.items()
        if not _is_loopback(address)
    ]


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
