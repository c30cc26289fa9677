"""The labels, written out a second time from RFC 9420."""

import pytest

from clawchat.mls import labels

RFC_9420 = {
    "FRAMED_CONTENT_TBS": "FramedContentTBS",
    "LEAF_NODE_TBS": "LeafNodeTBS",
    "KEY_PACKAGE_TBS": "KeyPackageTBS",
    "GROUP_INFO_TBS": "GroupInfoTBS",
    "UPDATE_PATH_NODE": "UpdatePathNode",
    "WELCOME": "Welcome",
    "KEY_PACKAGE_REFERENCE": "MLS 1.0 KeyPackage Reference",
    "PROPOSAL_REFERENCE": "MLS 1.0 Proposal Reference",
    "JOINER": "joiner",
    "WELCOME_SECRET": "welcome",
    "EPOCH": "epoch",
    "SENDER_DATA": "sender data",
    "ENCRYPTION": "encryption",
    "EXPORTER": "exporter",
    "EXPORTED": "exported",
    "EXTERNAL": "external",
    "CONFIRM": "confirm",
    "MEMBERSHIP": "membership",
    "RESUMPTION": "resumption",
    "AUTHENTICATION": "authentication",
    "INIT": "init",
    "DERIVED_PSK": "derived psk",
    "EXTERNAL_INIT": "MLS 1.0 external init secret",
    "TREE": "tree",
    "LEFT": "left",
    "RIGHT": "right",
    "HANDSHAKE": "handshake",
    "APPLICATION": "application",
    "KEY": "key",
    "NONCE": "nonce",
    "SECRET": "secret",
    "PATH": "path",
    "NODE": "node",
}
OURS = {"SIGNALS": "clawchat/1 signals"}


@pytest.mark.parametrize(("name", "label"), [*RFC_9420.items(), *OURS.items()])
def test_a_label_is_the_rfcs(name, label):
    """Another spelling would be another protocol."""
    assert getattr(labels, name) == label


def test_there_is_no_label_beside_these():
    """A label that nobody compared would pass unseen."""
    assert {name for name in vars(labels) if name.isupper()} == {*RFC_9420, *OURS}


def test_a_label_is_prefixed_in_one_place():
    """`MLS 1.0 ` before it, the length of both before that."""
    assert labels.prefixed("key") == b"\x0bMLS 1.0 key"
    assert labels.prefixed("x" * 60) == b"\x40\x44MLS 1.0 " + b"x" * 60
