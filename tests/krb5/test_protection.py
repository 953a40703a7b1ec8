"""RFC 4121 §4.2: per-message tokens, on published tokens, on altered ones and on noise."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import BadMICError, GSSError, InvalidTokenError
from puregss.kcrypto.enctypes import SUPPORTED, enctype_name
from puregss.kcrypto.key import Key, profile_of
from puregss.krb5.protection import Protection, wrap_overhead
from tests.krb5.contexts import KEY_SIZES
from tests.vectors import load

TOKENS = [v for v in load("gss_tokens") if v["protocol"] == "RFC 4121"]
# Framed tokens of 3DES contexts (RFC 1964, which puregss does not speak) must be refused by the contexts it has;
# framings of context tokens are the business of wire.framing.
OLDER = [v for v in load("gss_tokens") if v["protocol"] != "RFC 4121"]
MALFORMED = [v for v in load("gss_tokens_malformed") if v["context"] is not None]
every_enctype = pytest.mark.parametrize("enctype", sorted(SUPPORTED), ids=enctype_name)
enctypes = st.sampled_from(sorted(SUPPORTED))


def key_of(enctype: int) -> Key:
    return Key(enctype, bytes(range(KEY_SIZES[enctype])))


def end(initiate: bool, key: Key, *, subkey: bool = False, confounder: bytes | None = None) -> Protection:
    return Protection(
        key,
        initiate=initiate,
        acceptor_subkey=subkey,
        entropy=os.urandom if confounder is None else lambda n: confounder[:n],
    )


def ends(enctype: int = 18, *, subkey: bool = False) -> tuple[Protection, Protection]:
    return end(True, key_of(enctype), subkey=subkey), end(False, key_of(enctype), subkey=subkey)


def test_all_published_tokens_are_there() -> None:
    assert len(TOKENS) == 13
    assert len(OLDER) == 8
    assert len(MALFORMED) == 10


@pytest.mark.parametrize("vector", TOKENS, ids=lambda v: f"{v['token']}-{v['flags']}-{v.get('rrc')}")
def test_published(vector: dict[str, Any]) -> None:
    key = Key(vector["enctype"], bytes.fromhex(vector["key_hex"]))
    token, message = bytes.fromhex(vector["token_hex"]), bytes.fromhex(vector["message_hex"])
    confounder = bytes.fromhex(vector.get("confounder_hex", ""))
    number, by_acceptor = vector["seq_number"], vector["sent_by_acceptor"]
    sender = end(not by_acceptor, key, subkey=vector["acceptor_subkey"], confounder=confounder)
    receiver = end(by_acceptor, key, subkey=vector["acceptor_subkey"])
    if vector["token"] == "MIC":
        assert sender.get_mic(message, number) == token
        assert receiver.verify_mic(message, token) == number
        return
    assert receiver.unwrap(token) == (message, vector["sealed"], number)
    if not vector["rrc"]:
        assert sender.wrap(message, vector["sealed"], number) == token


@pytest.mark.parametrize("vector", OLDER, ids=lambda v: f"{v['enctype_name']}-{v['token']}-{v['seal_alg']}")
def test_tokens_of_3des_and_rc4_are_refused_by_their_layout(vector: dict[str, Any]) -> None:
    """MIT accepts most of these. We have neither their keys nor the layout of RFC 1964, whichever key is at hand."""
    assert vector["direction_octets_hex"] == "00000000"  # all of initiators
    receiver = end(False, key_of(18))
    call = partial(receiver.verify_mic, b"message") if vector["token"] == "MIC" else receiver.unwrap
    with pytest.raises(InvalidTokenError, match="RFC 1964"):
        call(bytes.fromhex(vector["token_hex"]))


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda v: v["name"])
def test_malformed(vector: dict[str, Any]) -> None:
    context = vector["context"]
    key = Key(context["enctype"], bytes.fromhex(context["key_hex"])) if context["enctype"] == 17 else key_of(17)
    receiver = end(False, key)
    token = bytes.fromhex(vector["token_hex"])
    call = partial(receiver.verify_mic, b"message") if vector["call"] == "GSS_VerifyMIC" else receiver.unwrap
    with pytest.raises(InvalidTokenError):
        call(token)


@given(enctypes, st.binary(max_size=200), st.booleans(), st.booleans(), st.integers(0, 2**64 - 1))
def test_round_trip(enctype: int, message: bytes, confidential: bool, subkey: bool, number: int) -> None:
    initiator, acceptor = ends(enctype, subkey=subkey)
    for sender, receiver in ((initiator, acceptor), (acceptor, initiator)):
        token = sender.wrap(message, confidential, number)
        assert len(token) == len(message) + wrap_overhead(key_of(enctype), confidential)
        assert receiver.unwrap(token) == (message, confidential, number)
        assert receiver.verify_mic(message, sender.get_mic(message, number)) == number


@given(enctypes, st.lists(st.binary(max_size=70), max_size=8))
def test_one_object_for_many_messages(enctype: int, messages: list[bytes]) -> None:
    """Tokens of one sender are read by one that keeps its ciphers and by one that has just been made."""
    sender, receiver = ends(enctype)
    for number, message in enumerate(messages):
        token = sender.wrap(message, True, number)
        assert receiver.unwrap(token) == (message, True, number)
        assert ends(enctype)[1].unwrap(token) == (message, True, number)


@pytest.mark.parametrize("confidential", [False, True])
@pytest.mark.parametrize("size", [0, 1, 29, 64])
def test_any_rotation(confidential: bool, size: int) -> None:
    """RFC 4121 §4.2.5: every RRC must be understood, also one beyond the token's length."""
    sender, receiver = ends()
    token = sender.wrap(bytes(range(size)), confidential, 5)
    body = token[16:]
    for rrc in (*range(len(body) * 2 + 2), 0xFFFF):
        turn = rrc % len(body)
        rotated = token[:6] + rrc.to_bytes(2, "big") + token[8:16] + body[len(body) - turn :] + body[: len(body) - turn]
        assert receiver.unwrap(rotated) == (bytes(range(size)), confidential, 5)


