"""The readers of the environment: a value that cannot be read is named, never guessed."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from clawchat_site.env import (
    env_address,
    env_bool,
    env_choice,
    env_host,
    env_ip,
    env_networks,
    env_pairs,
    env_path,
    env_seconds,
    env_secret,
    env_str,
    env_urls,
)


def test_what_is_not_set_has_its_default(monkeypatch):
    """Nothing in the environment gives the default of each reader."""
    monkeypatch.delenv("CLAWCHAT_X", raising=False)

    assert env_str("CLAWCHAT_X", "a") == "a"
    assert env_bool("CLAWCHAT_X", True) is True
    assert env_seconds("CLAWCHAT_X", 5) == 5
    assert env_address("CLAWCHAT_X", "127.0.0.1:8000") == ("127.0.0.1", 8000)
    assert env_secret("CLAWCHAT_X") == ""


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_bool_reads_the_usual_words(monkeypatch, text, value):
    """1, yes, true and on in any case are true; 0, no, false, off and nothing are false."""
    monkeypatch.setenv("CLAWCHAT_X", text)

    assert env_bool("CLAWCHAT_X") is value


@pytest.mark.parametrize("text", ["2", "maybe", "truee"])
def test_bool_refuses_anything_else(monkeypatch, text):
    """A typing error is named together with the setting."""
    monkeypatch.setenv("CLAWCHAT_X", text)

    with pytest.raises(ImproperlyConfigured, match="CLAWCHAT_X"):
        env_bool("CLAWCHAT_X")


@pytest.mark.parametrize("text", ["soon", "", "-1", "4.9", "nan", "inf", "1e10"])
def test_seconds_refuses_what_is_no_sensible_number(monkeypatch, text):
    """Words, numbers below the least, and numbers that never end are refused."""
    monkeypatch.setenv("CLAWCHAT_X", text)

    with pytest.raises(ImproperlyConfigured, match="CLAWCHAT_X"):
        env_seconds("CLAWCHAT_X", 3600, least=5)


@pytest.mark.parametrize(
    ("text", "value"),
    [("off", None), ("OFF", None), ("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:8000", ("::1", 8000))],
)
def test_address_reads_host_and_port(monkeypatch, text, value):
    """host:port, with brackets for IPv6, or off."""
    monkeypatch.setenv("CLAWCHAT_X", text)

    assert env_address("CLAWCHAT_X", "127.0.0.1:8000") == value


@pytest.mark.parametrize(
    "text", ["8000", ":8000", "localhost:", "localhost:http", "localhost:0", "localhost:65536", ""]
)
def test_address_refuses_anything_else(monkeypatch, text):
    """Half an address is named together with an example."""
    monkeypatch.setenv("CLAWCHAT_X", text)

    with pytest.raises(ImproperlyConfigured, match="CLAWCHAT_X"):
        env_address("CLAWCHAT_X", "127.0.0.1:8000")


def test_secret_may_lie_in_a_file(monkeypatch, tmp_path):
    """NAME_FILE wins over NAME, and the newline an editor leaves is no part of the secret."""
    path = tmp_path / "secret"
    path.write_text("from the file\n")
    monkeypatch.setenv("CLAWCHAT_X", "from the environment")
    assert env_secret("CLAWCHAT_X") == "from the environment"

    monkeypatch.setenv("CLAWCHAT_X_FILE", str(path))

    assert env_secret("CLAWCHAT_X") == "from the file"


def test_secret_file_that_is_missing_is_an_error(monkeypatch, tmp_path):
    """A secret that was promised and is not there never becomes an empty one."""
    monkeypatch.setenv("CLAWCHAT_X_FILE", str(tmp_path / "nothing"))

    with pytest.raises(ImproperlyConfigured, match="CLAWCHAT_X_FILE"):
        env_secret("CLAWCHAT_X")


@pytest.mark.parametrize(("text", "value"), [(None, ""), ("", ""), ("LOCAL", "local"), (" files ", "files")])
def test_choice_reads_one_of_its_words(monkeypatch, text, value):
    """The first is the default; case and blanks do not count."""
    monkeypatch.delenv("X", raising=False)
    if text is not None:
        monkeypatch.setenv("X", text)

    assert env_choice("X", ("", "local", "files")) == value


def test_choice_refuses_any_other_word(monkeypatch):
    """The sentence has those that are known."""
    monkeypatch.setenv("X", "on")

    with pytest.raises(ImproperlyConfigured, match="X is 'on'; write local or files, or nothing"):
        env_choice("X", ("", "local", "files"))


def test_pairs_of_files_are_read(monkeypatch, tmp_path):
    """Whole paths come out, so that a change of directory changes nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("X", "a.pem:a.key, /b.pem:/b.key,")

    assert env_pairs("X") == ((tmp_path / "a.pem", tmp_path / "a.key"), (Path("/b.pem"), Path("/b.key")))
    monkeypatch.delenv("X")
    assert env_pairs("X") == ()


