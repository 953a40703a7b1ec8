"""Every RFC 4120 message against the reference encodings of another implementation, octet by octet both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from puregss.base.errors import InvalidTokenError
from puregss.krb5.messages import ap_rep, ap_req, cred, error, fields, kdc, padata, ticket
from puregss.wire.der import decode, encode
from tests.vectors import load

Codec = tuple[Callable[[bytes], Any], Callable[[Any], bytes]]

CODECS: dict[str, Codec] = {
    "Ticket": (ticket.decode_ticket, ticket.encode_ticket),
    "EncTicketPart": (ticket.decode_enc_ticket_part, ticket.encode_enc_ticket_part),
    "AP-REQ": (ap_req.decode_ap_req, ap_req.encode_ap_req),
    "Authenticator": (ap_req.decode_authenticator, ap_req.encode_authenticator),
    "AP-REP": (ap_rep.decode_ap_rep, ap_rep.encode_ap_rep),
    "EncAPRepPart": (ap_rep.decode_enc_ap_rep_part, ap_rep.encode_enc_ap_rep_part),
    "AS-REQ": (kdc.decode_kdc_req, kdc.encode_kdc_req),
    "TGS-REQ": (kdc.decode_kdc_req, kdc.encode_kdc_req),
    "KDC-REQ-BODY": (kdc.decode_kdc_req_body, kdc.encode_kdc_req_body),
    "AS-REP": (kdc.decode_kdc_rep, kdc.encode_kdc_rep),
    "TGS-REP": (kdc.decode_kdc_rep, kdc.encode_kdc_rep),
    "EncTGSRepPart": (kdc.decode_enc_kdc_rep_part, lambda part: kdc.encode_enc_kdc_rep_part(part, kdc.TGS_REP)),
    "KRB-CRED": (cred.decode_krb_cred, cred.encode_krb_cred),
    "EncKrbCredPart": (cred.decode_enc_krb_cred_part, cred.encode_enc_krb_cred_part),
    "KRB-ERROR": (error.decode_krb_error, error.encode_krb_error),
    "AuthorizationData": (fields.decode_authorization_data, fields.encode_authorization_data),
    "METHOD-DATA (SEQUENCE OF PA-DATA)": (padata.decode_method_data, padata.encode_method_data),
    "ETYPE-INFO": (padata.decode_etype_info, padata.encode_etype_info),
    "ETYPE-INFO2": (padata.decode_etype_info2, padata.encode_etype_info2),
    "PA-ENC-TS-ENC": (padata.decode_pa_enc_ts_enc, padata.encode_pa_enc_ts_enc),
    "EncryptedData": (
        lambda data: fields.decode_encrypted_data(decode(fields.DerEncryptedData, data)),
        lambda value: encode(fields.encode_encrypted_data(value)),
    ),
    "EncryptionKey": (
        lambda data: fields.decode_key(decode(fields.DerTypedOctets, data)),
        lambda value: encode(fields.encode_key(value)),
    ),
}

NOT_OURS = {
    "KRB-SAFE",  # GSS-API protects messages by RFC 4121 instead
    "KRB-PRIV",
    "EncKrbPrivPart",
    "TYPED-DATA",  # only PKINIT's errors carry it
    "AD-KDCIssued",  # no KDC in use issues it
}
"""Messages of RFC 4120 that the mechanism has no use for."""

REFERENCE = [vector for vector in load("der_messages") if vector["asn1_type"] in CODECS]
DEVIATIONS = [vector for vector in load("der_decode") if vector["asn1_type"] in CODECS]

NOT_REENCODED = {
    # These read as the unsigned numbers they stand for, and those are written as positive INTEGERs.
    "enc_data (MSB-set kvno)",
    "enc_data (kvno=-1)",
}

REFUSED_BY_US = {
    # RFC 4120 §5 asks DER of every sender, and every form refused is one less for hostile input.
    "authenticator (FFFFFFFF -> seq-number 0xffffffff)",  # not the shortest INTEGER
    # RFC 4120's types that may grow carry an extension marker; these have none.
    "ticket (+ trailing [4] INTEGER",
    "encryption_key (+ trailing [2] INTEGER)",
    "encryption_key (+ trailing [2] SEQUENCE {[0] INTEGER})",
}
"""Encodings another implementation tolerates and ours does not, with the reason."""


def test_every_message_of_the_rfc_is_covered() -> None:
    # RFC 4556's, in certificates, is the only other one that deviations are known of.
    assert {vector["asn1_type"] for vector in load("der_decode")} - set(CODECS) == {"KRB5PrincipalName"}
    of_rfc4120 = {vector["asn1_type"] for vector in load("der_messages") if "4120" in vector["defined_in"]}
    assert of_rfc4120 - set(CODECS) == NOT_OURS


@pytest.mark.parametrize("vector", REFERENCE, ids=lambda vector: vector["name"])
def test_reference_encoding_round_trips(vector: dict[str, Any]) -> None:
    decode_it, encode_it = CODECS[vector["asn1_type"]]
    octets = bytes.fromhex(vector["hex"])
    value = decode_it(octets)
    if vector["name"] in NOT_REENCODED:
        assert decode_it(encode_it(value)) == value
    else:
        assert encode_it(value) == octets


@pytest.mark.parametrize("vector", REFERENCE, ids=lambda vector: vector["name"])
def test_every_truncation_and_a_trailing_octet_are_refused(vector: dict[str, Any]) -> None:
    decode_it, _ = CODECS[vector["asn1_type"]]
    octets = bytes.fromhex(vector["hex"])
    for broken in [octets[:end] for end in range(len(octets))] + [octets + b"\0"]:
        with pytest.raises(InvalidTokenError):
            decode_it(broken)


@pytest.mark.parametrize("vector", DEVIATIONS, ids=lambda vector: vector["name"])
def test_deviations_from_der(vector: dict[str, Any]) -> None:
    decode_it, _ = CODECS[vector["asn1_type"]]
    octets = bytes.fromhex(vector["hex"])
    if vector["expect"] == "reject" or vector["name"] in REFUSED_BY_US:
        with pytest.raises(InvalidTokenError):
            decode_it(octets)
        return
    value = decode_it(octets)
    for name, expected in vector["expected_fields"].items():
        match name:
            case "seq-number":
                assert value.seq_number == expected
            case "keytype":
                assert value.keytype == expected
            case "etype":
                assert list(value.etype) == expected
            case "flags_first_32_bits_hex":
                assert f"{value.flags:08x}" == expected
            case _:
                pytest.fail(f"{name} is not compared")
