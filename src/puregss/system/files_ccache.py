"""A credential cache file as the store of an initiator's tickets."""

from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from threading import Lock

from puregss.base.errors import InvalidCredentialsError, MissingCredentialsError
from puregss.krb5.ccache import CachedTicket, CredentialCache, decode_ccache, encode_cached_ticket, encode_ccache
from puregss.krb5.principal import Principal
from puregss.system.files import Stamp, ccache_path, expand, lock, read_file, stamp_of, write_file

_NEWEST = b"\x05\x04"


class CcacheFile:
    """A `TicketStore` over a cache file: `FILE:/path`, `DIR:/path` or a path. Read again whenever it has changed."""

    def __init__(self, name: str) -> None:
        """MissingCredentialsError if `name` is of a cache that is no file."""
        self._name = expand(name)
        self.path = ccache_path(name)
        self._lock = Lock()
        self._stamp: Stamp | None = None
        self._cache: CredentialCache | None = None
        self._best: dict[tuple[Principal, Principal], CachedTicket] = {}

    def describe(self) -> str:
        return f"FILE:{self.path}"

    @property
    def default_principal(self) -> Principal:
        return self.load().default_principal

    def load(self) -> CredentialCache:
        """The contents. MissingCredentialsError if there is no cache or it cannot be read or understood."""
        with self._lock:
            return self._refresh()

    def find(self, client: Principal, server: Principal) -> CachedTicket | None:
        with self._lock:
            self._refresh()
            return self._best.get((client, server))

    def add(self, ticket: CachedTicket) -> None:
        """Append a ticket, as other programs do. A file that may not be written stays as it is."""
        with self._lock:
            try:
                octets = encode_cached_ticket(ticket)
                descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
                with open(descriptor, "r+b", buffering=0) as file:
                    lock(descriptor, fcntl.F_WRLCK)
                    if file.read(2) != _NEWEST:
                        return  # an older format, whose writer must be older as well
                    end = file.seek(0, os.SEEK_END)
                    if file.write(octets) != len(octets):
                        file.truncate(end)  # the disk is full; half an entry would spoil the whole cache
            except (OSError, OverflowError):
                return

    def save(self, cache: CredentialCache) -> None:
        """Replace the whole cache in one step, as kinit does. MissingCredentialsError if that is not possible."""
        write_file(self.path, encode_ccache(cache), "the credential cache")

    def _refresh(self) -> CredentialCache:
        stamp = stamp_of(self.path)
        if self._cache is not None and stamp is not None and stamp == self._stamp:
            return self._cache
        octets = read_file(self.path, "the credential cache", "run kinit, or set KRB5CCNAME to the right one")
        try:
            cache = decode_ccache(octets)
        except InvalidCredentialsError as error:
            raise MissingCredentialsError(
                f"the credential cache {self.path} cannot be used: {error.message}; run kinit again"
            ) from None
        if self._cache is not None:
            # Tickets that were there before stay the same objects, and with them what was derived from their keys.
            known = {ticket.ticket: ticket for ticket in self._cache.tickets}
            same = [old if (old := known.get(new.ticket)) == new else new for new in cache.tickets]
            cache = replace(cache, tickets=tuple(ticket for ticket in same if ticket is not None))
        self._best = {}
        for ticket in cache.tickets:
            best = self._best.get((ticket.client, ticket.server))
            if best is None or ticket.endtime > best.endtime:
                self._best[ticket.client, ticket.server] = ticket
        self._cache = cache
        self._stamp = stamp
        return cache

    def __repr__(self) -> str:
        return f"<CcacheFile {self.describe()}>"
