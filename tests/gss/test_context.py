"""RFC 2743 §2.2, §2.3: the life of a context, from the first token to its death, on both sides."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import pickle
import threading
from collections.abc import Callable

import pytest

from puregss.base.errors import (
    BadMechanismError,
    BadQoPError,
    DuplicateTokenError,
    ExpiredContextError,
    ExpiredTokenError,
    GSSError,
    InvalidTokenError,
    MissingContextError,
    MissingCredentialsError,
    OperationUnavailableError,
    SupplementaryError,
    TokenTooEarlyError,
    TokenTooLateError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.mechanism import KdcRequest
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials
from puregss.gss.messages import PrfKey, UnwrapResult
from puregss.gss.name import Name
from puregss.gss.transfer import import_context, import_context_async, reclaim_context
from puregss.realm.world import RealmWorld
from puregss.transfer.claims import MemoryStore
from tests.gss.worlds import SERVICE, World, pair


@pytest.fixture
def world() -> World:
    return World()


Side = Callable[[World], SecurityContext]

SIDES = [
    pytest.param(lambda world: pair(world)[0], id="initiator"),
    pytest.param(lambda world: pair(world)[1], id="acceptor"),
]

CALLS: dict[str, Callable[[SecurityContext], object]] = {
    "wrap": lambda context: context.wrap(b"x", True),
    "unwrap": lambda context: context.unwrap(b"x"),
    "get_signature": lambda context: context.get_signature(b"x"),
    "verify_signature": lambda context: context.verify_signature(b"x", b"y"),
    "export": lambda context: context.export(),
    "lifetime": lambda context: context.lifetime,
    "initiator_name": lambda context: context.initiator_name,
    "target_name": lambda context: context.target_name,
    "actual_flags": lambda context: context.actual_flags,
    "inquire": lambda context: context.inquire(),
    "delegated_creds": lambda context: context.delegated_creds,
    "get_wrap_size_limit": lambda context: context.get_wrap_size_limit(100),
    "step": lambda context: context.step(b"x"),
    "enctype": lambda context: context.enctype,
    "pseudo_random": lambda context: context.pseudo_random(8, b"x"),
    "session_key": lambda context: context.dangerous_session_key(),
    "process_token": lambda context: context.process_token(b"x"),
}


def test_both_sides_agree_on_names_flags_and_lifetime(world: World) -> None:
    initiator, acceptor = pair(world)
    for context in (initiator, acceptor):
        assert str(context.initiator_name) == "alice@EXAMPLE.TEST"
        assert str(context.target_name) == "host/localhost@EXAMPLE.TEST"
        assert context.mech == MechType.kerberos
        assert 0 < context.lifetime <= 86400
        assert context.actual_flags & RequirementFlag.transferable
    assert initiator.locally_initiated
    assert not acceptor.locally_initiated
    assert (initiator.usage, acceptor.usage) == ("initiate", "accept")


def test_all_that_there_is_to_know_is_told_at_once(world: World) -> None:
    establishing = SecurityContext(name=SERVICE, world=world)
    establishing.step()
    for context in (establishing, *pair(world)):
        facts = context.inquire()
        assert [str(name) for name in facts[:2]] == [str(context.initiator_name), str(context.target_name)]
        assert facts.initiator_name.attributes == context.initiator_name.attributes
        assert abs(facts.lifetime - context.lifetime) <= 1
        assert (facts.mech, facts.flags) == (context.mech, context.actual_flags)
        assert (facts.locally_init, facts.complete) == (context.locally_initiated, context.complete)


def test_messages_go_both_ways(world: World) -> None:
    initiator, acceptor = pair(world)
    for sender, receiver in ((initiator, acceptor), (acceptor, initiator)):
        for encrypt in (True, False):
            sealed = sender.wrap(b"hello", encrypt)
            assert sealed.encrypted is encrypt
            assert (b"hello" in sealed.message) is not encrypt
            assert receiver.unwrap(sealed.message) == UnwrapResult(b"hello", encrypt, 0)
        assert receiver.verify_signature(b"hello", sender.get_signature(b"hello")) == 0
    assert acceptor.decrypt(initiator.encrypt(b"secret")) == b"secret"
    with pytest.raises(InvalidTokenError, match="not confidential"):
        acceptor.decrypt(initiator.wrap(b"open", False).message)


def test_a_missing_ticket_is_fetched_once_and_kept(world: World) -> None:
    pair(world)
    pair(world)
    assert len(world.requests) == 1


REPLAY, SEQUENCE = RequirementFlag.replay_detection, RequirementFlag.out_of_sequence_detection


@pytest.mark.parametrize(
    ("flags", "order", "status"),
    [
        (REPLAY | SEQUENCE, (0, 0), DuplicateTokenError),
        (REPLAY | SEQUENCE, (0, 2), TokenTooEarlyError),
        (REPLAY | SEQUENCE, (1, 0), TokenTooLateError),
        (REPLAY | SEQUENCE, (69, 0), TokenTooLateError),
        (SEQUENCE, (0, 0), TokenTooLateError),
        (REPLAY, (0, 0), DuplicateTokenError),
        (REPLAY, (69, 0), ExpiredTokenError),
        (REPLAY, (0, 2), None),
        (REPLAY, (1, 0), None),
        (RequirementFlag(0), (0, 0), None),
    ],
    ids=str,
)
@pytest.mark.parametrize("by_acceptor", [False, True])
def test_supplementary_statuses_carry_the_result(
    world: World, by_acceptor: bool, flags: RequirementFlag, order: tuple[int, int], status: type[GSSError] | None
) -> None:
    """RFC 2743 §1.2.3: DUPLICATE, GAP, UNSEQ and OLD, each with the message that came at the wrong place."""
    sender, receiver = pair(world, flags | RequirementFlag.mutual_authentication)[:: -1 if by_acceptor else 1]
    tokens = [sender.wrap(bytes([number]), True).message for number in range(70)]
    mics = [sender.get_signature(bytes([number])) for number in range(70)]
    before, last = order
    expected = UnwrapResult(bytes([last]), True, 0)
    with contextlib.suppress(TokenTooEarlyError):
        receiver.unwrap(tokens[before])
    if status is None:
        assert receiver.unwrap(tokens[last]) == expected
    else:
        with pytest.raises(SupplementaryError) as caught:
            receiver.unwrap(tokens[last])
        assert (type(caught.value), caught.value.result) == (status, expected)
    with contextlib.suppress(TokenTooEarlyError):
        receiver.verify_signature(bytes([before]), mics[before])
    with pytest.raises(status) if status else contextlib.nullcontext():
        receiver.verify_signature(bytes([last]), mics[last])


def test_only_one_quality_of_protection_is_there(world: World) -> None:
    """RFC 4121 §4.2.1 leaves QOP 0, the mechanism's own choice; a wish for another is BAD_QOP and uses no number."""
    initiator, acceptor = pair(world)
    for call in (
        lambda: initiator.wrap(b"x", True, qop=1),
        lambda: initiator.get_signature(b"x", qop=1),
        lambda: initiator.get_wrap_size_limit(100, qop=1),
    ):
        with pytest.raises(BadQoPError, match="quality of protection 1"):
            call()
    assert acceptor.unwrap(initiator.wrap(b"x", True, qop=0).message).qop == 0
    assert acceptor.verify_signature(b"x", initiator.get_signature(b"x", qop=0)) == 0
    assert initiator.get_wrap_size_limit(100, qop=0) == initiator.get_wrap_size_limit(100)


