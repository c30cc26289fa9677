"""The pairs by which devices prove themselves to this server."""

from chat.models import Device
from chat.services.devices import want_new_pairs
from rotation.wording import counted

from .key_kinds import NOBODY, KeyKind, Order


class DevicesKind(KeyKind):
    """What the server and one device share: mixed into every session of it."""

    name = "devices"
    help = "have every device take another secret of its own with this server"

    def standing(self) -> str:
        """Of how many devices, and how many of those were asked and still use the one from before."""
        line = f"of {counted(Device.objects.listed().count(), 'device')}"
        left = Device.objects.due().count()
        if left:
            return f"{line}; {left} of them still use one from before it was asked for"
        return f"{line}; clients take new ones every 30 days by themselves"

    def prospect(self, order: Order) -> str:
        """Devices follow as they are connected."""
        return (
            "Every device that is connected takes a new secret at once and uses it from its next connection on; the "
            "others do so when they come. Until then the old one goes on working."
        )

    def change(self, order: Order) -> str:
        """Want them."""
        left = want_new_pairs(order.actor)
        return f"{NOBODY} {counted(left, 'device')} left to go over; without an option this command says how many are."
