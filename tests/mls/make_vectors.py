"""Writes tests/mls/vectors: the working group's formats in the room's own suite, which no file of theirs has.

`python -m tests.mls.make_vectors`. Made by the library in Python, read by both; each run draws new encapsulations.
"""

import json
from pathlib import Path
from typing import Any

from clawchat.mls import labels
from clawchat.mls.commit import Commit
from clawchat.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    MLSMessage,
    Sender,
    WireFormat,
    encode_content,
)
from clawchat.mls.key_schedule import GroupContext, KeySchedule, epoch_secret, joiner_secret, welcome_secret
from clawchat.mls.private_message import PrivateMessage, sender_data_key
from clawchat.mls.proposals import Remove
from clawchat.mls.psk import PreSharedKeyID, PSKType, psk_secret
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.secret_tree import RatchetKind, SecretTree
from clawchat.mls.suite import ROOM_SUITE
from clawchat.mls.transcript import confirmed_transcript_hash, interim_transcript_hash
from clawchat.mls.tree_hash import tree_hash
from tests.mls.members import ANNA, BERT, CARL, DORA, dice, key_pair
from tests.mls.room import Room

FOLDER = Path(__file__).resolve().parent / "vectors"
SUITE = ROOM_SUITE
Case = dict[str, Any]
draw = dice("vectors")


def secret() -> bytes:
    """As many bytes as a secret of the suite has."""
    return draw(SUITE.Nh)


def crypto_basics() -> Case:
    """Each function with a label once."""
    hashed, given, context, plaintext = draw(40), secret(), draw(20), draw(50)
    pair = key_pair("vectors")
    kem_output, sealed = SUITE.encrypt_with_label(pair.public, labels.WELCOME, context, plaintext)
    signed = SUITE.sign_with_label(ANNA.key.sign, labels.LEAF_NODE_TBS, context)
    return {
        "ref_hash": {
            "label": labels.PROPOSAL_REFERENCE,
            "value": hashed,
            "out": SUITE.ref_hash(labels.PROPOSAL_REFERENCE, hashed),
        },
        "expand_with_label": {
            "secret": given,
            "label": labels.EXPORTED,
            "context": context,
            "length": 17,
            "out": SUITE.expand_with_label(given, labels.EXPORTED, context, 17),
        },
        "derive_secret": {"secret": given, "label": labels.INIT, "out": SUITE.derive_secret(given, labels.INIT)},
        "derive_tree_secret": {
            "secret": given,
            "label": labels.KEY,
            "generation": 7,
            "length": SUITE.Nk,
            "out": SUITE.derive_tree_secret(given, labels.KEY, 7, SUITE.Nk),
        },
        "sign_with_label": {
            "priv": bytes(ANNA.key),
            "pub": ANNA.signature_key,
            "content": context,
            "label": labels.LEAF_NODE_TBS,
            "signature": signed,
        },
        "encrypt_with_label": {
            "priv": pair.secret,
            "pub": pair.public,
            "label": labels.WELCOME,
            "context": context,
            "plaintext": plaintext,
            "kem_output": kem_output,
            "ciphertext": sealed,
        },
    }


def key_schedule() -> Case:
    """Three epochs."""
    group_id, initial = draw(16), secret()
    init_secret, epochs = initial, []
    for number in range(3):
        tree, transcript, commit_secret, psk = secret(), secret(), secret(), secret()
        context = GroupContext(SUITE.number, group_id, number, tree, transcript, ())
        joiner = joiner_secret(SUITE, init_secret, commit_secret, context)
        schedule, encryption_secret = KeySchedule.derive(SUITE, epoch_secret(SUITE, joiner, psk, context))
        exported = {"label": labels.SIGNALS, "context": "", "length": 32}
        epochs.append(
            {
                "tree_hash": tree,
                "commit_secret": commit_secret,
                "psk_secret": psk,
                "confirmed_transcript_hash": transcript,
                "group_context": context.encode(),
                "joiner_secret": joiner,
                "welcome_secret": welcome_secret(SUITE, joiner, psk),
                "encryption_secret": encryption_secret,
                **{name: getattr(schedule, name) for name in KeySchedule.__dataclass_fields__ if name != "suite"},
                "external_pub": schedule.external_key_pair().public,
                "exporter": {**exported, "secret": schedule.export(labels.SIGNALS, b"", 32)},
            }
        )
        init_secret = schedule.init_secret
    return {"group_id": group_id, "initial_init_secret": initial, "epochs": epochs}


def secret_tree() -> Case:
    """Four leaves, both ratchets, a step and a jump."""
    encryption_secret, data_secret, ciphertext = secret(), secret(), draw(100)
    tree, leaves = SecretTree.make(SUITE, 4, encryption_secret), []
    for leaf in range(4):
        generations = []
        for generation in (0, 1, 15):
            made: Case = {"generation": generation}
            for kind in RatchetKind:
                tree, key, nonce = tree.key(leaf, kind, generation)
                made |= {f"{kind.name.lower()}_key": key, f"{kind.name.lower()}_nonce": nonce}
            generations.append(made)
        leaves.append(generations)
    key, nonce = sender_data_key(SUITE, data_secret, ciphertext)
    sender_data = {"sender_data_secret": data_secret, "ciphertext": ciphertext, "key": key, "nonce": nonce}
    return {"encryption_secret": encryption_secret, "sender_data": sender_data, "leaves": leaves}


def pre_shared_keys() -> Case:
    """Two of them."""
    given = [{"psk_id": draw(8), "psk": secret(), "psk_nonce": secret()} for _ in range(2)]
    psks = [
        (PreSharedKeyID(PSKType.EXTERNAL, each["psk_id"], 0, b"", 0, each["psk_nonce"]), each["psk"]) for each in given
    ]
    return {"psks": given, "psk_secret": psk_secret(SUITE, psks)}


