"""A client of a KDC that keeps its hands on every field, to send what no honest client would."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from puregss.kcrypto.key import Key, random_key, string_to_key
from puregss.krb5.messages.ap_req import (
    ApReq,
    Authenticator,
    encode_ap_req,
    encode_authenticator,
)
from puregss.krb5.messages.error import KrbError, decode_krb_error, is_krb_error
from puregss.krb5.messages.fields import Checksum, EncryptedData, EncryptionKey
from puregss.krb5.messages.fields import encode_encrypted_data as encode_field
from puregss.krb5.messages.kdc import (
    AS_REQ,
    TGS_REQ,
    EncKdcRepPart,
    KdcRep,
    KdcReq,
    KdcReqBody,
    decode_enc_kdc_rep_part,
    decode_kdc_rep,
    encode_kdc_req,
    encode_kdc_req_body,
)
from puregss.krb5.messages.padata import PaData, PaDataType, PaEncTsEnc, encode_pa_enc_ts_enc
from puregss.krb5.messages.ticket import EncTicketPart, decode_enc_ticket_part, decode_ticket
from puregss.krb5.principal import Principal, tgs_principal
from puregss.realm.kdc import handle
from puregss.realm.state import RealmState
from puregss.wire.der import encode

NOW = 1_700_000_000
NONCE = 0x7EADBEEF


class Refused(Exception):
    """The KDC sent this KRB-ERROR."""

    def __init__(self, error: KrbError) -> None:
        super().__init__(error.describe())
        self.error = error
        self.code = error.error_code


class Held(NamedTuple):
    """A ticket with all that belongs to it."""

    reply: KdcRep
    part: EncKdcRepPart
    key: Key

    @property
    def ticket(self) -> bytes:
        return self.reply.ticket

    @property
    def server(self) -> Principal:
        return decode_ticket(self.ticket).server


def exchange(state: RealmState, request: bytes, now: float = NOW) -> KdcRep:
    """The reply; raises Refused for a KRB-ERROR."""
    answer = handle(state, request, now)
    assert answer is not None
    if is_krb_error(answer):
        raise Refused(decode_krb_error(answer))
    return decode_kdc_rep(answer)


def open_reply(reply: KdcRep, key: Key, usage: int) -> Held:
    part = decode_enc_kdc_rep_part(key.decrypt(usage, reply.enc_part.cipher))
    return Held(reply, part, Key(part.key.keytype, part.key.keyvalue))


def timestamp(key: Key, when: int = NOW) -> PaData:
    cipher = key.encrypt(1, encode_pa_enc_ts_enc(PaEncTsEnc(when, 0)), os.urandom)
    return PaData(PaDataType.ENC_TIMESTAMP, encode(encode_field(EncryptedData(key.enctype, None, cipher))))


def password_key(state: RealmState, name: str, password: str, enctype: int = 18) -> Key:
    return string_to_key(enctype, password.encode(), (state.realm + name).encode())


def as_req(state: RealmState, name: str | Principal, padata: tuple[PaData, ...] = (), **fields: Any) -> bytes:
    """An AS-REQ for a TGT, any field of its body replaced."""
    client = Principal((name,), state.realm) if isinstance(name, str) else name
    body = KdcReqBody(
        kdc_options=0,
        client=client,
        realm=state.realm,
        server=tgs_principal(state.realm),
        till=0,
        nonce=NONCE,
        etype=(18,),
    )._replace(**fields)
    return encode_kdc_req(KdcReq(AS_REQ, padata, encode_kdc_req_body(body)))


def log_in(state: RealmState, name: str, password: str, now: int = NOW, **fields: Any) -> Held:
    """A TGT by password."""
    enctype = fields.get("etype", (18,))[0]
    key = password_key(state, name, password, enctype)
    reply = exchange(state, as_req(state, name, (timestamp(key, now),), **fields), now)
    return open_reply(reply, key, 3)


@dataclass
class Tamper:
    """What to do wrong in a TGS-REQ."""

    authenticator: dict[str, Any] | None = None
    cksum: Checksum | bool | None = True
    key: Key | None = None
    subkey: bool = True


def tgs_req(
    state: RealmState, held: Held, server: Principal | None, now: int = NOW, tamper: Tamper | None = None, **fields: Any
) -> tuple[bytes, Key, int]:
    """A TGS-REQ, and with which key and usage its reply will be encrypted."""
    tamper = tamper or Tamper()
    body = KdcReqBody(
        kdc_options=0,
        client=None,
        realm=state.realm,
        server=server,
        till=0,
        nonce=NONCE,
        etype=(18, 17, 20, 19, 26, 25),
    )._replace(**fields)
    octets = encode_kdc_req_body(body)
    cksum = Checksum(held.key.checksum_type, held.key.checksum(6, octets)) if tamper.cksum is True else tamper.cksum
    subkey = random_key(held.key.enctype, os.urandom) if tamper.subkey else None
    authenticator = Authenticator(
        held.reply.client,
        cksum or None,
        0,
        now,
        None if subkey is None else EncryptionKey(subkey.enctype, subkey.dangerous_material()),
    )._replace(**(tamper.authenticator or {}))
    key = tamper.key or held.key
    cipher = key.encrypt(7, encode_authenticator(authenticator), os.urandom)
    ap_req = encode_ap_req(ApReq(0, held.ticket, EncryptedData(key.enctype, None, cipher)))
    request = encode_kdc_req(KdcReq(TGS_REQ, (PaData(PaDataType.TGS_REQ, ap_req),), octets))
    return (request, subkey, 9) if subkey is not None else (request, held.key, 8)


def ask(
    state: RealmState, held: Held, server: Principal | None, now: int = NOW, tamper: Tamper | None = None, **fields: Any
) -> Held:
    """A ticket for `server`."""
    request, key, usage = tgs_req(state, held, server, now, tamper, **fields)
    return open_reply(exchange(state, request, now), key, usage)


def inside(state: RealmState, held: Held) -> EncTicketPart:
    """What the server finds in the ticket."""
    ticket = decode_ticket(held.ticket)
    key = state.database.get(ticket.server).newest.keys[0]
    return decode_enc_ticket_part(key.decrypt(2, ticket.enc_part.cipher))


def refusal(
    state: RealmState, held: Held, server: Principal | None, now: int = NOW, tamper: Tamper | None = None, **fields: Any
) -> int:
    with pytest.raises(Refused) as caught:
        ask(state, held, server, now, tamper, **fields)
    return caught.value.code
