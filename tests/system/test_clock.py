"""The clocks of this machine."""

from __future__ import annotations

import time

import pytest

from puregss.base.errors import GSSError
from puregss.system import clock
from puregss.system.clock import SystemClock


def test_boot_time_goes_on_and_wall_time_is_wall_time() -> None:
    ours = SystemClock()
    first = ours.boottime()
    assert ours.boottime() >= first > 0
    assert abs(ours.now() - time.time()) < 5


def test_a_boot_is_the_same_for_every_clock() -> None:
    assert SystemClock().boot_id() == SystemClock().boot_id()
    assert len(SystemClock().boot_id()) == 16


def test_another_time_namespace_is_another_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    here = SystemClock().boot_id()
    monkeypatch.setattr(clock, "_time_namespace", lambda: b"another")
    assert SystemClock().boot_id() != here


def test_a_kernel_without_time_namespaces_has_boots_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_TIME_NAMESPACE", "/proc/self/ns/none-such")
    assert len(SystemClock().boot_id()) == 16


def test_a_machine_that_does_not_tell_its_boot_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_BOOT_ID", "/proc/none-such")
    with pytest.raises(GSSError, match="mount /proc"):
        SystemClock().boot_id()
