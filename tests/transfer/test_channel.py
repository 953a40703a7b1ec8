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
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

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
from puregss.transfer.channel import ChannelReceiver, ChannelSender
from puregss.transfer.minor import TransferMinor
from puregss.transfer.stages import CHAIN_SIZE, STAGE_SIZE, WINDOW, reaching
from puregss.transfer.token import KEY_SIZE, SERIAL_SIZE, open_
from tests.transfer.fakes import RECORD, FakeClock, FakeContext, memory_domain

WHOLE = (MechType.kerberos, RECORD)


def channel(clock: FakeClock | None = None) -> tuple[ChannelSender, ChannelReceiver]:
    key, clock = os.urandom(32), clock or FakeClock()
    return ChannelSender(key, clock), ChannelReceiver(key, clock)


def serial_of(token: bytes) -> int:
    return int.from_bytes(token[16:28], "big")


def with_serial(token: bytes, serial: int) -> bytes:
    return token[:16] + serial.to_bytes(SERIAL_SIZE, "big") + token[28:]


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


@pytest.mark.parametrize("acknowledged", [1, STAGE_SIZE - 1, STAGE_SIZE + 5])
def test_the_window_may_end_within_a_stage(acknowledged: int) -> None:
    sender, receiver = channel()
    tokens = [sender.export(FakeContext()) for _ in range(acknowledged + 1)]
    for token in tokens[:acknowledged]:
        receiver.import_(token)
        sender.acknowledged(token)
    for _ in range(WINDOW - 1):
        last = sender.export(FakeContext())
    for _ in range(2):
        with pytest.raises(GSSError) as error:
            sender.export(FakeContext())
        assert error.value.minor == TransferMinor.CHANNEL_FULL
    assert sender.outstanding == WINDOW
    assert receiver.import_(last) == WHOLE
    assert receiver.import_(tokens[acknowledged]) == WHOLE
    sender.acknowledged(tokens[acknowledged])
    assert receiver.import_(sender.export(FakeContext())) == WHOLE


def test_a_long_life_keeps_few_keys() -> None:
    sender, receiver = channel()
    for number in range(3 * WINDOW):
        token = sender.export(FakeContext())
        if number % 2:
            receiver.import_(token)
        sender.acknowledged(token)  # every other one was refused for good
        assert sender.outstanding == 0
        assert len(sender._stages[0]) < STAGE_SIZE
        assert len(receiver._stages[0]) <= WINDOW + STAGE_SIZE


def test_a_full_window_keeps_no_more_keys_than_the_window_and_a_stage() -> None:
    sender, receiver = channel()
    tokens: list[bytes] = []
    for number in range(2 * WINDOW):
        if number >= WINDOW:
            sender.acknowledged(tokens[number - WINDOW])
        tokens.append(sender.export(FakeContext()))
        assert sender.outstanding == min(number + 1, WINDOW)
        assert len(sender._stages[0]) < WINDOW + STAGE_SIZE
    assert receiver.import_(tokens[WINDOW - 1]) == WHOLE
    for token in tokens[WINDOW:]:
        assert receiver.import_(token) == WHOLE
        assert len(receiver._stages[0]) < WINDOW + STAGE_SIZE


def test_stages_follow_each_other() -> None:
    sender, receiver = channel()
    for number in range(3 * STAGE_SIZE + 1):
        token = sender.export(FakeContext(record=b"%d" % number))
        assert serial_of(token) == number
        assert sender.outstanding == 1
        assert receiver.import_(token) == (MechType.kerberos, b"%d" % number)
        with pytest.raises(MissingContextError, match="already"):
            receiver.import_(token)
        sender.acknowledged(token)
        assert sender.outstanding == 0


