"""RFC 4121 §2: the flat lucid context, as the Linux kernel takes it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from puregss.base.errors import OperationUnavailableError
from puregss.krb5.interchange.lucid import encode_lucid, refuse_lucid
from tests.krb5.contexts import full


@pytest.mark.parametrize("initiate", [True, False])
def test_every_field(initiate: bool) -> None:
    record = full(initiate)
    assert record.acceptor_subkey is not None
    assert record.initiator_subkey is not None
    numbers = ((6 | initiate, 4), (record.endtime, 4), (record.send_seq, 8), (18, 4))
    head = b"".join(number.to_bytes(size, sys.byteorder) for number, size in numbers)
    assert encode_lucid(record) == head + record.acceptor_subkey.dangerous_material()
    without = encode_lucid(replace(record, acceptor_subkey=None))
    assert without[:4] == (2 | initiate).to_bytes(4, sys.byteorder)
    assert without[20:] == record.initiator_subkey.dangerous_material()


def test_times_outside_32_bits_become_the_nearest_that_fit() -> None:
    assert encode_lucid(replace(full(True), endtime=1 << 40))[4:8] == b"\xff" * 4


def test_it_is_not_imported() -> None:
    with pytest.raises(OperationUnavailableError, match="cannot be imported"):
        refuse_lucid(b"")
