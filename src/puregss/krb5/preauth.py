"""RFC 4120 §5.2.7: what a client knows of itself, and how it shows that before it gets a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from puregss.base.errors import MissingCredentialsError, OperationUnavailableError
from puregss.base.ports import Entropy
from puregss.kcrypto.enctypes import SUPPORTED, enctype_name
from puregss.kcrypto.key import Key, string_to_key
from puregss.krb5.messages.fields import EncryptedData, encode_encrypted_data
from puregss.krb5.messages.padata import (
    EtypeInfo2Entry,
    PaData,
    PaDataType,
    PaEncTsEnc,
    decode_etype_info,
    decode_etype_info2,
    encode_pa_enc_ts_enc,
)
from puregss.krb5.ports import KeySource
from puregss.krb5.principal import Principal
from puregss.wire.der import encode

ENC_TIMESTAMP_USAGE: Final = 1
_MICROSECONDS: Final = 1_000_000


class Secret(Protocol):
    """What a client knows: a password, or its keys."""

    def describe(self) -> str:
        """For messages: `the password`, `the keytab FILE:/etc/krb5.keytab`."""

    def enctypes(self) -> Sequence[int]:
        """The enctypes there can be a key of."""

    def key(self, recipe: EtypeInfo2Entry, kvno: int | None) -> Key:
        """The key of this enctype, made with the recipe's salt and parameters where it has to be made.

        GSSError if there is none.
        """


class Password:
    """A password. Not printed, not compared, and forgotten with the object."""

    __slots__ = ("_made", "_octets")

    def __init__(self, password: str | bytes) -> None:
        # Half of a surrogate pair makes a wrong password, not a UnicodeEncodeError, which would show the whole of it.
        self._octets = password.encode("utf-8", "surrogatepass") if isinstance(password, str) else password
        self._made: dict[EtypeInfo2Entry, Key] = {}

    def describe(self) -> str:
        return "the password"

    def enctypes(self) -> Sequence[int]:
        return SUPPORTED

    def key(self, recipe: EtypeInfo2Entry, kvno: int | None) -> Key:
        # Making a key is slow on purpose, and the same one is wanted for the request and for the answer.
        if recipe not in self._made:
            self._made[recipe] = string_to_key(recipe.etype, self._octets, recipe.salt or b"", recipe.s2kparams)
        return self._made[recipe]


class ClientKeys:
    """The keys of `client` in a keytab."""

    __slots__ = ("_client", "_source")

    def __init__(self, source: KeySource, client: Principal) -> None:
        self._source = source
        self._client = client

    def describe(self) -> str:
        return f"the keytab {self._source.describe()}"

    def enctypes(self) -> Sequence[int]:
        found = {entry.key_type for entry in self._source.entries() if entry.principal == self._client}
        usable = [enctype for enctype in SUPPORTED if enctype in found]
        if not usable:
            there = ", ".join(sorted(map(enctype_name, found))) or "no key at all"
            raise MissingCredentialsError(
                f"{self.describe()} has no key of {self._client} that can be used (it has {there}): "
                "check the name with 'klist -k', or add the principal's AES keys"
            )
        return usable

    def key(self, recipe: EtypeInfo2Entry, kvno: int | None) -> Key:
        found = self._source.find(self._client, None, recipe.etype)
        if not found:
            raise MissingCredentialsError(
                f"{self.describe()} has no {enctype_name(recipe.etype)} key of {self._client}, which the KDC wants"
            )
        named = [entry for entry in found if entry.kvno == kvno]
        return max(named or found, key=lambda entry: entry.kvno).key


class Hints(NamedTuple):
    """What a KDC says about pre-authentication: its methods, and how keys are made from a password."""

    methods: tuple[int, ...] = ()
    recipes: tuple[EtypeInfo2Entry, ...] = ()
    salt: bytes | None = None
    cookie: PaData | None = None

    def recipe(self, enctype: int, client: Principal) -> EtypeInfo2Entry:
        """How the client's key of `enctype` is made, from what was said and from the default salt (RFC 4120 §4)."""
        default = self.salt if self.salt is not None else default_salt(client)
        for entry in self.recipes:
            if entry.etype == enctype:
                return entry if entry.salt is not None else entry._replace(salt=default)
        return EtypeInfo2Entry(enctype, default)


def read_hints(padata: tuple[PaData, ...]) -> Hints:
    """The hints in an error's METHOD-DATA or in an AS-REP (RFC 4120 §5.2.7.4, §5.2.7.5; RFC 6113 §5.2)."""
    values = {pa.padata_type: pa.padata_value for pa in padata}
    recipes: tuple[EtypeInfo2Entry, ...] = ()
    if PaDataType.ETYPE_INFO2 in values:
        recipes = decode_etype_info2(values[PaDataType.ETYPE_INFO2])
    elif PaDataType.ETYPE_INFO in values:
        recipes = decode_etype_info(values[PaDataType.ETYPE_INFO])
    cookie = values.get(PaDataType.FX_COOKIE)
    return Hints(
        tuple(values),
        recipes,
        values.get(PaDataType.PW_SALT),
        None if cookie is None else PaData(PaDataType.FX_COOKIE, cookie),
    )


def default_salt(client: Principal) -> bytes:
    """RFC 4120 §4: the realm and the components, run together."""
    return "".join((client.realm, *client.components)).encode("utf-8", "surrogateescape")


def preauthenticate(
    hints: Hints, client: Principal, secret: Secret, enctypes: Sequence[int], now: float, entropy: Entropy
) -> tuple[PaData, ...]:
    """RFC 4120 §5.2.7.2: the encrypted timestamp a KDC asked for, in the first enctype it names that `enctypes` has."""
    if PaDataType.ENC_TIMESTAMP not in hints.methods:
        names = ", ".join(_method_name(method) for method in hints.methods) or "none at all"
        raise OperationUnavailableError(
            f"the KDC wants {client} to authenticate by a method that puregss lacks (it offers {names}): "
            "allow encrypted timestamps for this principal, or get the ticket with kinit"
        )
    offered = [entry.etype for entry in hints.recipes] or list(enctypes)
    enctype = next((number for number in offered if number in enctypes), None)
    if enctype is None:
        names = ", ".join(map(enctype_name, offered))
        raise OperationUnavailableError(
            f"the KDC has only keys of {names} for {client}, and {secret.describe()} gives none of these: "
            "set the password again so that the principal gets AES keys"
        )
    key = secret.key(hints.recipe(enctype, client), None)
    stamp = encode_pa_enc_ts_enc(PaEncTsEnc(int(now), int(now % 1 * _MICROSECONDS)))
    sealed = EncryptedData(enctype, None, key.encrypt(ENC_TIMESTAMP_USAGE, stamp, entropy))
    timestamp = PaData(PaDataType.ENC_TIMESTAMP, encode(encode_encrypted_data(sealed)))
    return (timestamp,) if hints.cookie is None else (hints.cookie, timestamp)


def _method_name(number: int) -> str:
    try:
        return f"{PaDataType(number).name} ({number})"
    except ValueError:
        return str(number)