@pytest.mark.parametrize("filler", [0, 1, 15, 16, 300])
def test_filler(filler: int) -> None:
    """§4.2.4: a peer may put EC octets between message and header."""
    _, acceptor = ends()
    header = b"\5\4\2\xff" + filler.to_bytes(2, "big") + bytes(2) + bytes(8)
    token = header + key_of(18).encrypt(24, b"message" + bytes(filler) + header, os.urandom)
    assert acceptor.unwrap(token) == (b"message", True, 0)


@pytest.mark.parametrize("octet", [2, 4, 5, 8, 15])
def test_the_encrypted_header_counts(octet: int) -> None:
    """Only the inner header is authenticated: one that differs is an attack on the clear one."""
    _, acceptor = ends()
    inner = b"\5\4\2\xff" + bytes(12)
    outer = bytearray(inner)
    outer[octet] ^= 0x08
    token = bytes(outer) + key_of(18).encrypt(24, b"a message, long enough" + inner, os.urandom)
    with pytest.raises(InvalidTokenError, match=r"not the one that was encrypted|more filler"):
        acceptor.unwrap(token)


def test_flags_nobody_knows_are_ignored() -> None:
    """§4.2.2: MUST ignore; they are authenticated like the rest."""
    _, acceptor = ends()
    header = b"\5\4\xf2\xff" + bytes(12)
    assert acceptor.unwrap(header + key_of(18).encrypt(24, b"m" + header, os.urandom)) == (b"m", True, 0)
    header = b"\4\4\xf8" + b"\xff" * 5 + bytes(8)
    assert acceptor.verify_mic(b"m", header + key_of(18).checksum(25, b"m" + header)) == 0


