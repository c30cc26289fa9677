"""EMAIL_URL: read, or refused without repeating the password."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from clawchat_site.mail import MailServer, mail_server


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", MailServer()),
        ("smtp+tls://u%40x:p%2F@mail.example:2587", MailServer("mail.example", 2587, "u@x", "p/", True, False)),
        ("smtps://u:p@mail.example/", MailServer("mail.example", 465, "u", "p", False, True)),
        ("smtp://localhost", MailServer("localhost", 25)),
        ("smtp://[::1]:26", MailServer("::1", 26)),
    ],
)
def test_a_mail_server_is_read(url, expected) -> None:
    assert mail_server(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://u:hush@mail.example",
        "smtp+tls://",
        "smtps://u:hush@h:no",
        "smtps://u:hush@h/x?y",
        "smtp://u:hush@mail.example",
    ],
)
def test_what_cannot_be_read_or_goes_in_the_clear_is_refused(url) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL") as refusal:
        mail_server(url)
    assert "hush" not in str(refusal.value)
