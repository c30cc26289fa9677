"""Checks of groups: a Welcome by itself, and a member who joins and follows others' commits."""

from collections.abc import Callable, Mapping
from typing import Any

from clawchat.mls.codec import Reader
from clawchat.mls.framing import MLSMessage
from clawchat.mls.group import Group
from clawchat.mls.joining import parse_welcome
from clawchat.mls.key_package import KeyPackage, KeyPackageSecrets
from clawchat.mls.key_schedule import KeySchedule, epoch_secret
from clawchat.mls.member import Member
from clawchat.mls.psk import PreSharedKeyID, PSKType, psk_secret
from clawchat.mls.rules import OpenRules
from clawchat.mls.suite import CipherSuite
from clawchat.mls.vector_suites import signer
from clawchat.mls.vectors.checking import same, unhex

Case = dict[str, Any]


def check_welcome(case: Case, suite: CipherSuite) -> None:
    """The secrets and the GroupInfo in it, its signature and its confirmation tag."""
    package = _read_key_package(case["key_package"])
    package.verify(suite)
    welcome = parse_welcome(unhex(case["welcome"]))
    secrets = welcome.open_secrets(suite, KeyPackageSecrets(package, unhex(case["init_priv"]), b""))
    no_psk = psk_secret(suite, ())
    group_info = welcome.open_group_info(suite, secrets.joiner_secret, no_psk)
    group_info.verify(suite, unhex(case["signer_pub"]))
    context = group_info.group_context
    schedule, _ = KeySchedule.derive(suite, epoch_secret(suite, secrets.joiner_secret, no_psk, context))
    schedule.check_confirmation_tag(context.confirmed_transcript_hash, group_info.confirmation_tag)


def check_passive_client(case: Case, suite: CipherSuite) -> None:
    """One member from its Welcome on: the same epoch authenticator after every commit."""
    external = {unhex(each["psk_id"]): unhex(each["psk"]) for each in case["external_psks"]}
    past: dict[int, bytes] = {}

    def find_psk(identifier: PreSharedKeyID) -> bytes | None:
        if identifier.psktype is PSKType.EXTERNAL:
            return external.get(identifier.psk_id)
        return past.get(identifier.psk_epoch)

    package = _read_key_package(case["key_package"])
    secrets = KeyPackageSecrets(package, unhex(case["init_priv"]), unhex(case["encryption_priv"]))
    leaf = package.leaf_node
    sign = signer(suite, unhex(case["signature_priv"]))
    member = Member(suite, leaf.credential.identity, leaf.signature_key, sign)
    tree = unhex(case["ratchet_tree"]) if case["ratchet_tree"] else None
    group = Group.join(member, secrets, unhex(case["welcome"]), None, rules=OpenRules(find_psk), tree=tree)
    same("initial_epoch_authenticator", group.epoch_authenticator, case["initial_epoch_authenticator"])
    for epoch in case["epochs"]:
        past[group.epoch] = group.state.epoch.schedule.resumption_psk
        for message in (*epoch["proposals"], epoch["commit"]):
            group = group.open(unhex(message)).group
        # What is stored is all that is needed to go on.
        group = Group.load(member, group.rows(), rules=group.rules)
        same("epoch_authenticator", group.epoch_authenticator, epoch["epoch_authenticator"])


def _read_key_package(message: str) -> KeyPackage:
    reader = Reader(MLSMessage.parse(unhex(message)).body)
    package = KeyPackage.read(reader)
    reader.end()
    return package


CHECKS: Mapping[str, Callable[[Case, CipherSuite], None]] = {
    "welcome": check_welcome,
    "passive-client-welcome": check_passive_client,
    "passive-client-handling-commit": check_passive_client,
    "passive-client-random": check_passive_client,
}
