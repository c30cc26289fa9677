"""How alerts are told: what is said, and the ways out of the server. Nothing here knows a row of a channel."""

from .base import CannotTell, Deadline
from .message import Message
from .posting import Post, post, sign
from .sending import send_mail

__all__ = ["CannotTell", "Deadline", "Message", "Post", "post", "send_mail", "sign"]
