"""A keytab file as the source of an acceptor's keys (and of a client's that has no password)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock

from puregss.base.errors import GSSError, InvalidCredentialsError, MissingCredentialsError
from puregss.kcrypto.key import Key
from puregss.krb5.keytab import KeytabEntry, decode_keytab, encode_keytab
from puregss.krb5.ports import KeyLabel, ServiceKey
from puregss.krb5.principal import Principal
from puregss.system.files import Stamp, expand, keytab_path, read_file, stamp_of, write_file

Found = dict[tuple[Principal | None, int | None, int], tuple[ServiceKey, ...]]
"""Keys by the principal, version and enctype that were asked for."""

_ADVICE = "give the service its keytab (ktadd, ktpass), or set KRB5_KTNAME to the right one"


class KeytabFile:
    """A `KeySource` over a keytab file: `FILE:/path` or a path. Read again whenever the file has changed.

    Keys that did not change stay the same objects, and with them what was derived from them.
    """

    def __init__(self, name: str) -> None:
        """MissingCredentialsError if `name` is not of a file; whether it can be read shows later."""
        self._name = expand(name)
        self.path = keytab_path(name)
        self._file = str(self.path)  # asked for its stamp every time, which a Path makes dearer
        self._lock = Lock()
        self._found: tuple[Stamp | None, Found] = None, {}
        """The file's stamp, and what was asked for since it had that: replaced as one, and the dict only gains entries,
        so that both are read unlocked."""
        self._entries: tuple[KeytabEntry, ...] = ()
        self._keys: dict[KeytabEntry, ServiceKey] = {}

    def describe(self) -> str:
        return f"FILE:{self.path}"

    def entries(self) -> Sequence[KeyLabel]:
        with self._lock:
            self._refresh()
            return self._entries

    def find(self, principal: Principal | None, kvno: int | None, enctype: int) -> Sequence[ServiceKey]:
        wanted = (principal, kvno, enctype)
        stamp, known = self._found
        if stamp is not None and stamp == stamp_of(self._file) and (found := known.get(wanted)) is not None:
            return found
        with self._lock:
            self._refresh()
            found = tuple(
                key
                for key in self._keys.values()
                if key.key.enctype == enctype and principal in (None, key.principal) and kvno in (None, key.kvno)
            )
            if found:  # only what is there is remembered: strangers choose what is asked for
                self._found[1][wanted] = found
            return found

    def _refresh(self) -> None:
        stamp = stamp_of(self._file)
        if stamp is not None and stamp == self._found[0]:
            return
        octets = read_file(self.path, "the keytab", _ADVICE)
        try:
            entries = tuple(decode_keytab(octets))
        except InvalidCredentialsError as error:
            raise MissingCredentialsError(f"the keytab {self.path} cannot be used: {error.message}") from None
        kept = self._keys
        self._keys = {}
        for entry in entries:
            key = kept.get(entry) or _service_key(entry)
            if key is not None:
                self._keys[entry] = key
        self._entries = entries
        self._found = stamp, {}

    def __repr__(self) -> str:
        return f"<KeytabFile {self.describe()}>"


def _service_key(entry: KeytabEntry) -> ServiceKey | None:
    """None for keys that nothing can be done with: of an enctype we lack, or of a wrong length."""
    try:
        return ServiceKey(entry.principal, entry.kvno, Key(entry.key_type, entry.key))
    except GSSError:
        return None


def save_keytab(name: str, entries: Iterable[KeytabEntry]) -> None:
    """Write a keytab file anew, for its owner alone. MissingCredentialsError if that is not possible."""
    write_file(keytab_path(name), encode_keytab(entries), "the keytab")
