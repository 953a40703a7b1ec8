"""RFC 2743 §2.2.8, §2.2.9: a transfer, at whatever point and through whatever domain, changes no result of any call."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puregss.base.errors import GSSError, SupplementaryError
from puregss.base.flags import RequirementFlag
from puregss.base.oid import OID
from puregss.gss.context import SecurityContext
from puregss.gss.transfer import import_context
from puregss.krb5.context import KerberosContext
from puregss.system.claims_dir import DirectoryStore
from puregss.system.claims_postgresql import PostgreSQLStore
from puregss.system.domains import TransferDomain
from puregss.transfer.channel import ChannelReceiver, ChannelSender
from puregss.transfer.domain import Domain
from tests.gss.worlds import SERVICE, World
from tests.gss.worlds import pair as established
from tests.krb5.contexts import FLAGS, KEY_SIZES, full
from tests.system.stores import postgresql_server, redis_server
from tests.transfer.fakes import FakeClock, memory_domain

CLOCK = FakeClock(now=1_700_000_000.0)
Move = Callable[[KerberosContext], KerberosContext]


def restore(_: OID, record: bytes) -> KerberosContext:
    return KerberosContext.restore(record, os.urandom)


def through(domain: Domain) -> Move:
    def move(context: KerberosContext) -> KerberosContext:
        return domain.import_(domain.export(context), restore)

    return move


@contextmanager
def network_domain(kind: str) -> Iterator[Domain]:
    with tempfile.NamedTemporaryFile() as key_file:
        key_file.write(bytes(range(32)).hex().encode())
        key_file.flush()
        if kind == "redis":
            with redis_server() as (url, _):
                yield TransferDomain.from_url(url, key_file.name, clock=CLOCK)
        else:
            with postgresql_server() as (server, _):
                PostgreSQLStore(server.url, server.url).prepare()
                yield TransferDomain.from_url(server.url, key_file.name, clock=CLOCK)


@contextmanager
def moves(kind: str) -> Iterator[Move]:
    if kind == "memory":
        yield through(memory_domain(CLOCK))
    elif kind == "dir":
        with tempfile.TemporaryDirectory() as folder:
            yield through(Domain(DirectoryStore(f"{folder}/claims"), CLOCK, os.urandom))
    elif kind in ("redis", "postgresql"):
        with network_domain(kind) as domain:
            yield through(domain)
    else:
        key = os.urandom(32)
        sender, receiver = ChannelSender(key, CLOCK), ChannelReceiver(key, CLOCK)

        def move(context: KerberosContext) -> KerberosContext:
            token = sender.export(context)
            restored = receiver.import_(token, restore)
            sender.acknowledged(token)
            return restored

        yield move


sides = st.integers(0, 1)
messages = st.binary(max_size=40)
calls = st.one_of(
    st.tuples(st.just("wrap"), sides, messages, st.booleans()),
    st.tuples(st.just("get_mic"), sides, messages),
    # Which of the tokens sent so far comes now: any order, any number of times.
    st.tuples(st.just("receive"), st.integers(0, 30)),
    st.tuples(st.just("spoil"), st.integers(0, 30), st.integers(0, 400)),
    st.tuples(st.just("ask"), sides),
    st.tuples(st.just("transfer"), sides),
)


class Run:
    """Two ends, what they sent to each other, and every result."""

    def __init__(self, enctype: int, replay: bool, sequence: bool, move: Move | None) -> None:
        self.move = move
        self.ends = [self._end(side == 0, enctype, replay, sequence) for side in (0, 1)]
        self.sent: list[tuple[int, bytes, bytes | None]] = []
        self.results: list[Any] = []

    def _end(self, initiate: bool, enctype: int, replay: bool, sequence: bool) -> KerberosContext:
        record = full(initiate, enctype)
        record.flags = int(FLAGS | RequirementFlag.transferable)
        record.recv.do_replay, record.recv.do_sequence = replay, sequence
        record.authdata = ((1, b"authorization data"),)
        return KerberosContext(record, os.urandom)

    def do(self, call: tuple[Any, ...]) -> None:
        name, *arguments = call
        if name == "transfer":
            if self.move is not None:
                side = arguments[0]
                self.ends[side] = self.move(self.ends[side])
            return
        try:
            self.results.append(getattr(self, "_" + name)(*arguments))
        except SupplementaryError as error:
            self.results.append((type(error), str(error), error.result))
        except GSSError as error:
            self.results.append((type(error), str(error)))

    def _wrap(self, side: int, message: bytes, confidential: bool) -> Any:
        token = self.ends[side].wrap(message, confidential)
        self.sent.append((1 - side, token, None))
        # The confounder is random: only the header, with the sequence number, is the same in every run.
        return (token[:16], len(token)) if confidential else token

    def _get_mic(self, side: int, message: bytes) -> bytes:
        mic = self.ends[side].get_mic(message)
        self.sent.append((1 - side, mic, message))
        return mic

    def _receive(self, number: int, spoilt: Callable[[bytes], bytes] = lambda token: token) -> Any:
        if not self.sent:
            return None
        side, token, message = self.sent[number % len(self.sent)]
        if message is None:
            return self.ends[side].unwrap(spoilt(token))
        return self.ends[side].verify_mic(message, spoilt(token))

    def _spoil(self, number: int, bit: int) -> Any:
        def spoilt(token: bytes) -> bytes:
            octets = bytearray(token)
            octets[bit // 8 % len(octets)] ^= 1 << bit % 8
            return bytes(octets)

        return self._receive(number, spoilt)

    def _ask(self, side: int) -> tuple[Any, ...]:
        end = self.ends[side]
        return (
            str(end.initiator_name),
            str(end.acceptor_name),
            end.oid,
            end.flags,
            end.locally_initiated,
            end.expiry,
            end.wrap_size_limit(1000, True),
            end.pseudo_random(0, b"input", 40),
            end.pseudo_random(1, b"input", 40),
            end.authdata,
        )


@pytest.mark.parametrize("kind", ["memory", "dir", "channel"])
@given(
    script=st.lists(calls, max_size=60),
    enctype=st.sampled_from(sorted(KEY_SIZES)),
    replay=st.booleans(),
    sequence=st.booleans(),
)
@settings(max_examples=60)
def test_a_run_with_transfers_gives_what_it_gives_without(
    kind: str, script: list[tuple[Any, ...]], enctype: int, replay: bool, sequence: bool
) -> None:
    still = Run(enctype, replay, sequence, None)
    for call in script:
        still.do(call)
    with moves(kind) as move:
        moved = Run(enctype, replay, sequence, move)
        for call in script:
            moved.do(call)
    assert moved.results == still.results


NETWORK = (
    pytest.param("redis", marks=pytest.mark.requires("redis-server")),
    pytest.param("postgresql", marks=pytest.mark.requires("postgresql")),
)


@pytest.mark.parametrize("kind", ["memory", "dir", "channel", *NETWORK])
def test_a_long_run_with_a_transfer_before_every_call_gives_what_it_gives_without(kind: str) -> None:
    script: list[tuple[Any, ...]] = []
    for number in range(150):
        script += [
            ("wrap", number % 2, b"%d" % number, bool(number % 3)),
            ("get_mic", (number + 1) % 2, b"%d" % number),
        ]
        script += [("receive", number * 7), ("receive", max(0, number - 70)), ("spoil", number, number), ("ask", 0)]
    still = Run(18, True, True, None)
    with moves(kind) as move:
        moved = Run(18, True, True, move)
        for call in script:
            still.do(call)
            for side in (0, 1):
                moved.do(("transfer", side))
            moved.do(call)
    assert moved.results == still.results
    assert any(isinstance(result, tuple) and isinstance(result[0], type) for result in still.results)


@pytest.mark.parametrize("kind", ["memory", "dir", "channel", *NETWORK])
def test_a_delegated_credential_that_moved_again_and_again_does_what_it_did(kind: str) -> None:
    world = World()
    wanted = RequirementFlag.mutual_authentication | RequirementFlag.delegate_to_peer
    initiator, acceptor = established(world, wanted)

    @contextmanager
    def ends() -> Iterator[tuple[Any, Any]]:
        if kind == "channel":
            key = os.urandom(32)
            yield ChannelSender(key, world.clock), ChannelReceiver(key, world.clock)
        elif kind == "memory":
            yield (domain := world.transfer_domain()), domain
        elif kind == "dir":
            with tempfile.TemporaryDirectory() as folder:
                yield (domain := TransferDomain.from_url(f"dir:{folder}/claims")), domain
        else:
            with network_domain(kind) as domain:
                domain._clock = world.clock
                yield domain, domain

    def tickets(context: SecurityContext) -> list[Any]:
        assert context.delegated_creds is not None
        return [
            (str(ticket.client), str(ticket.server), ticket.ticket, ticket.session_key, ticket.endtime, ticket.flags)
            for ticket in context.delegated_creds.tickets.load().tickets
        ]

    expected = tickets(acceptor)
    assert expected
    with ends() as (exporter, importer):
        for number in range(5):
            token = acceptor.export(exporter, include_delegated=True)
            acceptor = import_context(token, importer, world=world)
            assert tickets(acceptor) == expected
            message = initiator.wrap(b"%d" % number, True).message
            assert acceptor.unwrap(message).message == b"%d" % number
        onwards = SecurityContext(name=SERVICE, creds=acceptor.delegated_creds, world=world)
        assert SecurityContext(usage="accept", world=world).step(onwards.step())
        without = import_context(acceptor.export(exporter), importer, world=world)
        assert without.delegated_creds is None
