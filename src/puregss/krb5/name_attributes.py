"""RFC 6680 §7, RFC 4120 §5.2.6: what a principal and its ticket's authorization data say about who somebody is.

The attribute names are those Heimdal and MIT krb5 use: `urn:ietf:kerberos:nameattr-…` for the parts of
the name and the elements of the authorization data, `urn:mspac:` for Microsoft's PAC.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from puregss.krb5.messages.fields import AuthorizationData
from puregss.krb5.messages.ticket import relevant_authorization_data
from puregss.krb5.principal import Principal

BASE: Final = "urn:ietf:kerberos:nameattr-"
PAC: Final = "urn:mspac:"
_AD_WIN2K_PAC: Final = 128


class NameAttribute(NamedTuple):
    """GSS_Get_name_attribute (RFC 6680 §7.5): the values in octets.

    `authenticated` is False where nobody but the KDC that let it into the ticket vouches for a value:
    a client may ask for authorization data of its own (RFC 4120 §5.4.1), so check signatures inside
    before you trust it.
    """

    values: tuple[bytes, ...]
    authenticated: bool


def attributes_of(principal: Principal, authdata: AuthorizationData) -> dict[str, NameAttribute]:
    """All attributes, by name. InvalidTokenError if the authorization data is malformed."""
    found = {f"{BASE}realm": _vouched(principal.realm)}
    found[f"{BASE}name-ncomp"] = _vouched(str(len(principal.components)))
    for number, component in enumerate(principal.components):
        found[f"{BASE}name-ncomp#{number}"] = _vouched(component)
    elements: dict[str, list[bytes]] = {}
    for kind, octets in relevant_authorization_data(authdata):
        elements.setdefault(f"{BASE}authz-data#{kind}", []).append(octets)
        if kind == _AD_WIN2K_PAC:
            elements.setdefault(PAC, []).append(octets)
    return found | {name: NameAttribute(tuple(values), False) for name, values in elements.items()}


def _vouched(text: str) -> NameAttribute:
    return NameAttribute((text.encode("utf-8", "surrogateescape"),), True)
