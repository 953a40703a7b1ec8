"""RFC 2743 §2.2.8, §2.2.9: contexts move between puregss and the C libraries, and their peers notice nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from struct import unpack_from

import pytest

from tests.interop.conftest import Libraries, service_of
from tests.interop.mit_realm import AES, MitRealm
from tests.interop.party import (
    CONFIDENTIAL,
    INTEGRITY,
    MUTUAL,
    REPLAY,
    SEQUENCE,
    SPNEGO,
    PeerError,
    RemoteLibrary,
    RemoteParty,
    establish,
)

pytestmark = pytest.mark.requires("krb5kdc", "python-gssapi", "heimdal", "samba")

LIBRARIES = {
    "puregss": ("tests.interop.pure_peer",),
    "mit": ("tests.interop.mit_peer",),
    "mit-c": ("tests.interop.c_peer", "mit"),
    "heimdal": ("tests.interop.c_peer", "heimdal"),
    "samba": ("tests.interop.c_peer", "samba"),
}
FORMATS = {"mit": "mit", "mit-c": "mit", "heimdal": "heimdal-7", "samba": "heimdal-8"}
KINDS = ("mit", "heimdal", "samba")
ALL_FLAGS = MUTUAL | REPLAY | SEQUENCE | CONFIDENTIAL | INTEGRITY
DUPLICATE_TOKEN = 2
ROLES = ("initiator", "acceptor")


@pytest.fixture(scope="module")
def libraries(mit_realm: MitRealm) -> Iterator[Libraries]:
    libraries = Libraries(mit_realm, LIBRARIES)
    yield libraries
    libraries.close()


class Journey:
    """One end of a context that changes libraries; the other stays where it is and is never told."""

    def __init__(
        self,
        libraries: Libraries,
        role: str,
        start: str,
        peer: str,
        enctype: int,
        flags: int = ALL_FLAGS,
    ) -> None:
        self._libraries = libraries
        self._enctype = enctype
        self.place = start
        initiating, accepting = (start, peer) if role == "initiator" else (peer, start)
        initiator = self.library(initiating).initiate(f"{service_of(enctype)}@localhost", flags)
        acceptor = self.library(accepting).accept()
        establish(initiator, acceptor)
        self.end: RemoteParty
        self.peer: RemoteParty
        self.end, self.peer = (initiator, acceptor) if role == "initiator" else (acceptor, initiator)

    def library(self, kind: str) -> RemoteLibrary:
        """The library whose contexts have this journey's encryption type and no other."""
        return self._libraries(kind, self._enctype)

    def move(self, place: str) -> bytes:
        """Export where the end is and import at `place`, one of which is puregss. The token."""
        assert "puregss" in (self.place, place)
        if self.place == "puregss":
            token = self.end.export(FORMATS[place])
            self.end = self.library(place).restore(token)
        else:
            token = self.end.export()
            self.end = self.library("puregss").restore(token, FORMATS[self.place])
        self.place = place
        return token

    def talk(self) -> None:
        """Messages of every kind, both ways, each of them expected next."""
        for sender, receiver in ((self.end, self.peer), (self.peer, self.end)):
            for confidential in (True, False):
                assert receiver.unwrap(sender.wrap(b"a message", confidential)) == (b"a message", confidential)
            receiver.verify_mic(b"signed", sender.get_mic(b"signed"))


