"""Checks of what stands below the group: tree math, primitives, key schedule, secret tree, framing."""

from collections.abc import Callable, Mapping
from typing import Any

from clawchat.mls import tree_math
from clawchat.mls.codec import Reader, vector_length
from clawchat.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    MLSMessage,
    Sender,
    WireFormat,
    encode_content,
    read_content,
)
from clawchat.mls.key_schedule import GroupContext, KeySchedule, epoch_secret, joiner_secret, welcome_secret
from clawchat.mls.private_message import PrivateMessage, sender_data_key
from clawchat.mls.psk import PreSharedKeyID, PSKType, psk_secret
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.secret_tree import RatchetKind, SecretTree
from clawchat.mls.suite import CipherSuite, Signer
from clawchat.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from clawchat.mls.vector_suites import signer
from clawchat.mls.vectors.checking import counted, same, unhex

Case = dict[str, Any]


def check_tree_math(case: Case) -> None:
    """Every neighbour of every node; None where there is none."""
    leaves, width = case["n_leaves"], case["n_nodes"]
    same("n_nodes", tree_math.node_width(leaves), width)
    same("n_leaves", tree_math.leaf_count(width), leaves)
    root = tree_math.root(leaves)
    same("root", root, case["root"])
    for node in range(width):
        leaf, top = tree_math.is_leaf(node), node == root
        same("left", None if leaf else tree_math.left(node), case["left"][node])
        same("right", None if leaf else tree_math.right(node), case["right"][node])
        same("parent", None if top else tree_math.parent(node), case["parent"][node])
        same("sibling", None if top else tree_math.sibling(node), case["sibling"][node])


def check_deserialization(case: Case) -> None:
    """A length reads, and is written in the same form."""
    reader = Reader(unhex(case["vlbytes_header"]))
    same("length", reader.vector_length(), case["length"])
    reader.end()
    same("vlbytes_header", vector_length(case["length"]), case["vlbytes_header"])


def check_crypto_basics(case: Case, suite: CipherSuite) -> None:
    """Each function with a label; signing and sealing both ways."""
    part = case["ref_hash"]
    same("ref_hash", suite.ref_hash(part["label"], unhex(part["value"])), part["out"])
    part = case["expand_with_label"]
    expanded = suite.expand_with_label(unhex(part["secret"]), part["label"], unhex(part["context"]), part["length"])
    same("expand_with_label", expanded, part["out"])
    part = case["derive_secret"]
    same("derive_secret", suite.derive_secret(unhex(part["secret"]), part["label"]), part["out"])
    part = case["derive_tree_secret"]
    derived = suite.derive_tree_secret(unhex(part["secret"]), part["label"], part["generation"], part["length"])
    same("derive_tree_secret", derived, part["out"])

    part = case["sign_with_label"]
    public, label, content = unhex(part["pub"]), part["label"], unhex(part["content"])
    suite.verify_with_label(public, label, content, unhex(part["signature"]))
    ours = suite.sign_with_label(signer(suite, unhex(part["priv"])), label, content)
    suite.verify_with_label(public, label, content, ours)

    part = case["encrypt_with_label"]
    secret, label, context = unhex(part["priv"]), part["label"], unhex(part["context"])
    kem_output, sealed = unhex(part["kem_output"]), unhex(part["ciphertext"])
    same("plaintext", suite.decrypt_with_label(secret, label, context, kem_output, sealed), part["plaintext"])
    kem_output, sealed = suite.encrypt_with_label(unhex(part["pub"]), label, context, unhex(part["plaintext"]))
    same("plaintext of ours", suite.decrypt_with_label(secret, label, context, kem_output, sealed), part["plaintext"])


def check_secret_tree(case: Case, suite: CipherSuite) -> None:
    """Keys and nonces of every leaf and kind at the named generations, and the sender data's."""
    part = case["sender_data"]
    key, nonce = sender_data_key(suite, unhex(part["sender_data_secret"]), unhex(part["ciphertext"]))
    same("sender data key", key, part["key"])
    same("sender data nonce", nonce, part["nonce"])
    tree = SecretTree.make(suite, len(case["leaves"]), unhex(case["encryption_secret"]))
    for leaf, generations in enumerate(case["leaves"]):
        for each in generations:
            for kind, name in ((RatchetKind.HANDSHAKE, "handshake"), (RatchetKind.APPLICATION, "application")):
                tree, key, nonce = tree.key(leaf, kind, each["generation"])
                same(f"{name} key", key, each[f"{name}_key"])
                same(f"{name} nonce", nonce, each[f"{name}_nonce"])


