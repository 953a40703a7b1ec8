"""RFC 4120 §3.1: the AS exchange, from the KDC's side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from puregss.base.errors import GSSError
from puregss.kcrypto.key import Key
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import DerEncryptedData, DerTypedOctets, EncryptedData, decode_encrypted_data
from puregss.krb5.messages.kdc import AS_REP, KdcOption, KdcReq, KdcReqBody
from puregss.krb5.messages.padata import (
    EtypeInfo2Entry,
    PaData,
    PaDataType,
    decode_pa_enc_ts_enc,
    encode_etype_info2,
    encode_method_data,
)
from puregss.krb5.messages.ticket import TicketFlag
from puregss.krb5.principal import Principal, PrincipalNameType
from puregss.realm.database import Entry, default_salt
from puregss.realm.policy import initial_terms
from puregss.realm.refusal import Refusal
from puregss.realm.state import RealmState
from puregss.realm.tickets import Grant, ReplyKey, issued_flags, reply, seal_ticket, session_key, with_faults
from puregss.wire.der import decode, encode

PA_ENC_TIMESTAMP_USAGE = 1
AS_REP_USAGE = 3
AS_REQ_CHECKSUM_USAGE = 56


def answer_as_req(state: RealmState, request: KdcReq, body: KdcReqBody, octets: bytes, now: int) -> bytes:
    """The AS-REP to the request that came as `octets`. Refusal if there is a reason to refuse."""
    entry, client = _find_client(state, body)
    server = body.server
    target = None if server is None else state.database.find(server)
    if server is None or target is None:
        raise Refusal(KrbErrorCode.KDC_ERR_S_PRINCIPAL_UNKNOWN, f"{server} is not in the realm {state.realm}")
    if entry.revoked:
        raise Refusal(KrbErrorCode.KDC_ERR_CLIENT_REVOKED, f"{entry.principal} has been revoked")
    own, theirs = entry.newest, target.newest
    keys = _client_keys(entry, own.keys, body)
    terms = initial_terms(state.policy, body, now)
    flags = terms.flags | issued_flags(delegate=target.ok_as_delegate)
    if _preauthenticated(state, entry, request, keys, now):
        flags |= TicketFlag.PRE_AUTHENT
    grant = Grant(
        client,
        server,
        with_faults(state, replace(terms, flags=flags)),
        session_key(state, body.etype, theirs.keys),
        caddr=body.addresses,
    )
    ticket = seal_ticket(grant, theirs.keys[0], theirs.kvno, state.entropy)
    return reply(
        state,
        AS_REP,
        grant,
        ticket,
        ReplyKey(keys[0], AS_REP_USAGE, own.kvno),
        body.nonce,
        now=now,
        padata=(_etype_info2(entry, keys[:1]),),
        encrypted_pa_data=_proof_of_request(request, octets, keys[0]),
    )


def _find_client(state: RealmState, body: KdcReqBody) -> tuple[Entry, Principal]:
    """The client's entry and the name to give it. Refusal if it is not here, saying where it is if that is known."""
    client = body.client
    if client is None:
        raise Refusal(KrbErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN, "the request names no client")
    canonicalize = bool(body.kdc_options & KdcOption.CANONICALIZE)
    wanted = client
    enterprise = client.name_type == PrincipalNameType.ENTERPRISE and len(client.components) == 1
    if canonicalize and enterprise and client.realm == state.realm:
        name, _, realm = client.components[0].rpartition("@")
        wanted = Principal((name,), realm) if name else Principal(client.components, state.realm)
    if wanted.realm != state.realm and canonicalize and state.neighbourhood.path(wanted.realm):
        raise Refusal(
            KrbErrorCode.KDC_ERR_WRONG_REALM, f"ask the realm {wanted.realm} instead", client_realm=wanted.realm
        )
    entry = state.database.find(wanted) if wanted.realm == state.realm else None
    if entry is None or not entry.client:
        raise Refusal(KrbErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN, f"{wanted} is not in the realm {state.realm}")
    return entry, entry.principal if canonicalize else client


def _client_keys(entry: Entry, present: Sequence[Key], body: KdcReqBody) -> list[Key]:
    """The client's keys that it says it can use, in the order it prefers."""
    known = {key.enctype: key for key in present}
    keys = [known[enctype] for enctype in dict.fromkeys(body.etype) if enctype in known]
    if not keys:
        raise Refusal(
            KrbErrorCode.KDC_ERR_ETYPE_NOSUPP,
            f"{entry.principal} has no key of an encryption type that the request lists",
        )
    return keys


def _preauthenticated(state: RealmState, entry: Entry, request: KdcReq, keys: list[Key], now: int) -> bool:
    """RFC 4120 §5.2.7.2: whether an encrypted timestamp proves that the client knows its key."""
    methods = encode_method_data((_etype_info2(entry, keys), PaData(PaDataType.ENC_TIMESTAMP, b"")))
    timestamp = next((pa.padata_value for pa in request.padata if pa.padata_type == PaDataType.ENC_TIMESTAMP), None)
    if timestamp is None:
        if entry.require_preauthentication:
            raise Refusal(
                KrbErrorCode.KDC_ERR_PREAUTH_REQUIRED, f"{entry.principal} must authenticate beforehand", methods
            )
        return False
    if state.faults.reject_preauthentication:
        raise Refusal(KrbErrorCode.KDC_ERR_PREAUTH_FAILED, "pre-authentication is refused on purpose", methods)
    stamped = _open_timestamp(decode_encrypted_data(decode(DerEncryptedData, timestamp)), keys)
    if stamped is None:
        raise Refusal(
            KrbErrorCode.KDC_ERR_PREAUTH_FAILED, f"the password or key of {entry.principal} is another", methods
        )
    if abs(stamped - now) > state.policy.clock_skew:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_SKEW, f"the client's clock is {stamped - now:+d} seconds off")
    return True


def _open_timestamp(sealed: EncryptedData, keys: list[Key]) -> int | None:
    for key in keys:
        if key.enctype == sealed.etype:
            try:
                return decode_pa_enc_ts_enc(key.decrypt(PA_ENC_TIMESTAMP_USAGE, sealed.cipher)).patimestamp
            except GSSError:
                return None
    return None


def _etype_info2(entry: Entry, keys: list[Key]) -> PaData:
    salt = default_salt(entry.principal)
    return PaData(PaDataType.ETYPE_INFO2, encode_etype_info2(tuple(EtypeInfo2Entry(key.enctype, salt) for key in keys)))


def _proof_of_request(request: KdcReq, octets: bytes, key: Key) -> tuple[PaData, ...]:
    """RFC 6806 §11: a checksum by which the client sees that nobody changed its request."""
    if all(pa.padata_type != PaDataType.REQ_ENC_PA_REP for pa in request.padata):
        return ()
    checksum = DerTypedOctets(kind=key.checksum_type, octets=key.checksum(AS_REQ_CHECKSUM_USAGE, octets))
    return (PaData(PaDataType.REQ_ENC_PA_REP, encode(checksum)),)