# The life cycle


@pytest.mark.parametrize("name", CALLS)
def test_an_establishing_context(world: World, name: str) -> None:
    context = SecurityContext(name=SERVICE, world=world)
    context.step()
    if name == "actual_flags":
        assert not context.actual_flags & RequirementFlag.transferable
    elif name in ("initiator_name", "target_name", "lifetime", "inquire"):
        assert CALLS[name](context), "what is known is told"
    elif name == "export":
        with pytest.raises(OperationUnavailableError, match="not established"):
            context.export()
    elif name == "step":
        with pytest.raises(InvalidTokenError):
            context.step(b"x")
    else:
        with pytest.raises(MissingContextError, match="not established"):
            CALLS[name](context)
    context.delete()


def test_an_establishing_context_tells_what_it_knows(world: World) -> None:
    initiator, acceptor = SecurityContext(name=SERVICE, world=world), SecurityContext(usage="accept", world=world)
    assert str(initiator.target_name) == "host/localhost@EXAMPLE.TEST"
    for unknown in ("initiator_name", "target_name", "lifetime", "inquire"):
        with pytest.raises(MissingContextError, match="not established"):
            CALLS[unknown](acceptor)
    with pytest.raises(MissingContextError, match="not established"):
        CALLS["initiator_name"](initiator)
    initiator.step()
    assert str(initiator.initiator_name) == "alice@EXAMPLE.TEST"
    assert 0 < initiator.lifetime <= 24 * 3600
    assert (initiator.locally_initiated, initiator.mech, initiator.complete) == (True, MechType.kerberos, False)


