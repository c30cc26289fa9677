"""What the server measured of itself: figures by the minute, and what it holds for usual."""

from statistics import median

from django.contrib import admin

from chat.models import Habit, Tally

from .base import Long, LookedAt


@admin.register(Tally)
class TallyAdmin(Long):
    """What each server process did and used; minutes become hours after two days."""

    list_display = [
        *("minute", "minutes", "node", "people", "messages", "bytes_in", "bytes_out", "handshakes", "turned_away"),
        *("scans", "delay_p99_ms", "cpu_percent", "memory_bytes"),
    ]
    list_filter = ["minutes"]
    ordering = ["-minute"]

    @admin.display(description="refused")
    def turned_away(self, tally: Tally) -> int:
        """How many were refused, for whatever reason."""
        return sum(tally.refused.values())


@admin.register(Habit)
class HabitAdmin(LookedAt):
    """What a device, or the whole server, does in a minute as a rule; alerts are measured against it."""

    list_display = ["whose", "metric", "usually", "learnt", "updated_at"]
    list_filter = ["metric"]
    search_fields = ["subject"]
    ordering = ["subject", "metric"]

    @admin.display(description="of", ordering="subject")
    def whose(self, habit: Habit) -> str:
        """A device by its id as in the other lists."""
        return habit.subject[:16] or "the whole server"

    @admin.display(description="usually a minute")
    def usually(self, habit: Habit) -> float | str:
        """The median of what was learnt."""
        return median(habit.samples) if habit.samples else "-"