@pytest.mark.parametrize("enctype", AES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("peer", ["mit", "heimdal"])
@pytest.mark.parametrize("library", KINDS)
def test_there_and_back(libraries: Libraries, library: str, peer: str, role: str, enctype: int) -> None:
    journey = Journey(libraries, role, "puregss", peer, enctype)
    journey.talk()
    facts = journey.end.facts()
    for place in (library, "puregss", library):
        journey.move(place)
        journey.talk()
        there = journey.end.facts()
        assert (there.initiator, there.acceptor, there.local) == (facts.initiator, facts.acceptor, facts.local)
        assert there.flags & ALL_FLAGS == ALL_FLAGS
        assert abs(there.lifetime - facts.lifetime) <= 310  # MIT counts an acceptor's 300 s of grace in


@pytest.mark.parametrize("enctype", [25, 26])
@pytest.mark.parametrize("role", ROLES)
def test_camellia_there_and_back(libraries: Libraries, role: str, enctype: int) -> None:
    """Which of the C libraries MIT alone has."""
    journey = Journey(libraries, role, "puregss", "mit", enctype)
    for place in ("mit", "puregss", "mit"):
        journey.move(place)
        journey.talk()


@pytest.mark.parametrize("enctype", AES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("library", KINDS)
def test_a_context_born_in_c(libraries: Libraries, library: str, role: str, enctype: int) -> None:
    for moved_before_the_first_message in (True, False):
        journey = Journey(libraries, role, library, "mit", enctype)
        if not moved_before_the_first_message:
            journey.talk()
        for place in ("puregss", library):
            journey.move(place)
            journey.talk()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("first", "second"), [pair for pair in product(KINDS, KINDS) if pair[0] != pair[1]])
def test_from_one_c_library_to_another(libraries: Libraries, first: str, second: str, role: str) -> None:
    journey = Journey(libraries, role, first, "heimdal", 18)
    journey.talk()
    for place in ("puregss", second, "puregss", first):
        journey.move(place)
        journey.talk()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("library", KINDS)
def test_one_way_authentication(libraries: Libraries, library: str, role: str) -> None:
    journey = Journey(libraries, role, "puregss", "mit", 18, CONFIDENTIAL | INTEGRITY)
    for place in (library, "puregss", library):
        journey.move(place)
        journey.talk()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("library", KINDS)
def test_lost_and_repeated_messages_are_still_noticed(libraries: Libraries, library: str, role: str) -> None:
    journey = Journey(libraries, role, "puregss", "mit", 18, ALL_FLAGS & ~SEQUENCE)
    messages = [journey.peer.wrap(bytes([number]), True) for number in range(30)]
    for message in messages[:25]:
        journey.end.unwrap(message)
    for place in (library, "puregss", library, "puregss"):
        journey.move(place)
        for message in messages[5:25]:
            with pytest.raises(PeerError) as caught:
                journey.end.unwrap(message)
            assert caught.value.major == DUPLICATE_TOKEN
        with pytest.raises(PeerError):
            journey.end.unwrap(messages[0])  # a duplicate for those who remember it, too old for Heimdal
    assert journey.end.unwrap(messages[28]) == (bytes([28]), True)
    assert journey.end.unwrap(messages[27]) == (bytes([27]), True)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("library", KINDS)
def test_contexts_that_spnego_negotiated(libraries: Libraries, library: str, role: str) -> None:
    name = f"{service_of(18)}@localhost"
    initiator, acceptor = libraries(library).initiate(name, ALL_FLAGS, None, SPNEGO), libraries(library).accept()
    establish(initiator, acceptor)
    end, peer = (initiator, acceptor) if role == "initiator" else (acceptor, initiator)
    end = libraries("puregss").restore(end.export(), FORMATS[library])
    for sender, receiver in ((end, peer), (peer, end)):
        assert receiver.unwrap(sender.wrap(b"a message", True)) == (b"a message", True)
        receiver.verify_mic(b"signed", sender.get_mic(b"signed"))


@pytest.mark.parametrize("enctype", AES)
@pytest.mark.parametrize(("first", "second"), [("mit-c", "heimdal"), ("samba", "mit-c")])
def test_the_keys_arrive_each_in_its_place(libraries: Libraries, first: str, second: str, enctype: int) -> None:
    """Pseudo-random octets come of the acceptor's subkey (0) and of the initiator's (1)."""
    ends = [Journey(libraries, role, "puregss", "puregss", enctype) for role in ROLES]
    initiator, acceptor = ends[0].end, ends[0].peer
    imported = (
        libraries(first).restore(initiator.export(FORMATS[first])),
        libraries(second).restore(acceptor.export(FORMATS[second])),
    )
    made = [[end.pseudo_random(key, b"seed", 100) for end in imported] for key in (0, 1)]
    assert made[0][0] == made[0][1] != made[1][0] == made[1][1]


@pytest.mark.parametrize("role", ROLES)
def test_what_mit_tells_of_a_ticket_arrives(libraries: Libraries, role: str) -> None:
    journey = Journey(libraries, role, "puregss", "mit", 18)
    journey.move("mit")
    for question in ("ticket", "session_key"):
        here, there = (journey.library("mit").call(question, end.number) for end in (journey.end, journey.peer))
        assert here == there


def test_authorization_data_arrives(libraries: Libraries) -> None:
    if_relevant = 1  # around the KDC's PAC
    journey = Journey(libraries, "acceptor", "mit", "mit", 18)
    pac = journey.library("mit").call("authdata", journey.end.number, if_relevant)
    assert len(pac) > 100
    for place in ("puregss", "mit"):
        journey.move(place)
    assert journey.library("mit").call("authdata", journey.end.number, if_relevant) == pac


@pytest.mark.parametrize("enctype", AES)
@pytest.mark.parametrize("flags", [ALL_FLAGS, ALL_FLAGS & ~MUTUAL], ids=["mutual", "one-way"])
@pytest.mark.parametrize("role", ROLES)
def test_a_lucid_context_is_what_mit_would_give(libraries: Libraries, role: str, flags: int, enctype: int) -> None:
    journey = Journey(libraries, role, "mit", "mit", enctype, flags)
    journey.talk()
    token = journey.end.export()
    copies = [journey.library("mit").restore(token), journey.library("puregss").restore(token, "mit")]
    initiator, endtime, send_seq, key_type, key = journey.library("mit").call("lucid", copies[0].number)
    bits, *fields = unpack_from("=IIQI", flat := copies[1].export("lucid"))
    assert (*fields, flat[20:]) == (endtime, send_seq, key_type, key)
    assert (bool(bits & 1), bits & 2, bool(bits & 4)) == (initiator, 2, bool(flags & MUTUAL))
