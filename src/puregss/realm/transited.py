"""RFC 4120 §3.3.3.2: the transited field in its encoding DOMAIN-X500-COMPRESS."""

from __future__ import annotations

from puregss.base.errors import InvalidTokenError

MAX_REALMS = 64
"""More realms than this on one ticket's way are hostile: expansion of null subfields must stay small."""


def add_transited(field: str, realm: str) -> str:
    """The field with one more realm. Written in full, which every decoder must understand."""
    return f"{field},{_quote(realm)}" if field else _quote(realm)


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


def _quote(realm: str) -> str:
    quoted = realm.replace("\\", "\\\\").replace(",", "\\,")
    if quoted.endswith("."):
        quoted = f"{quoted[:-1]}\\."
    if quoted.startswith(" "):
        quoted = f"\\{quoted}"
    # A name that begins with "/" would be appended to the one before it: a space makes it stand by itself.
    return f" {quoted}" if quoted.startswith("/") else quoted


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
