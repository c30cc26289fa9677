"""UPnP against a gateway device that says what the test wants; a real one is in tests/e2e/test_reach.py."""

import asyncio
import re
from collections.abc import Callable

import pytest
from aiohttp import web

from rotation.reach.router import NoAnswer, Refused, Taken
from rotation.reach.upnp import MOST_BYTES, Upnp, _location_of, _services_at

PORT, OURS, NAME = 50_000, "192.168.77.2", "ClawChat alpha"
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
DEVICE = f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>r</friendlyName>
<manufacturer>m</manufacturer><modelName>m</modelName><UDN>uuid:1</UDN><serviceList>
<service><serviceType>{SERVICE}</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<SCPDURL>/scpd.xml</SCPDURL><controlURL>/first</controlURL><eventSubURL>/events</eventSubURL></service>
<service><serviceType>{SERVICE.replace("IP", "PPP")}</serviceType>
<serviceId>urn:upnp-org:serviceId:WANPPPConn1</serviceId>
<SCPDURL>/scpd.xml</SCPDURL><controlURL>/second</controlURL><eventSubURL>/events</eventSubURL></service>
</serviceList></device></root>"""
TYPES = {
    "NewRemoteHost": "string",
    "NewExternalPort": "ui2",
    "NewProtocol": "string",
    "NewInternalPort": "ui2",
    "NewInternalClient": "string",
    "NewEnabled": "boolean",
    "NewPortMappingDescription": "string",
    "NewLeaseDuration": "ui4",
    "NewExternalIPAddress": "string",
    "NewPortMappingIndex": "ui2",
}
ENTRY = list(TYPES)[:8]
# What goes in, what comes out.
ACTIONS = {
    "AddPortMapping": (ENTRY, []),
    "DeletePortMapping": (ENTRY[:3], []),
    "GetSpecificPortMappingEntry": (ENTRY[:3], ENTRY[3:]),
    "GetGenericPortMappingEntry": (["NewPortMappingIndex"], ENTRY),
    "GetExternalIPAddress": ([], ["NewExternalIPAddress"]),
}
NO_SUCH_ENTRY, PAST_THE_END, CONFLICT, ONLY_FOR_GOOD, UNAUTHORIZED = 714, 713, 718, 725, 606


def scpd() -> str:
    """What the service says that it can do."""

    def argument(name: str, direction: str) -> str:
        return (
            f"<argument><name>{name}</name><direction>{direction}</direction>"
            f"<relatedStateVariable>{name}</relatedStateVariable></argument>"
        )

    actions = "".join(
        f"<action><name>{name}</name><argumentList>"
        + "".join(argument(one, "in") for one in goes_in)
        + "".join(argument(one, "out") for one in comes_out)
        + "</argumentList></action>"
        for name, (goes_in, comes_out) in ACTIONS.items()
    )
    variables = "".join(
        f'<stateVariable sendEvents="no"><name>{name}</name><dataType>{kind}</dataType></stateVariable>'
        for name, kind in TYPES.items()
    )
    return (
        '<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0'
        f"</minor></specVersion><actionList>{actions}</actionList>"
        f"<serviceStateTable>{variables}</serviceStateTable></scpd>"
    )


class FakeGateway:
    """A device whose `answer(path, action, arguments)` gives what comes out, or the number of an error."""

    def __init__(
        self, answer: Callable[[str, str, dict[str, str]], dict[str, object] | int], reason: str = "No"
    ) -> None:
        self.answer, self.reason = answer, reason
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def control(self, request: web.Request) -> web.Response:
        body = await request.text()
        service, _, action = request.headers["SOAPAction"].strip('"').partition("#")
        arguments = {name: text for name, text in re.findall(r"<(New\w+)>([^<]*)</", body)}
        self.asked.append((action, arguments))
        said = self.answer(request.path, action, arguments)
        if isinstance(said, int):
            detail = f"<errorCode>{said}</errorCode><errorDescription>{self.reason}</errorDescription>"
            inner = (
                "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
                f'<UPnPError xmlns="urn:schemas-upnp-org:control-1-0">{detail}</UPnPError></detail></s:Fault>'
            )
        else:
            values = "".join(f"<{name}>{value}</{name}>" for name, value in said.items())
            inner = f'<u:{action}Response xmlns:u="{service}">{values}</u:{action}Response>'
        text = (
            '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            f's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>{inner}</s:Body></s:Envelope>'
        )
        return web.Response(text=text, content_type="text/xml", status=500 if isinstance(said, int) else 200)


def ask(gateway: FakeGateway, talk: Callable):
    """What `talk(router)` returns, for the gateway's first service that lets ports in."""

    async def run():
        application = web.Application()
        application.router.add_get("/device.xml", _saying(DEVICE))
        application.router.add_get("/scpd.xml", _saying(scpd()))
        application.router.add_post("/{which}", gateway.control)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            services = await _services_at(f"http://127.0.0.1:{runner.addresses[0][1]}/device.xml")
            assert len(services) == 2
            return await talk([Upnp(service, OURS, NAME) for service in services])
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def _saying(text: str) -> Callable:
    """A page with this text."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/xml")

    return page


def entry(port: int = PORT, client: str = OURS, name: str = NAME, protocol: str = "TCP") -> dict[str, object]:
    """A row of the gateway's table."""
    return dict(zip(ENTRY, ["", port, protocol, port, client, 1, name, 600], strict=True))


