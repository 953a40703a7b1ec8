"""RFC 2743 §2.2.9: what the raw interprocess tokens of all C libraries share: keys in clear, names, refusals.

Raw means: readable, alterable and importable any number of times by whoever has the octets. No status
here protects against that; the bounds protect the reader from the octets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from puregss.base.errors import BadMechanismError, GSSError, InvalidTokenError, OperationUnavailableError
from puregss.base.names import KERBEROS_ALIASES, MechType
from puregss.base.oid import OID
from puregss.kcrypto.key import Key
from puregss.krb5.principal import Principal, parse_principal

LATEST: Final = 0xFFFF_FFFF
"""The last second that 32 bits can name (2106); every library here reads the word as unsigned."""

_MOST_COMPONENTS: Final = 255  # more, or longer names, and the record could not be sealed for a transfer of our own
_LONGEST_NAME: Final = 60_000


@dataclass(frozen=True, slots=True)
class Keyblock:
    """A key as a token has it: of any encryption type, perhaps one that puregss lacks."""

    enctype: int
    material: bytes = field(repr=False)

    @classmethod
    def of(cls, key: Key) -> Keyblock:
        return cls(key.enctype, key.dangerous_material())

    def key(self) -> Key:
        """OperationUnavailableError for an encryption type puregss lacks, InvalidTokenError for a wrong length."""
        try:
            return Key(self.enctype, self.material)
        except OperationUnavailableError:
            raise
        except GSSError as error:
            raise InvalidTokenError(f"the token is damaged: {error.message}") from error


def optional_key(block: Keyblock | None) -> Key | None:
    """The same where there may be none."""
    return None if block is None else block.key()


def name_from_text(text: bytes) -> Principal:
    """A principal out of its text form with a realm. InvalidTokenError if it is none."""
    if len(text) > _LONGEST_NAME:
        raise InvalidTokenError(f"a name in the token has {len(text)} octets; none has more than {_LONGEST_NAME}")
    try:
        principal = parse_principal(text.decode("utf-8", "surrogateescape"), None)
    except GSSError as error:
        raise InvalidTokenError(f"a name in the token is damaged: {error.message}") from error
    return bounded_name(principal.components, principal.realm, principal.name_type)


def bounded_name(components: tuple[str, ...], realm: str, name_type: int) -> Principal:
    """The principal, if its name is not absurdly large."""
    size = sum(len(text) for text in (realm, *components))
    if not 0 < len(components) <= _MOST_COMPONENTS or size > _LONGEST_NAME:
        raise InvalidTokenError(f"a name in the token has {len(components)} components and {size} characters")
    return Principal(components, realm, name_type)


def octets_of(text: str) -> bytes:
    """Text of a name as it stands in tokens."""
    return text.encode("utf-8", "surrogateescape")


def in_32_bits(seconds: int) -> int:
    """A time for a field of 32 bits; what lies outside becomes the nearest that fits."""
    return max(0, min(seconds, LATEST))


def is_kerberos(contents: bytes) -> bool:
    """Whether an OID's contents octets name the Kerberos mechanism. InvalidTokenError if they are no OID."""
    oid = OID.from_contents(contents)
    return oid == MechType.kerberos or oid in KERBEROS_ALIASES


def unknown_mechanism(contents: bytes) -> BadMechanismError:
    return BadMechanismError(
        f"the token holds a context of the mechanism {OID.from_contents(contents)}; "
        "puregss carries on contexts of Kerberos, also where SPNEGO negotiated it"
    )


def half_open() -> OperationUnavailableError:
    return OperationUnavailableError(
        "the token holds a half-open context, which puregss does not carry on: "
        "let the process that began complete it, and export it then"
    )
