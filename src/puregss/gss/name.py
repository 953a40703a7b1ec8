"""RFC 2743 §2.4: names. A `Name` is text and a type; canonicalized, it is a mechanism's own name (MN)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from puregss.base.errors import BadMechanismError, BadNameError, MechanismNameRequiredError
from puregss.base.names import KERBEROS_ALIASES, MechType, NameType
from puregss.base.oid import OID
from puregss.gss import world as worlds
from puregss.gss.world import World
from puregss.krb5 import name as kerberos
from puregss.krb5.messages.fields import AuthorizationData
from puregss.krb5.name_attributes import NameAttribute, attributes_of
from puregss.krb5.principal import Principal

_HOSTBASED: Final = (NameType.hostbased_service, NameType.hostbased_service_x)


class Name:
    """An immutable name: GSS_Import_name (RFC 2743 §2.4.5).

    `base` is text, or its UTF-8 octets; `name_type` says how to read it (None: a principal or user
    name). `token` is an exported name (RFC 2743 §3.2) instead of both.
    """

    __slots__ = ("_authdata", "_principal", "_text", "_type")

    def __init__(
        self, base: str | bytes | None = None, name_type: OID | None = None, *, token: bytes | None = None
    ) -> None:
        if (base is None) == (token is None):
            raise TypeError("give a name either as base or as token")
        if isinstance(base, str):
            _refuse_what_no_octets_spell(base)
        if name_type == NameType.export:
            token, base = (base.encode("utf-8", "surrogateescape") if isinstance(base, str) else base), None
        self._principal: Principal | None = None
        self._authdata: AuthorizationData = ()
        if token is not None:
            self._principal = kerberos.import_exported_name(token)
            self._text, self._type = str(self._principal), NameType.kerberos_principal
        else:
            assert base is not None
            self._text = base.decode("utf-8", "surrogateescape") if isinstance(base, bytes) else base
            self._type = name_type or NameType.user

    @classmethod
    def of_principal(cls, principal: Principal, authdata: AuthorizationData = ()) -> Name:
        """The mechanism name for a principal, and what its ticket says about it."""
        name = cls.__new__(cls)
        name._text, name._type = str(principal), NameType.kerberos_principal
        name._principal, name._authdata = principal, authdata
        return name

    @property
    def name_type(self) -> OID:
        """How the text is to be read."""
        return self._type

    @property
    def is_mechanism_name(self) -> bool:
        """Whether this is an MN (RFC 2743 §1.1.5)."""
        return self._principal is not None

    @property
    def attributes(self) -> Mapping[str, NameAttribute]:
        """GSS_Inquire_name, GSS_Get_name_attribute (RFC 6680 §7.4, §7.5): attributes by name.

        Only the name of an accepted initiator has those of a ticket; one that is no mechanism name has none.
        """
        return {} if self._principal is None else attributes_of(self._principal, self._authdata)

    def canonicalize(self, mech: OID = MechType.kerberos, *, world: World | None = None) -> Name:
        """GSS_Canonicalize_name (RFC 2743 §2.4.14): this name as `mech` understands it."""
        if mech not in (MechType.kerberos, MechType.spnego) and mech not in KERBEROS_ALIASES:
            raise BadMechanismError(f"puregss does not know the mechanism {mech}")
        return Name.of_principal(self.principal(world or worlds.default()))

    def principal(self, world: World) -> Principal:
        """The Kerberos principal this name stands for."""
        return self._principal or kerberos.canonicalize(self._text, self._type, world)

    def acceptor_principal(self, world: World) -> Principal:
        """The same for the accepting side, where a host-based name may leave out host and realm."""
        if self._principal is None and self._type in _HOSTBASED:
            return kerberos.acceptor_principal(self._text, ignore_host=world.ignore_acceptor_hostname())
        return self.principal(world)

    def export(self) -> bytes:
        """GSS_Export_name (RFC 2743 §2.4.15). MechanismNameRequiredError unless canonicalized before."""
        if self._principal is None:
            raise MechanismNameRequiredError(f"{self._text!r} is not a mechanism name; canonicalize it first")
        return kerberos.export_name(self._principal)

    def localname(self, *, world: World | None = None) -> str:
        """GSS_Localname: the login name this name stands for here, by krb5.conf's auth_to_local rules.

        BadNameError if it stands for none.
        """
        world = world or worlds.default()
        principal = self.principal(world)
        account = world.local_account(principal)
        if account is None:
            raise BadNameError(f"{principal} stands for no account here; see auth_to_local in krb5.conf")
        return account

    def userok(self, user: str, *, world: World | None = None) -> bool:
        """GSS_Userok: whether this name may log in as `user`.

        A user's ~/.k5login decides where there is one; else whoever stands for the account may.
        """
        world = world or worlds.default()
        principal = self.principal(world)
        welcome = world.welcome_principals(user)
        if welcome is not None:
            return str(principal) in welcome
        return world.local_account(principal) == user

    def __str__(self) -> str:
        return self._text

    def __bytes__(self) -> bytes:
        return self._text.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return f"Name({self._text!r}, {self._type})"

    def __eq__(self, other: object) -> bool:
        """GSS_Compare_name (RFC 2743 §2.4.3); names of different forms are canonicalized first."""
        if not isinstance(other, Name):
            return NotImplemented
        if self._principal is None and other._principal is None and self._type == other._type:
            return self._text == other._text
        world = worlds.default()
        return self.principal(world) == other.principal(world)

    def __hash__(self) -> int:
        # Equal names may differ in form, and telling which takes the world: one bucket per first word.
        return hash(self._text.replace("/", "@").partition("@")[0])


def _refuse_what_no_octets_spell(text: str) -> None:
    """A lone surrogate, which JSON can carry: nobody has such a name, and it would fail far from here."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise BadNameError(f"{text!r} is not text: it holds half of a surrogate pair") from None