def check_key_schedule(case: Case, suite: CipherSuite) -> None:
    """Epoch after epoch, each from the init secret of the one before."""
    init_secret = unhex(case["initial_init_secret"])
    for number, epoch in enumerate(case["epochs"]):
        hashes = unhex(epoch["tree_hash"]), unhex(epoch["confirmed_transcript_hash"])
        context = GroupContext(suite.number, unhex(case["group_id"]), number, *hashes, ())
        same("group_context", context.encode(), epoch["group_context"])
        joiner = joiner_secret(suite, init_secret, unhex(epoch["commit_secret"]), context)
        same("joiner_secret", joiner, epoch["joiner_secret"])
        psk = unhex(epoch["psk_secret"])
        same("welcome_secret", welcome_secret(suite, joiner, psk), epoch["welcome_secret"])
        schedule, encryption_secret = KeySchedule.derive(suite, epoch_secret(suite, joiner, psk, context))
        same("encryption_secret", encryption_secret, epoch["encryption_secret"])
        for name in _SCHEDULE:
            same(name, getattr(schedule, name), epoch[name])
        same("external_pub", schedule.external_key_pair().public, epoch["external_pub"])
        part = epoch["exporter"]
        same("exporter", schedule.export(part["label"], unhex(part["context"]), part["length"]), part["secret"])
        init_secret = schedule.init_secret


def check_psk_secret(case: Case, suite: CipherSuite) -> None:
    """External pre-shared keys, mixed in their order."""
    psks = [
        (
            PreSharedKeyID(PSKType.EXTERNAL, unhex(each["psk_id"]), 0, b"", 0, unhex(each["psk_nonce"])),
            unhex(each["psk"]),
        )
        for each in case["psks"]
    ]
    same("psk_secret", psk_secret(suite, psks), case["psk_secret"])


def check_transcript_hashes(case: Case, suite: CipherSuite) -> None:
    """One commit: both hashes, and its confirmation tag."""
    encoded = unhex(case["authenticated_content"])
    reader = Reader(encoded)
    commit = AuthenticatedContent.read(reader)
    reader.end()
    same("authenticated_content", commit.encode(), encoded)
    before = unhex(case["interim_transcript_hash_before"])
    confirmed = confirmed_transcript_hash(suite, before, commit.confirmed_input())
    same("confirmed_transcript_hash_after", confirmed, case["confirmed_transcript_hash_after"])
    tag = commit.confirmation_tag or b""
    suite.check_mac(unhex(case["confirmation_key"]), confirmed, tag)
    interim = interim_transcript_hash(suite, confirmed, tag)
    same("interim_transcript_hash_after", interim, case["interim_transcript_hash_after"])


def check_message_protection(case: Case, suite: CipherSuite) -> None:
    """Messages of the member at leaf 1 in a tree of two: theirs open, and ours do, public and private."""
    hashes = unhex(case["tree_hash"]), unhex(case["confirmed_transcript_hash"])
    context = GroupContext(suite.number, unhex(case["group_id"]), case["epoch"], *hashes, ())
    for name, content_type in _CONTENTS:
        content = case[name] if content_type is not ContentType.APPLICATION else _application(case[name])
        theirs = _open_private(case, suite, context, unhex(case[f"{name}_priv"]))
        same(name, encode_content(theirs.content.content), content)
        ours = _protect_private(case, suite, context, content_type)
        same(f"{name} of ours", encode_content(_open_private(case, suite, context, ours).content.content), content)
        if content_type is ContentType.APPLICATION:
            continue
        theirs = _open_public(case, suite, context, unhex(case[f"{name}_pub"]))
        same(f"public {name}", encode_content(theirs.content.content), content)
        ours = _protect_public(case, suite, context, content_type)
        same(
            f"public {name} of ours", encode_content(_open_public(case, suite, context, ours).content.content), content
        )


