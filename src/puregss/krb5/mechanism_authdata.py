"""RFC 4537, MS-KILE §3.2.5.8: what initiators tell in the authenticator's authorization data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from puregss.base.errors import GSSError
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.krb5.messages.fields import AuthorizationData, encode_authorization_data
from puregss.krb5.messages.ticket import AD_IF_RELEVANT, relevant_authorization_data
from puregss.wire.der import decode_all, encode_all, sequence

_ETYPE_NEGOTIATION: Final = 129
_KERB_AP_OPTIONS: Final = 143
_CHANNEL_AWARE: Final = 0x4000


@sequence
class _EtypeList:
    etypes: list[int]


def offer_enctypes(session_enctype: int, permitted: Sequence[int] = SUPPORTED) -> AuthorizationData:
    """What of `permitted`, best first, is preferred to the session key's type, and then that; nothing if nothing is.

    A session key of a type that is not permitted was the KDC's choice: everything is preferred to it.
    """
    known = session_enctype in permitted
    preferred = permitted[: permitted.index(session_enctype)] if known else permitted
    if not preferred:
        return ()
    negotiation = (_ETYPE_NEGOTIATION, encode_all(_EtypeList(etypes=[*preferred, session_enctype])))
    return ((AD_IF_RELEVANT, encode_authorization_data((negotiation,))),)


def negotiate_enctype(elements: AuthorizationData, session_enctype: int, permitted: Sequence[int] = SUPPORTED) -> int:
    """The encryption type of the acceptor's subkey: the first offered that is permitted, else the session key's.

    The initiator lists what it prefers to the session key's type, and perhaps that one last. A list that cannot be
    read is ignored, as the element it stands in may be.
    """
    octets = next((octets for kind, octets in _relevant(elements) if kind == _ETYPE_NEGOTIATION), None)
    if octets is None:
        return session_enctype
    try:
        offered = decode_all(_EtypeList, octets).etypes
    except GSSError:
        return session_enctype
    return next((etype for etype in offered if etype in permitted), session_enctype)


def channel_aware(elements: AuthorizationData) -> bool:
    """Whether the initiator declares that it sends bindings wherever it has a channel (KERB_AP_OPTIONS_CBT)."""
    return any(
        kind == _KERB_AP_OPTIONS and len(octets) >= 4 and int.from_bytes(octets[:4], "little") & _CHANNEL_AWARE
        for kind, octets in _relevant(elements)
    )


def _relevant(elements: AuthorizationData) -> list[tuple[int, bytes]]:
    """AD-IF-RELEVANT may be ignored by who cannot read it (RFC 4120 §5.2.6.1); so is one that is malformed."""
    if not elements:
        return []
    try:
        return list(relevant_authorization_data(elements))
    except GSSError:
        return []
