"""RFC 4120 §3.3, RFC 6806 §8: the TGS exchange with referrals, from the KDC's side."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from puregss.base.errors import InvalidTokenError
from puregss.kcrypto.key import Key
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import AuthorizationData, decode_authorization_data
from puregss.krb5.messages.kdc import TGS_REP, KdcOption, KdcReq, KdcReqBody
from puregss.krb5.messages.ticket import TicketFlag, decode_ticket
from puregss.krb5.principal import Principal, tgs_principal
from puregss.krb5.transited import DOMAIN_X500_COMPRESS, expand_transited
from puregss.realm.database import Entry
from puregss.realm.header import Header, open_header, open_ticket
from puregss.realm.policy import derived_terms
from puregss.realm.refusal import Refusal
from puregss.realm.state import RealmState
from puregss.realm.tickets import (
    Grant,
    ReplyKey,
    issued_flags,
    reply,
    seal_ticket,
    session_key,
    with_faults,
)
from puregss.realm.transited import add_transited

AUTHDATA_SESSION_USAGE = 4
AUTHDATA_SUBKEY_USAGE = 5
TGS_REP_SESSION_USAGE = 8
TGS_REP_SUBKEY_USAGE = 9
_NEEDS_OWN_TICKET = KdcOption.RENEW | KdcOption.VALIDATE


class Target(NamedTuple):
    """The server a ticket is made out for, and the key that only it has."""

    principal: Principal
    key: Key
    kvno: int | None
    keys: tuple[Key, ...]
    ok_as_delegate: bool


def answer_tgs_req(state: RealmState, request: KdcReq, body: KdcReqBody, now: int) -> bytes:
    """The TGS-REP. Refusal if there is a reason to refuse."""
    header = open_header(state, request, body, now)
    held = header.part
    target = _target(state, body, now)
    if body.kdc_options & _NEEDS_OWN_TICKET and target.principal != header.server:
        raise Refusal(KrbErrorCode.KDC_ERR_SERVER_NOMATCH, f"the ticket is for {header.server}")
    terms = derived_terms(state.policy, body, held, now, for_tgs=target.principal.is_tgs)
    transited, checked = _transited(state, body, header)
    flags = terms.flags | checked | issued_flags(delegate=target.ok_as_delegate)
    new_addresses = body.kdc_options & (KdcOption.FORWARDED | KdcOption.PROXY)
    grant = Grant(
        held.client,
        target.principal,
        with_faults(state, replace(terms, flags=flags)),
        session_key(state, body.etype, target.keys),
        transited,
        body.addresses if new_addresses else held.caddr,
        held.authorization_data + _more_authorization_data(body, header),
    )
    ticket = seal_ticket(grant, target.key, target.kvno, state.entropy)
    if header.subkey is None:
        reply_key = ReplyKey(header.session_key, TGS_REP_SESSION_USAGE)
    else:
        reply_key = ReplyKey(header.subkey, TGS_REP_SUBKEY_USAGE)
    return reply(state, TGS_REP, grant, ticket, reply_key, body.nonce, now=now)


def _target(state: RealmState, body: KdcReqBody, now: int) -> Target:
    if body.kdc_options & KdcOption.ENC_TKT_IN_SKEY:
        return _user_to_user(state, body, now)
    server = body.server
    if server is None:
        raise Refusal(KrbErrorCode.KDC_ERR_S_PRINCIPAL_UNKNOWN, "the request names no server")
    entry = _find_server(state, server, canonicalize=bool(body.kdc_options & KdcOption.CANONICALIZE))
    # A ticket for an alias carries the alias (RFC 6806 §6), one for another realm's TGS the name of that TGS.
    name = server if state.database.find(server) is entry else entry.principal
    newest = entry.newest
    return Target(name, newest.keys[0], newest.kvno, newest.keys, entry.ok_as_delegate)


def _find_server(state: RealmState, server: Principal, *, canonicalize: bool) -> Entry:
    """The server, or the TGS of a realm on the way to it."""
    entry = state.database.find(server) if server.realm == state.realm else None
    if entry is not None:
        return entry
    realm: str | None = None
    if server.is_tgs:
        realm = server.components[1]
    elif server.realm != state.realm:
        realm = server.realm if canonicalize else None
    elif canonicalize and len(server.components) == 2:
        realm = state.neighbourhood.realm_of_host(server.components[1].lower())
    path = state.neighbourhood.path(realm) if realm else None
    if not path:
        raise Refusal(KrbErrorCode.KDC_ERR_S_PRINCIPAL_UNKNOWN, f"{server} is not in the realm {state.realm}")
    return state.database.get(tgs_principal(path[0], state.realm))


def _user_to_user(state: RealmState, body: KdcReqBody, now: int) -> Target:
    """RFC 4120 §3.7: the ticket is sealed in the session key of the other user's TGT."""
    if len(body.additional_tickets) != 1:
        raise Refusal(KrbErrorCode.KDC_ERR_BADOPTION, "user-to-user authentication needs the other user's TGT")
    ticket = decode_ticket(body.additional_tickets[0])
    if ticket.server != tgs_principal(state.realm):
        raise Refusal(KrbErrorCode.KDC_ERR_POLICY, "the additional ticket is not a TGT of this realm")
    part, key = open_ticket(state, ticket)
    if part.endtime <= now:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED, "the additional ticket has expired")
    server = part.client if body.server is None else body.server
    entry = state.database.find(server)
    if server != part.client and (entry is None or entry is not state.database.find(part.client)):
        raise Refusal(KrbErrorCode.KDC_ERR_SERVER_NOMATCH, f"the additional ticket is of {part.client}")
    return Target(server, key, None, (key,), ok_as_delegate=False)


def _transited(state: RealmState, body: KdcReqBody, header: Header) -> tuple[str, int]:
    """RFC 4120 §3.3.3.2, §2.7: the transited field of the new ticket, and the flag that says it was checked."""
    part = header.part
    if part.transited.contents and part.transited.tr_type != DOMAIN_X500_COMPRESS:
        raise Refusal(KrbErrorCode.KDC_ERR_TRTYPE_NOSUPP, "the encoding of the transited realms is unknown")
    field = part.transited.contents.decode("utf-8", "surrogateescape")
    issuer, origin = header.server.realm, part.client.realm
    if issuer not in (origin, state.realm):
        field = add_transited(field, issuer)
    if body.kdc_options & KdcOption.DISABLE_TRANSITED_CHECK:
        return field, 0
    try:
        passed = expand_transited(field, origin, state.realm)
    except InvalidTokenError as error:
        raise Refusal(KrbErrorCode.KDC_ERR_PATH_NOT_ACCEPTED, error.message) from None
    trusted = state.neighbourhood.path(origin)
    if trusted is None or not set(passed) <= set(trusted):
        raise Refusal(
            KrbErrorCode.KDC_ERR_PATH_NOT_ACCEPTED, f"the way from {origin} over {', '.join(passed)} is not trusted"
        )
    return field, TicketFlag.TRANSITED_POLICY_CHECKED


def _more_authorization_data(body: KdcReqBody, header: Header) -> AuthorizationData:
    """What the client adds to its own authorization data; only restrictions belong there (RFC 4120 §5.2.6)."""
    sealed = body.enc_authorization_data
    if sealed is None:
        return ()
    key, usage = header.session_key, AUTHDATA_SESSION_USAGE
    if header.subkey is not None:
        key, usage = header.subkey, AUTHDATA_SUBKEY_USAGE
    return decode_authorization_data(key.decrypt(usage, sealed.cipher))
