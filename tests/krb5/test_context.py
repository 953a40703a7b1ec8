"""RFC 4121 §4.2, RFC 4402, RFC 2743 §2.3: an established context, its states and its windows."""

from __future__ import annotations

import copy
import os
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puregss.base.errors import (
    BadMICError,
    DuplicateTokenError,
    ExpiredTokenError,
    GSSError,
    InvalidTokenError,
    MissingContextError,
    SupplementaryError,
    TokenTooEarlyError,
    TokenTooLateError,
)
from puregss.base.mechanism import MechanismContext
from puregss.base.names import MechType
from puregss.kcrypto.enctypes import SUPPORTED, enctype_name
from puregss.kcrypto.key import Key
from puregss.krb5.context import PRF_KEY_FULL, PRF_KEY_PARTIAL, KerberosContext
from puregss.krb5.record import decode_record
from tests.krb5.contexts import FLAGS, SERVICE, USER, full, pair, record
from tests.vectors import load

every_enctype = pytest.mark.parametrize("enctype", sorted(SUPPORTED), ids=enctype_name)


def snapshot(context: KerberosContext) -> bytes:
    with context.lock:
        return context.encode()


def test_what_is_known_of_it() -> None:
    context: MechanismContext = KerberosContext(record(True, authdata=((1, b"x"),)), os.urandom)
    assert isinstance(context, KerberosContext)
    assert context.locally_initiated
    assert context.oid == MechType.kerberos
    assert context.flags == FLAGS
    assert context.expiry == 1_700_036_000
    assert (context.initiator_name, context.acceptor_name) == (USER, SERVICE)
    assert (context.authtime, context.ticket_flags) == (1_700_000_000, 0x40A50000)
    assert context.authdata == ((1, b"x"),)
    assert not hasattr(context, "__dict__")


@every_enctype
def test_messages_both_ways(enctype: int) -> None:
    initiator, acceptor = pair(enctype)
    for sender, receiver in ((initiator, acceptor), (acceptor, initiator)):
        for size in (0, 1, 15, 16, 17, 4096):
            assert receiver.unwrap(sender.wrap(bytes(size), True)) == (bytes(size), True)
            assert receiver.unwrap(sender.wrap(bytes(size), False)) == (bytes(size), False)
            receiver.verify_mic(bytes(size), sender.get_mic(bytes(size)))


@pytest.mark.parametrize("enctype", [18, 20])
def test_a_large_message(enctype: int) -> None:
    initiator, acceptor = pair(enctype)
    message = os.urandom(1 << 20) + b"and a bit"
    assert acceptor.unwrap(initiator.wrap(message, True)) == (message, True)


def test_subkeys_protect() -> None:
    """With an acceptor's subkey the session key protects nothing (RFC 4121 §2)."""
    initiator, acceptor = (KerberosContext(full(end), os.urandom) for end in (True, False))
    token = initiator.wrap(b"message", True)
    assert token[2] == 0x06
    assert acceptor.unwrap(token) == (b"message", True)
    assert initiator.dangerous_session_key() == Key(18, b"\3" * 32)
    assert Key(18, b"\3" * 32).decrypt(24, token[16:])[:7] == b"message"


# The window (RFC 2743 §1.2.3)


def test_duplicates_and_disorder() -> None:
    initiator, acceptor = pair()
    tokens = [initiator.wrap(bytes((n,)), True) for n in range(4)]
    assert acceptor.unwrap(tokens[0]) == (b"\0", True)
    with pytest.raises(TokenTooEarlyError, match="before number 1002") as early:
        acceptor.unwrap(tokens[2])
    assert early.value.result == (b"\2", True)
    with pytest.raises(TokenTooLateError, match="before it") as late:
        acceptor.unwrap(tokens[1])
    assert late.value.result == (b"\1", True)
    with pytest.raises(DuplicateTokenError, match="1002 has arrived before") as twice:
        acceptor.unwrap(tokens[2])
    assert twice.value.result == (b"\2", True)
    assert acceptor.unwrap(tokens[3]) == (b"\3", True)


