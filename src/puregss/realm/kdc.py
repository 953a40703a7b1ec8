"""RFC 4120 §3.1, §3.3, §5.9: a KDC without I/O: octets and the time in, octets out. For tests, never for production."""

from __future__ import annotations

from puregss.base.errors import BadMICError, GSSError, InvalidTokenError, OperationUnavailableError
from puregss.krb5.messages.error import KrbError, KrbErrorCode, encode_krb_error
from puregss.krb5.messages.kdc import AS_REQ, TGS_REQ, KdcReqBody, decode_kdc_req, decode_kdc_req_body
from puregss.krb5.principal import Principal, tgs_principal
from puregss.realm.as_exchange import answer_as_req
from puregss.realm.refusal import Refusal
from puregss.realm.state import RealmState
from puregss.realm.tgs_exchange import answer_tgs_req
from puregss.wire.der import application

_REQUESTS = (application(AS_REQ), application(TGS_REQ))
_MICROSECONDS = 1_000_000
_LONGEST_TEXT = 300  # texts repeat names, and names may be long


def handle(state: RealmState, request: bytes, now: float) -> bytes | None:
    """The answer to one request: a reply, a KRB-ERROR, or None for what is no request to a KDC at all.

    Answering everything would let two KDCs exchange KRB-ERRORs for ever.
    """
    if not request or request[0] not in _REQUESTS:
        return None
    body: KdcReqBody | None = None
    try:
        decoded = decode_kdc_req(request)
        body = decode_kdc_req_body(decoded.body)
        if state.faults.error_code:
            raise Refusal(state.faults.error_code, "this error was chosen")
        if decoded.msg_type == AS_REQ:
            return answer_as_req(state, decoded, body, request, int(now))
        return answer_tgs_req(state, decoded, body, int(now))
    except Refusal as refusal:
        return krb_error(state, refusal, now, body)
    except GSSError as error:
        return krb_error(state, _refusal(error), now, body)


def _refusal(error: GSSError) -> Refusal:
    """What a fault of the request's octets becomes."""
    if isinstance(error, BadMICError):
        return Refusal(KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY, "something in the request does not decrypt")
    if isinstance(error, OperationUnavailableError):
        return Refusal(KrbErrorCode.KDC_ERR_ETYPE_NOSUPP, error.message)
    if isinstance(error, InvalidTokenError):
        return Refusal(KrbErrorCode.KRB_ERR_GENERIC, f"the request is malformed: {error.message}")
    return Refusal(KrbErrorCode.KRB_ERR_GENERIC, error.message)


def krb_error(state: RealmState, refusal: Refusal, now: float, body: KdcReqBody | None = None) -> bytes:
    """The KRB-ERROR that says so, about the names of the request as far as they are known."""
    client = None if body is None else body.client
    if refusal.client_realm is not None:
        client = Principal(() if client is None else client.components, refusal.client_realm)
    server = tgs_principal(state.realm)
    if body is not None and body.server is not None:
        server = body.server
    return encode_krb_error(
        KrbError(
            error_code=refusal.code,
            stime=int(now),
            susec=int(now % 1 * _MICROSECONDS),
            server=server,
            client=client,
            e_text=refusal.text[:_LONGEST_TEXT],
            e_data=refusal.e_data or None,
        )
    )
