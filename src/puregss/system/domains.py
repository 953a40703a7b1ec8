"""RFC 2743 §2.2.8, §2.2.9: transfer domains by URL, and the one that a process has by default."""

from __future__ import annotations

import os
import tempfile
from importlib import import_module
from typing import Final, Self
from urllib.parse import urlsplit

from puregss.base import era
from puregss.base.errors import GSSError, OperationUnavailableError, UnauthorizedError
from puregss.base.ports import Clock
from puregss.system import fork as fork  # importing it makes a fork kill memory domains and channels in the child
from puregss.system.claims_dir import DirectoryStore
from puregss.system.clock import SystemClock
from puregss.transfer.claims import AsyncClaimStore, ClaimStore, MemoryStore
from puregss.transfer.domain import Domain
from puregss.transfer.keys import DomainKey, parse_domain_keys
from puregss.transfer.minor import TransferMinor

DOMAIN_VARIABLE: Final = "PUREGSS_TRANSFER_DOMAIN"
KEY_VARIABLE: Final = "PUREGSS_TRANSFER_KEY"

_CLOCK: Final = SystemClock()
_LARGEST_KEY_FILE: Final = 64 * 1024

_REDIS: Final = ("puregss.system.claims_redis", "RedisStore", "AsyncRedisStore")
_POSTGRESQL: Final = ("puregss.system.claims_postgresql", "PostgreSQLStore", "AsyncPostgreSQLStore")
_NETWORK_STORES: Final = {"redis": _REDIS, "rediss": _REDIS, "postgresql": _POSTGRESQL, "postgres": _POSTGRESQL}
"""Module, store and awaiting store by scheme. Loaded when a URL names one: each brings much code along."""


class TransferDomain(Domain):
    """A transfer domain of this process, this machine or a cluster; `from_url` makes it."""

    url: str
    """As given, without a password."""

    def __repr__(self) -> str:
        return f"<TransferDomain {self.url}>"

    @classmethod
    def from_url(cls, url: str | None = None, key_file: str | None = None, *, clock: Clock = _CLOCK) -> Self:
        """The domain that `url` names; without it PUREGSS_TRANSFER_DOMAIN, and without that `dir:`.

        `memory:` (this process), `dir:` or `dir:/PATH` (this user on this machine), `redis://`,
        `rediss://` and `postgresql://` (a cluster; these need a domain key, from `key_file` or
        PUREGSS_TRANSFER_KEY). Nothing is opened yet. OperationUnavailableError for a URL that names none of these.
        """
        url = url or default_url()
        shown = without_password(url)
        store = open_store(url)
        if store.one_machine:
            if key_file is not None:
                raise OperationUnavailableError(
                    f"the transfer domain {shown} takes no key file; its claims never leave this machine",
                    minor=TransferMinor.UNKNOWN_DOMAIN,
                )
            domain = cls(store, clock, os.urandom)
        else:
            domain = cls(store, clock, os.urandom, load_domain_keys(key_file), _awaiting_store(url))
        domain.url = shown
        return domain


def open_store(url: str) -> ClaimStore:
    """The claim store of a domain alone: enough to prepare, list, sweep and revoke, which need no domain key."""
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "memory":
        return _memory_store(rest)
    if colon and scheme == "dir":
        return _directory_store(rest)
    if rest.startswith("//") and scheme in _NETWORK_STORES:
        module, name, _ = _NETWORK_STORES[scheme]
        store: ClaimStore = getattr(import_module(module), name)(url, without_password(url))
        return store
    raise _unknown(url)


def _awaiting_store(url: str) -> AsyncClaimStore:
    module, _, name = _NETWORK_STORES[url.partition(":")[0]]
    store: AsyncClaimStore = getattr(import_module(module), name)(url, without_password(url))
    return store


def default_url() -> str:
    """PUREGSS_TRANSFER_DOMAIN, or `dir:`."""
    return os.environ.get(DOMAIN_VARIABLE) or "dir:"


def _unknown(url: str) -> OperationUnavailableError:
    return OperationUnavailableError(
        f"{without_password(url)!r} is not a transfer domain: use memory:, dir:, dir:/PATH, "
        "redis://HOST, rediss://HOST or postgresql://HOST/DATABASE",
        minor=TransferMinor.UNKNOWN_DOMAIN,
    )


def without_password(url: str) -> str:
    """A URL as messages may show it."""
    try:
        parts = urlsplit(url)
        if parts.password is None and "password" not in parts.query:
            return url
    except ValueError:
        return url.partition(":")[0] + ":…"
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{parts.username or ''}:…@{host}{parts.path}"


_memory_stores: Final[dict[era.Era, MemoryStore]] = {}


def _memory_store(rest: str) -> MemoryStore:
    """One for all of the process; a child of fork gets its own."""
    if rest:
        raise _unknown("memory:" + rest)
    return _memory_stores.setdefault(era.current, MemoryStore(os.urandom))


def _directory_store(rest: str) -> DirectoryStore:
    path = rest or default_claim_folder()
    if not os.path.isabs(path):
        raise OperationUnavailableError(
            f"the claim folder of dir:{rest} must be an absolute path, as in dir:/run/myservice/claims",
            minor=TransferMinor.UNKNOWN_DOMAIN,
        )
    return DirectoryStore(os.path.normpath(path))


def default_claim_folder() -> str:
    """Where `dir:` keeps its claims: where the system keeps what must not outlive the user's session."""
    user = os.geteuid()
    candidates = [os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{user}", *(["/run"] if user == 0 else [])]
    for folder in candidates:
        if os.path.isabs(folder) and _is_own_folder(folder, user):
            return os.path.join(folder, "puregss")
    return os.path.join(tempfile.gettempdir(), f"puregss-{user}")


def _is_own_folder(path: str, user: int) -> bool:
    """XDG_RUNTIME_DIR survives `su` and `sudo -E`: another user's is not ours."""
    try:
        return os.stat(path).st_uid == user and os.path.isdir(path)
    except OSError:
        return False


def load_domain_keys(key_file: str | None) -> tuple[DomainKey, ...]:
    """The keys of `key_file`, or of PUREGSS_TRANSFER_KEY; none if there is neither.

    UnauthorizedError if others can read the file or write it, GSSError if it cannot be read.
    """
    if key_file is None:
        text = os.environ.get(KEY_VARIABLE)
        return parse_domain_keys(text, KEY_VARIABLE) if text is not None else ()
    try:
        with open(key_file, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            octets = file.read(_LARGEST_KEY_FILE)
    except OSError as error:
        raise GSSError(
            f"the key file {key_file} cannot be read: {error.strerror}; name one that user {os.geteuid()} can read",
            minor=TransferMinor.NO_DOMAIN_KEY,
        ) from error
    if mode & 0o027:
        raise UnauthorizedError(
            f"the key file {key_file} is open to others (mode {mode & 0o7777:04o}); run `chmod 600 {key_file}`, "
            "and make new keys if it may have been read",
            minor=TransferMinor.UNSAFE_STORE,
        )
    return parse_domain_keys(octets.decode("ascii", "replace"), key_file)
