"""A call that is interrupted anywhere: never a context in two places, no lock held, both ends still agree."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from puregss.base.errors import GSSError, MissingContextError
from puregss.base.names import MechType
from puregss.system.claims_dir import DirectoryStore
from puregss.transfer.channel import ChannelReceiver, ChannelSender
from puregss.transfer.claims import MemoryStore
from puregss.transfer.domain import Domain
from puregss.transfer.stages import STAGE_SIZE
from puregss.transfer.token import seal
from tests.transfer.fakes import RECORD, FakeClock, FakeContext
from tests.transfer.interruptions import interrupted

WHOLE = (MechType.kerberos, RECORD)
PART = "src/puregss/"
Ends = tuple[Any, Any]


def channel(folder: Path) -> Ends:
    key, clock = os.urandom(32), FakeClock()
    return ChannelSender(key, clock), ChannelReceiver(key, clock)


def memory(folder: Path) -> Ends:
    domain = Domain(MemoryStore(os.urandom), FakeClock(), os.urandom)
    return domain, domain


def directory(folder: Path) -> Ends:
    domain = Domain(DirectoryStore(str(folder / "claims")), FakeClock(), os.urandom)
    return domain, domain


KINDS = pytest.mark.parametrize("make", [channel, memory, directory])


def goes_on(exporter: Any, importer: Any) -> None:
    """Neither a lock is held nor do the ends disagree."""
    token = exporter.export(FakeContext(record=b"next"))
    assert importer.import_(token) == (MechType.kerberos, b"next")


@KINDS
def test_an_interrupted_export_leaves_the_context_here_or_nowhere(make: Callable[[Path], Ends], tmp_path: Path) -> None:
    exporter, importer = make(tmp_path)
    usable = set()
    for moment in count(1):
        context = FakeContext()
        reached, token = interrupted(lambda context=context: exporter.export(context), moment, PART)  # type: ignore[misc]
        assert not context.lock.locked()
        if token is not None:
            assert context.dead is not None
            assert importer.import_(token) == WHOLE
        else:
            usable.add(context.dead is None)
            if context.dead is None:
                assert importer.import_(exporter.export(context)) == WHOLE
        goes_on(exporter, importer)
        if not reached:
            break
    assert moment > 10
    assert True in usable


@KINDS
def test_an_interrupted_import_gives_the_context_once_or_never(make: Callable[[Path], Ends], tmp_path: Path) -> None:
    exporter, importer = make(tmp_path)
    again = set()
    for moment in count(1):
        skipped = exporter.export(FakeContext(record=b"overtaken"))
        token = exporter.export(FakeContext())
        reached, result = interrupted(lambda token=token: importer.import_(token), moment, PART)  # type: ignore[misc]
        try:
            second = importer.import_(token)
        except GSSError:
            second = None
        assert result is None or second is None
        assert result in (None, WHOLE)
        again.add(second is not None)
        assert importer.import_(skipped) == (MechType.kerberos, b"overtaken")
        goes_on(exporter, importer)
        if not reached:
            break
    assert moment > 10
    assert again == {True, False}


def test_an_interrupted_reclaim_leaves_the_context_to_be_reclaimed_or_gone() -> None:
    for moment in count(1):
        sender, _ = channel(Path())
        tokens = [sender.export(FakeContext()) for _ in range(2)]
        sender.worker_died()
        reached, result = interrupted(lambda: sender.reclaim(tokens[0]), moment, PART)  # noqa: B023
        try:
            second = sender.reclaim(tokens[0])
        except GSSError:
            second = None
        assert result is None or second is None
        assert sender.reclaim(tokens[1]) == WHOLE
        if not reached:
            break
    assert moment > 5


@pytest.fixture
def seals_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nonce is constant: two seals under one key would give both contexts away, even where one is never sent."""
    sealed = set()

    def watched(key: bytes, *arguments: Any) -> bytes:
        assert key not in sealed
        sealed.add(key)
        return seal(key, *arguments)

    monkeypatch.setattr("puregss.transfer.channel.seal", watched)


@pytest.mark.usefixtures("seals_once")
def test_no_key_seals_twice() -> None:
    sender, _ = channel(Path())
    for moment in count(1):
        reached, _ = interrupted(lambda: sender.export(FakeContext()), moment, "transfer/channel.py")
        if not reached:
            break


@pytest.mark.usefixtures("seals_once")
@pytest.mark.parametrize("sent", [0, STAGE_SIZE - 1, STAGE_SIZE])
def test_an_export_is_interrupted_while_a_stage_ends_or_begins(sent: int) -> None:
    outcomes = set()
    for moment in count(1):
        sender, receiver = channel(Path())
        tokens = [sender.export(FakeContext()) for _ in range(sent)]
        context = FakeContext()
        reached, token = interrupted(lambda: sender.export(context), moment, "puregss/transfer/")  # noqa: B023
        outcomes.add((token is None, context.dead is None))
        tokens += [sender.export(FakeContext()) for _ in range(STAGE_SIZE + 1)]
        for each in tokens if token is None else [*tokens, token]:
            assert receiver.import_(each) == WHOLE
            sender.acknowledged(each)
        # What was interrupted behind its end is under way for ever: nobody can say that it never left.
        assert sender.outstanding <= (token is None and context.dead is not None)
        if not reached:
            break
    assert outcomes >= {(True, True), (False, False)}


@pytest.mark.parametrize("ahead", [0, 1, STAGE_SIZE - 1, STAGE_SIZE, 2 * STAGE_SIZE + 1])
def test_an_import_is_interrupted_while_stages_begin(ahead: int) -> None:
    """Neither may a token open twice, nor one be lost that was overtaken."""
    again = set()
    for moment in count(1):
        sender, receiver = channel(Path())
        tokens = [sender.export(FakeContext()) for _ in range(ahead + 2)]
        reached, result = interrupted(lambda: receiver.import_(tokens[ahead]), moment, "puregss/transfer/")  # noqa: B023
        others = tokens[:ahead] + tokens[ahead + 1 :]
        assert [receiver.import_(each) for each in reversed(others)] == [WHOLE] * len(others)
        second = imported(receiver, tokens[ahead])
        assert result is None or second is None
        again.add(second is not None)
        assert not any(imported(receiver, each) for each in tokens)
        goes_on(sender, receiver)
        if not reached:
            break
    assert again == {True, False}


def imported(receiver: ChannelReceiver, token: bytes) -> Any:
    try:
        return receiver.import_(token)
    except MissingContextError:
        return None
