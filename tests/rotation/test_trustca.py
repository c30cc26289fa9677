"""`manage.py trustca`: explains, copies and installs the local authority, and never shows a key."""

import hashlib
import shutil
import ssl
import subprocess

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from rotation.tls import trust
from rotation.tls.authority import certificate_file


@pytest.fixture(autouse=True)
def local(settings, tmp_path, monkeypatch):
    """A server that vouches for itself; a home and a system of the test's own."""
    settings.CLAWCHAT_DATA_DIR = tmp_path
    settings.CLAWCHAT_TLS = "local"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(trust, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setattr(trust, "SYSTEM_PROGRAM", "true")
    return settings


@pytest.fixture
def certutil() -> str:
    """Debian's tool for browsers' stores."""
    path = shutil.which("certutil")
    if path is None:
        pytest.skip("certutil is not installed (sudo apt install libnss3-tools)")
    return path


def say(capsys, *arguments: str) -> str:
    """What the command prints."""
    call_command("trustca", *arguments)
    return capsys.readouterr().out


def test_it_explains(local, capsys):
    """Path, fingerprint and each system; the authority is made when the server has never run."""
    said = say(capsys)

    path = certificate_file(local.CLAWCHAT_DATA_DIR)
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text()))
    assert digest.digest().hex(":").upper() in said
    assert str(path) in said
    for where in ("Linux", "Firefox", "macOS", "Windows", "Android", "iPhone", "Python", "--install", "--out"):
        assert where in said
    assert "PRIVATE" not in said and "ca.key" not in said


def test_it_writes_the_certificate_for_other_devices(local, capsys, tmp_path):
    """The certificate alone, with its fingerprint to compare."""
    out = tmp_path / "for-bob.crt"

    said = say(capsys, "--out", str(out))

    assert out.read_bytes() == certificate_file(local.CLAWCHAT_DATA_DIR).read_bytes()
    assert "PRIVATE" not in out.read_text()
    assert "SHA-256" in said and str(out) in said


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    """One sentence."""
    with pytest.raises(CommandError, match=r"absent/x cannot be written: No such file"):
        call_command("trustca", "--out", str(tmp_path / "absent/x"))


def test_it_installs_where_the_system_lets_it(certutil, capsys, tmp_path):
    """In the system's folder, and in this user's browser; again does no harm."""
    for _ in range(2):
        said = say(capsys, "--install")

    assert said.count("trusted ") == 2
    (installed,) = (tmp_path / "system").iterdir()
    assert installed.suffix == ".crt"
    listed = subprocess.run(
        [certutil, "-L", "-d", f"sql:{tmp_path}/home/.pki/nssdb"], capture_output=True, text=True, check=True
    ).stdout
    assert listed.count("clawchat-") == 1 and "C,," in listed


def test_it_finds_profiles_of_firefox(certutil, capsys, tmp_path):
    """Each has a store of its own."""
    profile = tmp_path / "home/.mozilla/firefox/abc.default"
    profile.mkdir(parents=True)
    subprocess.run([certutil, "-N", "--empty-password", "-d", f"sql:{profile}"], check=True)

    assert "trusted   Firefox, profile abc.default" in say(capsys, "--install")


def test_what_cannot_be_done_is_said_with_the_remedy(certutil, capsys, monkeypatch, tmp_path):
    """A missing program, a folder for root alone; and status 1 when nothing was done at all."""
    monkeypatch.setattr(trust, "SYSTEM_FOLDER", tmp_path / "absent" / "system")
    assert "try it as root" in say(capsys, "--install")

    monkeypatch.setattr(trust.shutil, "which", lambda name, path: None)
    with pytest.raises(CommandError, match="trustca"):
        call_command("trustca", "--install")
    said = capsys.readouterr().out
    assert "sudo apt install libnss3-tools" in said and "sudo apt install ca-certificates" in said


def test_a_program_that_refuses_is_heard(certutil, capsys, monkeypatch):
    """Its last line stands in the sentence."""
    monkeypatch.setattr(trust, "SYSTEM_PROGRAM", "false")

    assert "false refused: status 1" in say(capsys, "--install")


@pytest.mark.parametrize(("tls", "sentence"), [("", "CLAWCHAT_TLS=local"), ("files", "nothing to install")])
def test_without_an_authority_there_is_nothing_to_trust(local, tls, sentence):
    """The sentence says why."""
    local.CLAWCHAT_TLS = tls

    with pytest.raises(CommandError, match=sentence):
        call_command("trustca")