def _application(data: str) -> str:
    return encode_content(unhex(data)).hex()


def _open_private(case: Case, suite: CipherSuite, context: GroupContext, message: bytes) -> AuthenticatedContent:
    envelope = MLSMessage.parse(message)
    same("wire format", envelope.wire_format, WireFormat.PRIVATE_MESSAGE)
    private = PrivateMessage.parse(envelope.body)
    same("message", MLSMessage(WireFormat.PRIVATE_MESSAGE, private.encode()).encode(), message)
    tree = SecretTree.make(suite, 2, unhex(case["encryption_secret"]))
    _, content = private.unprotect(suite, tree, unhex(case["sender_data_secret"]))
    content.verify(suite, unhex(case["signature_pub"]), context)
    return content


def _open_public(case: Case, suite: CipherSuite, context: GroupContext, message: bytes) -> AuthenticatedContent:
    envelope = MLSMessage.parse(message)
    same("wire format", envelope.wire_format, WireFormat.PUBLIC_MESSAGE)
    public = PublicMessage.parse(envelope.body)
    same("message", MLSMessage(WireFormat.PUBLIC_MESSAGE, public.encode()).encode(), message)
    content = public.unprotect(suite, unhex(case["membership_key"]), context)
    content.verify(suite, unhex(case["signature_pub"]), context)
    return content


def _sign(
    case: Case, suite: CipherSuite, context: GroupContext, content_type: ContentType, wire_format: WireFormat
) -> AuthenticatedContent:
    name = next(each for each, its_type in _CONTENTS if its_type is content_type)
    encoded = unhex(case[name]) if content_type is not ContentType.APPLICATION else encode_content(unhex(case[name]))
    content = FramedContent(
        context.group_id,
        context.epoch,
        Sender.member(1),
        b"",
        content_type,
        read_content(Reader(encoded), content_type),
    )
    sign: Signer = signer(suite, unhex(case["signature_priv"]))
    signed = AuthenticatedContent.sign(suite, sign, wire_format, content, context)
    # The vectors say nothing of the confirmation key; any tag has the right shape.
    return signed.with_tag(bytes(suite.Nh)) if content_type is ContentType.COMMIT else signed


def _protect_private(case: Case, suite: CipherSuite, context: GroupContext, content_type: ContentType) -> bytes:
    signed = _sign(case, suite, context, content_type, WireFormat.PRIVATE_MESSAGE)
    tree = SecretTree.make(suite, 2, unhex(case["encryption_secret"]))
    secret = unhex(case["sender_data_secret"])
    _, message = PrivateMessage.protect(suite, signed, tree, secret, counted())
    return MLSMessage(WireFormat.PRIVATE_MESSAGE, message.encode()).encode()


def _protect_public(case: Case, suite: CipherSuite, context: GroupContext, content_type: ContentType) -> bytes:
    signed = _sign(case, suite, context, content_type, WireFormat.PUBLIC_MESSAGE)
    message = PublicMessage.protect(suite, signed, unhex(case["membership_key"]), context)
    return MLSMessage(WireFormat.PUBLIC_MESSAGE, message.encode()).encode()


_CONTENTS = (
    ("proposal", ContentType.PROPOSAL),
    ("commit", ContentType.COMMIT),
    ("application", ContentType.APPLICATION),
)
_SCHEDULE = (
    "init_secret",
    "sender_data_secret",
    "exporter_secret",
    "external_secret",
    "confirmation_key",
    "membership_key",
    "resumption_psk",
    "epoch_authenticator",
)
PLAIN_CHECKS: Mapping[str, Callable[[Case], None]] = {
    "tree-math": check_tree_math,
    "deserialization": check_deserialization,
}
CHECKS: Mapping[str, Callable[[Case, CipherSuite], None]] = {
    "crypto-basics": check_crypto_basics,
    "secret-tree": check_secret_tree,
    "key-schedule": check_key_schedule,
    "psk_secret": check_psk_secret,
    "transcript-hashes": check_transcript_hashes,
    "message-protection": check_message_protection,
}
