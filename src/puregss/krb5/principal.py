"""RFC 4120 §6, RFC 1964 §2.1.1: principal names, and their text form with escapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from puregss.base.errors import BadNameError


class PrincipalNameType(IntEnum):
    """RFC 4120 §6.2, RFC 6806 §4, RFC 6111: what kind of thing a name names. A hint, never compared."""

    UNKNOWN = 0
    PRINCIPAL = 1
    SRV_INST = 2
    SRV_HST = 3
    SRV_XHST = 4
    UID = 5
    X500_PRINCIPAL = 6
    SMTP_NAME = 7
    ENTERPRISE = 10
    WELLKNOWN = 11


TGS_NAME: Final = "krbtgt"
LONGEST_REMEMBERED: Final = 256
_UNESCAPED: Final = {"n": "\n", "t": "\t", "b": "\b", "0": "\0"}
_ESCAPED: Final = str.maketrans(
    {"\\": "\\\\", "/": "\\/", "@": "\\@", "\n": "\\n", "\t": "\\t", "\b": "\\b", "\0": "\\0"}
)


@dataclass(frozen=True, slots=True)
class Principal:
    """A name in a realm. Text is UTF-8; octets that are not survive as lone surrogates (surrogateescape)."""

    components: tuple[str, ...]
    realm: str
    name_type: int = field(default=PrincipalNameType.PRINCIPAL, compare=False)
    _text: str = field(default="", init=False, repr=False, compare=False)

    def __str__(self) -> str:
        """The text form with MIT's escapes; `parse_principal` reads it back.

        Made once and kept as long as the principal: an acceptor spells the same few for each of its contexts.
        """
        text = self._text
        if not text:
            text = f"{self.name}@{_escaped(self.realm)}"
            object.__setattr__(self, "_text", text)  # frozen, but for this: whichever thread is first, it is the same
        return text

    @property
    def name(self) -> str:
        """The text form without the realm."""
        return "/".join(map(_escaped, self.components))

    @property
    def is_short(self) -> bool:
        """Whether what is made of it may be remembered: strangers choose names, and memory is not theirs to fill."""
        return len(self.realm) + len(self.components) + sum(map(len, self.components)) <= LONGEST_REMEMBERED

    @property
    def is_tgs(self) -> bool:
        """Whether this names a ticket-granting service (RFC 4120 §7.3)."""
        return len(self.components) == 2 and self.components[0] == TGS_NAME


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED)


def tgs_principal(realm: str, of_realm: str | None = None) -> Principal:
    """`krbtgt/REALM@OF_REALM`: the ticket-granting service of `realm`, as known to `of_realm` (default: itself)."""
    return Principal((TGS_NAME, realm), of_realm if of_realm is not None else realm, PrincipalNameType.SRV_INST)


def parse_principal(text: str, default_realm: str | None, *, enterprise: bool = False) -> Principal:
    """`user@REALM`, `service/host@REALM`, `user`. Backslash quotes `/`, `@` and itself; \\n \\t \\b \\0 are controls.

    Without `@` the name is in `default_realm`. `enterprise` (RFC 6806 §5): all before the last unquoted `@`
    but one is a single component. BadNameError where the text is no name, or has no realm and there is no default.
    """
    parts, realm = _split(text, enterprise)
    if realm is None:
        if default_realm is None:
            raise BadNameError(
                f"{text!r} has no realm and there is no default realm: "
                "write it as NAME@REALM, or set default_realm in krb5.conf"
            )
        realm = default_realm
    components = tuple(parts)
    return Principal(components, realm, PrincipalNameType.ENTERPRISE if enterprise else _inferred_type(components))


def _split(text: str, enterprise: bool) -> tuple[list[str], str | None]:
    """Components and realm (None: there was no unquoted `@`)."""
    parts: list[list[str]] = [[]]
    in_realm = False
    seen_at = not enterprise  # an enterprise name keeps its first `@`
    characters = iter(text)
    for character in characters:
        if character == "\\":
            quoted = next(characters, None)
            if quoted is None:
                raise BadNameError(f"the name {text!r} ends in a single backslash")
            parts[-1].append(_UNESCAPED.get(quoted, quoted))
        elif character == "\0":
            raise BadNameError(f"the name {text!r} holds a bare NUL")
        elif character == "@" and not seen_at:
            seen_at = True
            parts[-1].append(character)
        elif character == "@":
            if in_realm:
                raise BadNameError(f"the name {text!r} has two realms: quote an @ that belongs to the name as \\@")
            in_realm = True
            parts.append([])
        elif character == "/" and not in_realm and not enterprise:
            parts.append([])
        else:
            parts[-1].append(character)
    texts = ["".join(part) for part in parts]
    return (texts[:-1], texts[-1]) if in_realm else (texts, None)


def _inferred_type(components: tuple[str, ...]) -> int:
    """What MIT's parser concludes from the name itself."""
    if len(components) == 2 and components[0] == TGS_NAME:
        return PrincipalNameType.SRV_INST
    if len(components) >= 2 and components[0] == "WELLKNOWN":
        return PrincipalNameType.WELLKNOWN
    return PrincipalNameType.PRINCIPAL
