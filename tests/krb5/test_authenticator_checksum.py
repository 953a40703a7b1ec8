"""RFC 4121 §4.1.1: the 0x8003 checksum, on published vectors and against malformed octets."""

from __future__ import annotations

from typing import Any

import pytest

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import BadChannelBindingsError, GSSError, InvalidTokenError, OperationUnavailableError
from puregss.base.flags import RequirementFlag
from puregss.krb5.authenticator_checksum import (
    AuthenticatorChecksum,
    check_bindings,
    decode_checksum,
    encode_checksum,
    hash_bindings,
    pack_bindings,
)
from tests.vectors import load

VECTORS = load("channel_bindings")
PACKED = [vector for vector in VECTORS if vector["kind"] == "channel bindings"]
FIELDS = [vector for vector in VECTORS if vector["kind"] == "authenticator checksum 0x8003"]

HERE = ChannelBindings(application_data=b"tls-server-end-point:here")
THERE = ChannelBindings(application_data=b"tls-server-end-point:there")
NONE = bytes(16)


@pytest.mark.parametrize("vector", PACKED, ids=lambda v: v["packed_hex"])
def test_bindings_are_packed_and_hashed_as_published(vector: dict[str, Any]) -> None:
    bindings = ChannelBindings(
        vector["initiator_addrtype"],
        bytes.fromhex(vector["initiator_address_hex"]),
        vector["acceptor_addrtype"],
        bytes.fromhex(vector["acceptor_address_hex"]),
        bytes.fromhex(vector["application_data_hex"]),
    )
    assert pack_bindings(bindings).hex() == vector["packed_hex"]
    assert hash_bindings(bindings).hex() == vector["md5_hex"]


@pytest.mark.parametrize("vector", FIELDS, ids=lambda v: v["checksum_hex"])
def test_the_field_is_as_published(vector: dict[str, Any]) -> None:
    value = AuthenticatorChecksum(bytes.fromhex(vector["bnd_hex"]), vector["flags"])
    assert encode_checksum(value).hex() == vector["checksum_hex"]
    assert decode_checksum(bytes.fromhex(vector["checksum_hex"])) == value


def test_delegation_travels_behind_the_flags() -> None:
    value = AuthenticatorChecksum(bytes(range(16)), 0x3F, b"a credential")
    octets = encode_checksum(value)
    assert octets[24:28] == b"\x01\x00\x0c\x00"
    assert decode_checksum(octets) == value


def test_the_delegation_flag_follows_the_credential() -> None:
    wanted = RequirementFlag.delegate_to_peer | RequirementFlag.mutual_authentication
    assert decode_checksum(encode_checksum(AuthenticatorChecksum(NONE, wanted))).flags == 2


def test_extensions_are_ignored() -> None:
    for value in (AuthenticatorChecksum(NONE, 2), AuthenticatorChecksum(NONE, 3, b"credential")):
        assert decode_checksum(encode_checksum(value) + b"an extension") == value


def test_flags_that_do_not_travel_are_cleared_and_ignored() -> None:
    sent = encode_checksum(AuthenticatorChecksum(NONE, 0xFFFFFFFF))
    assert int.from_bytes(sent[20:24], "little") == 0x703E
    assert decode_checksum(sent[:20] + b"\xfe\xff\xff\xff").flags == 0x703E


@pytest.mark.parametrize("value", [AuthenticatorChecksum(NONE, 2), AuthenticatorChecksum(NONE, 3, b"credential")])
def test_whatever_is_cut_is_refused(value: AuthenticatorChecksum) -> None:
    octets = encode_checksum(value)
    for length in range(len(octets)):
        with pytest.raises(InvalidTokenError):
            decode_checksum(octets[:length])


@pytest.mark.parametrize("place", range(28))
def test_altered_octets_give_a_value_or_a_gss_error(place: int) -> None:
    octets = encode_checksum(AuthenticatorChecksum(NONE, 3, b"credential"))
    for change in range(1, 256):
        altered = bytearray(octets)
        altered[place] ^= change
        try:
            decode_checksum(bytes(altered))
        except GSSError:
            continue


def test_a_credential_too_long_for_its_length_field_is_refused() -> None:
    longest = AuthenticatorChecksum(NONE, 1, bytes(65535))
    assert decode_checksum(encode_checksum(longest)) == longest
    with pytest.raises(OperationUnavailableError, match="65536 octets"):
        encode_checksum(AuthenticatorChecksum(NONE, 0, bytes(65536)))


def test_numbers_that_do_not_fit_are_bad_bindings() -> None:
    with pytest.raises(BadChannelBindingsError):
        pack_bindings(ChannelBindings(initiator_address_type=1 << 32))


@pytest.mark.parametrize(
    ("sent", "own", "aware", "bound"),
    [(None, None, False, False), (HERE, None, False, False), (None, HERE, False, False), (HERE, HERE, True, True)],
)
def test_bindings_that_may_pass(
    sent: ChannelBindings | None, own: ChannelBindings | None, aware: bool, bound: bool
) -> None:
    assert check_bindings(hash_bindings(sent), own, aware) is bound


@pytest.mark.parametrize(("sent", "aware"), [(THERE, False), (THERE, True), (None, True)])
def test_bindings_that_must_not_pass(sent: ChannelBindings | None, aware: bool) -> None:
    with pytest.raises(BadChannelBindingsError):
        check_bindings(hash_bindings(sent), HERE, aware)