def test_the_acceptors_clock_is_adopted(world: World) -> None:
    """RFC 4120 §3.2.3: the refusal carries the time, and the initiator tries once more."""
    there = RealmWorld(world.realm)
    world.moving.offset = 1000
    initiator = SecurityContext(name=SERVICE, world=world)
    with pytest.raises(GSSError, match="seconds apart, where 300 are allowed") as caught:
        SecurityContext(usage="accept", world=there).step(initiator.step())
    acceptor = SecurityContext(usage="accept", world=there)
    initiator.step(acceptor.step(initiator.step(caught.value.token)))
    assert acceptor.unwrap(initiator.wrap(b"on time", True).message).message == b"on time"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", CALLS)
def test_an_exported_context_is_dead(world: World, side: Side, name: str) -> None:
    context = side(world)
    context.export()
    assert not context.complete
    with pytest.raises(MissingContextError, match="exported"):
        CALLS[name](context)
    context.delete()
    assert "exported" in repr(context)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", CALLS)
def test_a_deleted_context_is_dead(world: World, side: Side, name: str) -> None:
    context = side(world)
    context.delete()
    context.delete()
    with pytest.raises(MissingContextError, match="deleted"):
        CALLS[name](context)


@pytest.mark.parametrize("side", SIDES)
def test_an_expired_context_goes_on_but_does_not_move(world: World, side: Side) -> None:
    context = side(world)
    world.moving.offset = 30 * 86400
    assert context.lifetime == 0
    assert str(context.initiator_name) == "alice@EXAMPLE.TEST"
    with pytest.raises(ExpiredContextError):
        context.export()
    context.wrap(b"still", True)
    context.get_signature(b"still")


@pytest.mark.parametrize("name", ["wrap", "unwrap", "get_signature", "verify_signature"])
def test_enforced_lifetime_ends_messages_after_the_skew(world: World, name: str) -> None:
    initiator, _ = pair(world, enforce_lifetime=True)
    world.moving.offset = initiator.lifetime + 200
    initiator.wrap(b"within the skew", True)
    world.moving.offset += 200
    with pytest.raises(ExpiredContextError, match="lifetime"):
        CALLS[name](initiator)
    assert initiator.lifetime == 0


def test_a_context_that_expired_on_the_way_imports_as_expired(world: World) -> None:
    initiator, _ = pair(world)
    token = initiator.export(ttl=60 * 86400)
    world.moving.offset = 30 * 86400
    assert import_context(token, world=world).lifetime == 0


def test_an_established_context_takes_no_more_context_tokens(world: World) -> None:
    initiator, _ = pair(world)
    with pytest.raises(GSSError, match="established already"):
        initiator.step(b"x")
    initiator.wrap(b"unharmed", True)


def test_a_context_that_is_deleted_in_the_middle_of_a_step_stays_dead(world: World) -> None:
    """While one thread waits for a KDC, another deletes the context: it must not come back to life with the answer."""
    context = SecurityContext(name=SERVICE, world=world, flags=0)
    exchange = world.exchange

    def deleting(request: KdcRequest) -> bytes:
        context.delete()
        return exchange(request)

    world.exchange = deleting  # type: ignore[method-assign]
    with pytest.raises(MissingContextError, match="the context was deleted"):
        context.step()
    assert not context.complete
    with pytest.raises(MissingContextError, match="the context was deleted"):
        context.wrap(b"x", True)


def test_a_step_that_comes_too_late_does_not_end_the_context(world: World) -> None:
    """Of two racing steps the second finds an established context: it is refused, and the context lives on."""
    context = SecurityContext(name=SERVICE, world=world, flags=0)
    establishment, stepping = context._establishment, threading.Lock()
    context.step()
    assert context.complete

    class Stale:
        """What the late thread saw before."""

        def acquire(self, blocking: bool) -> bool:
            context._establishment = context._stepping = None
            return stepping.acquire(blocking)

        def release(self) -> None:
            stepping.release()

    context._establishment, context._stepping = establishment, Stale()  # type: ignore[assignment]
    with pytest.raises(GSSError, match="is established already"):
        context.step()
    assert context.wrap(b"x", True).encrypted


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_tokens_come_in_any_buffer(world: World, kind: Callable[[bytes], bytes]) -> None:
    """As messages do; what a socket was read into is not always bytes."""
    initiator, acceptor = SecurityContext(name=SERVICE, world=world), SecurityContext(usage="accept", world=world)
    answer = acceptor.step(kind(initiator.step() or b""))
    initiator.step(kind(answer or b""))
    assert initiator.complete
    assert acceptor.unwrap(initiator.wrap(b"x", True).message).message == b"x"


