"""RFC 2743 §2.2, §2.3: every call in every state of a context, on both sides, with its status and minor status."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from puregss.base.errors import (
    ExpiredContextError,
    GSSError,
    MissingContextError,
    OperationUnavailableError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.status import CONTEXT_MINOR_TEXT, ContextMinor, Major
from puregss.gss.context import SecurityContext
from puregss.gss.display import display_minor
from puregss.gss.transfer import import_context
from puregss.transfer.minor import TransferMinor
from tests.gss.worlds import SERVICE, World, pair

CALLS: dict[str, Callable[[SecurityContext, bytes], object]] = {
    "wrap": lambda context, message: context.wrap(b"x", True),
    "unwrap": lambda context, message: context.unwrap(message),
    "get_mic": lambda context, message: context.get_signature(b"x"),
    "verify_mic": lambda context, message: context.verify_signature(b"x", message),
    "export": lambda context, message: import_context(context.export(ttl=60 * 86400), world=context._world),
    "inquire flags": lambda context, message: context.actual_flags,
    "inquire initiator": lambda context, message: str(context.initiator_name),
    "inquire target": lambda context, message: str(context.target_name),
    "inquire lifetime": lambda context, message: context.lifetime,
    "inquire context": lambda context, message: context.inquire(),
    "delete": lambda context, message: context.delete(),
}
MESSAGES = ("wrap", "unwrap", "get_mic", "verify_mic")
INQUIRIES = ("inquire flags", "inquire initiator", "inquire target", "inquire lifetime", "inquire context")
STATES = ("establishing", "established", "expired", "expired, enforced", "exported", "deleted")

Refusal = tuple[Major, int]
NO_CONTEXT_YET = (Major.NO_CONTEXT, ContextMinor.NOT_ESTABLISHED)
NO_CONTEXT = (Major.NO_CONTEXT, ContextMinor.DEAD)

TABLE: dict[tuple[str, str], Refusal | None] = {
    **{("establishing", call): NO_CONTEXT_YET for call in MESSAGES},
    ("establishing", "export"): (Major.UNAVAILABLE, ContextMinor.NOT_ESTABLISHED),
    ("expired", "export"): (Major.CONTEXT_EXPIRED, TransferMinor.CONTEXT_EXPIRED),
    **{("expired, enforced", call): (Major.CONTEXT_EXPIRED, ContextMinor.LIFETIME_OVER) for call in MESSAGES},
    ("expired, enforced", "export"): (Major.CONTEXT_EXPIRED, TransferMinor.CONTEXT_EXPIRED),
    **{("exported", call): NO_CONTEXT for call in (*MESSAGES, *INQUIRIES, "export")},
    **{("deleted", call): NO_CONTEXT for call in (*MESSAGES, *INQUIRIES, "export")},
}
"""What is refused, and how. Whatever is not here works."""


def in_state(state: str, side: int, call: str) -> tuple[SecurityContext, bytes]:
    """A context, and what its peer made for `call`."""
    world = World()
    if state == "establishing" and side == 0:
        context = SecurityContext(name=SERVICE, world=world)
        context.step()
        return context, b"x"
    if state == "establishing":
        return SecurityContext(usage="accept", world=world), b"x"
    ends = pair(world, enforce_lifetime=state == "expired, enforced")
    context, peer = ends[side], ends[1 - side]
    message = peer.get_signature(b"x") if call == "verify_mic" else peer.wrap(b"x", True).message
    if state.startswith("expired"):
        world.moving.offset = 30 * 86400
    elif state == "exported":
        context.export()
    elif state == "deleted":
        context.delete()
    return context, message


@pytest.mark.parametrize("side", [0, 1], ids=["initiator", "acceptor"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("call", CALLS)
def test_the_table(state: str, call: str, side: int) -> None:
    context, message = in_state(state, side, call)
    refusal = TABLE.get((state, call))
    if state == "establishing" and side == 1 and call in INQUIRIES and call != "inquire flags":
        refusal = NO_CONTEXT_YET  # an acceptor knows nothing of its peer yet
    if refusal is None:
        result = CALLS[call](context, message)
        if (state, call) == ("expired", "inquire lifetime"):
            assert result == 0
        if (state, call) == ("establishing", "inquire flags"):
            assert isinstance(result, RequirementFlag)
            assert not result & RequirementFlag.transferable
    else:
        with pytest.raises(GSSError) as error:
            CALLS[call](context, message)
        assert (error.value.major, error.value.minor) == refusal
        assert display_minor(error.value.minor)
        assert len(error.value.message.split()) > 3
    if state.startswith("expired") and call == "export":
        context.delete()
        with pytest.raises(MissingContextError):
            context.export()
    elif state == "expired" and call in MESSAGES:
        assert context.wrap(b"goes on", True)


def test_an_export_that_is_refused_for_age_leaves_the_context_as_it_was() -> None:
    world = World()
    initiator, acceptor = pair(world)
    world.moving.offset = 30 * 86400
    for context, peer in ((initiator, acceptor), (acceptor, initiator)):
        with pytest.raises(ExpiredContextError):
            context.export()
        assert peer.unwrap(context.wrap(b"next", True).message).message == b"next"


def test_a_half_open_dce_context_does_not_say_that_it_moves() -> None:
    """Its keys are there after two of three tokens; the third is still to come, and would be lost with a transfer."""
    world = World()
    flags = RequirementFlag.mutual_authentication | RequirementFlag.dce_style
    initiator = SecurityContext(name=SERVICE, flags=flags, world=world)
    acceptor = SecurityContext(usage="accept", world=world)
    answer = acceptor.step(initiator.step())
    assert not acceptor.complete
    assert not acceptor.actual_flags & RequirementFlag.transferable
    with pytest.raises(OperationUnavailableError):
        acceptor.export()
    acceptor.step(initiator.step(answer))
    for context in (initiator, acceptor):
        assert context.actual_flags & RequirementFlag.transferable
        assert import_context(context.export(), world=world).complete


# Statuses of import


@pytest.mark.parametrize("side", [0, 1], ids=["initiator", "acceptor"])
def test_the_statuses_of_import(side: int) -> None:
    world = World()

    def status(token: bytes) -> Refusal:
        with pytest.raises(GSSError) as error:
            import_context(token, world=world)
        assert display_minor(error.value.minor)
        return Major(error.value.major), error.value.minor

    token = pair(world)[side].export(ttl=60)
    assert status(token[:-1]) == (Major.DEFECTIVE_TOKEN, TransferMinor.SEAL_BROKEN)
    assert status(b"") == (Major.DEFECTIVE_TOKEN, TransferMinor.NOT_A_TOKEN)
    assert status(token[:2] + b"\x02" + token[3:]) == (Major.UNAVAILABLE, TransferMinor.UNKNOWN_VERSION)
    assert status(token[:4] + bytes(4) + token[8:]) == (Major.NO_CONTEXT, TransferMinor.WRONG_DOMAIN)
    assert status(token[:16] + bytes(12) + token[28:]) == (Major.NO_CONTEXT, TransferMinor.NO_CLAIM)
    assert import_context(token, world=world).complete
    assert status(token) == (Major.NO_CONTEXT, TransferMinor.NO_CLAIM)
    late = pair(world)[side].export(ttl=60)
    world.moving.offset = 61
    assert status(late) == (Major.NO_CONTEXT, TransferMinor.TIMED_OUT)


@pytest.mark.parametrize("side", [0, 1], ids=["initiator", "acceptor"])
def test_a_token_is_small(side: int) -> None:
    """MIT's has more than 1,000 octets for the same context."""
    context = pair(World())[side]
    assert context.enctype.startswith("aes256")
    assert len(context.export()) <= 300


def test_the_minor_statuses_of_states_have_texts_of_their_own() -> None:
    assert set(CONTEXT_MINOR_TEXT) == set(ContextMinor)
    assert not set(ContextMinor) & set(TransferMinor)
    assert len({display_minor(minor) for minor in ContextMinor}) == len(ContextMinor)


# Attacks


def test_a_forked_child_deletes_a_context_that_a_thread_was_using() -> None:
    """That thread is not in the child: a lock that it held there is never released."""
    context = pair(World())[0]
    live: Any = context._live
    with live.lock:
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            code = 1
            try:
                context.delete()
                code = 0
            finally:
                os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    context.wrap(b"the parent's lives", True)