def test_a_port_is_asked_for_with_every_word():
    """By its own number, for us, under our name, for so long; from anybody, which is an empty word."""
    gateway = FakeGateway(lambda *_: {})

    assert ask(gateway, lambda routers: routers[0].map(PORT, 600)) == 600
    wanted = dict(zip(ENTRY, ["", "50000", "TCP", "50000", OURS, "1", NAME, "600"], strict=True))
    assert gateway.asked == [("AddPortMapping", wanted)]


def test_a_router_that_knows_no_time_is_asked_for_good():
    """It says so by a number, and is asked again."""
    gateway = FakeGateway(lambda _path, _action, said: {} if said["NewLeaseDuration"] == "0" else ONLY_FOR_GOOD)

    assert ask(gateway, lambda routers: routers[0].map(PORT, 600)) == 0


@pytest.mark.parametrize(
    ("code", "error", "sentence"),
    [(CONFLICT, Taken, "somebody else in by port 50000"), (UNAUTHORIZED, Refused, r"refuses: No \(606\)")],
)
def test_a_no_is_told_from_a_conflict(code, error, sentence):
    """One of them means that another port would do."""
    with pytest.raises(error, match=sentence):
        ask(FakeGateway(lambda *_: code), lambda routers: routers[0].map(PORT, 600))


def test_ending_what_is_not_there_is_none_the_worse():
    """Another no is one."""
    ask(FakeGateway(lambda *_: NO_SUCH_ENTRY), lambda routers: routers[0].unmap(PORT))

    with pytest.raises(Refused):
        ask(FakeGateway(lambda *_: UNAUTHORIZED), lambda routers: routers[0].unmap(PORT))


@pytest.mark.parametrize(("said", "forgotten"), [(entry(), False), (entry(client="192.168.77.9"), True), (714, True)])
def test_a_router_has_forgotten_what_leads_to_another(said, forgotten):
    """Or to nobody."""
    said = said if isinstance(said, int) else {name: said[name] for name in ENTRY[3:]}

    assert ask(FakeGateway(lambda *_: said), lambda routers: routers[0].has_forgotten(PORT)) is forgotten


def test_leftovers_are_ours_alone():
    """Another machine's, another program's and UDP are not touched."""
    rows = [
        entry(1),
        entry(2, client="192.168.77.9"),
        entry(3, name="ClawChat beta"),
        entry(4, protocol="UDP"),
        entry(5),
    ]

    def answer(_path, _action, said):
        index = int(said["NewPortMappingIndex"])
        return rows[index] if index < len(rows) else PAST_THE_END

    assert ask(FakeGateway(answer), lambda routers: routers[0].leftovers()) == {1, 5}


