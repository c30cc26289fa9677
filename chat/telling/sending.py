"""A mail, by the server that EMAIL_URL names."""

import contextlib
import smtplib
import socket
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from .base import CannotTell, Deadline
from .message import Message

# In all; each answer of the server has settings.EMAIL_TIMEOUT.
MAIL_SECONDS = 30.0


def send_mail(message: Message, to: Sequence[str], seconds: float = MAIL_SECONDS) -> None:
    """Mail it to these addresses.

    Raises: CannotTell.
    """
    if not settings.EMAIL_HOST:
        raise CannotTell("No mail server is named: set EMAIL_URL and restart.")
    connection = get_connection()
    mail = EmailMessage(message.subject, message.text, to=list(to), connection=connection)
    # Nobody's absence assistant is to answer.
    mail.extra_headers["Auto-Submitted"] = "auto-generated"
    try:
        Deadline(seconds, lambda: _shut(connection)).run(mail.send)
    except TimeoutError:
        raise CannotTell("The mail server took too long.") from None
    except smtplib.SMTPAuthenticationError:
        raise CannotTell("The mail server does not take the user or the password in EMAIL_URL.") from None
    except smtplib.SMTPRecipientsRefused:
        raise CannotTell("The mail server takes nothing for these addresses.") from None
    except smtplib.SMTPResponseException as error:
        raise CannotTell(f"The mail server refused it ({error.smtp_code}).") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise CannotTell(f"The mail server does not answer, or not as one: {type(error).__name__}.") from None


def _shut(connection: object) -> None:
    """End what waits for the server: the answer that it waits for never comes."""
    line = getattr(getattr(connection, "connection", None), "sock", None)
    if line is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(line, socket.SHUT_RDWR)