@pytest.mark.parametrize(
    "order",
    [
        (31, 32, 0, 33, 30),
        (32, 31, 0, 63, 64),
        (64, 63, 32, 31, 0, 96),
        (95, 96, 0, 64, 1),
        tuple(reversed(range(3 * STAGE_SIZE + 1))),
    ],
    ids=str,
)
def test_tokens_open_once_in_any_order_across_stages(order: tuple[int, ...]) -> None:
    sender, receiver = channel()
    tokens = [sender.export(FakeContext(record=b"%d" % number)) for number in range(max(order) + 1)]
    for number in order:
        assert receiver.import_(tokens[number]) == (MechType.kerberos, b"%d" % number)
        sender.acknowledged(tokens[number])
        with pytest.raises(MissingContextError, match="already"):
            receiver.import_(tokens[number])
    assert sender.outstanding == len(tokens) - len(order)
    for number in set(range(len(tokens))) - set(order):
        assert receiver.import_(tokens[number]) == (MechType.kerberos, b"%d" % number)


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


@pytest.mark.parametrize("imported", [0, 1, STAGE_SIZE - 1, STAGE_SIZE, STAGE_SIZE + 1])
def test_a_forged_serial_costs_bounded_work_and_no_state(imported: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sender, receiver = channel()
    for _ in range(imported):
        receiver.import_(sender.export(FakeContext()))
    token = sender.export(FakeContext())
    before = receiver._stages
    kept = dict(before[0])
    derived = 0

    def counted(*arguments: Any) -> Any:
        nonlocal derived
        derived += 1
        return HKDFExpand(*arguments)

    monkeypatch.setattr("puregss.transfer.stages.HKDFExpand", counted)
    first = before[2]
    for serial in (imported + 1, first + 1, first + WINDOW - 1, first + WINDOW, 2**64 + imported, 2**96 - 1):
        derived = 0
        with pytest.raises((InvalidTokenError, MissingContextError)):
            receiver.import_(with_serial(token, serial))
        assert derived <= WINDOW // STAGE_SIZE
        assert receiver._stages is before
        assert receiver._stages[0] == kept
    assert receiver.import_(token) == WHOLE


def test_who_acknowledges_what_was_not_sent_takes_no_key_that_is_to_come() -> None:
    sender, receiver = channel()
    token = sender.export(FakeContext())
    for serial in range(1, 2 * STAGE_SIZE):
        sender.acknowledged(with_serial(token, serial))
    assert sender.outstanding == 1
    for serial in range(1, 2 * STAGE_SIZE):
        sender.acknowledged(with_serial(token, serial))
        later = sender.export(FakeContext())
        assert serial_of(later) == serial
        assert receiver.import_(later) == WHOLE
    assert receiver.import_(token) == WHOLE
    assert sender.outstanding == 2 * STAGE_SIZE


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
    sizes = KEY_SIZE, CHAIN_SIZE
    return {octets for octets in reachable_octets(end) if len(octets) in sizes and octets != end._identity}


def keys_that_a_thief_has(end: ChannelSender | ChannelReceiver) -> set[bytes]:
    """All keys that lie in the memory of `end`, and those that its chains give."""
    held = secrets(end)
    assert held
    for chain in [octets for octets in held if len(octets) == CHAIN_SIZE]:
        held |= {chain[:KEY_SIZE], chain[KEY_SIZE:], *reaching(({}, chain, 0), 3 * STAGE_SIZE)[0].values()}
    return {octets for octets in held if len(octets) == KEY_SIZE}


def opens(key: bytes, token: bytes, identity: bytes) -> bool:
    try:
        open_(key, token, identity)
    except InvalidTokenError:
        return False
    return True


def opened(end: ChannelSender | ChannelReceiver, tokens: list[bytes]) -> list[int]:
    """The serials of those tokens that a thief of all that `end` holds can open."""
    keys = keys_that_a_thief_has(end)
    return [serial_of(token) for token in tokens if any(opens(key, token, end._identity) for key in keys)]


@pytest.mark.parametrize("count", [1, 2, STAGE_SIZE - 1, STAGE_SIZE, STAGE_SIZE + 1, 2 * STAGE_SIZE + 5])
def test_a_thief_of_all_that_both_ends_hold_opens_nothing_that_was_acknowledged_before(count: int) -> None:
    sender, receiver = channel()
    tokens = [sender.export(FakeContext()) for _ in range(count + 1)]
    for token in tokens[:count]:
        receiver.import_(token)
        sender.acknowledged(token)
    for end in (sender, receiver):
        assert opened(end, tokens) == [count]  # the one that is still under way


def test_a_thief_of_a_worker_that_imported_out_of_order_opens_only_what_was_overtaken() -> None:
    sender, receiver = channel()
    tokens = [sender.export(FakeContext()) for _ in range(2 * STAGE_SIZE + 3)]
    for serial in (2 * STAGE_SIZE + 1, STAGE_SIZE, 0, STAGE_SIZE - 1, 2 * STAGE_SIZE + 2):
        receiver.import_(tokens[serial])
        tokens[serial] = b""
    left = [token for token in tokens if token]
    assert opened(receiver, left) == [serial_of(token) for token in left]


@pytest.mark.parametrize("serial", [0, 5, STAGE_SIZE - 1, STAGE_SIZE])
def test_a_thief_opens_nothing_that_was_imported_ahead(serial: int) -> None:
    sender, receiver = channel()
    tokens = [sender.export(FakeContext()) for _ in range(serial + 1)]
    receiver.import_(tokens[serial])
    assert opened(receiver, tokens) == list(range(serial))


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


def test_what_was_not_sent_is_not_reclaimed() -> None:
    sender, _ = channel()
    token = sender.export(FakeContext())
    sender.worker_died()
    for serial in (1, STAGE_SIZE - 1, STAGE_SIZE):
        with pytest.raises(MissingContextError) as error:
            sender.reclaim(with_serial(token, serial))
        assert error.value.minor == TransferMinor.NO_CLAIM
    assert sender.outstanding == 1
    assert sender.reclaim(token) == WHOLE
    assert sender.outstanding == 0


@pytest.mark.parametrize("sent", [0, 1, STAGE_SIZE])
def test_nothing_is_exported_to_a_dead_worker(sent: int) -> None:
    sender, _ = channel()
    for _ in range(sent):
        sender.export(FakeContext())
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


@pytest.mark.parametrize("sent", [0, 5, STAGE_SIZE - 1, STAGE_SIZE])
@pytest.mark.parametrize("step", ["fail_encode", "fail_kill"])
def test_an_export_may_fail_anywhere_in_a_stage(step: str, sent: int) -> None:
    sender, receiver = channel()
    before = [sender.export(FakeContext()) for _ in range(sent)]
    context = FakeContext()
    setattr(context, step, RuntimeError())
    with pytest.raises(GSSError):
        sender.export(context)
    assert sender.outstanding == sent
    setattr(context, step, None)
    after = [sender.export(each) for each in (context, *(FakeContext() for _ in range(STAGE_SIZE)))]
    skipped = step == "fail_kill"  # what was sealed costs its serial
    assert [serial_of(token) for token in before + after] == [
        serial for serial in range(sent + skipped + STAGE_SIZE + 1) if not skipped or serial != sent
    ]
    for token in before + after:
        assert receiver.import_(token) == WHOLE
        sender.acknowledged(token)
    assert sender.outstanding == 0


@pytest.mark.parametrize("failures", [STAGE_SIZE - 1, STAGE_SIZE, 3 * STAGE_SIZE])
def test_whole_stages_may_never_come(failures: int) -> None:
    sender, receiver = channel()
    assert receiver.import_(sender.export(FakeContext())) == WHOLE
    context = FakeContext()
    context.fail_kill = RuntimeError()
    for _ in range(failures):
        with pytest.raises(GSSError):
            sender.export(context)
    for _ in range(STAGE_SIZE):
        assert receiver.import_(sender.export(FakeContext())) == WHOLE


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
        lambda: sender.outstanding,
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
