"""What the reference encodings say, read into values (the sample values of the vectors' source)."""

from __future__ import annotations

import pytest

from puregss.base.errors import InvalidTokenError
from puregss.krb5.messages import ap_rep, ap_req, cred, error, fields, kdc, padata, ticket
from puregss.krb5.messages.error_codes import KrbErrorCode
from puregss.krb5.messages.fields import Checksum, EncryptedData, EncryptionKey, HostAddress
from puregss.krb5.principal import Principal
from puregss.wire.der import encode_tlv
from tests.vectors import load

ENCODED = {vector["name"]: bytes.fromhex(vector["hex"]) for vector in load("der_messages")}
PRINCIPAL = Principal(("hftsai", "extra"), "ATHENA.MIT.EDU")
TIME = 771228197
KEY = EncryptionKey(1, b"12345678")
CIPHER = EncryptedData(0, 5, b"krbASN.1 test message")
ADDRESSES = (HostAddress(2, bytes((18, 208, 0, 35))),) * 2
AUTHDATA = ((1, b"foobar"), (1, b"foobar"))
PADATA = (padata.PaData(13, b"pa-data"),) * 2
FLAGS = 0xFEDCBA98


def test_ticket() -> None:
    assert ticket.decode_ticket(ENCODED["ticket"]) == ticket.Ticket(PRINCIPAL, CIPHER)


def test_enc_ticket_part() -> None:
    transited = ticket.TransitedEncoding(1, b"EDU,MIT.,ATHENA.,WASHINGTON.EDU,CS.")
    full = ticket.decode_enc_ticket_part(ENCODED["enc_tkt_part"])
    assert full == ticket.EncTicketPart(FLAGS, KEY, PRINCIPAL, transited, TIME, TIME, TIME, TIME, ADDRESSES, AUTHDATA)
    bare = ticket.decode_enc_ticket_part(ENCODED["enc_tkt_part (optionals NULL)"])
    assert bare == ticket.EncTicketPart(FLAGS, KEY, PRINCIPAL, transited, TIME, None, TIME)
    assert bare.start == TIME


def test_ap_exchange() -> None:
    assert ap_req.decode_ap_req(ENCODED["ap_req"]) == ap_req.ApReq(FLAGS, ENCODED["ticket"], CIPHER)
    assert ap_req.decode_authenticator(ENCODED["authenticator"]) == ap_req.Authenticator(
        PRINCIPAL, Checksum(1, b"1234"), 123456, TIME, KEY, 17, AUTHDATA
    )
    assert ap_rep.decode_enc_ap_rep_part(ENCODED["ap_rep_enc_part"]) == ap_rep.EncApRepPart(TIME, 123456, KEY, 17)


def test_kdc_request() -> None:
    request = kdc.decode_kdc_req(ENCODED["as_req"])
    assert (request.msg_type, request.padata) == (kdc.AS_REQ, PADATA)
    assert kdc.decode_kdc_req_body(request.body) == kdc.KdcReqBody(
        kdc_options=0xFEDCBA90,
        client=PRINCIPAL,
        realm="ATHENA.MIT.EDU",
        server=PRINCIPAL,
        till=TIME,
        nonce=42,
        etype=(0, 1),
        from_=TIME,
        rtime=TIME,
        addresses=ADDRESSES,
        enc_authorization_data=CIPHER,
        additional_tickets=(ENCODED["ticket"],) * 2,
    )


def test_kdc_reply() -> None:
    reply = kdc.decode_kdc_rep(ENCODED["tgs_rep"])
    assert reply == kdc.KdcRep(kdc.TGS_REP, PADATA, PRINCIPAL, ENCODED["ticket"], CIPHER)
    assert kdc.decode_enc_kdc_rep_part(ENCODED["enc_kdc_rep_part"]) == kdc.EncKdcRepPart(
        key=KEY,
        last_req=((-5, TIME), (-5, TIME)),
        nonce=42,
        flags=FLAGS,
        authtime=TIME,
        starttime=TIME,
        endtime=TIME,
        server=PRINCIPAL,
        key_expiration=TIME,
        renew_till=TIME,
        caddr=ADDRESSES,
    )


def test_an_as_reply_may_carry_either_tag() -> None:
    part = kdc.decode_enc_kdc_rep_part(ENCODED["enc_kdc_rep_part"])
    octets = kdc.encode_enc_kdc_rep_part(part, kdc.AS_REP)
    assert octets[0] == 0x79
    assert kdc.decode_enc_kdc_rep_part(octets) == part


def test_krb_error() -> None:
    message = error.decode_krb_error(ENCODED["error"])
    assert message == error.KrbError(60, TIME, 123456, PRINCIPAL, PRINCIPAL, TIME, 123456, "krb5data", b"krb5data")
    assert message.minor == -1765328324
    assert error.decode_krb_error(ENCODED["error (optionals NULL)"]).client is None


