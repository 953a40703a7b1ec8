"""RFC 4120 §3.3, RFC 6806 §8: the client's side of the TGS exchange, through referrals and other realms."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from puregss.base.errors import BadMICError, ExpiredCredentialsError, GSSError, MissingCredentialsError
from puregss.base.mechanism import KdcRequest
from puregss.base.ports import Clock, Entropy
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange import (
    Exchange,
    altered,
    check_reply,
    decode_answer,
    fresh_nonce,
    refusal,
    to_cached_ticket,
)
from puregss.krb5.messages.ap_req import (
    ApReq,
    Authenticator,
    encode_ap_req,
    encode_authenticator,
)
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import Checksum, EncryptedData, EncryptionKey, HostAddress
from puregss.krb5.messages.kdc import (
    TGS_REP,
    TGS_REQ,
    KdcOption,
    KdcRep,
    KdcReq,
    KdcReqBody,
    decode_enc_kdc_rep_part,
    encode_kdc_req,
    encode_kdc_req_body,
)
from puregss.krb5.messages.padata import PaData, PaDataType
from puregss.krb5.messages.ticket import TicketFlag
from puregss.krb5.ports import TicketStore
from puregss.krb5.principal import Principal, tgs_principal

AUTHENTICATOR_CHECKSUM_USAGE: Final = 6
AUTHENTICATOR_USAGE: Final = 7
TGS_REP_SUBKEY_USAGE: Final = 9
_MOST_REFERRALS: Final = 10
_MICROSECONDS: Final = 1_000_000
_INHERITED: Final = TicketFlag.FORWARDABLE | TicketFlag.PROXIABLE | TicketFlag.RENEWABLE
"""Flags of the TGT that are asked for again; ticket flags and KDC options share their bits."""


class Asker(NamedTuple):
    """What every TGS exchange needs: time, randomness, and how long tickets should live (seconds; None: as the TGT).

    `offset` are the seconds that the KDC's clock is known to be ahead of ours.
    """

    clock: Clock
    entropy: Entropy
    lifetime: int | None = None
    enctypes: tuple[int, ...] = SUPPORTED
    offset: float = 0.0

    def now(self) -> float:
        """The KDC's time, as far as we know it."""
        return self.clock.now() + self.offset


def obtain_ticket(tickets: TicketStore, client: Principal, server: Principal, asker: Asker) -> Exchange:
    """A valid ticket of `client` for `server`: the store's, or one fetched with the store's TGT and put there.

    An empty realm of `server` leaves it to the KDCs to say where the server is. Raises MissingCredentialsError
    or ExpiredCredentialsError if there is no TGT to begin with, GSSError for whatever a KDC refuses.
    """
    now = asker.now()
    # Where the KDCs would have to say which realm it is, the client's own is the likely one.
    likely = server if server.realm else replace(server, realm=client.realm)
    kept = _valid(tickets.find(client, server) or tickets.find(client, likely), now)
    if kept is not None:
        return kept
    tgt = initial_tgt(tickets, client, now)
    if server.realm not in ("", client.realm) and not server.is_tgs:
        goal = tgs_principal(server.realm, client.realm)
        known = _valid(tickets.find(client, goal), now)
        tgt = known or (yield from _walk(tickets, tgt, goal, asker))
    ticket = yield from _walk(tickets, tgt, server, asker)
    if ticket.server != server or server.realm != client.realm:
        # Kept under the name it was asked for, so that the next one who asks so finds it.
        tickets.add(replace(ticket, server=server))
    return ticket


def initial_tgt(tickets: TicketStore, client: Principal, now: float) -> CachedTicket:
    """The client's own TGT. MissingCredentialsError or ExpiredCredentialsError without a valid one."""
    tgt = tickets.find(client, tgs_principal(client.realm))
    if tgt is None:
        raise MissingCredentialsError(f"{tickets.describe()} has no TGT of {client}: run 'kinit {client}'")
    if tgt.endtime <= now:
        raise ExpiredCredentialsError(
            f"the TGT of {client} in {tickets.describe()} has expired: run 'kinit {client}'",
            minor=KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED.minor,
        )
    return tgt


def forwarded_tgt(
    tickets: TicketStore, client: Principal, asker: Asker, addresses: tuple[HostAddress, ...] = ()
) -> Exchange:
    """A TGT to hand on to a peer (RFC 4120 §2.6). GSSError if the store's is not forwardable."""
    tgt = initial_tgt(tickets, client, asker.now())
    if not tgt.flags & TicketFlag.FORWARDABLE:
        raise GSSError(f"the TGT of {client} in {tickets.describe()} is not forwardable: run 'kinit -f {client}'")
    options = KdcOption.FORWARDED | KdcOption.FORWARDABLE
    return (yield from tgs_exchange(tgt, tgs_principal(client.realm), asker, options, addresses))


def renewed_ticket(ticket: CachedTicket, asker: Asker) -> Exchange:
    """The same ticket, living on (RFC 4120 §2.3): `ticket` must be a renewable TGT that has not expired."""
    return (yield from tgs_exchange(ticket, ticket.server, asker, KdcOption.RENEW))


def _valid(ticket: CachedTicket | None, now: float) -> CachedTicket | None:
    return ticket if ticket is not None and ticket.endtime > now else None


