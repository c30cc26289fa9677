"""What a process uses: its own, not the machine's, and None where nobody tells."""

import time

import psutil

from chat.usage import Usage, UsageMeter


def test_what_a_process_uses_is_its_own(tmp_path):
    """A loop that computes is seen; memory is that of one process, the disk that of the folder."""
    meter = UsageMeter(tmp_path)
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    usage = meter.look()

    assert usage.cpu_percent > 5
    assert (1 << 20) < usage.memory_bytes < psutil.virtual_memory().total
    assert 0 <= usage.machine_memory_percent <= 100
    assert 0 < usage.disk_free_bytes <= usage.disk_total_bytes


def test_percents_are_since_the_begin(tmp_path):
    """What was computed before does not count."""
    until = time.process_time() + 0.2
    meter = UsageMeter(tmp_path)
    while time.process_time() < until:
        pass
    meter.begin()
    time.sleep(0.2)

    assert meter.look().cpu_percent < 50


def test_a_system_that_tells_nothing_gives_no_figures(tmp_path, monkeypatch):
    """A container without /proc is no reason to fail, and no reason to make figures up."""

    def hidden(*_arguments, **_options):
        raise psutil.AccessDenied

    for name in ("cpu_times", "virtual_memory", "disk_usage"):
        monkeypatch.setattr(psutil, name, hidden)
    for name in ("cpu_times", "memory_full_info"):
        monkeypatch.setattr(psutil.Process, name, hidden)

    assert UsageMeter(tmp_path).look() == Usage()