def test_krb_error_in_words() -> None:
    message = error.decode_krb_error(ENCODED["error"])._replace(error_code=37, e_text="no\x1b[31mred")
    assert message.describe() == (
        "the clocks differ too much [KRB_AP_ERR_SKEW (37)], in its words 'no?[31mred'; "
        "set the clocks of both machines (NTP)"
    )
    assert "error 4711" in message._replace(error_code=4711).describe()


def test_every_error_code_has_a_text() -> None:
    assert all(code.text for code in KrbErrorCode)
    assert KrbErrorCode(37) is KrbErrorCode.KRB_AP_ERR_SKEW
    assert KrbErrorCode.KRB_AP_ERR_SKEW.minor == -1765328347


def test_krb_cred() -> None:
    assert cred.decode_krb_cred(ENCODED["cred"]) == cred.KrbCred((ENCODED["ticket"],) * 2, CIPHER)
    full = cred.KrbCredInfo(KEY, PRINCIPAL, FLAGS, TIME, TIME, TIME, TIME, PRINCIPAL, ADDRESSES)
    part = cred.decode_enc_krb_cred_part(ENCODED["enc_cred_part"])
    assert part == cred.EncKrbCredPart((full, full), 42, TIME, 123456, ADDRESSES[0], ADDRESSES[0])
    bare = cred.decode_enc_krb_cred_part(ENCODED["enc_cred_part (optionals NULL)"])
    assert bare == cred.EncKrbCredPart((cred.KrbCredInfo(KEY), full))


def test_padata() -> None:
    assert padata.decode_method_data(ENCODED["padata_sequence"]) == PADATA
    assert padata.decode_etype_info2(ENCODED["etype_info2"]) == (
        padata.EtypeInfo2Entry(0, b"Morton's #0", b"s2k: 0"),
        padata.EtypeInfo2Entry(1, None, b"s2k: 1"),
        padata.EtypeInfo2Entry(2, b"Morton's #2", b"s2k: 2"),
    )
    assert padata.decode_etype_info(ENCODED["etype_info"])[1] == padata.EtypeInfo2Entry(1)
    assert padata.decode_pa_enc_ts_enc(ENCODED["pa_enc_ts"]) == padata.PaEncTsEnc(TIME, 123456)


def test_authorization_data_within_authorization_data() -> None:
    inner = fields.encode_authorization_data(((128, b"pac"), (1, fields.encode_authorization_data(((5, b"x"),)))))
    assert list(ticket.relevant_authorization_data(((1, inner), (4, b"kdc")))) == [
        (128, b"pac"),
        (5, b"x"),
        (4, b"kdc"),
    ]


def test_authorization_data_nested_without_end_is_left_packed() -> None:
    octets = fields.encode_authorization_data(((128, b"pac"),))
    for _ in range(100):
        octets = fields.encode_authorization_data(((1, octets),))
    assert [kind for kind, _ in ticket.relevant_authorization_data(((1, octets),))] == [1]


@pytest.mark.parametrize(("field", "minor"), [(b"\xa0\x03\x02\x01", -1765328345), (b"\xa1\x03\x02\x01", -1765328344)])
def test_version_and_type_inside_are_checked(field: bytes, minor: int) -> None:
    message = bytearray(ENCODED["ap_rep"])
    message[message.index(field) + 4] = 99
    with pytest.raises(InvalidTokenError) as caught:
        ap_rep.decode_ap_rep(bytes(message))
    assert caught.value.minor == minor


def test_names_that_are_not_utf8_survive() -> None:
    name = b"\xa0\x03\x02\x01\x01\xa1\x07" + encode_tlv(0x30, encode_tlv(0x1B, b"\xff\xfea"))
    sname = encode_tlv(0xA2, encode_tlv(0x30, name))
    inner = b"\xa0\x03\x02\x01\x05\xa1\x03\x1b\x01R" + sname + b"\xa3\x0e0\x0c\xa0\x03\x02\x01\x12\xa2\x05\x04\x03abc"
    octets = encode_tlv(0x61, encode_tlv(0x30, inner))
    value = ticket.decode_ticket(octets)
    assert value.server.components == ("\udcff\udcfea",)
    assert ticket.encode_ticket(value) == octets


def test_keys_are_not_printed() -> None:
    assert "12345678" not in repr(ticket.decode_enc_ticket_part(ENCODED["enc_tkt_part"]))


def test_a_key_keeps_its_octets_to_itself() -> None:
    key = EncryptionKey(18, b"0123456789abcdef" * 2)
    assert f"{key} {key!r} {(key,)}".count("0123") == 0
