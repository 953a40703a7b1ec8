"""RFC 4120 §3.3.2, §3.2.3: the ticket and authenticator that a TGS-REQ comes with."""

from __future__ import annotations

from typing import NamedTuple

from puregss.base.errors import BadMICError
from puregss.kcrypto.key import Key
from puregss.krb5.messages.ap_req import Authenticator, decode_ap_req, decode_authenticator
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.kdc import KdcOption, KdcReq, KdcReqBody
from puregss.krb5.messages.padata import PaDataType
from puregss.krb5.messages.ticket import EncTicketPart, Ticket, decode_enc_ticket_part, decode_ticket
from puregss.krb5.principal import Principal
from puregss.realm.refusal import Refusal
from puregss.realm.state import RealmState
from puregss.realm.tickets import TICKET_USAGE

TGS_REQ_CHECKSUM_USAGE = 6
TGS_REQ_AUTHENTICATOR_USAGE = 7


class Header(NamedTuple):
    """The presented ticket, opened: whom it was for, and the keys that came with it."""

    server: Principal
    part: EncTicketPart
    session_key: Key
    subkey: Key | None


def open_header(state: RealmState, request: KdcReq, body: KdcReqBody, now: int) -> Header:
    """Open and check it. Refusal if it proves nothing about this request."""
    octets = next((pa.padata_value for pa in request.padata if pa.padata_type == PaDataType.TGS_REQ), None)
    if octets is None:
        raise Refusal(KrbErrorCode.KDC_ERR_PADATA_TYPE_NOSUPP, "the request comes without a ticket")
    ap_req = decode_ap_req(octets)
    ticket = decode_ticket(ap_req.ticket)
    _check_server(state, ticket.server, body)
    part, session_key = open_ticket(state, ticket)
    authenticator = decode_authenticator(session_key.decrypt(TGS_REQ_AUTHENTICATOR_USAGE, ap_req.authenticator.cipher))
    _check_authenticator(state, authenticator, part, now)
    _check_request(authenticator, session_key, request.body)
    _check_ticket(state, ticket.server, part, body, now)
    subkey = authenticator.subkey
    return Header(ticket.server, part, session_key, None if subkey is None else Key(subkey.keytype, subkey.keyvalue))


def open_ticket(state: RealmState, ticket: Ticket) -> tuple[EncTicketPart, Key]:
    """A ticket for one of the realm's servers, and its session key."""
    entry = state.database.find(ticket.server)
    if entry is None:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_NOT_US, f"{ticket.server} is not in the realm {state.realm}")
    sealed = ticket.enc_part
    keys = entry.find_keys(sealed.kvno, sealed.etype)
    if not keys:
        raise Refusal(
            KrbErrorCode.KRB_AP_ERR_BADKEYVER,
            f"{ticket.server} has no key of version {sealed.kvno} and encryption type {sealed.etype}",
        )
    for key in keys:
        try:
            plaintext = key.decrypt(TICKET_USAGE, sealed.cipher)
        except BadMICError:
            continue
        part = decode_enc_ticket_part(plaintext)
        return part, Key(part.key.keytype, part.key.keyvalue)
    raise Refusal(KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY, "the ticket does not open with the key it names")


def _check_server(state: RealmState, server: Principal, body: KdcReqBody) -> None:
    """The ticket must be for this TGS; an application server's own may be renewed, validated or proxied."""
    if server.is_tgs and server.components[1] == state.realm:
        return
    own_use = body.kdc_options & (KdcOption.RENEW | KdcOption.VALIDATE | KdcOption.PROXY)
    if server.is_tgs or not own_use or server != body.server:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_NOT_US, f"the ticket is for {server}, not for the TGS of {state.realm}")


def _check_authenticator(state: RealmState, authenticator: Authenticator, part: EncTicketPart, now: int) -> None:
    if authenticator.client != part.client:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_BADMATCH, f"the ticket is of {part.client}")
    skew = authenticator.ctime - now
    if abs(skew) > state.policy.clock_skew:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_SKEW, f"the client's clock is {skew:+d} seconds off")


def _check_request(authenticator: Authenticator, session_key: Key, body: bytes) -> None:
    """Only this checksum ties the request to who sent it: it must be there, and it must be keyed."""
    cksum = authenticator.cksum
    if cksum is None or cksum.cksumtype != session_key.checksum_type:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_INAPP_CKSUM, "the request is not covered by a checksum of its key")
    try:
        session_key.verify_checksum(TGS_REQ_CHECKSUM_USAGE, body, cksum.checksum)
    except BadMICError:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_MODIFIED, "the request was changed on its way") from None


def _check_ticket(state: RealmState, server: Principal, part: EncTicketPart, body: KdcReqBody, now: int) -> None:
    if part.endtime <= now:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED, "the ticket has expired")
    if part.start > now + state.policy.clock_skew and not body.kdc_options & KdcOption.VALIDATE:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_TKT_NYV, "the ticket's time has not come")
    if server.realm != state.realm and part.client.realm == state.realm:
        # No other realm may vouch for our own clients: it could become any of them.
        raise Refusal(KrbErrorCode.KDC_ERR_POLICY, f"{server.realm} speaks for a client of {state.realm}")
