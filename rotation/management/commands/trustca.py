"""`manage.py trustca`: how devices come to trust this server's own certificate authority."""

import platform
import time
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rotation.tls import TlsProblem
from rotation.tls.authority import Authority
from rotation.tls.local import local_authority
from rotation.tls.trust import NotInstalled, stores

# What to do by hand, where; {file} is the certificate.
BY_HAND = {
    "Linux, the system": (
        "sudo cp {file} /usr/local/share/ca-certificates/clawchat.crt",
        "sudo update-ca-certificates",
    ),
    "Linux, Chromium, Chrome, Edge": (
        "mkdir -p ~/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -n clawchat -t C,, -i {file}",
        "(certutil is in the package libnss3-tools; then start the browser anew)",
    ),
    "Firefox, everywhere": (
        "Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import: choose {file},",
        "and tick: trust this CA to identify websites.",
    ),
    "macOS": (
        "security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {file}",
        "(or open the file and set it to Always Trust in Keychain Access)",
    ),
    "Windows": ("certutil -user -addstore Root {file}",),
    "Android": (
        "Settings, Security, More security settings, Encryption & credentials, Install a certificate, CA certificate",
    ),
    "iPhone, iPad": (
        "open the file, install the profile in Settings, then switch it on under General, About,",
        "Certificate Trust Settings",
    ),
    "Python programs": ('Client.open(folder, ca_file=Path("{file}"))',),
}
THIS_SYSTEM = {"Linux": "Linux", "Darwin": "macOS", "Windows": "Windows"}


class Command(BaseCommand):
    """Explain how to trust the local authority, and do it where the system lets us."""

    help = (
        "Show the certificate authority that this server made for itself (CLAWCHAT_TLS=local), and what to do on each "
        "device so that it trusts it. --install does it on this machine. Keys are never shown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --install and --out."""
        parser.add_argument(
            "--install", action="store_true", help="have this system, and this user's browsers, trust it now"
        )
        parser.add_argument(
            "--out", type=Path, metavar="FILE", help="write the certificate there, to be carried to other devices"
        )

    def handle(self, **options: object) -> None:
        """Explain, copy, install."""
        authority = _authority()
        out = options["out"]
        if isinstance(out, Path):
            self._copy(authority, out)
        if options["install"]:
            self._install(authority)
        elif out is None:
            self.stdout.write("\n".join(_explanation(authority)))

    def _copy(self, authority: Authority, path: Path) -> None:
        try:
            path.write_bytes(authority.pem)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"The certificate is in {path}. It is no secret. On the other device, compare:")
        self.stdout.write(f"  SHA-256  {authority.fingerprint}")

    def _install(self, authority: Authority) -> None:
        taken = 0
        for store in stores(authority, Path.home()):
            try:
                store.install()
            except NotInstalled as why:
                self.stdout.write(f"not yet   {store.name}: {why}.")
            else:
                taken += 1
                self.stdout.write(f"trusted   {store.name}")
        if not taken:
            raise CommandError("Nothing on this machine trusts it yet. By hand: manage.py trustca")
        self.stdout.write("Browsers that are running see it after a restart.")


def _authority() -> Authority:
    if settings.CLAWCHAT_TLS == "files":
        raise CommandError(
            "This server's certificates come from files (CLAWCHAT_TLS=files): devices trust them by themselves when a "
            "public authority has issued them. There is nothing to install."
        )
    if not settings.CLAWCHAT_TLS:
        raise CommandError("This server speaks no TLS. Set CLAWCHAT_TLS=local first, then come back.")
    try:
        return local_authority(time.time())
    except TlsProblem as problem:
        raise CommandError(str(problem)) from None


def _explanation(authority: Authority) -> list[str]:
    here = THIS_SYSTEM.get(platform.system(), "")
    # What concerns this machine comes first.
    ordered = sorted(BY_HAND, key=lambda where: not (here and where.startswith(here)))
    return [
        "This server vouches for itself, by a certificate authority of its own. A device has to be told once that it",
        "may believe it; until then browsers show a warning and the app cannot connect.",
        "",
        f"  Certificate  {authority.path}   (no secret; give it to your people)",
        f"  SHA-256      {authority.fingerprint}",
        f"  Valid until  {authority.certificate.not_valid_after_utc:%Y-%m-%d}",
        "  Good for     this server's names and private addresses only",
        "",
        "On this machine:    manage.py trustca --install",
        "For other devices:  manage.py trustca --out clawchat-ca.crt, carry the file there (USB stick, scp, mail),",
        "                    compare the SHA-256 by telephone, and then:",
        *(line for where in ordered for line in _steps(where, authority)),
        "",
        "To take it back, delete the certificate in the same place.",
    ]


def _steps(where: str, authority: Authority) -> list[str]:
    return ["", f"{where}:", *(f"  {step.replace('{file}', str(authority.path))}" for step in BY_HAND[where])]
