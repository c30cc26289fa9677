"""A home with a router, in network namespaces: a machine, the router with a real miniupnpd, and the world.

Nothing leaves this machine: the world is one namespace, with one machine in it.
"""

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.e2e.networks import Namespace, join

LAN, MACHINE, GATEWAY = "192.168.77.0/24", "192.168.77.2", "192.168.77.1"
NEIGHBOUR = "192.168.77.3"
# Routers refuse to let anything in by an address of the ranges for documentation, so these look like anybody's.
OUTSIDE = "128.66.0.1"
START_SECONDS = 60

RULES = """
table inet filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "lan" accept
        jump miniupnpd
    }
    chain miniupnpd { }
    chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
    chain postrouting { type nat hook postrouting priority 100;
        jump postrouting_miniupnpd; oifname "world" masquerade; }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
}
"""
FLUSH = "".join(
    f"flush chain inet filter {chain}\n" for chain in ("miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd")
)
CONFIGURATION = """
ext_ifname=world
listening_ip=lan
enable_upnp={upnp}
enable_natpmp={natpmp}
min_lifetime=5
secure_mode={secure}
system_uptime=no
uuid=6ba7b810-9dad-41d1-80b4-00c04fd430c8
upnp_table_name=filter
upnp_nat_table_name=filter
{allowed}
deny 0-65535 0.0.0.0/0 0-65535
"""
HIGH_PORTS = f"allow 1024-65535 {LAN} 1024-65535"


class Home:
    """The three namespaces, with cables between them; `start_router` makes the router one that can be asked."""

    def __init__(self, folder: Path, outside: str = OUTSIDE) -> None:
        self.lan, self.router, self.world = Namespace("lan"), Namespace("router"), Namespace("world")
        # The router's address on its other side, and that of the machine there.
        self.outside = outside
        self.somebody = outside.rpartition(".")[0] + ".9"
        self._folder = folder
        self._stack = ExitStack()
        self._daemon: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        for namespace in (self.lan, self.router, self.world):
            self._stack.enter_context(namespace)
        try:
            join(self.lan, f"{MACHINE}/24", self.router, f"{GATEWAY}/24")
            join(self.router, f"{self.outside}/24", self.world, f"{self.somebody}/24")
            self.lan.route_by(GATEWAY)
            self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
            self.router.run("nft", "-f", "-", input=RULES)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop_router()
        finally:
            self._stack.close()

    def start_router(
        self, upnp: bool = True, natpmp: bool = True, allowed: str = HIGH_PORTS, secure: bool = True
    ) -> None:
        """Let it be asked to let ports in; one that is not secure lets a machine ask for another one."""
        configuration, log = self._folder / "miniupnpd.conf", self._folder / "miniupnpd.log"
        words = {True: "yes", False: "no"}
        configuration.write_text(
            CONFIGURATION.format(upnp=words[upnp], natpmp=words[natpmp], allowed=allowed, secure=words[secure])
        )
        with log.open("wb") as output:
            self._daemon = self.router.start(
                "miniupnpd",
                "-d",
                "-f",
                str(configuration),
                "-P",
                str(self._folder / "pid"),
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(log.read_text(errors="replace"), upnp, natpmp):
            assert self._daemon.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def stop_router(self, forgets: bool = True) -> None:
        """Nobody answers there any more; one that forgets lets nothing in either, as after a power cut."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None
            if forgets:
                self.router.run("nft", "-f", "-", input=FLUSH)

    def log(self) -> str:
        """What the router says."""
        return (self._folder / "miniupnpd.log").read_text(errors="replace")


def _answers(log: str, upnp: bool, natpmp: bool) -> bool:
    """Whether a router that says this can be asked."""
    return (not upnp or "HTTP listening on" in log) and (not natpmp or "Listening for NAT-PMP" in log)
