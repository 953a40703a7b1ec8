"""RFC 2743 §1.2.3: the statuses of sequence numbers in order of arrival, as MIT and Heimdal give them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.krb5.window import COMPLETE, DUPLICATE, GAP, OLD, UNSEQ, SequenceWindow
from tests.vectors import load

STATUS = {
    "COMPLETE": COMPLETE,
    "DUPLICATE_TOKEN": DUPLICATE,
    "OLD_TOKEN": OLD,
    "UNSEQ_TOKEN": UNSEQ,
    "GAP_TOKEN": GAP,
}
VECTORS = load("sequence_window")
MIT = [v for v in VECTORS if v["behaviour_of"] == "MIT krb5"]
HEIMDAL = [v for v in VECTORS if v["behaviour_of"] == "Heimdal"]


def label(vector: dict[str, Any]) -> str:
    checks = f"{'replay' * vector['replay_detection']}{'sequence' * vector['sequence_checking']}" or "neither"
    return f"{vector['initial']}-{vector['counter_bits']}-{checks}"


def widened(vector: dict[str, Any], number: int) -> int:
    """A 32-bit counter (RFC 1964, which puregss does not speak) wraps as ours does once it is moved up to the top."""
    if vector["counter_bits"] != 32 or number < 1 << 31:
        return number
    return number + (1 << 64) - (1 << 32)


def window(vector: dict[str, Any]) -> SequenceWindow:
    return SequenceWindow(
        widened(vector, vector["initial"]),
        do_replay=vector["replay_detection"],
        do_sequence=vector["sequence_checking"],
    )


@pytest.mark.parametrize("vector", MIT, ids=label)
def test_as_mit(vector: dict[str, Any]) -> None:
    seen = window(vector)
    for number, status in vector["tokens"]:
        assert seen.check(widened(vector, number)) == STATUS[status], number


@pytest.mark.parametrize("vector", HEIMDAL, ids=label)
def test_as_heimdal(vector: dict[str, Any]) -> None:
    seen = window(vector)
    statuses = (seen.check(widened(vector, number)) for number in vector["numbers"])
    first = next((status for status in statuses if status != COMPLETE), COMPLETE)
    expected = STATUS[vector["first_status_not_complete"]]
    if expected == DUPLICATE and not vector["replay_detection"]:
        # Without replay detection Heimdal still reports duplicates. RFC 2743 §1.2.3 gives DUPLICATE to replay
        # detection; a repeated number that only sequencing looks at is one that came too late (as MIT has it).
        expected = UNSEQ
    assert first == expected


def test_both_sets_of_vectors_are_there() -> None:
    assert (len(MIT), len(HEIMDAL)) == (16, 32)


NUMBERS = st.lists(st.integers(-70, 200), min_size=1, max_size=60)


@given(NUMBERS, st.sampled_from([0, 5, 2**32 - 3, 2**64 - 1]))
def test_no_number_is_accepted_twice(numbers: list[int], base: int) -> None:
    """Whatever the order: with replay detection a number is COMPLETE at most once."""
    seen = SequenceWindow(base, do_replay=True, do_sequence=False)
    accepted: set[int] = set()
    for number in numbers:
        if seen.check((base + number) % 2**64) == COMPLETE:
            assert number not in accepted
            accepted.add(number)


@given(NUMBERS, st.integers(0, 2**64 - 1))
def test_a_number_behind_the_start_is_far_ahead(numbers: list[int], base: int) -> None:
    """A model without bit tricks: a set of everything that arrived, and the highest."""
    seen = SequenceWindow(base, do_replay=True, do_sequence=True)
    arrived: set[int] = set()
    expected = 0
    for number in numbers:
        relative = number % 2**64
        if relative >= expected:
            wanted = COMPLETE if relative == expected else GAP
            expected = relative + 1
            arrived = {n for n in arrived | {relative} if expected - n <= 64}
        elif expected - relative > 64:
            wanted = UNSEQ
        else:
            wanted = DUPLICATE if relative in arrived else UNSEQ
            arrived.add(relative)
        assert seen.check((base + number) % 2**64) == wanted


def test_state_stays_within_64_bits() -> None:
    seen = SequenceWindow(0, do_replay=True, do_sequence=True)
    for number in (*range(200), 2**63, 2**64 - 1, 3):
        seen.check(number)
        assert 0 <= seen.next <= 2**64
        assert 0 <= seen.bitmap < 2**64


@pytest.mark.parametrize("do_sequence", [False, True])
def test_after_the_last_number_nothing_is_new(do_sequence: bool) -> None:
    """A peer that sends base - 1 must not make everything it ever sent acceptable again."""
    seen = SequenceWindow(10, do_replay=True, do_sequence=do_sequence)
    assert seen.check(10) == COMPLETE
    assert seen.check(9) == (GAP if do_sequence else COMPLETE)
    moved = SequenceWindow(10, seen.next % 2**64, seen.bitmap, do_replay=True, do_sequence=do_sequence)
    assert moved == seen
    for after in (seen, moved):
        assert after.check(10) == after.check(11) == (UNSEQ if do_sequence else OLD)
        assert after.check(9) == DUPLICATE


def test_the_whole_window_is_remembered() -> None:
    seen = SequenceWindow(0, do_replay=True, do_sequence=False)
    for number in range(100):
        assert seen.check(number) == COMPLETE
    assert [seen.check(number) for number in range(100)] == [OLD] * 36 + [DUPLICATE] * 64


def test_equality() -> None:
    one, two = (SequenceWindow(7, do_replay=True, do_sequence=False) for _ in range(2))
    assert one == two
    one.check(7)
    assert one != two
    assert one != 7
