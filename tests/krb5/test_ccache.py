"""Credential cache files of all four versions, as kinit and others write them, and damaged ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import GSSError, InvalidCredentialsError
from puregss.kcrypto.key import Key
from puregss.krb5.ccache import CachedTicket, ConfigEntry, CredentialCache, decode_ccache, encode_ccache
from puregss.krb5.messages.fields import HostAddress
from puregss.krb5.principal import Principal, tgs_principal
from tests.vectors import load

VECTORS = load("ccache")
SAMPLES = [vector for vector in VECTORS if "header_hex" in vector]
REAL = [vector for vector in VECTORS if "value" in vector]
CLIENT = Principal(("user",), "EXAMPLE.TEST")
TICKET = CachedTicket(
    CLIENT,
    tgs_principal("EXAMPLE.TEST"),
    Key(18, bytes(range(32))),
    1000,
    1001,
    2000,
    3000,
    0x40800000,
    b"ticket",
    addresses=(HostAddress(2, bytes(4)),),
    authdata=((1, b"data"),),
)
CACHE = CredentialCache(CLIENT, (TICKET,), (ConfigEntry("pa_type", "krbtgt/X@X", b"2"),), (), (-3, 500))


def principal(value: dict[str, Any]) -> Principal:
    return Principal(tuple(value["components"]), value["realm"])


def is_config(credential: dict[str, Any]) -> bool:
    return bool(credential["server"]["realm"] == "X-CACHECONF:")


@pytest.mark.parametrize("vector", REAL, ids=lambda vector: vector["name"])
def test_file_of_other_programs(vector: dict[str, Any]) -> None:
    cache = decode_ccache(bytes.fromhex(vector["file_hex"]))
    value = vector["value"]
    assert cache.default_principal == principal(value["default_principal"])
    tickets = [credential for credential in value["credentials"] if not is_config(credential)]
    assert len(cache.tickets) == len(tickets)
    for ticket, credential in zip(cache.tickets, tickets, strict=True):
        assert ticket.client == principal(credential["client"])
        assert ticket.server == principal(credential["server"])
        assert ticket.session_key == Key(credential["key"]["enctype"], bytes.fromhex(credential["key"]["key_hex"]))
        times = (ticket.authtime, ticket.starttime, ticket.endtime, ticket.renew_till)
        assert times == tuple(credential[name] for name in ("authtime", "starttime", "endtime", "renew_till"))
        assert f"{ticket.flags:08x}" == credential["ticket_flags_hex"]
        assert len(ticket.ticket) == credential["ticket_length"]
    assert [entry.value.hex() for entry in cache.config] == [
        credential["ticket_hex"] for credential in value["credentials"] if is_config(credential)
    ]
    assert decode_ccache(encode_ccache(cache)) == cache


@pytest.mark.parametrize("vector", SAMPLES, ids=lambda vector: f"version {vector['version']}")
def test_every_version_says_the_same(vector: dict[str, Any]) -> None:
    cache = decode_ccache(bytes.fromhex(vector["file_hex"]))
    newest = decode_ccache(bytes.fromhex(SAMPLES[-1]["file_hex"]))
    assert cache.default_principal == newest.default_principal == Principal(("testclient",), "KRBTEST.COM")
    assert (cache.tickets, cache.foreign) == (newest.tickets, newest.foreign)
    assert len(cache.tickets) + len(cache.foreign) == 2


def test_version_4_is_written_as_others_do() -> None:
    octets = bytes.fromhex(SAMPLES[-1]["file_hex"])
    cache = decode_ccache(octets)
    assert cache.kdc_offset == (300, 54321)
    assert encode_ccache(cache) == octets


def test_round_trip() -> None:
    assert decode_ccache(encode_ccache(CACHE)) == CACHE


def test_a_ticket_of_an_enctype_we_lack_is_kept_for_others() -> None:
    octets = encode_ccache(CACHE).replace(b"\0\x12\0\0\0\x20" + bytes(range(32)), b"\0\x17\0\0\0\x10" + bytes(16))
    cache = decode_ccache(octets)
    assert (len(cache.tickets), len(cache.foreign)) == (0, 1)
    assert encode_ccache(cache) == octets


def test_crossed_out_entries_are_gone() -> None:
    gone = CachedTicket(CLIENT, CLIENT, Key(17, bytes(16)), 0xFFFFFFFF, 0, 0, 0, 0, b"")
    cache = CredentialCache(CLIENT, (gone, TICKET))
    assert decode_ccache(encode_ccache(cache)).tickets == (TICKET,)


def test_every_truncation_ends_cleanly() -> None:
    octets = encode_ccache(CACHE)
    whole = 0
    for end in range(len(octets)):
        try:
            decode_ccache(octets[:end])
            whole += 1
        except InvalidCredentialsError:
            continue
    assert whole == 2, "a cut between entries is a shorter cache, any other is refused"


@pytest.mark.parametrize("count", [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
def test_a_huge_count_costs_nothing(count: bytes) -> None:
    with pytest.raises(InvalidCredentialsError, match="cut off"):
        decode_ccache(b"\x05\x03\0\0\0\x01" + count + b"\0\0\0\x01R")


def test_a_key_of_wrong_length_is_damage() -> None:
    octets = encode_ccache(CACHE).replace(b"\0\x12\0\0\0\x20" + bytes(range(32)), b"\0\x12\0\0\0\x01\0")
    with pytest.raises(InvalidCredentialsError, match=r"krbtgt/EXAMPLE\.TEST"):
        decode_ccache(octets)


def test_secrets_are_not_printed() -> None:
    assert bytes(range(32)).hex() not in repr(CACHE)
    assert repr(bytes(range(32)))[2:-1] not in repr(CACHE)


@given(st.binary(max_size=300), st.integers(1, 4))
def test_hostile_octets(octets: bytes, version: int) -> None:
    try:
        decode_ccache(bytes((5, version)) + octets)
    except GSSError:
        return


@given(st.data())
def test_mutations(data: st.DataObject) -> None:
    octets = bytearray(encode_ccache(CACHE))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        encode_ccache(decode_ccache(bytes(octets)))
    except GSSError:
        return
