"""RFC 2743 §2.2.8: a talk in which both ends move through raw tokens goes as if nobody had moved."""

from __future__ import annotations

import os
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import SupplementaryError
from puregss.krb5.context import KerberosContext
from puregss.krb5.interchange.mit import decode_mit, encode_mit
from puregss.krb5.record import decode_record
from tests.krb5.contexts import full

SENDS = st.tuples(st.just("send"), st.integers(0, 1))
DELIVERIES = st.tuples(st.just("deliver"), st.integers(0, 40))
MOVES = st.tuples(st.just("move"), st.integers(0, 1))


def moved(context: KerberosContext) -> KerberosContext:
    return KerberosContext(decode_mit(encode_mit(decode_record(context.encode()))), os.urandom)


def talk(steps: list[tuple[str, int]], *, moving: bool) -> list[tuple[str, bytes]]:
    """What each delivery said."""
    ends = [KerberosContext(full(initiate), os.urandom) for initiate in (True, False)]
    numbers, sent, seen = count(), list[tuple[int, bytes]](), list[tuple[str, bytes]]()
    for step, which in steps:
        if step == "send":
            sent.append((1 - which, ends[which].wrap(str(next(numbers)).encode(), True)))
        elif step == "move" and moving:
            ends[which] = moved(ends[which])
        elif step == "deliver" and sent:
            receiver, message = sent[which % len(sent)]
            try:
                seen.append(("", ends[receiver].unwrap(message)[0]))
            except SupplementaryError as error:
                seen.append((type(error).__name__, error.result[0]))
    return seen


@given(st.lists(st.one_of(SENDS, DELIVERIES, MOVES), max_size=60))
def test_moves_change_nothing(steps: list[tuple[str, int]]) -> None:
    assert talk(steps, moving=True) == talk(steps, moving=False)
