"""What is usual and what is not. Pure: no clock, no rows; counts come in, findings and sentences go out."""

from .base import LEAST_LEARNT, MOST_SAMPLES, Base
from .explain import Explained, device_sentence, server_sentence
from .judge import DEVICE_METRICS, SERVER_METRICS, Finding, judge, worst

__all__ = [
    "DEVICE_METRICS",
    "LEAST_LEARNT",
    "MOST_SAMPLES",
    "SERVER_METRICS",
    "Base",
    "Explained",
    "Finding",
    "device_sentence",
    "judge",
    "server_sentence",
    "worst",
]