def message_protection() -> Case:
    """A proposal, a commit and a text of the member at leaf 1."""
    context = GroupContext(SUITE.number, draw(16), 4711, secret(), secret(), ())
    names = ("encryption_secret", "sender_data_secret", "membership_key")
    secrets = {name: secret() for name in names}
    made: Case = {
        "group_id": context.group_id,
        "epoch": context.epoch,
        "tree_hash": context.tree_hash,
        "confirmed_transcript_hash": context.confirmed_transcript_hash,
        "signature_priv": bytes(ANNA.key),
        "signature_pub": ANNA.signature_key,
        **secrets,
    }
    contents = (
        (ContentType.PROPOSAL, Remove(0)),
        (ContentType.COMMIT, Commit((), None)),
        (ContentType.APPLICATION, draw(30)),
    )
    for content_type, content in contents:
        name = content_type.name.lower()
        made[name] = content if isinstance(content, bytes) else encode_content(content)
        framed = FramedContent(context.group_id, context.epoch, Sender.member(1), draw(9), content_type, content)
        for wire_format, ending in ((WireFormat.PRIVATE_MESSAGE, "priv"), (WireFormat.PUBLIC_MESSAGE, "pub")):
            signed = AuthenticatedContent.sign(SUITE, ANNA.key.sign, wire_format, framed, context)
            signed = signed.with_tag(secret()) if content_type is ContentType.COMMIT else signed
            if wire_format is WireFormat.PRIVATE_MESSAGE:
                tree = SecretTree.make(SUITE, 2, secrets["encryption_secret"])
                message = PrivateMessage.protect(SUITE, signed, tree, secrets["sender_data_secret"], draw)[1].encode()
            elif content_type is ContentType.APPLICATION:
                continue
            else:
                message = PublicMessage.protect(SUITE, signed, secrets["membership_key"], context).encode()
            made[f"{name}_{ending}"] = MLSMessage(wire_format, message).encode()
    return made


def transcript_hashes() -> Case:
    """One commit."""
    context = GroupContext(SUITE.number, draw(16), 3, secret(), secret(), ())
    framed = FramedContent(context.group_id, 3, Sender.member(0), b"", ContentType.COMMIT, Commit((), None))
    signed = AuthenticatedContent.sign(SUITE, ANNA.key.sign, WireFormat.PRIVATE_MESSAGE, framed, context)
    before, confirmation_key = secret(), secret()
    confirmed = confirmed_transcript_hash(SUITE, before, signed.confirmed_input())
    tag = SUITE.mac(confirmation_key, confirmed)
    return {
        "confirmation_key": confirmation_key,
        "authenticated_content": signed.with_tag(tag).encode(),
        "interim_transcript_hash_before": before,
        "confirmed_transcript_hash_after": confirmed,
        "interim_transcript_hash_after": interim_transcript_hash(SUITE, confirmed, tag),
    }


def tree_validation() -> Case:
    """A tree of three with a leaf that is not merged yet."""
    tree = Room(ANNA, BERT, CARL)[ANNA].tree
    return {
        "tree": tree.encode(),
        "group_id": Room(ANNA)[ANNA].group_id,
        "resolutions": [list(tree.resolution(index)) for index in range(len(tree.nodes))],
        "tree_hashes": [tree_hash(tree, index) for index in range(len(tree.nodes))],
    }


def passive_client() -> Case:
    """Dora joins, and sees a new path, a newcomer of the same room, a removal, a leave and somebody who comes back."""
    room = Room(ANNA, BERT)
    ours = room.key_package(DORA)
    pending = room.make(ANNA, add=(ours.package,))
    room.deliver(pending.commit, ANNA)
    room.groups[ANNA] = pending.group.adopt(pending.next)
    made = {
        "external_psks": [],
        "key_package": MLSMessage(WireFormat.KEY_PACKAGE, ours.package.encode()).encode(),
        "signature_priv": bytes(DORA.key),
        "encryption_priv": ours.leaf_secret,
        "init_priv": ours.init_secret,
        "welcome": pending.welcome,
        "ratchet_tree": room[ANNA].tree.encode(),
        "initial_epoch_authenticator": room[ANNA].epoch_authenticator,
        "epochs": [],
    }

    def note(*proposals: bytes) -> None:
        authenticator = room[ANNA].epoch_authenticator
        made["epochs"].append(
            {"proposals": list(proposals), "commit": room.sent[-1], "epoch_authenticator": authenticator}
        )

    room.commit(BERT)
    note()
    room.add(ANNA, CARL)
    note()
    room.resync(BERT)
    note()
    room.groups[CARL], leaving = room[CARL].propose_removal_of_self(room.data(), random=room.random)
    room.deliver(leaving, CARL)
    del room.groups[CARL]
    room.commit(ANNA)
    note(leaving)
    room.remove(ANNA, BERT)
    note()
    return made


FILES = {
    "crypto-basics": crypto_basics,
    "key-schedule": key_schedule,
    "secret-tree": secret_tree,
    "psk_secret": pre_shared_keys,
    "message-protection": message_protection,
    "transcript-hashes": transcript_hashes,
    "tree-validation": tree_validation,
    "passive-client-random": passive_client,
}


def plain(value: Any) -> Any:
    """The value as JSON has it: bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def main() -> None:
    """One case a file."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in FILES.items():
        case = {"cipher_suite": SUITE.number, **make()}
        (FOLDER / f"{name}.json").write_text(json.dumps([plain(case)], indent=1) + "\n")


if __name__ == "__main__":
    main()