def test_a_failed_step_ends_the_context(world: World) -> None:
    acceptor = SecurityContext(usage="accept", world=world)
    with pytest.raises(GSSError):
        acceptor.step(b"garbage")
    with pytest.raises(MissingContextError, match="establishment failed"):
        acceptor.step(b"garbage")
    assert not acceptor.complete


# Transfer


@pytest.mark.parametrize("exporting", [0, 1])
def test_a_message_sequence_goes_on_across_a_transfer(world: World, exporting: int) -> None:
    sides = list(pair(world))
    peer = sides[1 - exporting]
    before = peer.wrap(b"before", True).message
    sides[exporting].unwrap(before)
    peer.unwrap(sides[exporting].wrap(b"one", True).message)
    moved = import_context(sides[exporting].export(), world=world)
    assert moved.usage == sides[exporting].usage
    assert moved.complete
    assert peer.unwrap(moved.wrap(b"two", True).message).message == b"two"
    assert moved.unwrap(peer.wrap(b"after", True).message).message == b"after"
    with pytest.raises(DuplicateTokenError):
        moved.unwrap(before)


def test_a_token_imports_once(world: World) -> None:
    token = pair(world)[0].export()
    SecurityContext(token=token, world=world)
    with pytest.raises(MissingContextError, match="imported already"):
        import_context(token, world=world)


def test_what_a_context_is_survives_the_transfer(world: World) -> None:
    initiator, acceptor = pair(world)
    for context in (initiator, acceptor):
        facts = (str(context.initiator_name), str(context.target_name), context.actual_flags, context.mech)
        lifetime = context.lifetime
        moved = import_context(context.export(), world=world)
        assert (str(moved.initiator_name), str(moved.target_name), moved.actual_flags, moved.mech) == facts
        assert lifetime - 2 <= moved.lifetime <= lifetime


def test_a_failed_export_leaves_the_context_as_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    initiator, acceptor = pair(world)

    def refuse(*_: object) -> None:
        raise GSSError("the store is gone")

    monkeypatch.setattr(MemoryStore, "put", refuse)
    with pytest.raises(GSSError, match="the store is gone"):
        initiator.export()
    assert initiator.complete
    assert acceptor.unwrap(initiator.wrap(b"alive", True).message).message == b"alive"


def test_an_exporter_may_take_back_what_nobody_imported(world: World) -> None:
    initiator, acceptor = pair(world)
    again = reclaim_context(initiator.export(), world.transfer_domain(), world=world)
    assert acceptor.unwrap(again.wrap(b"back", True).message).message == b"back"


def test_asynchronous_forms(world: World) -> None:
    async def run() -> None:
        initiator = SecurityContext(name=SERVICE, world=world)
        acceptor = SecurityContext(usage="accept", world=world)
        await initiator.step_async(await acceptor.step_async(await initiator.step_async()))
        moved = await import_context_async(await initiator.export_async(), world=world)
        assert acceptor.unwrap(moved.wrap(b"async", True).message).message == b"async"
        with pytest.raises(MissingContextError, match="exported"):
            await initiator.export_async()

    asyncio.run(run())


def race(context: SecurityContext, barrier: threading.Barrier, outcomes: list[bytes | None]) -> None:
    barrier.wait()
    try:
        outcomes.append(context.export())
    except MissingContextError:
        outcomes.append(None)


