"""RFC 4120's messages under noise and flipped bits: a value or InvalidTokenError, never anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puregss.base.errors import InvalidTokenError
from puregss.krb5.messages import ap_rep, ap_req, cred, error, fields, kdc, padata, ticket
from puregss.wire.der import decode_length, encode_tlv
from tests.vectors import load

DECODERS: dict[str, Callable[[bytes], Any]] = {
    "Ticket": ticket.decode_ticket,
    "EncTicketPart": ticket.decode_enc_ticket_part,
    "AP-REQ": ap_req.decode_ap_req,
    "Authenticator": ap_req.decode_authenticator,
    "AP-REP": ap_rep.decode_ap_rep,
    "EncAPRepPart": ap_rep.decode_enc_ap_rep_part,
    "AS-REQ": kdc.decode_kdc_req,
    "KDC-REQ-BODY": kdc.decode_kdc_req_body,
    "AS-REP": kdc.decode_kdc_rep,
    "EncTGSRepPart": kdc.decode_enc_kdc_rep_part,
    "KRB-CRED": cred.decode_krb_cred,
    "EncKrbCredPart": cred.decode_enc_krb_cred_part,
    "KRB-ERROR": error.decode_krb_error,
    "AuthorizationData": fields.decode_authorization_data,
    "METHOD-DATA (SEQUENCE OF PA-DATA)": padata.decode_method_data,
    "ETYPE-INFO": padata.decode_etype_info,
    "ETYPE-INFO2": padata.decode_etype_info2,
    "PA-ENC-TS-ENC": padata.decode_pa_enc_ts_enc,
}
SAMPLES = {vector["asn1_type"]: bytes.fromhex(vector["hex"]) for vector in reversed(load("der_messages"))}


def survives(decode: Callable[[bytes], Any], octets: bytes) -> None:
    try:
        value = decode(octets)
    except InvalidTokenError:
        return
    if isinstance(value, error.KrbError):
        value.describe()


@pytest.mark.parametrize("name", DECODERS)
def test_every_flipped_bit(name: str) -> None:
    sample = SAMPLES[name]
    for position in range(len(sample)):
        for bit in range(8):
            octets = bytearray(sample)
            octets[position] ^= 1 << bit
            survives(DECODERS[name], bytes(octets))


@pytest.mark.parametrize("name", DECODERS)
def test_numbers_of_thousands_of_digits(name: str) -> None:
    """Python refuses to write them out: a sentence that names one must not end in ValueError."""
    sample = SAMPLES[name]
    huge = encode_tlv(0x02, b"\x7f" + bytes(4000))
    for position in range(len(sample) - 2):
        if sample[position] == 0x02 and sample[position + 1] < 9:
            survives(DECODERS[name], with_value(sample, position, huge))


def with_value(octets: bytes, at: int, value: bytes) -> bytes:
    """DER with the value that begins at `at` replaced, and with it the lengths of all around it."""
    out, position = b"", 0
    while position < len(octets):
        length, start = decode_length(octets, position + 1)
        end = start + length
        if position == at:
            out += value
        elif position < at < end and octets[position] & 0x20:
            out += encode_tlv(octets[position], with_value(octets[start:end], at - start, value))
        else:
            out += octets[position:end]
        position = end
    return out


@settings(max_examples=300)
@given(st.sampled_from(sorted(DECODERS)), st.data())
def test_mutations(name: str, data: st.DataObject) -> None:
    octets = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(octets)))
        end = data.draw(st.integers(start, min(len(octets), start + 8)))
        octets[start:end] = data.draw(st.binary(max_size=8))
    survives(DECODERS[name], bytes(octets))


@settings(max_examples=200)
@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=80))
def test_noise(name: str, octets: bytes) -> None:
    survives(DECODERS[name], octets)
    survives(DECODERS[name], SAMPLES[name][:1] + bytes((len(octets),)) + octets)


def test_depth_costs_nothing() -> None:
    """A thousand boxes within boxes are refused by the schema before anyone descends."""
    octets = b""
    for _ in range(1000):
        octets = encode_tlv(0x30, octets)
    for decode in DECODERS.values():
        survives(decode, octets)


@pytest.mark.parametrize("year", [b"0000", b"9999", b"1969"])
def test_odd_years(year: bytes) -> None:
    survives(padata.decode_pa_enc_ts_enc, SAMPLES["PA-ENC-TS-ENC"].replace(b"1994", year))
