"""RFC 2743 §2.2.8, §2.2.9: the life of a context that leaves, or comes, by a raw token."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from puregss.base.errors import (
    BadMechanismError,
    DuplicateTokenError,
    ExpiredContextError,
    GSSError,
    InvalidTokenError,
    MissingContextError,
    OperationUnavailableError,
)
from puregss.base.flags import RequirementFlag
from puregss.gss import interchange
from puregss.gss.context import SecurityContext
from puregss.gss.interchange import RawFormat
from puregss.gss.transfer import import_context
from puregss.krb5.context import KerberosContext
from puregss.transfer.minor import TransferMinor
from tests.gss.worlds import SERVICE, World, pair
from tests.krb5.contexts import record
from tests.krb5.interchange.samples import NAMES, sample

BOTH_WAYS: tuple[RawFormat, ...] = ("mit", "heimdal-7", "heimdal-8")
FORMATS: tuple[RawFormat, ...] = (*BOTH_WAYS, "lucid")
SIDES = pytest.mark.parametrize("side", [0, 1], ids=["initiator", "acceptor"])


@pytest.fixture
def world() -> World:
    return World()


def talk(first: SecurityContext, second: SecurityContext) -> None:
    for sender, receiver in ((first, second), (second, first)):
        for encrypt in (True, False):
            assert receiver.unwrap(sender.wrap(b"hello", encrypt).message).message == b"hello"
        receiver.verify_signature(b"signed", sender.get_signature(b"signed"))


@SIDES
@pytest.mark.parametrize("format", BOTH_WAYS)
def test_a_context_goes_on_after_a_move(world: World, side: int, format: RawFormat) -> None:
    ends = pair(world)
    peer, here = ends[1 - side], ends[side]
    talk(here, peer)
    seen = peer.wrap(b"seen", True).message
    here.unwrap(seen)
    facts = (here.usage, str(here.initiator_name), str(here.target_name), here.actual_flags, here.mech, here.enctype)
    lifetime = here.lifetime
    there = import_context(here.export(format=format), format=format, world=world)
    assert there.complete
    assert lifetime - 2 <= there.lifetime <= lifetime
    assert facts == (
        *(there.usage, str(there.initiator_name), str(there.target_name)),
        *(there.actual_flags, there.mech, there.enctype),
    )
    talk(there, peer)
    with pytest.raises(DuplicateTokenError):
        there.unwrap(seen)


@SIDES
@pytest.mark.parametrize("format", FORMATS)
def test_a_context_dies_of_its_export(world: World, side: int, format: RawFormat) -> None:
    context = pair(world)[side]
    context.export(format=format)
    calls: tuple[Callable[[], object], ...] = (
        lambda: context.wrap(b"x", True),
        lambda: context.unwrap(b"x"),
        lambda: context.export(format=format),
        lambda: context.export(),
        lambda: context.initiator_name,
    )
    for call in calls:
        with pytest.raises(MissingContextError, match="exported"):
            call()
    context.delete()
    assert "exported" in repr(context)


@pytest.mark.parametrize("format", FORMATS)
def test_a_context_that_is_not_established_stays(world: World, format: RawFormat) -> None:
    context = SecurityContext(name=SERVICE, world=world)
    token = context.step()
    with pytest.raises(OperationUnavailableError, match="not established"):
        context.export(format=format)
    acceptor = SecurityContext(usage="accept", world=world)
    context.step(acceptor.step(token))
    talk(context, acceptor)


@SIDES
@pytest.mark.parametrize("format", FORMATS)
def test_an_expired_context_stays(world: World, side: int, format: RawFormat) -> None:
    ends = pair(world)
    world.moving.offset = 30 * 86400
    with pytest.raises(ExpiredContextError) as caught:
        ends[side].export(format=format)
    assert caught.value.minor == TransferMinor.CONTEXT_EXPIRED
    talk(*ends)


@pytest.mark.parametrize("format", BOTH_WAYS)
def test_a_token_that_expired_on_its_way_imports_as_expired(world: World, format: RawFormat) -> None:
    token = pair(world)[0].export(format=format)
    world.moving.offset = 30 * 86400
    moved = import_context(token, format=format, world=world)
    assert moved.lifetime == 0
    with pytest.raises(ExpiredContextError):
        moved.export(format=format)


@pytest.mark.parametrize("format", FORMATS)
def test_a_context_without_the_flag_stays(format: RawFormat) -> None:
    context = KerberosContext(record(True, flags=int(RequirementFlag.confidentiality)), os.urandom)
    with pytest.raises(OperationUnavailableError, match="transferable") as caught:
        interchange.export_raw(context, format, 0)
    assert caught.value.minor == TransferMinor.NOT_TRANSFERABLE
    context.wrap(b"alive", True)


@pytest.mark.parametrize("format", ["heimdal-7", "heimdal-8"])
def test_a_context_that_the_format_cannot_hold_stays(format: RawFormat) -> None:
    transferable = int(RequirementFlag.transferable)
    context = KerberosContext(record(True, flags=transferable, send_seq=1 << 32), os.urandom)
    with pytest.raises(OperationUnavailableError, match="32 bits") as caught:
        interchange.export_raw(context, format, 0)
    assert caught.value.minor == TransferMinor.NOT_TRANSFERABLE
    interchange.export_raw(context, "mit", 0)
    with pytest.raises(MissingContextError):
        context.wrap(b"dead", True)


@SIDES
@pytest.mark.parametrize("format", FORMATS)
def test_a_fault_within_leaves_the_context_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch, side: int, format: RawFormat
) -> None:
    ends = pair(world)
    talk(*ends)

    def fail(_: object) -> bytes:
        raise RuntimeError("the key is 0123456789")

    monkeypatch.setitem(interchange._FORMATS, format, interchange._FORMATS[format]._replace(encode=fail))
    with pytest.raises(GSSError, match="RuntimeError") as caught:
        ends[side].export(format=format)
    assert "0123456789" not in str(caught.value)
    assert ends[side].complete
    talk(*ends)


def test_misuse_leaves_the_context_as_it_was(world: World) -> None:
    ends = pair(world)
    with pytest.raises(ValueError, match="'heimdal' is no format"):
        ends[0].export(format="heimdal")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="domain"):
        ends[0].export(world.transfer_domain(), format="mit")
    with pytest.raises(TypeError, match="delegated"):
        ends[0].export(include_delegated=True, format="mit")
    talk(*ends)
    with pytest.raises(ValueError, match="there are mit"):
        import_context(b"x", format="heimdal", world=world)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="domain"):
        import_context(b"x", world.transfer_domain(), format="mit", world=world)


def test_a_forked_child_exports_nothing(world: World) -> None:
    ends = pair(world)
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            ends[0].export(format="mit")
            answer = "the child exported it"
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
    talk(*ends)


# What comes in


@pytest.mark.parametrize("name", NAMES)
def test_a_raw_token_is_never_recognized_by_default(world: World, name: str) -> None:
    with pytest.raises(InvalidTokenError, match="only where its format is named"):
        import_context(sample(name), world=world)


@pytest.mark.parametrize("format", BOTH_WAYS)
@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("-aes256sha1-krb5-acc")])
def test_a_wrong_format_is_named(world: World, name: str, format: RawFormat) -> None:
    actual = {"mit": "mit", "heim7": "heimdal-7", "heimh": "heimdal-8"}[name[:5].removesuffix("12")]
    if actual == format:
        assert import_context(sample(name), format=format, world=world).complete
        return
    with pytest.raises(InvalidTokenError, match=f"'{actual}', not '{format}'") as caught:
        import_context(sample(name), format=format, world=world)
    assert caught.value.minor == TransferMinor.NOT_A_TOKEN


def test_a_sealed_token_is_no_raw_one(world: World) -> None:
    initiator, acceptor = pair(world)
    token = initiator.export()
    for format in BOTH_WAYS:
        with pytest.raises(InvalidTokenError, match="name no format"):
            import_context(token, format=format, world=world)
    talk(import_context(token, world=world), acceptor)


def test_a_lucid_context_is_not_imported(world: World) -> None:
    token = pair(world)[0].export(format="lucid")
    with pytest.raises(OperationUnavailableError, match="cannot be imported"):
        import_context(token, format="lucid", world=world)


@pytest.mark.parametrize("format", BOTH_WAYS)
def test_damage_has_a_status(world: World, format: RawFormat) -> None:
    token = pair(world)[0].export(format=format)
    for damaged in (b"", token[:1], token[:20], token[:-1], token + b"\0"):
        with pytest.raises(InvalidTokenError) as caught:
            import_context(damaged, format=format, world=world)
        assert caught.value.minor == TransferMinor.NOT_A_TOKEN


@pytest.mark.parametrize("name", [name for name in NAMES if "-half-" in name or "-rc4-" in name or "-sanon-" in name])
def test_what_cannot_go_on_here_has_a_status(world: World, name: str) -> None:
    format: RawFormat = "mit" if name.startswith("mit") else "heimdal-7" if name.startswith("heim7") else "heimdal-8"
    with pytest.raises((OperationUnavailableError, BadMechanismError)) as caught:
        import_context(sample(name), format=format, world=world)
    assert caught.value.minor == TransferMinor.NOT_TRANSFERABLE


# Races


def test_of_racing_exports_exactly_one_gets_a_token(world: World) -> None:
    for _ in range(20):
        context = pair(world)[0]
        barrier = threading.Barrier(4)
        tokens: list[bytes] = []

        def race(
            context: SecurityContext = context, barrier: threading.Barrier = barrier, tokens: list[bytes] = tokens
        ) -> None:
            barrier.wait()
            with suppress(MissingContextError):
                tokens.append(context.export(format="mit"))

        threads = [threading.Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(tokens) == 1


def test_a_wrap_that_races_an_export_is_counted_or_refused(world: World) -> None:
    for _ in range(10):
        initiator, acceptor = pair(world)
        sent: list[bytes] = []

        def send(initiator: SecurityContext = initiator, sent: list[bytes] = sent) -> None:
            with suppress(MissingContextError):
                while True:
                    sent.append(initiator.wrap(b"x", False).message)

        thread = threading.Thread(target=send)
        thread.start()
        while not sent:
            pass
        token = initiator.export(format="mit")
        thread.join()
        moved = import_context(token, format="mit", world=world)
        for message in (*sent, moved.wrap(b"next", True).message):
            acceptor.unwrap(message)  # neither a gap nor a duplicate
