"""The worker's channel: opens once, in any order within the window, and forgets what is acknowledged."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import random
import threading
from typing import Any

import pytest

from puregss.base import era
from puregss.base.errors import (
    ExpiredContextError,
    GSSError,
    InvalidTokenError,
    MissingContextError,
    OperationUnavailableError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.names import MechType
from puregss.transfer.channel import WINDOW, ChannelReceiver, ChannelSender
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import SERIAL_SIZE
from tests.transfer.fakes import RECORD, FakeClock, FakeContext, memory_domain

WHOLE = (MechType.kerberos, RECORD)


def channel(clock: FakeClock | None = None) -> tuple[ChannelSender, ChannelReceiver]:
    key, clock = os.urandom(32), clock or FakeClock()
    return ChannelSender(key, clock), ChannelReceiver(key, clock)


def test_a_context_moves_once() -> None:
    sender, receiver = channel()
    context = FakeContext()
    token = sender.export(context)
    assert context.dead is not None
    assert receiver.import_(token) == WHOLE
    with pytest.raises(MissingContextError) as error:
        receiver.import_(token)
    assert error.value.minor == TransferMinor.NO_CLAIM
    with pytest.raises(MissingContextError):
        sender.export(context)


def in_every_other_octet(token: bytes) -> memoryview:
    return memoryview(b"".join(bytes((octet, 0)) for octet in token))[::2]


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview, in_every_other_octet])
def test_a_token_may_come_in_any_buffer(buffer: Any) -> None:
    sender, receiver = channel()
    token = buffer(sender.export(FakeContext()))
    assert receiver.import_(token) == WHOLE
    sender.acknowledged(token)
    assert sender.outstanding == 0


def test_a_record_of_200_octets_makes_a_token_of_at_most_300() -> None:
    sender, _ = channel()
    assert len(sender.export(FakeContext())) == 245


def test_tokens_open_in_any_order_within_the_window() -> None:
    sender, receiver = channel()
    tokens = [sender.export(FakeContext(record=b"%d" % number)) for number in range(WINDOW)]
    order = list(range(WINDOW))
    random.Random(1).shuffle(order)
    for number in order:
        assert receiver.import_(tokens[number]) == (MechType.kerberos, b"%d" % number)
    for token in tokens:
        with pytest.raises(MissingContextError):
            receiver.import_(token)


def test_the_window_is_bounded_on_both_sides() -> None:
    sender, receiver = channel()
    tokens = [sender.export(FakeContext()) for _ in range(WINDOW)]
    context = FakeContext()
    with pytest.raises(GSSError) as error:
        sender.export(context)
    assert error.value.minor == TransferMinor.CHANNEL_FULL
    assert context.dead is None
    sender.acknowledged(tokens[0])
    late = sender.export(context)
    with pytest.raises(MissingContextError, match="too far ahead"):
        receiver.import_(late)
    assert receiver.import_(tokens[0]) == WHOLE
    assert receiver.import_(late) == WHOLE


def test_a_long_life_keeps_few_keys() -> None:
    sender, receiver = channel()
    for number in range(3 * WINDOW):
        token = sender.export(FakeContext())
        if number % 2:
            receiver.import_(token)
        sender.acknowledged(token)  # every other one was refused for good
    assert sender.outstanding == 0
    assert len(receiver._keys) <= WINDOW


@pytest.mark.parametrize("known", [True, False], ids=["first of its kind", "overtaken"])
def test_every_flip_and_truncation_is_refused_and_the_true_token_imports(known: bool) -> None:
    sender, receiver = channel()
    token = sender.export(FakeContext())
    if not known:
        receiver.import_(sender.export(FakeContext()))

    def parsed(*_: object) -> None:
        pytest.fail("something inside was parsed before the seal was verified")

    spoiled = [token[:size] for size in range(len(token))]
    for bit in range(len(token) * 8):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 1 << bit % 8
        spoiled.append(bytes(flipped))
    for octets in spoiled:
        with pytest.raises((InvalidTokenError, MissingContextError, OperationUnavailableError)):
            receiver.import_(octets, parsed)
    assert receiver.import_(token) == WHOLE


def test_a_forged_serial_costs_bounded_work_and_no_state() -> None:
    sender, receiver = channel()
    token = sender.export(FakeContext())
    for serial in (1, WINDOW - 1, WINDOW, 2**96 - 1):
        forged = token[:16] + serial.to_bytes(SERIAL_SIZE, "big") + token[28:]
        with pytest.raises((InvalidTokenError, MissingContextError)):
            receiver.import_(forged)
    assert not receiver._keys
    assert receiver.import_(token) == WHOLE


def test_a_token_for_another_worker_is_told_as_such() -> None:
    sender, _ = channel()
    _, other = channel()
    for token in (sender.export(FakeContext()), memory_domain().export(FakeContext())):
        with pytest.raises(MissingContextError) as error:
            other.import_(token)
        assert error.value.minor == TransferMinor.WRONG_DOMAIN


# --- forgetting -------------------------------------------------------------------------------


def reachable_octets(root: Any) -> set[bytes]:
    """Every bytes object that `root` leads to."""
    found, seen, todo = set(), set(), [vars(root)]
    while todo:
        thing = todo.pop()
        if id(thing) not in seen and not isinstance(thing, type):
            seen.add(id(thing))
            if isinstance(thing, bytes):
                found.add(thing)
            if isinstance(thing, dict | list | tuple | set):
                todo += gc.get_referents(thing)
    return found


def secrets(end: ChannelSender | ChannelReceiver) -> set[bytes]:
    return {octets for octets in reachable_octets(end) if len(octets) == 32 and octets != end._identity}


def test_what_both_sides_hold_afterwards_opens_nothing_sent_before() -> None:
    sender, receiver = channel()
    token = sender.export(FakeContext())
    receiver.import_(token)
    sender.acknowledged(token)
    held = secrets(sender) | secrets(receiver)
    assert held
    for secret in held:
        thief = ChannelReceiver(bytes(32), FakeClock())
        thief._identity, thief._tag, thief._prefix = receiver._identity, receiver._tag, receiver._prefix
        thief._ratchet = secret, 0
        with pytest.raises(InvalidTokenError):
            thief.import_(token)
        thief._keys = {0: secret}
        thief._ratchet = bytes(32), 1
        with pytest.raises(InvalidTokenError):
            thief.import_(token)


@pytest.mark.parametrize("twice", [copy.copy, copy.deepcopy, pickle.dumps])
def test_an_end_cannot_be_copied(twice: Any) -> None:
    for end in channel():
        with pytest.raises(TypeError, match="one of a kind"):
            twice(end)


def test_no_key_shows() -> None:
    sender, receiver = channel()
    sender.export(FakeContext())
    for end in (sender, receiver):
        assert secrets(end)
        assert not any(secret.hex() in repr(end) or repr(secret) in repr(end) for secret in secrets(end))


# --- reclaiming -------------------------------------------------------------------------------


def test_reclaim_needs_the_workers_death_and_works_once() -> None:
    sender, _ = channel()
    token = sender.export(FakeContext())
    with pytest.raises(OperationUnavailableError) as error:
        sender.reclaim(token)
    assert error.value.minor == TransferMinor.WORKER_ALIVE
    sender.worker_died()
    with pytest.raises(InvalidTokenError):
        sender.reclaim(token[:-1] + bytes((token[-1] ^ 1,)))
    assert sender.reclaim(token) == WHOLE
    with pytest.raises(MissingContextError):
        sender.reclaim(token)


def test_what_was_acknowledged_is_not_reclaimed() -> None:
    sender, receiver = channel()
    taken, lost = sender.export(FakeContext()), sender.export(FakeContext())
    receiver.import_(taken)
    sender.acknowledged(taken)
    sender.worker_died()
    with pytest.raises(MissingContextError, match="died with whoever held it"):
        sender.reclaim(taken)
    assert sender.reclaim(lost, lambda _, record: record) == RECORD
    assert sender.outstanding == 0


def test_nothing_is_exported_to_a_dead_worker() -> None:
    sender, _ = channel()
    sender.worker_died()
    context = FakeContext()
    with pytest.raises(OperationUnavailableError) as error:
        sender.export(context)
    assert error.value.minor == TransferMinor.CHANNEL_CLOSED
    assert context.dead is None


def test_a_token_of_a_channel_cannot_be_revoked() -> None:
    sender, receiver = channel()
    token = sender.export(FakeContext())
    with pytest.raises(OperationUnavailableError) as error:
        sender.revoke(token)
    assert error.value.minor == TransferMinor.NOT_REVOCABLE
    assert receiver.import_(token) == WHOLE


# --- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [GSSError("no"), RuntimeError("secret"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fail_encode", "fail_kill"])
def test_an_export_that_fails_leaves_context_and_channel_as_they_were(step: str, fault: BaseException) -> None:
    sender, receiver = channel()
    context = FakeContext()
    setattr(context, step, fault)
    for _ in range(2 * WINDOW if step == "fail_encode" else WINDOW - 1):  # what was sealed costs its serial
        with pytest.raises((GSSError, KeyboardInterrupt)) as error:
            sender.export(context)
        assert "secret" not in str(error.value)
    assert context.dead is None
    assert sender.outstanding == 0
    setattr(context, step, None)
    assert receiver.import_(sender.export(context)) == WHOLE


def test_a_context_that_cannot_move_is_refused_untouched() -> None:
    sender, _ = channel()
    fixed = FakeContext()
    fixed.flags = RequirementFlag.integrity
    with pytest.raises(OperationUnavailableError):
        sender.export(fixed)
    with pytest.raises(ExpiredContextError):
        sender.export(FakeContext(expiry=0))
    assert fixed.dead is None


def test_a_decoder_that_fails_leaves_the_token_importable() -> None:
    sender, receiver = channel()
    token = sender.export(FakeContext())

    def broken(*_: object) -> None:
        raise IndexError

    with pytest.raises(GSSError, match="IndexError"):
        receiver.import_(token, broken)
    assert receiver.import_(token) == WHOLE


def test_a_token_that_timed_out_is_spent() -> None:
    clock = FakeClock()
    sender, receiver = channel(clock)
    token = sender.export(FakeContext(), ttl=1)
    clock.boot += 1.5
    with pytest.raises(MissingContextError, match="timed out") as error:
        receiver.import_(token)
    assert error.value.minor == TransferMinor.TIMED_OUT
    clock.boot -= 1.5
    with pytest.raises(MissingContextError):
        receiver.import_(token)


def test_an_altered_expiry_does_not_spend_the_token() -> None:
    clock = FakeClock()
    sender, receiver = channel(clock)
    token = sender.export(FakeContext())
    with pytest.raises(InvalidTokenError):
        receiver.import_(token[:8] + bytes(8) + token[16:])
    assert receiver.import_(token) == WHOLE


def test_a_fork_ends_both_ends_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, receiver = channel()
    token = sender.export(FakeContext())
    monkeypatch.setattr(era, "current", era.Era())
    for use in (
        lambda: sender.export(FakeContext()),
        lambda: sender.reclaim(token),
        lambda: sender.acknowledged(token),
        lambda: sender.worker_died(),
        lambda: receiver.import_(token),
    ):
        with pytest.raises(MissingContextError, match="fork"):
            use()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_channel_key_has_32_octets(size: int) -> None:
    with pytest.raises(ValueError, match="32"):
        ChannelSender(bytes(size), FakeClock())


def test_racing_exports_give_one_token_and_racing_imports_one_context() -> None:
    sender, receiver = channel()
    for _ in range(200):
        context = FakeContext()
        outcomes = race(3, lambda context=context: sender.export(context))
        (token,) = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
        assert sum(isinstance(outcome, MissingContextError) for outcome in outcomes) == 2
        outcomes = race(3, lambda token=token: receiver.import_(token))
        assert outcomes.count(WHOLE) == 1
        assert sum(isinstance(outcome, MissingContextError) for outcome in outcomes) == 2
        sender.acknowledged(token)


def race(count: int, call: Any) -> list[Any]:
    """What each of `count` threads got from `call`, or the error it raised."""
    outcomes: list[Any] = []
    start = threading.Barrier(count)

    def run() -> None:
        start.wait()
        try:
            outcomes.append(call())
        except GSSError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
