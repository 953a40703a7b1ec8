"""RFC 4120, RFC 4121: puregss at either end against MIT and Heimdal, every enctype with every choice of flags."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from tests.interop.conftest import Libraries, service_of
from tests.interop.mit_realm import AES, ENCTYPES, MitRealm
from tests.interop.party import (
    CHANNEL_BOUND,
    CONFIDENTIAL,
    DCE_STYLE,
    DELEGATE,
    DELEGATE_BY_POLICY,
    IDENTIFY,
    INTEGRITY,
    MUTUAL,
    REPLAY,
    SEQUENCE,
    PeerError,
    RemoteParty,
    establish,
)

pytestmark = pytest.mark.requires("krb5kdc", "python-gssapi", "heimdal")

LIBRARIES = {
    "puregss": ("tests.interop.pure_peer",),
    "mit": ("tests.interop.mit_peer",),
    "mit-c": ("tests.interop.c_peer", "mit"),  # for the calls that python-gssapi lacks
    "heimdal": ("tests.interop.c_peer", "heimdal"),
}
PAIRS = [("puregss", "mit"), ("mit", "puregss"), ("puregss", "heimdal"), ("heimdal", "puregss"), ("puregss", "puregss")]
# Heimdal 7.8 has no Camellia.
CASES = [(i, a, e) for (i, a), e in product(PAIRS, ENCTYPES) if e in AES or "heimdal" not in (i, a)]
FLAGS = MUTUAL | REPLAY | SEQUENCE | CONFIDENTIAL | INTEGRITY
SIZES = (0, 1, 15, 16, 17, 255, 4096, 65_537, 1 << 20)
BAD_BINDINGS, BAD_MIC, DEFECTIVE_TOKEN = 4 << 16, 6 << 16, 9 << 16
DUPLICATE_TOKEN, OLD_TOKEN, UNSEQ_TOKEN, GAP_TOKEN = 2, 4, 8, 16
CHECKSUM_SIZES = {17: 12, 18: 12, 19: 16, 20: 24, 25: 16, 26: 16}


@pytest.fixture(scope="module")
def libraries(mit_realm: MitRealm) -> Iterator[Libraries]:
    libraries = Libraries(mit_realm, LIBRARIES)
    yield libraries
    libraries.close()


class Ends:
    """Makes established pairs."""

    def __init__(self, libraries: Libraries) -> None:
        self._libraries = libraries

    def __call__(
        self,
        initiator: str,
        acceptor: str,
        enctype: int,
        flags: int = FLAGS,
        bindings: bytes | None = None,
        narrowed: bool = True,
    ) -> tuple[RemoteParty, RemoteParty]:
        narrow = enctype if narrowed else None
        first = self._libraries(initiator, narrow).initiate(f"{service_of(enctype)}@localhost", flags, bindings)
        second = self._libraries(acceptor, narrow).accept(bindings)
        tokens = establish(first, second)
        assert tokens == (3 if flags & DCE_STYLE else 2 if flags & MUTUAL else 1)
        return first, second


@pytest.fixture
def ends(libraries: Libraries) -> Ends:
    return Ends(libraries)


def exchange(first: RemoteParty, second: RemoteParty, message: bytes) -> None:
    """Everything that two established ends can say to each other with one message."""
    for sender, receiver in ((first, second), (second, first)):
        for confidential in (True, False):
            assert receiver.unwrap(sender.wrap(message, confidential)) == (message, confidential)
        receiver.verify_mic(message, sender.get_mic(message))


@pytest.mark.parametrize("bindings", [None, b"tls-server-end-point:0123"], ids=["unbound", "bound"])
@pytest.mark.parametrize("delegate", [0, DELEGATE], ids=["", "delegate"])
@pytest.mark.parametrize("style", [0, MUTUAL, MUTUAL | DCE_STYLE], ids=["one-way", "mutual", "dce"])
@pytest.mark.parametrize(("initiator", "acceptor", "enctype"), CASES)
def test_establishment(
    ends: Ends, initiator: str, acceptor: str, enctype: int, style: int, delegate: int, bindings: bytes | None
) -> None:
    wanted = (FLAGS & ~MUTUAL) | style | delegate
    if initiator == "heimdal" and not style & MUTUAL:
        wanted &= ~SEQUENCE  # unless it is told in an AP-REP, Heimdal expects the acceptor to count from 0
    first, second = ends(initiator, acceptor, enctype, wanted, bindings)
    if not style & DCE_STYLE:  # there only the IOV calls make tokens that both ends lay out alike
        exchange(first, second, b"hello")
    first.verify_mic(b"signed", second.get_mic(b"signed"))
    second.verify_mic(b"signed", first.get_mic(b"signed"))
    for facts in (first.facts(), second.facts()):
        assert facts.initiator == "alice@INTEROP.TEST"
        assert facts.acceptor == f"{service_of(enctype)}/localhost@INTEROP.TEST"
        assert facts.flags & wanted == wanted
        assert 35_000 < facts.lifetime <= 36_600
    if not (acceptor == "mit" and style & DCE_STYLE):  # MIT's acceptor loses it before the third leg
        assert second.delegated() == ("alice@INTEROP.TEST" if delegate else None)


@pytest.mark.parametrize(("enctype", "size"), [(17, 16), (18, 32), (19, 16), (20, 32), (25, 16), (26, 32)])
@pytest.mark.parametrize(("initiator", "acceptor"), [*PAIRS[:2], PAIRS[4]])
def test_messages_have_the_enctype_they_are_said_to_have(
    ends: Ends, initiator: str, acceptor: str, enctype: int, size: int
) -> None:
    """What all other tests of each enctype rest on."""
    first, second = ends(initiator, acceptor, enctype)
    assert len(first.session_key()) == size
    assert first.session_key() == second.session_key()
    assert len(first.get_mic(b"")) == len(second.get_mic(b"")) == 16 + CHECKSUM_SIZES[enctype]


@pytest.mark.parametrize(("initiator", "acceptor"), PAIRS)
def test_the_better_enctype_is_agreed_on(ends: Ends, initiator: str, acceptor: str) -> None:
    """RFC 4537: the ticket is aes128-cts-hmac-sha256-128, the acceptor's subkey what both like best."""
    first, second = ends(initiator, acceptor, 19, narrowed=False)
    exchange(first, second, b"hello")
    for end in (first, second):
        assert len(end.get_mic(b"")) == 16 + CHECKSUM_SIZES[18]