def test_the_way_out_that_is_in_use_counts():
    """A device may have one for the cable and one for the telephone."""
    gateway = FakeGateway(
        lambda path, *_: {"NewExternalIPAddress": "0.0.0.0" if path == "/first" else "128.66.0.1"},
    )

    async def talk(routers):
        return await (await Upnp._connected(routers)).external_address()

    assert ask(gateway, talk) == "128.66.0.1"


def test_a_router_without_an_address_is_not_connected():
    """Its answer is empty."""
    gateway = FakeGateway(lambda *_: {"NewExternalIPAddress": ""})

    with pytest.raises(NoAnswer, match="has no address outside"):
        ask(gateway, lambda routers: routers[0].external_address())


def test_a_router_that_went_away_does_not_answer():
    """Nobody listens there any more."""
    routers = ask(FakeGateway(lambda *_: {}), _keep)

    with pytest.raises(NoAnswer, match="does not answer to UPnP any more"):
        asyncio.run(routers[0].map(PORT, 600))


def test_what_a_router_says_is_no_command_for_a_terminal():
    """Its reason is shown to the operator: in short, and without signs that nobody sees."""
    gateway = FakeGateway(lambda *_: UNAUTHORIZED, "No" + "&#10;&#155;2J" * 100)

    with pytest.raises(Refused) as refused:
        ask(gateway, lambda routers: routers[0].map(PORT, 600))

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize("kind", ["sends us on", "never ends", "explodes"])
def test_a_device_that_means_us_ill_is_none(kind):
    """It sends us to another machine, fills our memory, or describes itself by entities."""
    reached = []

    async def device(request: web.Request) -> web.StreamResponse:
        if kind == "sends us on":
            raise web.HTTPTemporaryRedirect("/elsewhere.xml")
        if kind == "explodes":
            return web.Response(text=f'<!DOCTYPE root [<!ENTITY a "a">]>{DEVICE.partition("?>")[2]}')
        response = web.StreamResponse()
        await response.prepare(request)
        while len(reached) < 2 * MOST_BYTES:
            reached.append(1)
            await response.write(b" " * 65_536)
        return response

    async def elsewhere(_request: web.Request) -> web.Response:
        reached.append("elsewhere")
        return web.Response(text=DEVICE)

    async def run() -> list:
        application = web.Application()
        application.router.add_get("/device.xml", device)
        application.router.add_get("/elsewhere.xml", elsewhere)
        application.router.add_get("/scpd.xml", _saying(scpd()))
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return await _services_at(f"http://127.0.0.1:{runner.addresses[0][1]}/device.xml")
        finally:
            await runner.cleanup()

    assert asyncio.run(run()) == []
    assert "elsewhere" not in reached
    # What fits into the buffers between us, and not much more than we read.
    assert len(reached) * 65_536 < 64 * MOST_BYTES


async def _keep(routers):
    return routers


@pytest.mark.parametrize(
    ("location", "is_believed"),
    [
        ("http://192.168.77.1:5000/device.xml", True),
        ("http://192.168.77.9:5000/device.xml", False),
        ("http://169.254.169.254/device.xml", False),
        ("file:///etc/passwd", False),
        ("http://[192.168.77.1/", False),
        ("", False),
    ],
)
def test_who_sends_us_elsewhere_is_not_believed(location, is_believed):
    """A device describes itself on itself."""
    answer = {"location": location, "_remote_addr": ("192.168.77.1", 1900)}

    assert (_location_of(answer) == location) is is_believed
    assert _location_of({"location": location}) is None


def test_what_is_no_device_has_no_service():
    """A page in its place, or nobody."""

    async def at(text: str) -> list:
        application = web.Application()
        application.router.add_get("/device.xml", _saying(text))
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/device.xml"
        try:
            return await _services_at(address)
        finally:
            await runner.cleanup()

    assert asyncio.run(at("<html>")) == []
    assert asyncio.run(at("<html/>")) == []
    assert asyncio.run(_services_at("http://127.0.0.1:1/device.xml")) == []
