"""Which certificates a client takes for its server's."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from clawchat.client.trust import context_trusting
from clawchat.protocol.errors import UsageError
from tests.rotation.certificates import sign, write_pair


def test_the_authority_of_a_file_is_believed_beside_the_public_ones(tmp_path):
    """Mirrors elsewhere have certificates of public authorities."""
    root = sign("root", is_authority=True)
    (file, _) = write_pair(tmp_path, "root", root)
    public = context_trusting(file).get_ca_certs(binary_form=True)

    assert root.certificate.public_bytes(Encoding.DER) in public
    assert context_trusting(file).check_hostname


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_that_is_none_is_named(tmp_path, content):
    """In one sentence."""
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(UsageError, match=r"ca\.crt is no file of certificates"):
        context_trusting(file)