def _walk(tickets: TicketStore, tgt: CachedTicket, server: Principal, asker: Asker) -> Exchange:
    """Ask for `server`, follow every referral to another realm's TGS; keep what the client's own realm gives.

    Tickets of others are not kept under the names they bear: a realm that knows the session key of a ticket it
    calls `host/files@HOME` would pass for that service the next time the client goes there.
    """
    seen = {tgt.server.components[1]}
    for _ in range(_MOST_REFERRALS):
        here = tgt.server.components[1]
        wanted = replace(server, realm=here)
        ticket = yield from tgs_exchange(tgt, wanted, asker, KdcOption.CANONICALIZE)
        if tgt.server == tgs_principal(ticket.client.realm):
            tickets.add(ticket)
        if not ticket.server.is_tgs or ticket.server.components == server.components:
            return ticket
        there = ticket.server.components[1]
        if there in seen:
            raise GSSError(f"the KDCs send each other round in a circle for {server}: {', '.join(sorted(seen))}")
        seen.add(there)
        tgt = ticket
    raise GSSError(f"more than {_MOST_REFERRALS} realms on the way to {server}: {', '.join(sorted(seen))}")


def tgs_exchange(
    tgt: CachedTicket,
    server: Principal,
    asker: Asker,
    kdc_options: int = 0,
    addresses: tuple[HostAddress, ...] = (),
) -> Exchange:
    """One ticket for `server`, asked of the realm that `tgt` is for; one more try if the clocks differ.

    The answer may be a TGT of another realm (RFC 6806 §8, RFC 4120 §3.3.1): its server name says so.
    """
    realm = tgt.server.components[1]
    offset = 0.0
    for last in (False, True):
        subkey = random_key(tgt.session_key.enctype, asker.entropy)
        body = _body(tgt, server, asker, kdc_options, addresses)
        octets = encode_kdc_req_body(body)
        proof = _proof(tgt, octets, subkey, asker.now() + offset, asker.entropy)
        request = encode_kdc_req(KdcReq(TGS_REQ, (proof,), octets))
        answer = decode_answer(realm, (yield KdcRequest(realm, request)))
        if isinstance(answer, KdcRep):
            return _accept(realm, answer, body, tgt, subkey)
        if answer.error_code != KrbErrorCode.KRB_AP_ERR_SKEW or last:
            raise refusal(realm, answer, f"a ticket for {server} to {tgt.client}")
        offset = answer.stime - asker.now()
    raise AssertionError("the second round returns or raises")


def _body(
    tgt: CachedTicket, server: Principal, asker: Asker, kdc_options: int, addresses: tuple[HostAddress, ...]
) -> KdcReqBody:
    inherited = tgt.flags & _INHERITED
    till = tgt.endtime
    if asker.lifetime is not None and not kdc_options & KdcOption.RENEW:
        till = min(till, int(asker.now()) + asker.lifetime)
    return KdcReqBody(
        kdc_options=kdc_options | inherited,
        client=None,
        realm=server.realm,
        server=server,
        till=0 if kdc_options & KdcOption.RENEW else till,
        nonce=fresh_nonce(asker.entropy),
        etype=asker.enctypes,
        rtime=tgt.renew_till if inherited & TicketFlag.RENEWABLE and tgt.renew_till else None,
        addresses=addresses,
    )


def _proof(tgt: CachedTicket, body: bytes, subkey: Key, now: float, entropy: Entropy) -> PaData:
    """PA-TGS-REQ: an AP-REQ to the ticket-granting service whose checksum covers the request's body."""
    key = tgt.session_key
    authenticator = Authenticator(
        client=tgt.client,
        cksum=Checksum(key.checksum_type, key.checksum(AUTHENTICATOR_CHECKSUM_USAGE, body)),
        cusec=int(now % 1 * _MICROSECONDS),
        ctime=int(now),
        subkey=EncryptionKey(subkey.enctype, subkey.dangerous_material()),
    )
    sealed = key.encrypt(AUTHENTICATOR_USAGE, encode_authenticator(authenticator), entropy)
    message = ApReq(0, tgt.ticket, EncryptedData(key.enctype, None, sealed))
    return PaData(PaDataType.TGS_REQ, encode_ap_req(message))


def _accept(realm: str, reply: KdcRep, body: KdcReqBody, tgt: CachedTicket, subkey: Key) -> CachedTicket:
    """RFC 4120 §3.3.4: the reply belongs to the request, the client and the server asked for."""
    if reply.msg_type != TGS_REP:
        raise altered(realm, "it answers an AS-REQ")
    if reply.client != tgt.client:
        raise altered(realm, f"it is for {reply.client} instead of {tgt.client}")
    if reply.enc_part.etype != subkey.enctype:
        raise altered(realm, "it is sealed with another key than the subkey")
    try:
        part = decode_enc_kdc_rep_part(subkey.decrypt(TGS_REP_SUBKEY_USAGE, reply.enc_part.cipher))
    except BadMICError:
        raise altered(realm, "it cannot be opened") from None
    check_reply(realm, reply, part, body)
    if part.server.realm != realm:
        # RFC 4120 §5.3: a ticket's realm is the one that issued it. Nobody may issue for another.
        raise altered(realm, f"the ticket is for {part.server}, of a realm this KDC cannot speak for")
    asked = body.server
    if asked is not None and asked.is_tgs and not part.server.is_tgs:
        raise altered(realm, f"it is for the service {part.server} instead of {asked}")
    on_the_way = asked is not None and asked.is_tgs and part.server.is_tgs
    if part.server != asked and not on_the_way and not body.kdc_options & KdcOption.CANONICALIZE:
        raise altered(realm, f"it is for the server {part.server} instead of {asked}")
    return to_cached_ticket(tgt.client, reply, part)