def test_of_racing_exports_exactly_one_gets_a_token(world: World) -> None:
    for _ in range(20):
        initiator, _peer = pair(world)
        barrier = threading.Barrier(4)
        outcomes: list[bytes | None] = []

        threads = [threading.Thread(target=race, args=(initiator, barrier, outcomes)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(outcome is not None for outcome in outcomes) == 1


# A context lives in one process, once


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_context_is_neither_copied_nor_pickled(world: World, how: Callable[[object], object]) -> None:
    initiator, acceptor = pair(world)
    with pytest.raises(TypeError, match="export"):
        how(initiator)
    assert acceptor.unwrap(initiator.wrap(b"alive", True).message).message == b"alive"


@pytest.mark.parametrize("name", CALLS)
def test_a_forked_child_has_no_context(world: World, name: str) -> None:
    initiator, acceptor = pair(world)
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            CALLS[name](initiator)
            answer = "the child used it"
        except MissingContextError as error:
            answer = str(error)
        except BaseException as error:
            answer = repr(error)
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert "inherited through fork" in pipe.read()
    os.wait()
    assert acceptor.unwrap(initiator.wrap(b"alive", True).message).message == b"alive"


# What a caller may get wrong


def test_calls_that_make_no_sense(world: World) -> None:
    with pytest.raises(BadMechanismError):
        SecurityContext(name=SERVICE, mech=OID.from_dotted("1.2.3"), world=world)
    with pytest.raises(TypeError, match="name of its peer"):
        SecurityContext(usage="initiate", world=world)
    with pytest.raises(TypeError, match="token"):
        SecurityContext(token=b"x", name=Name("x"), world=world)


def test_wrap_size_limit_is_exact(world: World) -> None:
    initiator, _ = pair(world)
    for encrypted in (True, False):
        size = initiator.get_wrap_size_limit(1000, encrypted)
        assert len(initiator.wrap(bytes(size), encrypted).message) <= 1000
        assert len(initiator.wrap(bytes(size + 1), encrypted).message) > 1000


def test_both_sides_derive_the_same_octets(world: World) -> None:
    initiator, acceptor = pair(world)
    for key in PrfKey:
        assert initiator.pseudo_random(100, b"seed", key) == acceptor.pseudo_random(100, b"seed", key)
    assert initiator.pseudo_random(32, b"seed") != initiator.pseudo_random(32, b"seed", PrfKey.partial)
    assert initiator.dangerous_session_key() == acceptor.dangerous_session_key()
    assert initiator.dangerous_session_key()[0] == initiator.enctype == "aes256-cts-hmac-sha1-96"


def test_no_token_ends_an_established_context(world: World) -> None:
    initiator, acceptor = pair(world)
    with pytest.raises(InvalidTokenError):
        initiator.process_token(acceptor.wrap(b"x", True).message)
    assert acceptor.unwrap(initiator.wrap(b"alive", True).message).message == b"alive"


def test_nothing_secret_shows(world: World) -> None:
    initiator, acceptor = pair(world)
    assert repr(initiator) == "<SecurityContext initiate: established>"
    assert repr(acceptor) == "<SecurityContext accept: established>"


def test_the_worlds_skew_decides_how_wrong_a_clock_may_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    token = SecurityContext(name=SERVICE, world=world).step()
    world.moving.offset = 400
    with pytest.raises(GSSError, match="clock"):
        SecurityContext(usage="accept", world=world).step(token)
    monkeypatch.setattr(World, "clock_skew", lambda _: 500)
    token = SecurityContext(name=SERVICE, world=world).step()
    world.moving.offset = 0
    assert SecurityContext(usage="accept", world=world).step(token)


def test_an_accepting_context_is_the_constructors(world: World) -> None:
    both, initiating = Credentials(world=world), Credentials(usage="initiate", world=world)
    made = [SecurityContext(creds=both, usage="accept", world=world), SecurityContext.accepting(both, world)]
    assert [repr(each) for each in made] == ["<SecurityContext accept: establishing>"] * 2
    assert [(each.usage, each.locally_initiated, each.complete) for each in made] == [("accept", False, False)] * 2
    for each in made:
        each.step(SecurityContext(name=SERVICE, world=world).step())
        assert each.complete
    with pytest.raises(MissingCredentialsError, match="only initiate"):
        SecurityContext.accepting(initiating, world)


def test_the_same_credentials_accept_by_the_rules_of_the_world_they_are_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lenient, credentials = RealmWorld(world.realm, clock=world.moving), Credentials(usage="accept", world=world)
    monkeypatch.setattr(lenient, "clock_skew", lambda: 500)
    token = SecurityContext(name=SERVICE, world=world).step()
    world.moving.offset = 400
    for here, let_in in ((world, False), (lenient, True), (world, False)):
        context = SecurityContext.accepting(credentials, here)
        if let_in:
            assert context.step(token)
        else:
            with pytest.raises(GSSError, match="clock"):
                context.step(token)


def test_a_dead_context_is_dead_first_and_expired_second(world: World) -> None:
    initiator, _ = pair(world, enforce_lifetime=True)
    initiator.delete()
    world.moving.offset = 60 * 86400
    with pytest.raises(MissingContextError, match="deleted"):
        initiator.wrap(b"x", True)
