"""The published vectors of docs/interprocess-token.md, made by a program of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from puregss.base.errors import GSSError
from puregss.base.oid import OID
from puregss.base.status import Major
from puregss.transfer.channel import ChannelReceiver, ChannelSender
from puregss.transfer.claims import MemoryStore
from puregss.transfer.domain import Domain
from puregss.transfer.keys import DomainKey
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import DomainKind
from tests.transfer.fakes import FakeClock, FakeContext
from tests.vectors import load

VECTORS = load("interprocess_token")
VALID = [vector for vector in VECTORS if "record" in vector]
REFUSED = [vector for vector in VECTORS if "status" in vector]
CHANNEL = [vector for vector in VALID if vector["kind"] == DomainKind.CHANNEL]


def octets(vector: dict[str, Any], field: str) -> bytes:
    return bytes.fromhex(vector[field])


class VectorStore(MemoryStore):
    """A store that says it is the vector's, and holds the vector's claim."""

    def __init__(self, vector: dict[str, Any]) -> None:
        super().__init__(os.urandom)
        self.kind = DomainKind(vector["kind"])
        self.one_machine = self.kind in (DomainKind.MEMORY, DomainKind.DIRECTORY)
        self._place = octets(vector, "place") if self.one_machine else b""
        self.put(octets(vector, "claim"), octets(vector, "secret"), 60_000)


def importer(vector: dict[str, Any]) -> Callable[[bytes], tuple[OID, bytes]]:
    clock = FakeClock(now=vector["clock"], boottime=vector["clock"])
    if vector["kind"] == DomainKind.CHANNEL:
        return ChannelReceiver(octets(vector, "channel_key"), clock).import_
    store = VectorStore(vector)
    if store.one_machine:
        clock.boot_identity = octets(vector, "boot_id")
        return Domain(store, clock, os.urandom).import_
    return Domain(store, clock, os.urandom, (DomainKey(octets(vector, "domain_key")),)).import_


def named(vector: dict[str, Any]) -> str:
    return str(vector["name"])


@pytest.mark.parametrize("vector", VALID, ids=named)
def test_a_valid_token_imports_once(vector: dict[str, Any]) -> None:
    import_ = importer(vector)
    oid, record = import_(octets(vector, "token"))
    assert (oid.dotted, record) == (vector["mechanism"], octets(vector, "record"))
    with pytest.raises(GSSError) as error:
        import_(octets(vector, "token"))
    assert error.value.major == Major.NO_CONTEXT


@pytest.mark.parametrize("vector", REFUSED, ids=named)
def test_a_token_that_must_fail_fails_as_written_and_the_true_one_imports(vector: dict[str, Any]) -> None:
    import_ = importer(vector)
    with pytest.raises(GSSError) as error:
        import_(octets(vector, "token"))
    assert Major(error.value.major).name == vector["status"]
    if vector["minor"] is not None:
        assert TransferMinor(error.value.minor).name == vector["minor"]
    (true,) = [valid for valid in VALID if valid["name"] == vector["name"].partition(":")[0]]
    if vector["token"] != true["token"]:
        assert import_(octets(true, "token"))[1] == octets(true, "record")


@pytest.mark.parametrize("vector", [v for v in VALID if v["kind"] != DomainKind.CHANNEL], ids=named)
def test_an_export_makes_the_vectors_octets(vector: dict[str, Any]) -> None:
    name, secret = octets(vector, "claim"), octets(vector, "secret")
    store = VectorStore(vector)
    store.erase(name)
    drawn = iter([name[12:] + secret])
    clock = FakeClock(now=vector["clock"], boottime=vector["clock"])
    keys = (DomainKey(octets(vector, "domain_key")),) if "domain_key" in vector else ()
    if store.one_machine:
        clock.boot_identity = octets(vector, "boot_id")
    domain = Domain(store, clock, lambda _: next(drawn), keys)
    source = FakeContext(octets(vector, "record"), oid=OID.from_dotted(vector["mechanism"]), expiry=1e11)
    assert domain.export(source, ttl=60) == octets(vector, "token")


def test_a_channel_makes_the_vectors_octets() -> None:
    wanted = {vector["serial"]: vector for vector in CHANNEL}
    clock = FakeClock(boottime=CHANNEL[0]["clock"])
    sender = ChannelSender(octets(CHANNEL[0], "channel_key"), clock)
    for serial in range(max(wanted) + 1):
        vector = wanted.get(serial, CHANNEL[0])
        token = sender.export(FakeContext(octets(vector, "record")), ttl=60)
        if serial in wanted:
            assert token == octets(vector, "token")
