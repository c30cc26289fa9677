"""The keys of TLS: new ones for every listener, and the old ones on the revocation list."""

import time
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from chat.services import audit
from chat.services.revocations import revoke_certificate
from rotation.tls import TlsProblem
from rotation.tls.authority import ask_for_new_keys
from rotation.tls.local import local_authority

from .key_kinds import NOBODY, KeyKind, KeyNotChanged, Order

REPLACED = "replaced by new keys"


class TlsKind(KeyKind):
    """What the listeners show, issued by the local authority."""

    name = "tls"
    help = "new keys and certificates for TLS, by the local authority (CLAWCHAT_TLS=local)"

    def standing(self) -> str:
        """Where certificates come from."""
        if settings.CLAWCHAT_TLS == "files":
            return "certificates from files (CLAWCHAT_TLS=files)"
        if settings.CLAWCHAT_TLS != "local":
            return "none: this server speaks no TLS"
        try:
            authority = local_authority(time.time())
        except TlsProblem as problem:
            return str(problem)
        until = authority.certificate.not_valid_after_utc
        return (
            f"local authority {authority.fingerprint[:23]}, until {until:%Y-%m-%d}; the keys of its certificates are "
            "in the server's memory alone"
        )

    def obstacle(self) -> str:
        """Other people's certificates are theirs to issue."""
        if settings.CLAWCHAT_TLS == "files":
            return (
                "The certificates come from files: have a new one issued with a new key, by whoever issues them "
                "(certbot renew --force-renewal), and the server takes it over within seconds."
            )
        return "" if settings.CLAWCHAT_TLS == "local" else "This server speaks no TLS, so there is no key of it."

    def prospect(self, order: Order) -> str:
        """The authority stays, so nobody has to trust anything anew."""
        return (
            "Every listener shows new certificates with new keys within seconds; the old keys go on the revocation "
            "list. The local authority stays."
        )

    def change(self, order: Order) -> str:
        """Ask the server processes of this data directory."""
        try:
            ask_for_new_keys(local_authority(time.time()))
        except TlsProblem as problem:
            raise KeyNotChanged(str(problem)) from None
        audit.record("tls_renewal_asked", actor=order.actor[:64])
        return f"{NOBODY} Servers with another data directory have keys of their own: run it there, too."


@transaction.atomic
def withdraw_replaced(certificates: Sequence[str]) -> None:
    """Put certificates, in PEM, that an operator had replaced on the revocation list."""
    for pem in certificates:
        revoke_certificate(pem, REPLACED, "rotate_keys")
