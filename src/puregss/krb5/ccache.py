"""The credential cache file format (MIT's versions 1 to 4): a client's tickets and their session keys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from puregss.base.errors import GSSError, InvalidCredentialsError, InvalidTokenError, OperationUnavailableError
from puregss.kcrypto.key import Key
from puregss.krb5.messages.fields import AuthorizationData, EncryptionKey, HostAddress
from puregss.krb5.principal import Principal, PrincipalNameType
from puregss.wire.reader import Reader

_MAGIC: Final = 5
_NEWEST: Final = 4
_TIME_OFFSET_TAG: Final = 1
_CONFIG_REALM: Final = "X-CACHECONF:"
_REMOVED_CONFIG_REALM: Final = "X-RMED-CONF:"
_CONFIG_NAME: Final = "krb5_ccache_conf_data"
_REMOVED_AUTHTIME: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class CachedTicket:
    """A ticket, its session key and what the KDC said of it.

    Times are seconds since 1970, 0 where absent; `flags` are bits of `TicketFlag`; `ticket` and
    `second_ticket` are encoded Tickets.
    """

    client: Principal
    server: Principal
    session_key: Key
    authtime: int
    starttime: int
    endtime: int
    renew_till: int
    flags: int
    ticket: bytes = field(repr=False)
    is_skey: bool = False
    addresses: tuple[HostAddress, ...] = ()
    authdata: AuthorizationData = ()
    second_ticket: bytes = field(default=b"", repr=False)


class ConfigEntry(NamedTuple):
    """A setting kept in the cache: `key`, the principal it is about ("" for none) and its value."""

    key: str
    principal: str
    value: bytes


class Credential(NamedTuple):
    """One entry exactly as it lies in the file."""

    client: Principal
    server: Principal
    key: EncryptionKey
    times: tuple[int, int, int, int]
    is_skey: bool
    flags: int
    addresses: tuple[HostAddress, ...]
    authdata: AuthorizationData
    ticket: bytes
    second_ticket: bytes


@dataclass(frozen=True, slots=True)
class CredentialCache:
    """The contents of a cache. `kdc_offset` is (seconds, microseconds) to add to our clock to get the KDC's.

    `foreign` are tickets whose session keys are of enctypes we lack: kept for other programs, of no use to us.
    """

    default_principal: Principal
    tickets: tuple[CachedTicket, ...] = ()
    config: tuple[ConfigEntry, ...] = ()
    foreign: tuple[Credential, ...] = ()
    kdc_offset: tuple[int, int] = (0, 0)


def decode_ccache(data: bytes) -> CredentialCache:
    """The whole file. InvalidCredentialsError where it is no cache or is damaged; the work is linear in its size."""
    if len(data) < 2 or data[0] != _MAGIC or not 1 <= data[1] <= _NEWEST:
        raise InvalidCredentialsError("this is no credential cache: it does not begin with the octets 05 04")
    version = data[1]
    reader = Reader(data, little=version < 3 and sys.byteorder == "little", what="the credential cache")
    reader.take(2)
    try:
        offset = _decode_header(Reader(reader.take(reader.u16()))) if version == _NEWEST else (0, 0)
        cache = CredentialCache(_decode_principal(reader, version), kdc_offset=offset)
        return _sorted(cache, _decode_credentials(reader, version))
    except InvalidTokenError as error:
        raise InvalidCredentialsError(f"the credential cache is damaged: {error.message}") from None


def _decode_header(reader: Reader) -> tuple[int, int]:
    offset = (0, 0)
    while not reader.at_end:
        tag, value = reader.u16(), reader.take(reader.u16())
        if tag == _TIME_OFFSET_TAG and len(value) == 8:
            field_reader = Reader(value)
            offset = (field_reader.i32(), field_reader.i32())
    return offset


def _sorted(cache: CredentialCache, credentials: Iterator[Credential]) -> CredentialCache:
    tickets: list[CachedTicket] = []
    config: list[ConfigEntry] = []
    foreign: list[Credential] = []
    for credential in credentials:
        server = credential.server
        if server.realm == _CONFIG_REALM and server.components[:1] == (_CONFIG_NAME,):
            key, principal = (*server.components[1:3], "", "")[:2]
            config.append(ConfigEntry(key, principal, credential.ticket))
        elif server.realm == _REMOVED_CONFIG_REALM or (credential.times[0], credential.times[2]) == (
            _REMOVED_AUTHTIME,
            0,
        ):
            continue  # how other implementations cross out an entry without moving the rest
        else:
            try:
                tickets.append(_to_ticket(credential))
            except OperationUnavailableError:
                foreign.append(credential)
    return replace(cache, tickets=tuple(tickets), config=tuple(config), foreign=tuple(foreign))


def _to_ticket(credential: Credential) -> CachedTicket:
    key = credential.key
    try:
        session_key = Key(key.keytype, key.keyvalue)
    except OperationUnavailableError:
        raise
    except GSSError as error:
        raise InvalidCredentialsError(f"the ticket for {credential.server} is damaged: {error.message}") from None
    return CachedTicket(
        credential.client,
        credential.server,
        session_key,
        *credential.times,
        credential.flags,
        credential.ticket,
        credential.is_skey,
        credential.addresses,
        credential.authdata,
        credential.second_ticket,
    )


def _decode_credentials(reader: Reader, version: int) -> Iterator[Credential]:
    while not reader.at_end:
        client = _decode_principal(reader, version)
        server = _decode_principal(reader, version)
        keytype = reader.u16()
        if version == 3:
            reader.u16()  # the enctype is written twice
        yield Credential(
            client,
            server,
            EncryptionKey(keytype, _data(reader)),
            (reader.u32(), reader.u32(), reader.u32(), reader.u32()),
            bool(reader.u8()),
            reader.u32(),
            tuple(HostAddress(reader.u16(), _data(reader)) for _ in range(reader.u32())),
            tuple((reader.u16(), _data(reader)) for _ in range(reader.u32())),
            _data(reader),
            _data(reader),
        )


def _decode_principal(reader: Reader, version: int) -> Principal:
    name_type: int = PrincipalNameType.UNKNOWN if version == 1 else reader.i32()
    count = reader.u32() - (1 if version == 1 else 0)
    realm = _data(reader)
    # The count is a stranger's: components are read until it or the data is exhausted, never allocated for.
    components = tuple(_text(_data(reader)) for _ in range(count))
    return Principal(components, _text(realm), name_type)


def _data(reader: Reader) -> bytes:
    return reader.take(reader.u32())


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def encode_ccache(cache: CredentialCache) -> bytes:
    """A file of version 4. InvalidCredentialsError if a number is too big for the format."""
    try:
        offset = b"".join(part.to_bytes(4, signed=True) for part in cache.kdc_offset)
        header = _TIME_OFFSET_TAG.to_bytes(2) + len(offset).to_bytes(2) + offset
        parts = [
            bytes((_MAGIC, _NEWEST)),
            len(header).to_bytes(2) + header,
            _encode_principal(cache.default_principal),
            *(_encode_credential(_config_credential(cache.default_principal, entry)) for entry in cache.config),
            *map(encode_cached_ticket, cache.tickets),
            *map(_encode_credential, cache.foreign),
        ]
    except OverflowError:
        raise InvalidCredentialsError("a number is too big for a credential cache") from None
    return b"".join(parts)


def encode_cached_ticket(ticket: CachedTicket) -> bytes:
    """One entry, which may be appended to a file of version 4. OverflowError if a number is too big for the format."""
    key = EncryptionKey(ticket.session_key.enctype, ticket.session_key.dangerous_material())
    return _encode_credential(
        Credential(
            ticket.client,
            ticket.server,
            key,
            (ticket.authtime, ticket.starttime, ticket.endtime, ticket.renew_till),
            ticket.is_skey,
            ticket.flags,
            ticket.addresses,
            ticket.authdata,
            ticket.ticket,
            ticket.second_ticket,
        )
    )


def _config_credential(owner: Principal, entry: ConfigEntry) -> Credential:
    components = (_CONFIG_NAME, entry.key, entry.principal) if entry.principal else (_CONFIG_NAME, entry.key)
    server = Principal(components, _CONFIG_REALM, PrincipalNameType.UNKNOWN)
    return Credential(owner, server, EncryptionKey(0, b""), (0, 0, 0, 0), False, 0, (), (), entry.value, b"")


def _encode_credential(credential: Credential) -> bytes:
    return b"".join(
        (
            _encode_principal(credential.client),
            _encode_principal(credential.server),
            credential.key.keytype.to_bytes(2),
            _sized(credential.key.keyvalue),
            *(min(time, 0xFFFFFFFF).to_bytes(4) for time in credential.times),
            credential.is_skey.to_bytes(1),
            credential.flags.to_bytes(4),
            _encode_pairs(credential.addresses),
            _encode_pairs(credential.authdata),
            _sized(credential.ticket),
            _sized(credential.second_ticket),
        )
    )


def _encode_principal(principal: Principal) -> bytes:
    texts = (principal.realm, *principal.components)
    return b"".join(
        (
            int(principal.name_type).to_bytes(4, signed=True),
            len(principal.components).to_bytes(4),
            *(_sized(text.encode("utf-8", "surrogateescape")) for text in texts),
        )
    )


def _encode_pairs(pairs: tuple[tuple[int, bytes], ...]) -> bytes:
    return len(pairs).to_bytes(4) + b"".join((kind & 0xFFFF).to_bytes(2) + _sized(octets) for kind, octets in pairs)


def _sized(octets: bytes) -> bytes:
    return len(octets).to_bytes(4) + octets
