"""Design of export and import: what each failure leaves behind, and that one import wins."""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from puregss.base import era
from puregss.base.errors import (
    ExpiredContextError,
    GSSError,
    InvalidTokenError,
    MissingContextError,
    OperationUnavailableError,
    UnauthorizedError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.names import MechType
from puregss.transfer.claims import MemoryStore
from puregss.transfer.domain import MAX_SKEW, Domain
from puregss.transfer.keys import DomainKey
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import DomainKind, decode_header
from tests.transfer.fakes import RECORD, FakeClock, FakeContext, memory_domain


class FaultyStore(MemoryStore):
    """Fails at the calls named in `faults`, before or after it did what was asked."""

    def __init__(self) -> None:
        super().__init__(os.urandom)
        self.faults: dict[str, tuple[str, BaseException]] = {}

    def _fault(self, call: str, moment: str) -> None:
        at, error = self.faults.get(call, ("", None))
        if at == moment and error is not None:
            raise error

    def place(self) -> bytes:
        self._fault("place", "before")
        return super().place()

    def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        self._fault("put", "before")
        super().put(name, secret, ttl)
        self._fault("put", "after")

    def fetch(self, name: bytes) -> bytes | None:
        self._fault("fetch", "before")
        return super().fetch(name)

    def erase(self, name: bytes) -> bool:
        self._fault("erase", "before")
        erased = super().erase(name)
        self._fault("erase", "after")
        return erased


class AsyncFaultyStore:
    """The awaiting half of a FaultyStore."""

    def __init__(self, store: FaultyStore) -> None:
        self.store = store
        self.pause: asyncio.Event | None = None
        self.closed = False

    async def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        self.store.put(name, secret, ttl)
        if self.pause is not None:
            await self.pause.wait()

    async def fetch(self, name: bytes) -> bytes | None:
        return self.store.fetch(name)

    async def erase(self, name: bytes) -> bool:
        return self.store.erase(name)

    async def sweep(self, now: int, tag: bytes) -> int:
        return self.store.sweep(now, tag)

    async def aclose(self) -> None:
        self.closed = True


UNREACHABLE = GSSError("no route", minor=TransferMinor.STORE_UNREACHABLE)
LOST = GSSError("no answer", minor=TransferMinor.OUTCOME_UNKNOWN)
FULL = GSSError("no room", minor=TransferMinor.STORE_FULL)


def still_exports(context: FakeContext) -> None:
    """The context is exactly as usable as before."""
    assert context.dead is None
    assert not context.lock.locked()
    domain = memory_domain()
    assert domain.import_(domain.export(context)) == (MechType.kerberos, RECORD)


def test_a_context_moves_once() -> None:
    domain, context = memory_domain(), FakeContext()
    token = domain.export(context)
    assert context.dead is not None
    assert domain.is_outstanding(token)
    assert domain.import_(token) == (MechType.kerberos, RECORD)
    with pytest.raises(MissingContextError) as error:
        domain.import_(token)
    assert error.value.minor == TransferMinor.NO_CLAIM
    with pytest.raises(MissingContextError):
        domain.export(context)
    assert not list(domain.outstanding())


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_a_token_may_come_in_any_buffer(buffer: Callable[[bytes], Any]) -> None:
    domain = memory_domain()
    assert domain.import_(buffer(domain.export(FakeContext()))) == (MechType.kerberos, RECORD)


def test_the_record_is_not_in_the_token_and_the_claim_is_not_either() -> None:
    store = MemoryStore(os.urandom)
    domain = Domain(store, FakeClock(), os.urandom)
    token = domain.export(FakeContext())
    (name,) = store.outstanding()
    secret = store.fetch(name)
    assert secret is not None
    assert secret not in token
    assert RECORD[:16] not in token


def test_a_context_without_the_flag_is_unavailable_and_untouched() -> None:
    domain, context = memory_domain(), FakeContext()
    context.flags = RequirementFlag.integrity
    with pytest.raises(OperationUnavailableError) as error:
        domain.export(context)
    assert error.value.minor == TransferMinor.NOT_TRANSFERABLE
    context.flags |= RequirementFlag.transferable
    still_exports(context)


def test_an_expired_context_is_refused_and_untouched() -> None:
    clock = FakeClock(now=2_000.5)
    context = FakeContext(expiry=2_000.0)
    with pytest.raises(ExpiredContextError):
        memory_domain(clock).export(context)
    clock.wall = 2_000.0  # the last moment counts
    memory_domain(clock).export(context)


@pytest.mark.parametrize("change", ["expired", "no flag"])
def test_a_dead_context_is_told_to_be_dead_whatever_else_it_lacks(change: str) -> None:
    context = FakeContext(expiry=0.0 if change == "expired" else 2_000.0)
    if change == "no flag":
        context.flags = RequirementFlag(0)
    context.dead = "deleted"
    with pytest.raises(MissingContextError, match="deleted"):
        memory_domain().export(context)


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf")])
def test_a_time_to_live_is_a_positive_number(ttl: float) -> None:
    context = FakeContext()
    with pytest.raises(ValueError, match="time to live"):
        memory_domain().export(context, ttl)
    still_exports(context)


# --- faults: no token, no live claim, context untouched ---------------------------------------


@pytest.mark.parametrize(
    ("call", "moment", "fault"),
    [
        ("place", "before", UnauthorizedError("not yours", minor=TransferMinor.FOREIGN_STORE)),
        ("put", "before", UNREACHABLE),
        ("put", "before", FULL),
        ("put", "after", LOST),
        ("put", "after", KeyboardInterrupt()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_a_store_that_fails_an_export_leaves_nothing(call: str, moment: str, fault: BaseException) -> None:
    store = FaultyStore()
    context = FakeContext()
    store.faults[call] = (moment, fault)
    with pytest.raises(type(fault)):
        Domain(store, FakeClock(), os.urandom).export(context)
    store.faults.clear()
    assert not list(store.outstanding())
    still_exports(context)


@pytest.mark.parametrize("fault", [GSSError("no"), RuntimeError("secret"), MemoryError(), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fail_encode", "fail_kill"])
def test_a_context_that_fails_an_export_leaves_nothing(step: str, fault: BaseException) -> None:
    store = FaultyStore()
    context = FakeContext()
    setattr(context, step, fault)
    expected = GSSError if isinstance(fault, Exception) else type(fault)
    with pytest.raises(expected) as error:
        Domain(store, FakeClock(), os.urandom).export(context)
    assert "secret" not in str(error.value)
    assert not list(store.outstanding())
    setattr(context, step, None)
    still_exports(context)


def test_a_claim_that_cannot_be_taken_back_is_a_note_on_the_first_error() -> None:
    store = FaultyStore()
    store.faults["erase"] = ("before", UNREACHABLE)
    context = FakeContext()
    context.fail_encode = GSSError("the encoder failed")
    with pytest.raises(GSSError, match="the encoder failed") as error:
        Domain(store, FakeClock(), os.urandom).export(context)
    assert "lapses by itself" in error.value.__notes__[0]


def test_entropy_that_fails_leaves_nothing() -> None:
    def entropy(size: int) -> bytes:
        raise OSError("no entropy")

    store = MemoryStore(os.urandom)
    context = FakeContext()
    with pytest.raises(GSSError) as error:
        Domain(store, FakeClock(), entropy).export(context)
    assert error.value.minor == TransferMinor.NO_ENTROPY
    assert not list(store.outstanding())
    still_exports(context)


def test_entropy_that_repeats_itself_never_replaces_a_claim() -> None:
    domain = memory_domain(entropy=lambda size: bytes(size))
    token = domain.export(FakeContext())
    second = FakeContext(record=b"another")
    with pytest.raises(GSSError, match="randomness repeats"):
        domain.export(second)
    assert second.dead is None
    assert domain.import_(token) == (MechType.kerberos, RECORD)


def test_sealing_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise OverflowError

    store = MemoryStore(os.urandom)
    context = FakeContext()
    with monkeypatch.context() as patch:
        patch.setattr("puregss.transfer.token.seal", broken)
        with pytest.raises(GSSError) as error:
            Domain(store, FakeClock(), os.urandom).export(context)
    assert error.value.minor == TransferMinor.ENCODING_FAILED
    assert not list(store.outstanding())
    still_exports(context)


# --- import -----------------------------------------------------------------------------------


def spoiled(token: bytes) -> Iterator[bytes]:
    """Every single-bit flip and every truncation."""
    for bit in range(len(token) * 8):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)
    for size in range(len(token)):
        yield token[:size]


def test_every_flip_and_truncation_is_refused_and_the_true_token_imports() -> None:
    domain = memory_domain()
    token = domain.export(FakeContext())

    def parsed(*_: object) -> None:
        pytest.fail("something inside was parsed before the seal was verified")

    for octets in spoiled(token):
        with pytest.raises((InvalidTokenError, MissingContextError, OperationUnavailableError)):
            domain.import_(octets, parsed)
    assert domain.import_(token) == (MechType.kerberos, RECORD)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + b"\0", lambda t: t[:-1] + bytes((t[-1] ^ 1,))])
def test_an_altered_token_has_the_status_of_a_defective_one(change: Callable[[bytes], bytes]) -> None:
    domain = memory_domain()
    with pytest.raises(InvalidTokenError) as error:
        domain.import_(change(domain.export(FakeContext())))
    assert error.value.minor == TransferMinor.SEAL_BROKEN


def test_a_decoder_that_fails_leaves_the_token_importable() -> None:
    domain = memory_domain()
    token = domain.export(FakeContext())

    def unknown(*_: object) -> None:
        raise OperationUnavailableError("mechanism not known here")

    def broken(*_: object) -> None:
        raise IndexError(RECORD)

    with pytest.raises(OperationUnavailableError, match="mechanism not known"):
        domain.import_(token, unknown)
    with pytest.raises(GSSError, match="IndexError") as error:
        domain.import_(token, broken)
    assert error.value.minor == TransferMinor.ENCODING_FAILED
    assert domain.import_(token, lambda oid, record: (record, oid)) == (RECORD, MechType.kerberos)


def test_a_store_whose_answer_to_the_erase_is_lost_never_gives_the_context_twice() -> None:
    store = FaultyStore()
    domain = Domain(store, FakeClock(), os.urandom)
    token = domain.export(FakeContext())
    store.faults["erase"] = ("after", LOST)
    with pytest.raises(GSSError, match="no answer") as error:
        domain.import_(token)
    assert error.value.minor == TransferMinor.OUTCOME_UNKNOWN
    store.faults.clear()
    with pytest.raises(MissingContextError):
        domain.import_(token)


@pytest.mark.parametrize("call", ["place", "fetch", "erase"])
def test_a_store_that_cannot_be_reached_leaves_the_token_importable(call: str) -> None:
    store = FaultyStore()
    domain = Domain(store, FakeClock(), os.urandom)
    token = domain.export(FakeContext())
    store.faults[call] = ("before", UNREACHABLE)
    with pytest.raises(GSSError, match="no route"):
        domain.import_(token)
    store.faults.clear()
    assert domain.import_(token)


def test_of_two_imports_that_both_opened_the_seal_one_wins() -> None:
    domain = memory_domain()
    token = domain.export(FakeContext())
    with pytest.raises(MissingContextError) as error:
        domain.import_(token, lambda *_: domain.import_(token))  # the other gets there between fetch and erase
    assert error.value.minor == TransferMinor.LOST_RACE


def test_a_token_times_out_on_the_clock_that_does_not_jump() -> None:
    clock = FakeClock()
    domain = memory_domain(clock)
    token = domain.export(FakeContext(), ttl=60)
    clock.wall += 1e6
    clock.boot += 60.0
    assert domain.is_outstanding(token)
    clock.boot += 0.002
    with pytest.raises(MissingContextError, match="timed out") as error:
        domain.import_(token)
    assert error.value.minor == TransferMinor.TIMED_OUT
    clock.boot -= 0.002
    assert domain.import_(token)


def test_a_token_of_an_earlier_start_of_the_machine_is_told_as_such() -> None:
    clock, store = FakeClock(), MemoryStore(os.urandom)
    token = Domain(store, clock, os.urandom).export(FakeContext())
    clock.boot_identity = b"c" * 16
    later = Domain(store, clock, os.urandom)
    with pytest.raises(MissingContextError, match="restarted") as error:
        later.import_(token)
    assert error.value.minor == TransferMinor.WRONG_DOMAIN


def test_a_token_of_another_domain_names_both() -> None:
    token = memory_domain().export(FakeContext())
    with pytest.raises(MissingContextError, match=decode_header(token).domain_tag.hex()):
        memory_domain().import_(token)


def test_revoked_is_gone_and_reclaimed_is_imported() -> None:
    domain = memory_domain()
    token = domain.export(FakeContext())
    assert domain.revoke(token)
    assert not domain.revoke(token)
    with pytest.raises(MissingContextError):
        domain.import_(token)
    token = domain.export(FakeContext())
    assert domain.reclaim(token) == (MechType.kerberos, RECORD)
    with pytest.raises(MissingContextError):
        domain.import_(token)
    token = domain.export(FakeContext())
    assert domain.revoke_claim(decode_header(token).name)
    with pytest.raises(MissingContextError):
        domain.import_(token)


def test_sweep_takes_what_expired_and_nothing_else() -> None:
    clock = FakeClock()
    domain = memory_domain(clock)
    for ttl in (10, 20, 30):
        domain.export(FakeContext(), ttl)
    clock.boot += 25
    assert domain.sweep() == 2
    assert len(list(domain.outstanding())) == 1


def test_claims_that_nobody_imports_do_not_pile_up() -> None:
    clock = FakeClock()
    domain = memory_domain(clock)
    for _ in range(100):
        domain.export(FakeContext(), ttl=1)
        clock.boot += 0.5
    assert len(list(domain.outstanding())) <= 4


def test_a_fork_ends_a_memory_domain_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    domain = memory_domain()
    token = domain.export(FakeContext())
    monkeypatch.setattr(era, "current", era.Era())
    for use in (lambda: domain.import_(token), lambda: domain.export(FakeContext()), domain.sweep, domain.outstanding):
        with pytest.raises(MissingContextError, match="fork"):
            use()


# --- network stores ---------------------------------------------------------------------------


class FarStore(FaultyStore):
    kind = DomainKind.REDIS
    one_machine = False


OLD, NEW = DomainKey(b"o" * 32), DomainKey(b"n" * 32)


def test_a_network_store_needs_a_domain_key() -> None:
    with pytest.raises(OperationUnavailableError, match="PUREGSS_TRANSFER_KEY"):
        Domain(FarStore(), FakeClock(), os.urandom)


def test_the_claim_alone_opens_nothing() -> None:
    store = FarStore()
    token = Domain(store, FakeClock(), os.urandom, (OLD,)).export(FakeContext())
    thief = Domain(store, FakeClock(), os.urandom, (NEW,))
    with pytest.raises(MissingContextError):
        thief.import_(token)
    # Even where the thief makes the token name the thief's own key.
    forged = token[:4] + NEW.tag + token[8:]
    store.put(forged[4:28], store.fetch(token[4:28]) or b"", 1)
    with pytest.raises(InvalidTokenError):
        thief.import_(forged)


def test_domain_keys_rotate_without_losing_a_token() -> None:
    store = FarStore()
    before, both, after = (Domain(store, FakeClock(), os.urandom, keys) for keys in ((OLD,), (NEW, OLD), (NEW,)))
    token = before.export(FakeContext())
    assert both.import_(token)
    assert after.import_(both.export(FakeContext()))
    with pytest.raises(MissingContextError):
        after.import_(before.export(FakeContext()))


def test_clocks_of_two_machines_may_differ_a_little() -> None:
    store = FarStore()
    exporter, importer = FakeClock(now=1_000.0), FakeClock(now=1_000.0)
    token = Domain(store, exporter, os.urandom, (OLD,)).export(FakeContext(), ttl=10)
    importer.wall += 10 + MAX_SKEW / 1000 + 1
    domain = Domain(store, importer, os.urandom, (OLD,))
    with pytest.raises(MissingContextError, match="clock is wrong"):
        domain.import_(token)
    importer.wall -= 2
    assert domain.import_(token)


# --- asyncio ----------------------------------------------------------------------------------


def far_domain() -> tuple[FarStore, AsyncFaultyStore, Domain]:
    store = FarStore()
    waiting = AsyncFaultyStore(store)
    return store, waiting, Domain(store, FakeClock(), os.urandom, (OLD,), waiting)


def test_the_awaiting_forms_do_the_same() -> None:
    async def life() -> None:
        _, waiting, domain = far_domain()
        token = await domain.export_async(FakeContext())
        assert await domain.import_async(token) == (MechType.kerberos, RECORD)
        with pytest.raises(MissingContextError):
            await domain.import_async(token)
        token = await domain.export_async(FakeContext())
        assert await domain.reclaim_async(token)
        token = await domain.export_async(FakeContext())
        assert await domain.revoke_async(token)
        assert await domain.sweep_async() == 0
        await domain.aclose()
        assert waiting.closed

    asyncio.run(life())


def test_a_store_that_does_not_wait_serves_the_awaiting_forms_too() -> None:
    async def life() -> Any:
        domain = memory_domain()
        result = await domain.import_async(await domain.export_async(FakeContext()))
        await domain.aclose()
        return result

    assert asyncio.run(life()) == (MechType.kerberos, RECORD)


def test_a_cancelled_export_revokes_its_claim() -> None:
    context = FakeContext()

    async def life() -> None:
        store, waiting, domain = far_domain()
        waiting.pause = asyncio.Event()
        export = asyncio.create_task(domain.export_async(context))
        await asyncio.sleep(0)
        assert list(store.outstanding())
        export.cancel()
        with pytest.raises(asyncio.CancelledError):
            await export
        assert not list(store.outstanding())

    asyncio.run(life())
    still_exports(context)


def test_an_export_that_is_thrown_away_ends_quietly() -> None:
    async def life() -> None:
        _, waiting, domain = far_domain()
        waiting.pause = asyncio.Event()
        export = domain.export_async(context)
        export.send(None)
        export.close()

    context = FakeContext()
    asyncio.run(life())
    still_exports(context)


def test_a_domain_key_does_not_show() -> None:
    assert repr(OLD) == f"<DomainKey {OLD.tag.hex()}>"
    assert (b"o" * 32).hex() not in repr(copy.copy(OLD))
