"""Every label of RFC 9420, and ours, nowhere else."""

from functools import lru_cache

from clawchat.mls.codec import vector

# Signed content (RFC 9420 5.1.2). `prefixed` sets what stands before.
FRAMED_CONTENT_TBS = "FramedContentTBS"
LEAF_NODE_TBS = "LeafNodeTBS"
KEY_PACKAGE_TBS = "KeyPackageTBS"
GROUP_INFO_TBS = "GroupInfoTBS"

# Encrypted to a key (5.1.3).
UPDATE_PATH_NODE = "UpdatePathNode"
WELCOME = "Welcome"

# References (5.2), written in full.
KEY_PACKAGE_REFERENCE = "MLS 1.0 KeyPackage Reference"
PROPOSAL_REFERENCE = "MLS 1.0 Proposal Reference"

# The key schedule (8).
JOINER = "joiner"
WELCOME_SECRET = "welcome"  # noqa: S105
EPOCH = "epoch"
SENDER_DATA = "sender data"
ENCRYPTION = "encryption"
EXPORTER = "exporter"
EXPORTED = "exported"
EXTERNAL = "external"
CONFIRM = "confirm"
MEMBERSHIP = "membership"
RESUMPTION = "resumption"
AUTHENTICATION = "authentication"
INIT = "init"
DERIVED_PSK = "derived psk"
# An exporter context of HPKE, not of MLS: written in full (8.3).
EXTERNAL_INIT = "MLS 1.0 external init secret"

# The secret tree, its ratchets and the sender data (9).
TREE = "tree"
LEFT = "left"
RIGHT = "right"
HANDSHAKE = "handshake"
APPLICATION = "application"
KEY = "key"
NONCE = "nonce"
SECRET = "secret"  # noqa: S105

# The ratchet tree (7.4).
PATH = "path"
NODE = "node"

# Ours: what the app exports (protocol.md 4.12).
SIGNALS = "clawchat/1 signals"


@lru_cache(maxsize=64)
def prefixed(label: str) -> bytes:
    """The label as a vector, as KDFLabel, SignContent and EncryptContext hold it (RFC 9420 5.1.2, 5.1.3, 8)."""
    return vector(b"MLS 1.0 " + label.encode("ascii"))
