"""TLS 1.3 of the listeners: contexts, where certificates come from, and the authority of our own."""

from .context import Pair, TlsProblem, make_context
from .source import ContextSource, context_source

__all__ = ["ContextSource", "Pair", "TlsProblem", "context_source", "make_context"]