@pytest.mark.parametrize(("initiator", "acceptor"), PAIRS)
def test_identify_reaches_the_acceptor(ends: Ends, initiator: str, acceptor: str) -> None:
    """RFC 4757 §7.1."""
    for wanted in (0, IDENTIFY):
        for end in ends(initiator, acceptor, 18, FLAGS | wanted):
            assert end.facts().flags & IDENTIFY == wanted


@pytest.mark.parametrize(("service", "trusted"), [("host", True), ("enctype18", False)])
@pytest.mark.parametrize(("initiator", "acceptor"), PAIRS)
def test_by_policy_only_trusted_services_get_a_ticket(
    libraries: Libraries, initiator: str, acceptor: str, service: str, trusted: bool
) -> None:
    """RFC 5896: the realm says whom to trust, by OK-AS-DELEGATE in the ticket."""
    first = libraries(initiator).initiate(f"{service}@localhost", FLAGS | DELEGATE_BY_POLICY)
    second = libraries(acceptor).accept()
    establish(first, second)
    assert second.delegated() == ("alice@INTEROP.TEST" if trusted else None)
    assert second.facts().flags & DELEGATE == (DELEGATE if trusted else 0)


@pytest.mark.parametrize(("initiator", "enctype"), [(i, e) for i, a, e in CASES if a == "puregss" and i != "puregss"])
def test_what_others_delegate_is_usable(ends: Ends, libraries: Libraries, initiator: str, enctype: int) -> None:
    """The acceptor asks the KDC for a ticket as alice, and speaks for her with a third."""
    _, second = ends(initiator, "puregss", enctype, FLAGS | DELEGATE)
    onward, third = second.onward(f"{service_of(enctype)}@localhost", MUTUAL), libraries("mit", enctype).accept()
    establish(onward, third)
    assert third.facts().initiator == "alice@INTEROP.TEST"