def test_a_mic_is_never_sealed() -> None:
    _, acceptor = ends()
    header = b"\4\4\2" + b"\xff" * 5 + bytes(8)
    with pytest.raises(InvalidTokenError, match="encrypted"):
        acceptor.verify_mic(b"m", header + key_of(18).checksum(25, b"m" + header))


@pytest.mark.parametrize("confidential", [False, True])
def test_reflected_tokens_are_refused(confidential: bool) -> None:
    for one in ends():
        with pytest.raises(BadMICError, match="came back"):
            one.unwrap(one.wrap(b"message", confidential, 0))
        with pytest.raises(BadMICError, match="came back"):
            one.verify_mic(b"message", one.get_mic(b"message", 0))


@pytest.mark.parametrize("subkey", [False, True])
@pytest.mark.parametrize("confidential", [False, True])
def test_the_subkey_flag_must_fit(subkey: bool, confidential: bool) -> None:
    sender, receiver = ends(subkey=subkey)[0], ends(subkey=not subkey)[1]
    with pytest.raises(InvalidTokenError, match="another subkey"):
        receiver.unwrap(sender.wrap(b"message", confidential, 0))
    with pytest.raises(InvalidTokenError, match="another subkey"):
        receiver.verify_mic(b"message", sender.get_mic(b"message", 0))


