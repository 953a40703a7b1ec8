"""RFC 4120 §1.5, §7.2: the principals a realm knows and their keys, all in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from puregss.base.errors import BadNameError
from puregss.base.ports import Entropy
from puregss.kcrypto.key import Key, random_key, string_to_key
from puregss.krb5.principal import Principal, tgs_principal


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """The keys of one kvno, in the realm's order of preference."""

    kvno: int
    keys: tuple[Key, ...]


@dataclass(slots=True)
class Entry:
    """One principal. The newest key version comes first; the older ones still open old tickets.

    `client` says whether it may authenticate to the AS.
    """

    principal: Principal
    versions: list[KeyVersion]
    client: bool = True
    require_preauthentication: bool = True
    ok_as_delegate: bool = False
    revoked: bool = False
    aliases: list[Principal] = field(default_factory=list)

    @property
    def newest(self) -> KeyVersion:
        """The present keys and their kvno, which belong together also while another thread rotates them."""
        return self.versions[0]

    def find_keys(self, kvno: int | None, enctype: int) -> list[Key]:
        """The keys of that enctype, of one version or (kvno None) of all, the newest first."""
        return [
            key
            for version in tuple(self.versions)
            if kvno is None or version.kvno == kvno
            for key in version.keys
            if key.enctype == enctype
        ]


def default_salt(principal: Principal) -> bytes:
    """RFC 4120 §4: the realm and the components, run together."""
    return "".join((principal.realm, *principal.components)).encode("utf-8", "surrogateescape")


class Database:
    """The principals of one realm, and the keys it shares with others. Any thread may use it."""

    def __init__(self, realm: str, enctypes: Sequence[int], entropy: Entropy) -> None:
        self.realm = realm
        self.enctypes = tuple(enctypes)
        self._entropy = entropy
        self._lock = Lock()
        self._entries: dict[Principal, Entry] = {}
        self.tgs = self.add(tgs_principal(realm), client=False)

    def add(
        self,
        principal: Principal,
        password: str | None = None,
        *,
        enctypes: Sequence[int] | None = None,
        client: bool = True,
        require_preauthentication: bool = True,
    ) -> Entry:
        """Enter a principal with a password, or with random keys. BadNameError if there is one of that name."""
        keys = self._make_keys(principal, password, self.enctypes if enctypes is None else enctypes)
        entry = Entry(
            principal,
            [KeyVersion(1, keys)],
            client=client,
            require_preauthentication=require_preauthentication,
        )
        self._enter(principal, entry)
        return entry

    def add_shared(self, principal: Principal, keys: Sequence[Key]) -> Entry:
        """Enter keys made elsewhere: what two realms share to trust each other (RFC 4120 §1.2)."""
        entry = Entry(principal, [KeyVersion(1, tuple(keys))], client=False)
        self._enter(principal, entry)
        return entry

    def add_alias(self, alias: Principal, entry: Entry) -> None:
        """RFC 6806 §6: a further name for one entry."""
        self._enter(alias, entry)
        entry.aliases.append(alias)

    def remove(self, principal: Principal) -> None:
        """Forget a principal and its aliases."""
        entry = self.get(principal)
        with self._lock:
            for name in (entry.principal, *entry.aliases):
                self._entries.pop(name, None)

    def rotate(self, principal: Principal, password: str | None = None) -> int:
        """Give a principal new keys (random ones without a password); the new kvno."""
        entry = self.get(principal)
        keys = self._make_keys(entry.principal, password, [key.enctype for key in entry.newest.keys])
        with self._lock:
            kvno = entry.newest.kvno + 1
            entry.versions.insert(0, KeyVersion(kvno, keys))
        return kvno

    def find(self, principal: Principal) -> Entry | None:
        """The entry of that name, or of the entry it is an alias of."""
        return self._entries.get(principal)

    def get(self, principal: Principal) -> Entry:
        """The same for callers on our side of the wire: BadNameError if there is none."""
        entry = self.find(principal)
        if entry is None:
            raise BadNameError(f"{principal} is not in the realm {self.realm}; add it first")
        return entry

    def entries(self) -> list[Entry]:
        """Every entry once, in the order they were added."""
        return list({id(entry): entry for entry in tuple(self._entries.values())}.values())

    def _enter(self, principal: Principal, entry: Entry) -> None:
        with self._lock:
            if principal in self._entries:
                raise BadNameError(f"{principal} is in the realm already")
            self._entries[principal] = entry

    def _make_keys(self, principal: Principal, password: str | None, enctypes: Sequence[int]) -> tuple[Key, ...]:
        if password is None:
            return tuple(random_key(enctype, self._entropy) for enctype in enctypes)
        return tuple(string_to_key(enctype, password.encode(), default_salt(principal)) for enctype in enctypes)