@pytest.mark.parametrize(("initiator", "acceptor", "enctype"), CASES)
def test_messages_of_every_size(ends: Ends, initiator: str, acceptor: str, enctype: int) -> None:
    first, second = ends(initiator, acceptor, enctype)
    for size in SIZES:
        exchange(first, second, bytes(range(256)) * (size // 256) + bytes(size % 256))


@pytest.mark.parametrize("confidential", [True, False])
@pytest.mark.parametrize(("initiator", "acceptor", "enctype"), CASES)
def test_wrap_size_limit_is_kept_and_tight(
    ends: Ends, initiator: str, acceptor: str, enctype: int, confidential: bool
) -> None:
    first, second = ends(initiator, acceptor, enctype)
    for end in (first, second):
        limit = end.wrap_size_limit(1000, confidential)
        assert len(end.wrap(bytes(limit), confidential)) <= 1000
        assert len(end.wrap(bytes(limit + 16), confidential)) > 1000


@pytest.mark.parametrize("key", [0, 1], ids=["full", "partial"])
@pytest.mark.parametrize(("peer", "enctype"), [("mit-c", e) for e in ENCTYPES] + [("heimdal", e) for e in AES])
def test_both_ends_derive_the_same_octets(ends: Ends, peer: str, enctype: int, key: int) -> None:
    for first, second in (ends("puregss", peer, enctype), ends(peer, "puregss", enctype)):
        for length in (1, 20, 64, 100):
            assert first.pseudo_random(key, b"a seed", length) == second.pseudo_random(key, b"a seed", length)


@pytest.mark.parametrize(("initiator", "acceptor"), PAIRS[:4])
def test_other_bindings_are_refused(libraries: Libraries, initiator: str, acceptor: str) -> None:
    first = libraries(initiator).initiate("enctype18@localhost", FLAGS, b"one channel")
    second = libraries(acceptor).accept(b"another channel")
    with pytest.raises(PeerError) as caught:
        second.step(first.step(None))
    assert caught.value.major == BAD_BINDINGS


def test_a_bound_context_says_so(ends: Ends) -> None:
    for initiator, acceptor in (("puregss", "mit"), ("mit", "puregss")):
        _, second = ends(initiator, acceptor, 18, FLAGS, b"a channel")
        assert second.facts().flags & CHANNEL_BOUND
        _, second = ends(initiator, acceptor, 18, FLAGS, None)
        assert not second.facts().flags & CHANNEL_BOUND


@pytest.mark.parametrize(("initiator", "acceptor", "enctype"), CASES)
def test_altered_messages_are_refused_and_leave_no_trace(
    ends: Ends, initiator: str, acceptor: str, enctype: int
) -> None:
    first, second = ends(initiator, acceptor, enctype)
    for kind, sender, receiver in ((acceptor, first, second), (initiator, second, first)):
        if kind != "puregss":
            continue  # Heimdal has moved its window by the time that it looks at the checksum
        for confidential in (True, False):
            token = sender.wrap(b"a message", confidential)
            for place in (2, 3, 5, 7, 8, 15, 20, len(token) - 1):
                with pytest.raises(PeerError) as caught:
                    receiver.unwrap(token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :])
                assert caught.value.major in (BAD_MIC, DEFECTIVE_TOKEN)
            assert receiver.unwrap(token) == (b"a message", confidential)


@pytest.mark.parametrize(("initiator", "acceptor"), PAIRS[:2])
def test_both_sides_tell_the_same_of_lost_and_repeated_messages(ends: Ends, initiator: str, acceptor: str) -> None:
    for turned in (False, True):
        first, second = ends(initiator, acceptor, 18)
        sender, receiver = (second, first) if turned else (first, second)
        tokens = [sender.wrap(bytes([number]), True) for number in range(4)]
        seen = []
        for number in (0, 2, 1, 2, 3):
            try:
                receiver.unwrap(tokens[number])
            except PeerError as error:
                seen.append(error.major)
            else:
                seen.append(0)
        assert seen == [0, GAP_TOKEN, UNSEQ_TOKEN, DUPLICATE_TOKEN, 0]


@pytest.mark.parametrize(("initiator", "acceptor"), PAIRS[:2])
def test_both_sides_tell_the_same_of_old_messages(ends: Ends, initiator: str, acceptor: str) -> None:
    """Without sequence detection a message that falls out of the window is OLD, a late one within it is sound."""
    for turned in (False, True):
        first, second = ends(initiator, acceptor, 18, FLAGS & ~SEQUENCE)
        sender, receiver = (second, first) if turned else (first, second)
        tokens = [sender.wrap(b"", False) for _ in range(80)]
        receiver.unwrap(tokens[79])
        receiver.unwrap(tokens[78])
        with pytest.raises(PeerError) as caught:
            receiver.unwrap(tokens[0])
        assert caught.value.major == OLD_TOKEN


@pytest.mark.parametrize(("earlier", "later"), [("mit", "puregss"), ("puregss", "mit"), ("puregss", "puregss")])
def test_acceptors_on_one_host_refuse_each_others_replays(libraries: Libraries, earlier: str, later: str) -> None:
    token = libraries("mit").initiate("enctype18@localhost", FLAGS).step(None)
    libraries(earlier).accept().step(token)
    with pytest.raises(PeerError) as caught:
        libraries(later).accept().step(token)
    assert caught.value.major == DUPLICATE_TOKEN or "replay" in caught.value.text.lower()
