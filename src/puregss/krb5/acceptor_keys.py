"""RFC 4120 §3.2.3: which long-term key opens a ticket, and what is wrong where none does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from puregss.base.errors import BadMICError, GSSError, MissingCredentialsError, OperationUnavailableError
from puregss.kcrypto.enctypes import SUPPORTED, enctype_name
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.ticket import EncTicketPart, Ticket, decode_enc_ticket_part
from puregss.krb5.ports import KeyLabel, KeySource, ServiceKey
from puregss.krb5.principal import Principal, PrincipalNameType

_TICKET_USAGE: Final = 2
_LISTED: Final = 6


def matches(acceptor: Principal | None, service: Principal) -> bool:
    """Whether a credential for `acceptor` may use the key of `service`.

    None stands for any service. Of a host-based name an empty realm or an empty host matches anything;
    every other name only itself.
    """
    if acceptor is None:
        return True
    if not _is_pattern(acceptor):
        return acceptor == service
    wanted, found = acceptor.components, service.components
    return (
        len(found) == 2
        and wanted[0] == found[0]
        and wanted[1] in ("", found[1])
        and acceptor.realm in ("", service.realm)
    )


def _is_pattern(acceptor: Principal) -> bool:
    return acceptor.name_type == PrincipalNameType.SRV_HST and len(acceptor.components) == 2


def open_ticket(ticket: Ticket, keys: KeySource, acceptor: Principal | None) -> tuple[EncTicketPart, Principal]:
    """What is in the ticket, and the principal whose key opened it: a ticket for an alias opens too.

    BadMICError where the right key does not open it, MissingCredentialsError where there is no right key,
    OperationUnavailableError for an encryption type we lack.
    """
    cipher = ticket.enc_part.cipher
    tried = False
    # Peers differ in how they count versions and in how they spell a service, while a wrong key cannot open anything.
    for candidates in (_named, _others):
        for candidate in candidates(ticket, keys, acceptor):
            try:
                plaintext = candidate.key.decrypt(_TICKET_USAGE, cipher)
            except BadMICError:
                named = (candidate.principal, candidate.kvno) == (ticket.server, ticket.enc_part.kvno)
                tried = tried or named
                continue
            return decode_enc_ticket_part(plaintext), candidate.principal
    raise _explain(ticket, keys, acceptor, tried)


def _named(ticket: Ticket, keys: KeySource, acceptor: Principal | None) -> Sequence[ServiceKey]:
    """The key that the ticket names."""
    sealed = ticket.enc_part
    if sealed.etype not in SUPPORTED or not matches(acceptor, ticket.server):
        return ()
    return keys.find(ticket.server, sealed.kvno, sealed.etype)


def _others(ticket: Ticket, keys: KeySource, acceptor: Principal | None) -> Sequence[ServiceKey]:
    """Every other that might do."""
    enctype = ticket.enc_part.etype
    if enctype not in SUPPORTED:
        return ()
    named = _named(ticket, keys, acceptor)
    wanted = None if acceptor is None or _is_pattern(acceptor) else acceptor
    found = keys.find(wanted, None, enctype)
    return [each for each in found if each not in named and matches(acceptor, each.principal)]


def _explain(ticket: Ticket, keys: KeySource, acceptor: Principal | None, tried: bool) -> GSSError:
    etype, kvno = ticket.enc_part.etype, ticket.enc_part.kvno
    where = keys.describe()
    asked = f"the ticket is for {ticket.server} (kvno {kvno}, {enctype_name(etype)})"
    entries = keys.entries()
    usable = [entry for entry in entries if matches(acceptor, entry.principal)]
    if etype not in SUPPORTED:
        return OperationUnavailableError(
            f"{asked}, and puregss does not speak this encryption type; give the service AES keys "
            f"and let the client fetch a new ticket. {where} has {_list(usable)}",
            minor=KrbErrorCode.KDC_ERR_ETYPE_NOSUPP.minor,
        )
    if tried:
        return BadMICError(
            f"{asked}, and the key of that version in {where} does not open it: the ticket was altered, or the keytab "
            "was made with another password than the KDC has; export the keytab again",
            minor=KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY.minor,
        )
    if not usable:
        wanted = "any service" if acceptor is None else str(acceptor)
        return MissingCredentialsError(
            f"{asked}, and {where} has no key for {wanted}; it has {_list(entries)}",
            minor=KrbErrorCode.KRB_AP_ERR_NOKEY.minor,
        )
    same = [entry for entry in usable if entry.principal == ticket.server]
    code = KrbErrorCode.KRB_AP_ERR_BADKEYVER if same else KrbErrorCode.KRB_AP_ERR_NOT_US
    advice = (
        "add the new keys to the keytab, or let the client fetch a new ticket (kinit)"
        if same
        else "add this service to the keytab, or let the client ask for a service that is there"
    )
    return MissingCredentialsError(f"{asked}; {where} has {_list(same or usable)}. {advice}", minor=code.minor)


def _list(entries: Sequence[KeyLabel]) -> str:
    """What is there, shortened: a keytab may have thousands of entries."""
    if not entries:
        return "nothing"
    shown = ", ".join(f"{e.principal} kvno {e.kvno} {enctype_name(e.key_type)}" for e in entries[:_LISTED])
    return shown if len(entries) <= _LISTED else f"{shown} and {len(entries) - _LISTED} more"
