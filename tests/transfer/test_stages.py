"""The keys of a channel: as RFC 5869 gives them, and nothing that leads back."""

from __future__ import annotations

import hmac
import os

from puregss.transfer.stages import CHAIN_SIZE, STAGE_SIZE, WINDOW, Stages, reaching, start
from puregss.transfer.token import KEY_SIZE


def expanded(key: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 §2.3 with SHA-512, by hand."""
    octets = block = b""
    for number in range(1, -(-size // 64) + 1):
        block = hmac.digest(key, block + info + bytes((number,)), "sha512")
        octets += block
    return octets[:size]


def fresh() -> Stages:
    return {}, os.urandom(CHAIN_SIZE), 0


def test_the_start_is_that_of_rfc_5869() -> None:
    key = os.urandom(KEY_SIZE)
    extracted = hmac.digest(bytes(64), key, "sha512")
    octets = expanded(extracted, b"puregss channel start", 96)
    assert start(key) == (octets[:64], octets[64:])


def test_the_keys_of_every_stage_are_those_of_rfc_5869() -> None:
    _, chain, _ = beginning = fresh()
    keys, last, first = reaching(beginning, 3 * 32 - 1)
    assert first == 3 * 32
    wanted = []
    for _ in range(3):
        octets = expanded(chain, b"puregss channel stage", 64 + 32 * 32)
        chain = octets[:64]
        wanted += [octets[at : at + 32] for at in range(64, len(octets), 32)]
    assert list(keys.items()) == list(enumerate(wanted))
    assert last == chain
    assert len(set(wanted)) == 3 * 32


def test_stages_by_and_by_are_those_at_once() -> None:
    stages = beginning = fresh()
    for number in range(5):
        stages = reaching(stages, number * STAGE_SIZE)
    assert stages == reaching(beginning, 5 * STAGE_SIZE - 1)


def test_what_was_there_is_left_as_it_was() -> None:
    before = reaching(fresh(), 0)
    copy = dict(before[0]), *before[1:]
    after = reaching(before, WINDOW)
    assert before == copy
    assert after[0] is not before[0]
    assert after[0].items() > before[0].items()


def test_no_chain_of_a_derived_stage_is_kept() -> None:
    stages = fresh()
    chains = {stages[1]}
    for number in range(5):
        stages = reaching(stages, number * STAGE_SIZE)
        assert stages[1] not in chains
        assert not chains & set(stages[0].values())
        chains.add(stages[1])


def test_keys_that_are_a_window_older_are_left_out_and_the_others_stay_in_order() -> None:
    stages = fresh()
    for serial in range(0, 3 * WINDOW, 7):
        stages = reaching(stages, serial)
        assert list(stages[0]) == sorted(stages[0])
        assert len(stages[0]) <= WINDOW + STAGE_SIZE
        assert serial - WINDOW < 0 or serial - WINDOW in stages[0]
