"""Key packages with one thing wrong, and honest ones of devices that are in no room."""

from dataclasses import replace

from clawchat.mls import labels
from clawchat.mls.key_package import KeyPackage
from clawchat.mls.nodes import Credential, CredentialType, Extension, LeafNode, LeafNodeSource
from clawchat.mls.profile import voucher_extension
from clawchat.protocol.keys import RootKey
from tests.mls.hostile.edwards import NEUTRAL, ORDER, SMALL_ORDER
from tests.mls.hostile.repeating import REPEATING_SUITE
from tests.mls.hostile.world import VOUCH, package, ruled
from tests.mls.members import ANNA, BERT, DORA, Device, key_pair, seed

SUITE = REPEATING_SUITE


def bad_packages() -> dict[str, tuple[KeyPackage, str, str | None]]:
    """Dora's key package with one thing wrong, signed by her unless that is what is wrong."""
    good = package("dora").package
    leaf = good.leaf_node
    identity = leaf.credential.identity
    own_root = RootKey(seed("self-made"))

    def of(changed: LeafNode, device: Device = DORA) -> KeyPackage:
        return signed(replace(good, leaf_node=changed.sign(SUITE, device.key.sign, b"", 0)), device)

    def who(changed: bytes) -> KeyPackage:
        return of(replace(leaf, credential=Credential(CredentialType.BASIC, changed)))

    bert_key = ruled().state("bert").epoch.own_leaf.encryption_key
    agent = Device("dora", 1, 2).identity().encode()
    return {
        "a self-made root": (who(identity[:34] + bytes(own_root.public) + identity[66:]), "invalid", "certificate"),
        "another user's id": (who(identity[:1] + ANNA.user + identity[17:]), "invalid", "certificate"),
        "another device's id": (
            who(identity[:17] + BERT.identity().device_id + identity[33:]),
            "invalid",
            "certificate",
        ),
        "another device's identity": (who(ANNA.identity().encode()), "invalid", "certificate"),
        "a certificate for a human on an agent": (who(agent[:33] + b"\1" + agent[34:]), "invalid", "certificate"),
        "a later expiry than was certified": (who(identity[:74] + b"\0\x0f" + identity[76:]), "invalid", "certificate"),
        "an identity with a byte more": (who(identity + b"\0"), "invalid", "identity"),
        "an identity of version 2": (who(b"\2" + identity[1:]), "invalid", "identity"),
        "a third kind of device": (who(identity[:33] + b"\3" + identity[34:]), "invalid", "identity"),
        "a date beyond 2^53": (who(identity[:66] + b"\xff" * 8 + identity[74:]), "invalid", "identity"),
        "a voucher": (of(replace(leaf, extensions=(voucher_extension(VOUCH),))), "invalid", "leaf-extensions"),
        "an extension nobody knows": (
            of(replace(leaf, extensions=(Extension(0xFF00, b""),))),
            "invalid",
            "capabilities",
        ),
        "an application id": (of(replace(leaf, extensions=(Extension(1, b"x"),))), "invalid", "leaf-extensions"),
        "more capabilities": (
            of(replace(leaf, capabilities=replace(leaf.capabilities, proposals=(0xF123,)))),
            "invalid",
            "capabilities",
        ),
        "another suite, too": (
            of(replace(leaf, capabilities=replace(leaf.capabilities, cipher_suites=(0xF04E, 1)))),
            "invalid",
            "capabilities",
        ),
        "a leaf of a commit": (
            of(replace(leaf, leaf_node_source=LeafNodeSource.UPDATE, lifetime=None)),
            "invalid",
            "package-source",
        ),
        "an encryption key that is there": (
            of(replace(leaf, encryption_key=bert_key)),
            "invalid",
            "encryption-key-twice",
        ),
        "a coefficient out of range": (
            of(replace(leaf, encryption_key=b"\xff" * 3 + leaf.encryption_key[3:])),
            "malformed",
            None,
        ),
        "a last coefficient out of range": (
            of(replace(leaf, encryption_key=leaf.encryption_key[:1149] + b"\xff" * 3 + leaf.encryption_key[1152:])),
            "malformed",
            None,
        ),
        "an X25519 half of small order": (
            of(replace(leaf, encryption_key=leaf.encryption_key[:1184] + bytes(32))),
            "malformed",
            None,
        ),
        "a short encryption key": (of(replace(leaf, encryption_key=leaf.encryption_key[:-1])), "malformed", None),
        "a bad init key": (signed(replace(good, init_key=b"\xff" * 3 + good.init_key[3:])), "malformed", None),
        "a short init key": (signed(replace(good, init_key=b"")), "malformed", None),
        "an init key that is the leaf's": (
            signed(replace(good, init_key=leaf.encryption_key)),
            "invalid",
            "init-key",
        ),
        "another suite": (signed(replace(good, cipher_suite=1)), "invalid", "package-suite"),
        "another version": (signed(replace(good, version=2)), "invalid", "package-version"),
        "an extension": (signed(replace(good, extensions=(Extension(0xF0C1, b""),))), "invalid", "package-extensions"),
        "a false signature": (replace(good, signature=flipped(good.signature)), "unauthentic", None),
        "a false signature of the leaf": (
            signed(replace(good, leaf_node=replace(leaf, signature=flipped(leaf.signature)))),
            "unauthentic",
            None,
        ),
        "a signature with r = 0": (_lax(good, NEUTRAL), "unauthentic", None),
        "a signature key of small order": (_lax(good, SMALL_ORDER), "unauthentic", None),
        "a signature key that is not a point": (_lax(good, b"\2" + bytes(31)), "unauthentic", None),
        "a signature key in a second spelling": (_lax(good, b"\xee" + b"\xff" * 30 + b"\x7f"), "unauthentic", None),
        "a signature with S above the order": (_malleable(good), "unauthentic", None),
    }


def honest_package(device: Device) -> KeyPackage:
    """An honest key package of a device that is not in the world's list."""
    return signed(
        replace(
            package("dora").package,
            init_key=key_pair(device.person, device.number, "init").public,
            leaf_node=device.member().leaf(
                LeafNodeSource.KEY_PACKAGE,
                key_pair(device.person, device.number, "leaf").public,
                lifetime=package("dora").package.leaf_node.lifetime,
            ),
        ),
        device,
    )


def signed(changed: KeyPackage, device: Device = DORA) -> KeyPackage:
    """The key package under a signature that fits what it holds now."""
    signature = SUITE.sign_with_label(device.key.sign, labels.KEY_PACKAGE_TBS, changed._tbs())
    return replace(changed, signature=signature)


def flipped(signature: bytes) -> bytes:
    """Bytes whose last bit is another one."""
    return signature[:-1] + bytes([signature[-1] ^ 1])


def _lax(good: KeyPackage, key: bytes) -> KeyPackage:
    """What a careless verifier takes: under a small-order key R = neutral, S = 0 fits one message in eight."""
    signature = NEUTRAL + bytes(32)
    leaf = replace(good.leaf_node, signature_key=key, signature=signature)
    return replace(good, leaf_node=leaf, signature=signature)


def _malleable(good: KeyPackage) -> KeyPackage:
    scalar = int.from_bytes(good.signature[32:], "little") + ORDER
    return replace(good, signature=good.signature[:32] + scalar.to_bytes(32, "little"))
