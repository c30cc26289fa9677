"""Runs inside a server's installation: what looking up a PSK takes, for ids that somebody has and ones that nobody has.

`knocking.py` asks the running server.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from chat.models import Device, Invite
from chat.services.credentials import find_credential
from chat.services.identity import server_keys
from chat.services.policy import current_policy
from chat.services.sealed import seal_device_psk, seal_invite_psk
from clawchat.protocol.credential import device_id
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.handshake import ClientHandshake, ServerHandshake
from clawchat.protocol.keys import DeviceKey, DevicePublic, PreSharedKey
from clawchat.protocol.primitives import random_bytes
from rotation.models import LeaseState, PortLease
from tests.bench.two_samples import Sampler, compare, timed
from tests.protocol.pairs import NOW_MS, pair

DEVICES = 40
SAMPLES = 4_000


def lookups() -> dict[str, Any]:
    """Find and verify, together, for one whose gate value and handshake are right."""
    devices = [_device() for _ in range(DEVICES)]
    pending = [_device(is_pending=True) for _ in range(DEVICES)]
    invites = [_invite() for _ in range(DEVICES)]
    nobody = _proofs([random_bytes(16) for _ in range(DEVICES)])
    found = {
        "PSK: unknown id, a device's id": _look_up(nobody, _proofs(devices)),
        "PSK: unknown id, a pending id": _look_up(nobody, _proofs(pending)),
        "PSK: unknown id, an invite's id": _look_up(nobody, _proofs(invites)),
    }
    return {name: compare(sampler, SAMPLES) for name, sampler in found.items()}


def let_everybody_knock() -> dict[str, Any]:
    """No limit on handshakes a second, before the server starts: the bench makes more than strangers may."""
    policy = current_policy()
    policy.handshakes_per_second = 10**6
    policy.save()
    return {}


def where() -> dict[str, Any]:
    """The chat port and what opens it, and PSK ids of devices in use, for `knocking.py`."""
    keys, lease = server_keys(), PortLease.objects.get(state=LeaseState.OPEN.value)
    return {
        "port": lease.port,
        "path": lease.path,
        "secret": bytes(keys.discovery_secret).hex(),
        "pin": bytes(keys.identity.public).hex(),
        "known": [_device().hex() for _ in range(DEVICES)],
    }


def _look_up(unknown: list[tuple[bytes, ServerHandshake]], known: list[tuple[bytes, ServerHandshake]]) -> Sampler:
    turns = [iter(()), iter(())]

    def make(second: bool) -> tuple[bytes, ServerHandshake]:
        try:
            return next(turns[second])
        except StopIteration:
            turns[second] = iter((unknown, known)[second])
            return next(turns[second])

    def ask(proof: tuple[bytes, ServerHandshake]) -> None:
        psk_id, handshake = proof
        credential = find_credential(psk_id)
        try:
            handshake.verify(credential.psk, credential.device_public)
        except Unauthentic:
            return
        raise AssertionError("nobody knows these secrets")

    return timed(make, ask)


def _proofs(psk_ids: list[bytes]) -> list[tuple[bytes, ServerHandshake]]:
    """H3 with each of these ids, made by somebody who knows no secret, received and not yet judged: a refusal changes
    nothing, so it can be judged again."""
    return [(psk_id, _received(psk_id)) for psk_id in psk_ids]


def _received(psk_id: bytes) -> ServerHandshake:
    both, device = pair(), DeviceKey.generate()
    public = both.gate.server_public
    client = ClientHandshake(
        public, both.gate.gate_key, psk_id, PreSharedKey.generate(), device.public, device.sign, ""
    )
    both.server.receive_client_auth(
        client.receive_server_hello(both.server.receive_hello(client.hello(), NOW_MS), NOW_MS)
    )
    return both.server


def _device(is_pending: bool = False) -> bytes:
    public = DevicePublic(bytes(DeviceKey.generate().public))
    psk_id, identifier = random_bytes(16), device_id(public)
    sealed = seal_device_psk(identifier, PreSharedKey.generate())
    pair_ = {"pending_psk_id": psk_id, "pending_psk_sealed": sealed} if is_pending else {}
    pair_ = pair_ or {"psk_id": psk_id, "psk_sealed": sealed}
    Device.objects.create(device_id=identifier, public=bytes(public), **pair_)
    return psk_id


def _invite() -> bytes:
    invite_id = random_bytes(16)
    sealed = seal_invite_psk(invite_id, PreSharedKey.generate())
    Invite.objects.create(invite_id=invite_id, psk_sealed=sealed, expires_at=timezone.now() + timedelta(days=1))
    return invite_id
