"""What a newcomer is told, byte for byte; Welcomes in a room are tested with groups."""

import pytest

from clawchat.mls.welcome import GroupSecrets
from clawchat.protocol.errors import Malformed


def test_group_secrets_are_read_to_their_end():
    """With a path secret or without, and not a byte more or less."""
    for path_secret in (None, b"path"):
        secrets = GroupSecrets(b"joiner", path_secret)
        encoded = secrets.encode()

        assert GroupSecrets.parse(encoded) == secrets
        for wrong in (encoded + b"\0", encoded[:-1]):
            with pytest.raises(Malformed):
                GroupSecrets.parse(wrong)