@pytest.mark.parametrize("text", ["a.pem", "a.pem:", ":a.key", "a:b:c"])
def test_half_a_pair_is_refused(monkeypatch, text):
    """The sentence shows how it is written."""
    monkeypatch.setenv("X", text)

    with pytest.raises(ImproperlyConfigured, match=r"X cannot be read; write chain\.pem:key\.pem"):
        env_pairs("X")


def test_networks_are_read(monkeypatch):
    """An address is a network of one."""
    monkeypatch.setenv("X", "10.0.0.1, 192.168.0.0/16,2001:db8::/32")

    assert [str(network) for network in env_networks("X")] == ["10.0.0.1/32", "192.168.0.0/16", "2001:db8::/32"]
    monkeypatch.delenv("X")
    assert env_networks("X") == ()


@pytest.mark.parametrize("text", ["proxy.example.org", "10.0.0.1/8", "10.0.0"])
def test_anything_else_is_no_network(monkeypatch, text):
    """Trust in whom nobody meant is not guessed."""
    monkeypatch.setenv("X", text)

    with pytest.raises(ImproperlyConfigured, match=r"X: .*10\.0\.0\.0/24"):
        env_networks("X")


@pytest.mark.parametrize(("text", "value"), [("128.66.0.1", "128.66.0.1"), (" 2001:DB8::1 ", "2001:db8::1"), ("", "")])
def test_ip_reads_an_address_or_nothing(monkeypatch, text, value):
    """Written as everybody writes it."""
    monkeypatch.setenv("CLAWCHAT_X", text)

    assert env_ip("CLAWCHAT_X") == value


@pytest.mark.parametrize("text", ["example.org", "128.66.0", "128.66.0.1:80", "128.66.0.0/24"])
def test_ip_refuses_anything_else(monkeypatch, text):
    """A name is no address, nor is a network."""
    monkeypatch.setenv("CLAWCHAT_X", text)

    with pytest.raises(ImproperlyConfigured, match="write an IP address"):
        env_ip("CLAWCHAT_X")


def test_urls_reads_web_addresses(monkeypatch):
    """With commas between them; none is none."""
    monkeypatch.setenv("CLAWCHAT_X", "https://one.example/ip, http://two.example")

    assert env_urls("CLAWCHAT_X") == ("https://one.example/ip", "http://two.example")
    assert env_urls("CLAWCHAT_Y") == ()


@pytest.mark.parametrize("text", ["one.example", "ftp://one.example", "https://", "https://one.example,two.example"])
def test_urls_refuses_anything_else(monkeypatch, text):
    """One that cannot be asked stops the server."""
    monkeypatch.setenv("CLAWCHAT_X", text)

    with pytest.raises(ImproperlyConfigured, match="CLAWCHAT_X cannot be read"):
        env_urls("CLAWCHAT_X")


def test_a_path_is_read_or_is_none(monkeypatch, tmp_path):
    """An empty one, as in a file of settings that was left as it was, is none."""
    monkeypatch.chdir(tmp_path)
    for text, path in (("", None), ("  ", None), ("a.mmdb", tmp_path / "a.mmdb"), (f"{tmp_path}/b", tmp_path / "b")):
        monkeypatch.setenv("CLAWCHAT_TEST", text)
        assert env_path("CLAWCHAT_TEST") == path
    monkeypatch.delenv("CLAWCHAT_TEST")
    assert env_path("CLAWCHAT_TEST") is None


def test_a_host_name_is_one(monkeypatch):
    """In lower case; with a scheme or a port it would be a name that nobody ever asks for."""
    monkeypatch.setenv("CLAWCHAT_X", " Admin.Example.org ")
    assert env_host("CLAWCHAT_X") == "admin.example.org"

    for text in ("https://admin.example.org", "admin.example.org:8443", "admin example", "-admin", "admin/"):
        monkeypatch.setenv("CLAWCHAT_X", text)
        with pytest.raises(ImproperlyConfigured, match="and no port"):
            env_host("CLAWCHAT_X")
