"""The way out of this machine, as Linux writes it."""

from rotation.reach.gateway import gateway_of

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def test_the_gateway_is_that_of_the_default_route():
    """Addresses stand there byte by byte the other way round; routes to neighbours have no gateway."""
    near = "eth0\t004DA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    default = "eth0\t00000000\t014DA8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"

    assert gateway_of(HEAD + near + default) == "192.168.77.1"


def test_of_two_the_nearer_counts():
    """The one with the smaller metric, wherever it stands."""
    far = "wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
    near = "eth0\t00000000\t010010AC\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"

    assert gateway_of(HEAD + far + near) == gateway_of(HEAD + near + far) == "172.16.0.1"


def test_a_route_that_is_down_leads_nowhere():
    """Nor does one without a gateway, such as a tunnel's, or a table without a line."""
    down = "eth0\t00000000\t014DA8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n"
    tunnel = "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"

    assert gateway_of(HEAD + down + tunnel) is None
    assert gateway_of("") is None