def flips(token: bytes) -> list[bytes]:
    altered = []
    for bit in range(len(token) * 8):
        copy = bytearray(token)
        copy[bit // 8] ^= 1 << bit % 8
        altered.append(bytes(copy))
    return altered


@every_enctype
@pytest.mark.parametrize("confidential", [False, True])
def test_every_flipped_bit_of_a_wrap_token_is_refused(enctype: int, confidential: bool) -> None:
    sender, receiver = ends(enctype)
    # An odd length: RRC itself is not protected, and a turn by a multiple of the length is no turn.
    message = bytes(19 if (len(sender.wrap(b"", confidential, 0)) - 16) % 2 == 0 else 20)
    token = sender.wrap(message, confidential, 3)
    for altered in flips(token):
        with pytest.raises((BadMICError, InvalidTokenError)):
            receiver.unwrap(altered)
    assert receiver.unwrap(token) == (message, confidential, 3)


@every_enctype
def test_every_flipped_bit_of_a_mic_is_refused(enctype: int) -> None:
    sender, receiver = ends(enctype)
    mic = sender.get_mic(b"message", 3)
    for altered in flips(mic):
        with pytest.raises((BadMICError, InvalidTokenError)):
            receiver.verify_mic(b"message", altered)
    for message in flips(b"message"):
        with pytest.raises(BadMICError):
            receiver.verify_mic(message, mic)
    assert receiver.verify_mic(b"message", mic) == 3


@every_enctype
@pytest.mark.parametrize("confidential", [False, True])
def test_every_cut_is_refused(enctype: int, confidential: bool) -> None:
    sender, receiver = ends(enctype)
    token, mic = sender.wrap(b"message", confidential, 3), sender.get_mic(b"message", 3)
    for size in range(len(token)):
        with pytest.raises((BadMICError, InvalidTokenError)):
            receiver.unwrap(token[:size])
    for size in range(len(mic)):
        with pytest.raises((BadMICError, InvalidTokenError)):
            receiver.verify_mic(b"message", mic[:size])
    with pytest.raises((BadMICError, InvalidTokenError)):
        receiver.unwrap(token + b"\0")
    with pytest.raises((BadMICError, InvalidTokenError)):
        receiver.verify_mic(b"message", mic + b"\0")


HEADS = st.sampled_from([b"", b"\5\4\0\xff", b"\5\4\2\xff", b"\5\4\2\xff\0\0\0\0", b"\4\4\0" + b"\xff" * 5, b"\x60"])


@given(enctypes, HEADS, st.binary(max_size=200))
def test_noise_is_refused(enctype: int, head: bytes, noise: bytes) -> None:
    _, receiver = ends(enctype)
    with pytest.raises(GSSError):
        receiver.unwrap(head + noise)
    with pytest.raises(GSSError):
        receiver.verify_mic(noise, head + noise)


@every_enctype
def test_a_forged_token_leaves_nothing_behind(enctype: int) -> None:
    sender, receiver = ends(enctype)
    for number in range(4):
        token = sender.wrap(b"message", True, number)
        with pytest.raises(BadMICError):
            receiver.unwrap(token[:-1] + bytes((token[-1] ^ 1,)))
        assert receiver.unwrap(token) == (b"message", True, number)


def test_an_interrupted_sender_starts_with_a_new_cipher() -> None:
    """Whatever is raised in the middle, even by the entropy source."""
    broken = iter([False, True, False])

    def entropy(size: int) -> bytes:
        if next(broken):
            raise KeyboardInterrupt
        return os.urandom(size)

    sender = Protection(key_of(18), initiate=True, acceptor_subkey=False, entropy=entropy)
    _, receiver = ends()
    receiver.unwrap(sender.wrap(b"one", True, 0))
    with pytest.raises(KeyboardInterrupt):
        sender.wrap(b"two", True, 1)
    assert receiver.unwrap(sender.wrap(b"three", True, 1)) == (b"three", True, 1)


@pytest.mark.parametrize("first", ["wrap", "unwrap"])
@every_enctype
def test_the_keys_of_both_directions_are_derived_at_once(
    enctype: int, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = type(profile_of(enctype))
    derivations = []

    def counted(self: Any, key: bytes, *constants: bytes) -> list[bytes]:
        derivations.append(len(constants))
        return derive(self, key, *constants)

    derive = profile.derive
    initiator, acceptor = ends(enctype)
    question = initiator.wrap(b"question", True, 0)
    monkeypatch.setattr(profile, "derive", counted)
    calls = [partial(acceptor.unwrap, question), partial(acceptor.wrap, b"answer", True, 0)]
    for call in calls if first == "unwrap" else reversed(calls):
        call()  # type: ignore[operator]  # what they have in common is object
    assert derivations == [4]
    assert acceptor.unwrap(initiator.wrap(b"more", True, 1)) == (b"more", True, 1)
    assert initiator.unwrap(acceptor.wrap(b"of it", True, 1)) == (b"of it", True, 1)


@every_enctype
def test_each_message_has_its_own_confounder(enctype: int) -> None:
    """The same message with the same number, over and over: no block of ciphertext comes twice."""
    sender, _ = ends(enctype)
    tokens = [sender.wrap(bytes(64), True, 0)[16:] for _ in range(50)]
    blocks = [token[at : at + 16] for token in tokens for at in range(0, 64, 16)]
    assert len(set(blocks)) == len(blocks)


def test_entropy_is_asked_for_every_message() -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return os.urandom(size)

    sender = Protection(key_of(20), initiate=True, acceptor_subkey=False, entropy=entropy)
    for number in range(3):
        sender.wrap(b"", True, number)
    sender.wrap(b"", False, 3)
    assert asked == [16, 16, 16]


@pytest.mark.parametrize("make", [bytearray, memoryview])
def test_any_buffer_will_do(make: type) -> None:
    sender, receiver = ends()
    for confidential in (False, True):
        assert receiver.unwrap(make(sender.wrap(make(b"message"), confidential, 0)))[0] == b"message"
    receiver.verify_mic(make(b"message"), make(sender.get_mic(make(b"message"), 0)))


@pytest.mark.parametrize("wrong", [16, "text", None])
def test_what_is_no_buffer_is_no_message(wrong: Any) -> None:
    """`bytes(16)` would be sixteen zero octets: never what was meant."""
    sender, receiver = ends()
    for call in (
        lambda: sender.wrap(wrong, True, 0),
        lambda: sender.get_mic(wrong, 0),
        lambda: receiver.unwrap(wrong),
        lambda: receiver.verify_mic(b"", wrong),
    ):
        with pytest.raises(TypeError):
            call()
