"""RFC 4121 §4.1.1, RFC 4120 §5.8: a forwarded TGT handed to the acceptor in a KRB-CRED."""

from __future__ import annotations

from typing import Final

from puregss.base.errors import BadMICError, InvalidTokenError
from puregss.base.ports import Entropy
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.kcrypto.key import Key
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.messages.cred import (
    EncKrbCredPart,
    KrbCred,
    KrbCredInfo,
    decode_enc_krb_cred_part,
    decode_krb_cred,
    encode_enc_krb_cred_part,
    encode_krb_cred,
)
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.fields import EncryptedData, EncryptionKey
from puregss.krb5.messages.ticket import decode_ticket

_USAGE: Final = 14
_PLAIN: Final = 0  # the enctype of what is not encrypted: some peers rely on the authenticator around it


def encode_delegation(ticket: CachedTicket, session_key: Key, now: float, entropy: Entropy) -> bytes:
    """A KRB-CRED with `ticket`, sealed with the session key of the ticket that authenticates the context."""
    info = KrbCredInfo(
        key=EncryptionKey(ticket.session_key.enctype, ticket.session_key.dangerous_material()),
        client=ticket.client,
        flags=ticket.flags,
        authtime=ticket.authtime or None,
        starttime=ticket.starttime or None,
        endtime=ticket.endtime or None,
        renew_till=ticket.renew_till or None,
        server=ticket.server,
        caddr=ticket.addresses,
    )
    part = EncKrbCredPart((info,), timestamp=int(now), usec=int(now % 1 * 1_000_000))
    cipher = session_key.encrypt(_USAGE, encode_enc_krb_cred_part(part), entropy)
    return encode_krb_cred(KrbCred((ticket.ticket,), EncryptedData(session_key.enctype, None, cipher)))


def decode_delegation(octets: bytes, session_key: Key, subkey: Key | None) -> tuple[CachedTicket, ...]:
    """The tickets in a KRB-CRED. The RFC seals it with the session key; old peers use the initiator's subkey.

    Tickets whose keys are of an encryption type we lack are of no use and left out: the context does not depend on
    them. BadMICError if the message opens with neither key, InvalidTokenError if it is malformed.
    """
    message = decode_krb_cred(octets)
    part = decode_enc_krb_cred_part(_open(message.enc_part, session_key, subkey))
    if len(part.ticket_info) != len(message.tickets):
        raise InvalidTokenError(
            f"the delegated credential has {len(message.tickets)} tickets and describes {len(part.ticket_info)}"
        )
    return tuple(
        _ticket(info, ticket)
        for info, ticket in zip(part.ticket_info, message.tickets, strict=True)
        if info.key.keytype in SUPPORTED
    )


def _open(sealed: EncryptedData, session_key: Key, subkey: Key | None) -> bytes:
    if sealed.etype == _PLAIN:
        return sealed.cipher
    for key in (session_key, subkey):
        if key is not None and key.enctype == sealed.etype:
            try:
                return key.decrypt(_USAGE, sealed.cipher)
            except BadMICError:
                continue
    raise BadMICError(
        "the delegated credential opens neither with the ticket's session key nor with the initiator's subkey",
        minor=KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY.minor,
    )


def _ticket(info: KrbCredInfo, ticket: bytes) -> CachedTicket:
    if info.client is None:
        raise InvalidTokenError("the delegated credential does not say whose it is")
    return CachedTicket(
        client=info.client,
        server=info.server or decode_ticket(ticket).server,
        session_key=Key(info.key.keytype, info.key.keyvalue),
        authtime=info.authtime or 0,
        starttime=info.starttime or 0,
        endtime=info.endtime or 0,
        renew_till=info.renew_till or 0,
        flags=info.flags or 0,
        ticket=ticket,
        addresses=info.caddr,
    )
