"""RFC 2743 §1.2.3: windows as Heimdal's lists of 20 numbers, and back; nothing is ever accepted twice for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import InvalidTokenError, OperationUnavailableError
from puregss.krb5.interchange.heimdal_order import LAST_NUMBER, Order
from puregss.krb5.window import COMPLETE, DUPLICATE, GAP, UNSEQ, WIDTH, SequenceWindow


def window(*numbers: int, base: int = 100, sequence: bool = False) -> SequenceWindow:
    made = SequenceWindow(base, do_replay=True, do_sequence=sequence)
    for number in numbers:
        made.check(base + number)
    return made


def moved(before: SequenceWindow) -> SequenceWindow:
    return Order.of(before).window()


def test_the_list_is_newest_first_and_filled_up() -> None:
    order = Order.of(window(0, 1, 2, 5, sequence=True))
    assert order.elements == (105, 102, 101, 100, *(0,) * 16)
    assert (order.flags, order.length, order.first_seq) == (12, 4, 100)


@pytest.mark.parametrize("base", [0, 1, 100, LAST_NUMBER])
def test_nothing_received_is_the_number_before_the_first(base: int) -> None:
    order = Order.of(window(base=base))
    assert order.length == 0
    assert order.elements[0] == (base - 1) % 2**32
    assert order.window() == window(base=base)
    assert Order(4, 1, base, (order.elements[0],)).window() == window(base=base)


@pytest.mark.parametrize("count", [1, 19, 20, 21, 63, 64, 65, 1000])
def test_what_arrived_in_order_survives(count: int) -> None:
    before = window(*range(count))
    assert moved(before) == before


def test_gaps_among_the_last_twenty_survive() -> None:
    before = window(*range(30), 31, 35)
    after = moved(before)
    assert after == before
    assert (after.check(132), after.check(134), after.check(135)) == (COMPLETE, COMPLETE, DUPLICATE)


def test_what_is_older_than_the_list_has_arrived() -> None:
    before = window(0, 3, *range(10, 40))
    after = moved(before)
    assert after.check(101) == DUPLICATE  # which Heimdal calls old
    assert after.next == before.next
    assert before.check(101) == COMPLETE


def test_the_zero_that_heimdal_leaves_at_the_end_is_none() -> None:
    assert Order(4, 2, 100, (101, 0, 0)).window() == window(0, 1)
    assert Order(4, 3, 100, (102, 101, 0)).window() == window(0, 1, 2)


def test_without_checks_nothing_is_remembered() -> None:
    silent = SequenceWindow(100, do_replay=False, do_sequence=False)
    silent.check(100)
    assert Order.of(silent).length == 0
    assert moved(silent) == silent


def test_more_entries_in_use_than_there_are() -> None:
    with pytest.raises(InvalidTokenError, match="in use"):
        Order(4, 3, 100, (101, 100)).window()


def test_numbers_beyond_32_bits_do_not_go() -> None:
    assert moved(window(0, 1, base=LAST_NUMBER - 1)).next == 2
    with pytest.raises(OperationUnavailableError, match="32 bits"):
        Order.of(window(0, 1, base=LAST_NUMBER))


@given(
    st.lists(st.integers(0, 90), max_size=60),
    st.lists(st.integers(0, 130), max_size=60),
    st.sets(st.integers(0, 60)),
    st.booleans(),
)
def test_moves_make_a_window_stricter_never_laxer(
    before: list[int], after: list[int], moves: set[int], sequence: bool
) -> None:
    staying, moving = window(*before, sequence=sequence), moved(window(*before, sequence=sequence))
    for step, number in enumerate(after):
        if step in moves:
            moving = moved(moving)
        stayed, went = staying.check(100 + number), moving.check(100 + number)
        assert went in (stayed, DUPLICATE)
        if stayed in (COMPLETE, GAP) and number >= staying.next - 1:
            assert went == stayed
        assert moving.next == staying.next
        assert moving.bitmap & staying.bitmap == staying.bitmap


@given(
    st.integers(0, 4),
    st.integers(0, LAST_NUMBER),
    st.lists(st.integers(0, LAST_NUMBER), max_size=40).map(tuple),
    st.integers(0, 41),
)
def test_any_list_makes_a_window_or_an_error(flags: int, first: int, elements: tuple[int, ...], length: int) -> None:
    try:
        made = Order(flags << 2, length, first, elements).window()
    except InvalidTokenError:
        assert length > len(elements)
        return
    assert made.next <= 2**32
    assert made.bitmap < 1 << min(made.next, WIDTH)
    assert made.check(first + made.next) in (COMPLETE, UNSEQ, GAP)
