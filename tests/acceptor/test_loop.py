from __future__ import annotations

import os
import threading
import time

import pytest

from puregss.acceptor.loop import READ, WRITE, Loop


def test_descriptors_call_back_until_they_are_forgotten() -> None:
    loop, (read, write) = Loop(), os.pipe()
    seen = []

    def on_event(events: int) -> None:
        seen.append((events & READ, os.read(read, 1)))
        if len(seen) == 2:
            loop.forget(read)
            loop.stop()

    loop.watch(read, on_event)
    os.write(write, b"abc")
    loop.run()
    assert seen == [(READ, b"a"), (READ, b"b")]
    loop.forget(read)  # twice does nothing
    loop.watch(write, lambda events: loop.stop() if events & WRITE else None, WRITE)
    loop.run()
    loop.close()
    os.close(read)
    os.close(write)


def test_other_threads_wake_it() -> None:
    loop, ran_in = Loop(), []

    def call() -> None:
        ran_in.append(threading.current_thread())
        loop.stop()

    threading.Timer(0.05, loop.call_soon, (call,)).start()
    loop.run()
    assert ran_in == [threading.current_thread()]
    loop.close()


def test_ticks_come_about_in_time_and_each_round_ends_with_its_hook() -> None:
    loop, rounds = Loop(), []
    ticks: list[float] = []
    loop.after_round = lambda: rounds.append(len(ticks))
    loop.every(0.02, lambda: ticks.append(time.monotonic()))
    loop.every(0.2, loop.stop)
    started = time.monotonic()
    loop.run()
    assert 0.15 < time.monotonic() - started < 5
    assert 2 <= len(ticks) <= 11
    assert rounds[-1] == len(ticks)
    loop.close()


def test_a_round_comes_in_time_for_who_looks_at_the_clock_behind_it() -> None:
    loop, late = Loop(), []

    def look() -> None:
        if loop.now >= loop.wake_by:
            late.append(loop.now - loop.wake_by)
            loop.stop()

    loop.after_round = look
    loop.wake_by = time.monotonic() + 0.05
    loop.run()
    assert 0 <= late[0] < 5
    loop.close()


def test_what_one_event_forgets_is_not_called_in_the_same_round() -> None:
    loop, calls = Loop(), []
    pipes = [os.pipe() for _ in range(2)]

    def on_event(which: int) -> None:
        calls.append(which)
        for read, _ in pipes:
            loop.forget(read)
        loop.stop()

    for which, (read, write) in enumerate(pipes):
        loop.watch(read, lambda events, which=which: on_event(which))  # type: ignore[misc]
        os.write(write, b"x")
    loop.run()
    assert len(calls) == 1
    loop.close()
    for pipe in pipes:
        for fd in pipe:
            os.close(fd)


def test_what_was_heard_before_a_tick_is_served_before_it() -> None:
    """A tick looks for what is silent: octets that wait while a handler takes its time are no silence."""
    loop, order = Loop(), []
    (first, first_end), (second, second_end) = os.pipe(), os.pipe()

    def keep_busy(events: int) -> None:
        os.read(first, 1)
        os.write(second_end, b"x")
        time.sleep(0.25)

    def hear(events: int) -> None:
        os.read(second, 1)
        order.append("heard")
        assert time.monotonic() - loop.now < 0.2
        loop.stop()

    loop.watch(first, keep_busy)
    loop.watch(second, hear)
    loop.every(0.2, lambda: order.append("tick"))
    os.write(first_end, b"x")
    loop.run()
    assert order == ["heard", "tick"]
    loop.close()
    for fd in (first, first_end, second, second_end):
        os.close(fd)


def test_a_tick_that_came_due_while_events_were_served_does_not_wait_for_another() -> None:
    loop, (read, write) = Loop(), os.pipe()

    def keep_busy(events: int) -> None:
        os.read(read, 1)
        time.sleep(0.7)

    loop.watch(read, keep_busy)
    loop.every(0.6, loop.stop)
    os.write(write, b"x")
    started = time.monotonic()
    loop.run()
    assert time.monotonic() - started < 1.0
    loop.close()
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(("silent", "first"), [(100, "heard"), (300, "tick")])
def test_a_tick_waits_for_who_waits_to_be_heard_but_not_for_ever(
    silent: int, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puregss.acceptor.loop.MOST_EVENTS", 8)
    loop, heard, at_tick = Loop(), set[int](), list[int]()
    read, write = os.pipe()
    others = [os.dup(read) for _ in range(silent)]
    os.write(write, b"!")

    def tick() -> None:
        at_tick.append(len(heard))
        loop.stop()

    for other in others:
        loop.watch(other, lambda events, other=other: heard.add(other))  # type: ignore[misc]
    loop.every(0.0, tick)
    loop.run()
    assert (at_tick[0] == silent) is (first == "heard")
    loop.close()
    for descriptor in (read, write, *others):
        os.close(descriptor)