def test_old_tokens() -> None:
    initiator, acceptor = pair(sequence=False)
    tokens = [initiator.get_mic(b"m") for _ in range(66)]
    acceptor.verify_mic(b"m", tokens[65])
    with pytest.raises(ExpiredTokenError, match="too old") as old:
        acceptor.verify_mic(b"m", tokens[0])
    assert old.value.result is None
    acceptor.verify_mic(b"m", tokens[2])


def test_without_checks_everything_sound_is_complete() -> None:
    initiator, acceptor = pair(replay=False, sequence=False)
    token = initiator.wrap(b"m", False)
    assert acceptor.unwrap(token) == acceptor.unwrap(token) == (b"m", False)


def test_wrap_and_mic_share_the_numbers() -> None:
    initiator, _ = pair()
    numbers = [
        int.from_bytes(token[8:16], "big")
        for token in (initiator.wrap(b"", True), initiator.get_mic(b""), initiator.wrap(b"", False))
    ]
    assert numbers == [1000, 1001, 1002]
    assert decode_record(snapshot(initiator)).send_seq == 1003


def test_numbers_wrap_around() -> None:
    initiator = KerberosContext(record(True, send_seq=2**64 - 1), os.urandom)
    assert initiator.get_mic(b"")[8:16] == b"\xff" * 8
    assert initiator.wrap(b"", True)[8:16] == bytes(8)


@every_enctype
def test_forged_tokens_move_nothing(enctype: int) -> None:
    initiator, acceptor = pair(enctype)
    before = snapshot(acceptor)
    tokens = [initiator.wrap(b"message", True), initiator.wrap(b"message", False)]
    mic = initiator.get_mic(b"message")
    for token in tokens:
        for octet in range(len(token)):
            forged = bytearray(token)
            forged[octet] ^= 0x81
            with pytest.raises((BadMICError, InvalidTokenError)):
                acceptor.unwrap(bytes(forged))
    for octet in range(len(mic)):
        forged = bytearray(mic)
        forged[octet] ^= 0x81
        with pytest.raises((BadMICError, InvalidTokenError)):
            acceptor.verify_mic(b"message", bytes(forged))
    assert snapshot(acceptor) == before
    assert [acceptor.unwrap(token)[0] for token in tokens] == [b"message"] * 2


# Transfer


class Ends:
    """A conversation whose ends may be moved: every call goes by role."""

    def __init__(self, move: set[int]) -> None:
        rng = iter(range(10**6))
        self.entropy: Callable[[int], bytes] = lambda n: next(rng).to_bytes(n, "big")
        self.ends = [KerberosContext(full(role), self.entropy) for role in (True, False)]
        self.move = move
        self.sent: list[tuple[int, bytes]] = []

    def run(self, step: int, call: tuple[str, int, bytes, int]) -> Any:
        if step in self.move:
            for role, context in enumerate(self.ends):
                with context.lock:
                    body = context.encode()
                    context.kill("moved")
                self.ends[role] = KerberosContext.restore(body, self.entropy)
        kind, role, message, pick = call
        try:
            if kind == "send":
                self.sent.append((role, self.ends[role].wrap(message, pick % 2 == 0)))
                return self.sent[-1]
            if kind == "receive" and self.sent:
                role, token = self.sent[pick % len(self.sent)]
                return self.ends[1 - role].unwrap(token)
            if kind == "mic":
                return self.ends[role].get_mic(message)
        except SupplementaryError as error:
            return type(error), error.result
        return self.ends[role].pseudo_random(pick % 2, message, 20)


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["send", "receive", "receive", "mic", "prf"]),
        st.integers(0, 1),
        st.binary(max_size=20),
        st.integers(0, 100),
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(CALLS, st.sets(st.integers(0, 24)))
def test_a_moved_context_goes_on_identically(calls: list[tuple[str, int, bytes, int]], move: set[int]) -> None:
    """Any run of calls gives the same results with transfers at any points as with none."""
    stayed, moved = Ends(set()), Ends(move)
    for step, call in enumerate(calls):
        one, other = stayed.run(step, call), moved.run(step, call)
        if call[0] == "send" and call[3] % 2 == 0:
            # A kept cipher's chaining value becomes part of the confounder: ciphertexts differ, headers do not.
            assert (one[0], one[1][:16], len(one[1])) == (other[0], other[1][:16], len(other[1]))
        else:
            assert one == other
    for role in (0, 1):
        assert snapshot(stayed.ends[role]) == snapshot(moved.ends[role])


