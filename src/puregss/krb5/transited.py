"""RFC 4120 §2.7, §3.3.3.2: the realms a ticket came through, and whether they may be trusted."""

from __future__ import annotations

from typing import Final

from puregss.base.errors import InvalidTokenError, UnauthorizedError
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.ticket import EncTicketPart, TicketFlag
from puregss.krb5.ports import TransitPath

DOMAIN_X500_COMPRESS: Final = 1
_CHECKED: Final = TicketFlag.TRANSITED_POLICY_CHECKED.value

MAX_REALMS: Final = 64
"""More realms than this on one ticket's way are hostile: expansion of null subfields must stay small."""


def check_transited(part: EncTicketPart, server_realm: str, configured: TransitPath | None) -> None:
    """Every realm the ticket came through lies on the trusted path from the client's realm to the service's.

    A KDC that checked says so in the ticket (§2.7). UnauthorizedError, with the realm at fault.
    """
    if part.flags & _CHECKED or not part.transited.contents:
        return
    client_realm = part.client.realm
    if part.transited.tr_type != DOMAIN_X500_COMPRESS:
        raise _untrusted(f"the ticket of {part.client} came through realms in an unknown encoding")
    field = part.transited.contents.decode("utf-8", "surrogateescape")
    path = configured(client_realm, server_realm) if configured else None
    trusted = hierarchical_path(client_realm, server_realm) if path is None else path
    for realm in expand_transited(field, client_realm, server_realm):
        if realm not in trusted:
            raise _untrusted(
                f"the ticket of {part.client} came through the realm {realm}, which is not on the trusted path to "
                f"{server_realm}; if it should be, say so in [capaths] of krb5.conf"
            )


def _untrusted(message: str) -> UnauthorizedError:
    return UnauthorizedError(message, minor=KrbErrorCode.KRB_AP_PATH_NOT_ACCEPTED.minor)


def hierarchical_path(client_realm: str, server_realm: str) -> list[str]:
    """The realms between the two by their names (§2.7): up to the common ancestor, or to the top, and down again."""
    up, down = _ancestors(client_realm), _ancestors(server_realm)
    common = next((realm for realm in up if realm in down), None)
    if common is not None:
        up, down = up[: up.index(common) + 1], down[: down.index(common)]
    return [realm for realm in (*up, *reversed(down)) if realm not in (client_realm, server_realm)]


def _ancestors(realm: str) -> list[str]:
    """The realm and all above it, nearest first."""
    separator = "/" if realm.startswith("/") else "."
    names = realm.split(separator)[:MAX_REALMS]
    if separator == "/":
        return [separator.join(names[:count]) for count in range(len(names), 1, -1)]
    return [separator.join(names[start:]) for start in range(len(names))]


def expand_transited(field: str, client_realm: str, server_realm: str) -> list[str]:
    """The realms a transited field names, null subfields filled in; in no particular order, without the two ends.

    InvalidTokenError if the field makes no sense.
    """
    if not field:
        return []
    realms: list[str] = []
    previous, gap = "", False
    for subfield in _split(field):
        if not subfield:
            gap = True
            continue
        realm = _restore(subfield, previous)
        if gap:
            realms += realms_between(previous or client_realm, realm)
        realms.append(realm)
        previous, gap = realm, False
        if len(realms) > MAX_REALMS:
            raise InvalidTokenError(f"the transited field of a ticket names more than {MAX_REALMS} realms")
    if gap:
        realms += realms_between(previous or client_realm, server_realm)
    return [realm for realm in dict.fromkeys(realms) if realm not in (client_realm, server_realm)]


def realms_between(first: str, last: str) -> list[str]:
    """The realms between two of one hierarchy, one of which is above the other. InvalidTokenError if neither is."""
    if len(first) < len(last):
        first, last = last, first
    separator = "/" if last.startswith("/") else "."
    names = first.split(separator)
    counts = range(1, min(len(names), MAX_REALMS))
    steps = [separator.join(names[:-count] if separator == "/" else names[count:]) for count in counts]
    if first == last:
        return []
    if last not in steps:
        raise InvalidTokenError(f"a transited field leaves out the realms between {first} and {last}, which are no kin")
    return steps[: steps.index(last)]


def _split(field: str) -> list[str]:
    """The subfields, still quoted."""
    subfields, start, position = [], 0, 0
    while position < len(field):
        if field[position] == "\\":
            position += 1
        elif field[position] == ",":
            subfields.append(field[start:position])
            start = position + 1
        position += 1
    return [*subfields, field[start:]]


def _restore(subfield: str, previous: str) -> str:
    """The realm that a subfield stands for after the realm `previous`."""
    name = _unquote(subfield)
    if subfield.startswith(" "):
        return name[1:]
    if subfield.startswith("/"):
        return previous + name
    if subfield.endswith(".") and not _last_is_quoted(subfield):
        return name + previous
    return name


def _last_is_quoted(subfield: str) -> bool:
    before = subfield[:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _unquote(subfield: str) -> str:
    octets, quoted = [], False
    for character in subfield:
        if character == "\\" and not quoted:
            quoted = True
            continue
        octets.append(character)
        quoted = False
    return "".join(octets)
