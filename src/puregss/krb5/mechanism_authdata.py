"""RFC 4537, MS-KILE §3.2.5.8: what initiators tell in the authenticator's authorization data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from puregss.base.errors import GSSError
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.krb5.messages.fields import AuthorizationData, encode_authorization_data
from puregss.krb5.messages.ticket import AD_IF_RELEVANT, relevant_authorization_data
from puregss.wire.der import decode_all, encode_all, sequence

_ETYPE_NEGOTIATION: Final = 129
_KERB_AP_OPTIONS: Final = 143
_CHANNEL_AWARE: Final = 0x4000
_LONGEST_REMEMBERED: Final = 256
_ELEMENT_SIZE: Final = 8


@sequence
class _EtypeList:
    etypes: list[int]


def offer_enctypes(session_enctype: int, permitted: Sequence[int] = SUPPORTED) -> AuthorizationData:
    """What of `permitted`, best first, is preferred to the session key's type, and then that; nothing if nothing is.

    A session key of a type that is not permitted was the KDC's choice: everything is preferred to it.
    """
    return _offer(session_enctype, tuple(permitted))


@lru_cache(maxsize=64)
def _offer(session_enctype: int, permitted: tuple[int, ...]) -> AuthorizationData:
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
    if not elements:
        return session_enctype
    return next((etype for etype in _told(elements).offer if etype in permitted), session_enctype)


def channel_aware(elements: AuthorizationData) -> bool:
    """Whether the initiator declares that it sends bindings wherever it has a channel (KERB_AP_OPTIONS_CBT)."""
    return bool(elements) and _told(elements).channel_aware


class _Told(NamedTuple):
    """What the elements say: the enctypes of the first offer, and whether bindings are always sent."""

    offer: tuple[int, ...]
    channel_aware: bool


def _told(elements: AuthorizationData) -> _Told:
    size = sum([_ELEMENT_SIZE + len(octets) for _, octets in elements])  # of elements of nothing there may be thousands
    return _remembered(elements) if size <= _LONGEST_REMEMBERED else _read(elements)


def _read(elements: AuthorizationData) -> _Told:
    """AD-IF-RELEVANT may be ignored by who cannot read it (RFC 4120 §5.2.6.1); so is one that is malformed."""
    try:
        relevant = list(relevant_authorization_data(elements))
    except GSSError:
        return _Told((), False)
    offer = next((octets for kind, octets in relevant if kind == _ETYPE_NEGOTIATION), b"")
    aware = any(
        kind == _KERB_AP_OPTIONS and len(octets) >= 4 and int.from_bytes(octets[:4], "little") & _CHANNEL_AWARE
        for kind, octets in relevant
    )
    try:
        return _Told(tuple(decode_all(_EtypeList, offer).etypes) if offer else (), aware)
    except GSSError:
        return _Told((), aware)


# Every initiator of one kind says the same. Only short ones are kept, so a stranger cannot fill memory.
_remembered = lru_cache(maxsize=64)(_read)