def test_restore_refuses_noise() -> None:
    with pytest.raises(InvalidTokenError):
        KerberosContext.restore(b"", os.urandom)


def test_a_dead_context_says_why() -> None:
    context, _ = pair()
    token = pair()[1].wrap(b"m", True)
    with context.lock:
        context.kill("the context was exported")
        context.kill("the second reason does not matter")
    calls: list[Callable[[], object]] = [
        lambda: context.wrap(b"m", True),
        lambda: context.unwrap(token),
        lambda: context.get_mic(b"m"),
        lambda: context.verify_mic(b"m", token),
        lambda: context.wrap_size_limit(100, True),
        lambda: context.pseudo_random(0, b"", 1),
        lambda: context.initiator_name,
        lambda: context.acceptor_name,
        lambda: context.authtime,
        lambda: context.ticket_flags,
        lambda: context.authdata,
        context.dangerous_session_key,
        lambda: snapshot(context),
    ]
    for call in calls:
        with pytest.raises(MissingContextError, match="the context was exported"):
            call()


def test_killing_forgets_the_keys() -> None:
    context, _ = pair()
    context.wrap(b"m", True)
    with context.lock:
        context.kill("gone")
    assert context._record is None
    assert context._protection is None


def test_it_is_not_copied() -> None:
    context, _ = pair()
    for spill in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="export it"):
            spill(context)


# Threads


def test_threads_share_a_context() -> None:
    """Every number is used once and every token is sound, whichever thread made it."""
    initiator, acceptor = pair(sequence=False)
    tokens: list[bytes] = []
    failures: list[BaseException] = []

    def send(n: int) -> None:
        try:
            for size in range(60):
                tokens.append(initiator.wrap(bytes((n,)) * size * 7, True))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    tokens.sort(key=lambda token: token[8:16])
    assert [int.from_bytes(token[8:16], "big") for token in tokens] == list(range(1000, 1360))
    for token in tokens:
        acceptor.unwrap(token)


# Sizes and the pseudo-random function


@every_enctype
@pytest.mark.parametrize("confidential", [False, True])
def test_wrap_size_limit(enctype: int, confidential: bool) -> None:
    context, _ = pair(enctype)
    for limit in (100, 101, 115, 116, 1000):
        size = context.wrap_size_limit(limit, confidential)
        assert len(context.wrap(bytes(size), confidential)) <= limit
        assert len(context.wrap(bytes(size + 1), confidential)) > limit
    assert context.wrap_size_limit(10, confidential) == 0


PRF = [v for v in load("gss_prf") if v["enctype"] in SUPPORTED]


@pytest.mark.parametrize("vector", PRF, ids=lambda v: f"{v['enctype']}-{v['prf_key']}")
def test_pseudo_random(vector: dict[str, Any]) -> None:
    key = Key(vector["enctype"], bytes.fromhex(vector["key_hex"]))
    other = Key(vector["enctype"], bytes(len(bytes.fromhex(vector["key_hex"]))))
    expected, prf_in = bytes.fromhex(vector["output_hex"]), bytes.fromhex(vector["input_hex"])
    partial = vector["prf_key"] == "GSS_C_PRF_KEY_PARTIAL"
    name = PRF_KEY_PARTIAL if partial else PRF_KEY_FULL
    subkeys: dict[str, Any] = {"acceptor_subkey": other, "initiator_subkey": key}
    if not partial:
        subkeys = {"acceptor_subkey": key}
    context = KerberosContext(record(True, vector["enctype"], **subkeys), os.urandom)
    for length in (0, 1, 16, 17, vector["output_length"]):
        assert context.pseudo_random(name, prf_in, length) == expected[:length]


def test_every_prf_vector_is_there() -> None:
    assert len(PRF) == 12


def test_pseudo_random_without_subkeys() -> None:
    initiator, acceptor = pair()
    assert initiator.pseudo_random(PRF_KEY_FULL, b"x", 99) == acceptor.pseudo_random(PRF_KEY_PARTIAL, b"x", 99)
    with pytest.raises(GSSError, match="names no key"):
        initiator.pseudo_random(2, b"x", 1)
    with pytest.raises(GSSError, match="cannot be made"):
        initiator.pseudo_random(0, b"x", -1)
