"""Settings of the property tests."""

from hypothesis import settings

# A slow machine is no wrong answer, so no example has a deadline.
settings.register_profile("protocol", deadline=None)
settings.load_profile("protocol")
