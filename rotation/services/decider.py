"""The decider: what is due now, derived from the rows and the clock. Run it as often as you like, from anywhere."""

from django.db.models import F

from chat.services.succession import finish_handover
from rotation.models import Node

from .announcing import alert_if_late, announce
from .burning import advance_burn, burn_under_way, hasten_ports
from .homes import homes_of, running_nodes
from .opening import end_grace, let_go_surplus, open_ports
from .plan import instant, rotation_plan
from .planning import bring_forward, plan_ports
from .renewing import replace_known_ports
from .tripwires import tend_tripwires
from .watching import watch


def tick(now: int, *, visit_all_mirrors: bool = False) -> None:
    """Take every step that is due: hand over, plan, announce, open, drain, replace, arm, close. Two at once do no harm.

    With `visit_all_mirrors` it puts the file on every mirror itself and waits for the slowest; otherwise tasks do.
    Units: seconds since 1970.
    """
    plan = rotation_plan()
    finish_handover(instant(now))
    nodes = running_nodes(instant(now))
    watch(nodes, plan, now)
    burn = burn_under_way()
    if burn is not None:
        hasten_ports(burn, instant(now))
    for home in homes_of(nodes, plan):
        replace_known_ports(home, now)
        bring_forward(home, now)
        open_ports(home, now)
        let_go_surplus(home, now)
        end_grace(home, now)
        tend_tripwires(home, now)
        plan_ports(home, now)
    # Read again: what is published must be what stands in the rows, whoever has moved them meanwhile.
    homes = homes_of(nodes, plan)
    announce(homes, plan, now, visit_all_mirrors)
    for home in homes:
        open_ports(home, now)
        alert_if_late(home, now)
    if burn is not None:
        advance_burn(burn)
    Node.objects.filter(pk__in=[node.pk for node in nodes]).update(ticks=F("ticks") + 1)
