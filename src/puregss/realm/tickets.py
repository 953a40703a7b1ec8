"""RFC 4120 §5.3: making tickets and the replies that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from puregss.base.ports import Entropy
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import AuthorizationData, EncryptedData, EncryptionKey, HostAddress
from puregss.krb5.messages.kdc import EncKdcRepPart, KdcRep, encode_enc_kdc_rep_part, encode_kdc_rep
from puregss.krb5.messages.padata import PaData
from puregss.krb5.messages.ticket import (
    EncTicketPart,
    Ticket,
    TicketFlag,
    TransitedEncoding,
    encode_enc_ticket_part,
    encode_ticket,
)
from puregss.krb5.principal import Principal
from puregss.krb5.transited import DOMAIN_X500_COMPRESS
from puregss.realm.database import Entry
from puregss.realm.policy import Terms
from puregss.realm.refusal import Refusal
from puregss.realm.state import RealmState

TICKET_USAGE = 2
_EXPIRED_BY = 600


@dataclass(frozen=True, slots=True)
class Grant:
    """A ticket about to be made: who may use it, for whom, and what is in it."""

    client: Principal
    server: Principal
    terms: Terms
    session_key: Key
    transited: str = ""
    caddr: tuple[HostAddress, ...] = ()
    authorization_data: AuthorizationData = ()


@dataclass(frozen=True, slots=True)
class ReplyKey:
    """The key a reply is encrypted in, its kvno where it has one, and the key usage."""

    key: Key
    usage: int
    kvno: int | None = None


def wire_key(key: Key) -> EncryptionKey:
    """The key as it travels."""
    return EncryptionKey(key.enctype, key.dangerous_material())


def seal_ticket(grant: Grant, key: Key, kvno: int | None, entropy: Entropy) -> bytes:
    """The encoded Ticket, which only holders of the server's `key` can open."""
    terms = grant.terms
    part = EncTicketPart(
        flags=terms.flags,
        key=wire_key(grant.session_key),
        client=grant.client,
        transited=TransitedEncoding(DOMAIN_X500_COMPRESS, grant.transited.encode("utf-8", "surrogateescape")),
        authtime=terms.authtime,
        starttime=terms.starttime,
        endtime=terms.endtime,
        renew_till=terms.renew_till,
        caddr=grant.caddr,
        authorization_data=grant.authorization_data,
    )
    cipher = key.encrypt(TICKET_USAGE, encode_enc_ticket_part(part), entropy)
    return encode_ticket(Ticket(grant.server, EncryptedData(key.enctype, kvno, cipher)))


def with_faults(state: RealmState, terms: Terms) -> Terms:
    """The terms after the fault `ticket_expired`."""
    if not state.faults.ticket_expired:
        return terms
    end = terms.authtime - _EXPIRED_BY
    return replace(terms, authtime=end - 1, starttime=end - 1, endtime=end)


def reply(
    state: RealmState,
    msg_type: int,
    grant: Grant,
    ticket: bytes,
    reply_key: ReplyKey,
    nonce: int,
    *,
    now: int,
    padata: tuple[PaData, ...] = (),
    encrypted_pa_data: tuple[PaData, ...] = (),
) -> bytes:
    """The AS-REP or TGS-REP, with the lies of `state.faults`."""
    faults, terms = state.faults, grant.terms
    stranger = Principal(("somebody", "else"), state.realm)
    part = EncKdcRepPart(
        key=wire_key(grant.session_key),
        last_req=((0, now),),
        nonce=nonce ^ 1 if faults.wrong_nonce else nonce,
        flags=terms.flags,
        authtime=terms.authtime,
        starttime=terms.starttime,
        endtime=terms.endtime,
        server=stranger if faults.wrong_server else grant.server,
        renew_till=terms.renew_till,
        caddr=grant.caddr,
        encrypted_pa_data=encrypted_pa_data,
    )
    key = random_key(reply_key.key.enctype, state.entropy) if faults.wrong_key else reply_key.key
    cipher = key.encrypt(reply_key.usage, encode_enc_kdc_rep_part(part, msg_type), state.entropy)
    return encode_kdc_rep(
        KdcRep(
            msg_type,
            padata,
            stranger if faults.wrong_client else grant.client,
            ticket,
            EncryptedData(key.enctype, reply_key.kvno, cipher),
        )
    )


def mint(
    state: RealmState, client: Principal, server: Principal, entry: Entry, now: int, life: int, flags: int
) -> tuple[Grant, bytes]:
    """A ticket nobody asked for. With a `life` below 0 it ended so many seconds ago."""
    start = now if life > 0 else now + life - 1
    renew_till = start + state.policy.max_renewable_life if flags & TicketFlag.RENEWABLE else None
    flags |= issued_flags(delegate=entry.ok_as_delegate) | (TicketFlag.INITIAL if server.is_tgs else 0)
    terms = with_faults(state, Terms(flags, start, start, now + life, renew_till))
    newest = entry.newest
    key = newest.keys[0]
    grant = Grant(client, server, terms, random_key(key.enctype, state.entropy))
    return grant, seal_ticket(grant, key, newest.kvno, state.entropy)


def session_key(state: RealmState, wanted: Sequence[int], keys: Sequence[Key]) -> Key:
    """A fresh key of the first enctype the client lists that the server can handle (RFC 4120 §3.1.3)."""
    handled = [key.enctype for key in keys]
    for enctype in wanted:
        if enctype in handled:
            return random_key(enctype, state.entropy)
    raise Refusal(KrbErrorCode.KDC_ERR_ETYPE_NOSUPP, "the server has no key of an encryption type the client asks for")


def issued_flags(*, delegate: bool) -> int:
    """Flags that say something of the KDC or the server: RFC 6806 §11 wants ENC_PA_REP in every ticket."""
    return TicketFlag.ENC_PA_REP | (TicketFlag.OK_AS_DELEGATE if delegate else 0)
