"""RFC 4120 §3.2.3: the replay cache, in MIT krb5's "file2" format and place, so that C and Python acceptors share it.

The file is a 16-octet hash seed and hash tables of growing size; a record is 12 octets of the authenticator's
checksum and the time until which, plus the clock skew, it counts.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from struct import Struct
from typing import Final

from puregss.base.errors import DuplicateTokenError, GSSError
from puregss.base.ports import Entropy
from puregss.krb5.messages.error import KrbErrorCode
from puregss.system.siphash import SipHash24

_SEED: Final = 16
_TAG: Final = 12
_RECORD: Final = 16
_MAX_SIZE: Final = (1 << 31) - 1
_TIMESTAMP: Final = Struct(">I")
_FLOCK: Final = Struct("hhqqi4x")
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def _tables() -> Iterator[tuple[int, int]]:
    """Offset and number of slots of each table that fits the largest file."""
    offset, slots = _SEED, 1023
    while offset + slots * _RECORD <= _MAX_SIZE:
        yield offset, slots
        offset += slots * _RECORD
        slots = 2048 if slots == 1023 else slots * 2


_TABLES: Final = tuple(_tables())


class FileReplayCache:
    """A `ReplayCache` in the file at `path`, exclusive among threads and processes.

    `owned` demands that the file belongs to the effective user, as in a directory where everyone may write.
    """

    def __init__(self, path: str, *, owned: bool, entropy: Entropy = os.urandom, skew: int = 300) -> None:
        self.path = path
        self._owned = owned
        self._entropy = entropy
        self._skew = skew
        self._kept: tuple[bytes, int, SipHash24] = (b"", 0, SipHash24([]))

    def store(self, mac: bytes, now: int, ctime: int) -> None:
        """See `ReplayCache.store`. The file is opened anew each time: it may be removed or replaced at any moment."""
        tag = mac[:_TAG].ljust(_TAG, b"\0")
        try:
            with self._locked() as descriptor:
                found = self._place(descriptor, tag, now)
                if found is not None:
                    # An authenticator from ahead of our clock is good until its own time and the skew have passed.
                    os.pwrite(descriptor, tag + _TIMESTAMP.pack(max(now, ctime) & 0xFFFFFFFF), found)
        except OSError as error:
            raise GSSError(
                f"the replay cache {self.path} cannot be used ({error.strerror or error}); "
                "without it nobody can be let in. Mend it, or name another one in KRB5RCACHENAME"
            ) from error
        if found is None:
            raise DuplicateTokenError(
                f"this authenticator was presented before (replay cache {self.path}): somebody replays it, or the "
                "initiator sent its token twice",
                minor=KrbErrorCode.KRB_AP_ERR_REPEAT.minor,
            )

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = os.open(self.path, _OPEN, 0o600)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is not a file")
            if self._owned and status.st_uid != os.geteuid():
                raise OSError(errno.EPERM, f"it belongs to the user {status.st_uid}")
            _lock(descriptor, fcntl.F_WRLCK)
            try:
                yield descriptor
            finally:
                # Said aloud, for a child forked meanwhile holds the same open file and would keep the lock.
                _lock(descriptor, fcntl.F_UNLCK)
        finally:
            os.close(descriptor)

    def _place(self, descriptor: int, tag: bytes, now: int) -> int | None:
        """Where the record for `tag` goes; None if it is there already."""
        seed = os.pread(descriptor, _SEED, 0)
        if len(seed) < _SEED:
            seed = self._entropy(_SEED)
            os.pwrite(descriptor, seed, 0)
        size = os.lseek(descriptor, 0, os.SEEK_END)
        place = None
        for (offset, slots), hashed in zip(_TABLES, self._hasher(seed, size).hash(tag), strict=False):
            # The format's description says `slots - 1`; MIT's code never did, and the file is shared with the code.
            slot = offset + hashed % slots * _RECORD
            records = os.pread(descriptor, 2 * _RECORD, slot)
            if tag in (records[:_TAG], records[_RECORD : _RECORD + _TAG]):
                return None
            times = [_TIMESTAMP.unpack_from(records, at)[0] for at in (_TAG, _RECORD + _TAG) if at + 4 <= len(records)]
            if place is None:
                place = next((slot + n * _RECORD for n, time in enumerate(times) if time + self._skew < now), None)
            if place is None and len(times) < 2:
                place = slot + len(times) * _RECORD
            if len(times) < 2 or 0 in times:
                return place
        raise OSError(errno.EFBIG, "it is full")

    def _hasher(self, seed: bytes, size: int) -> SipHash24:
        """Hashes for the tables that a file of `size` octets has begun, and for the next."""
        count = 1 + sum(offset < size for offset, _ in _TABLES)
        kept = self._kept
        if kept[:2] != (seed, count):
            keys = [bytes((seed[0] + number & 0xFF,)) + seed[1:] for number in range(count)]
            kept = self._kept = (seed, count, SipHash24(keys))
        return kept[2]


def _lock(descriptor: int, kind: int) -> None:
    """Take or give back the whole file. Locks of the open file description bar threads too, and MIT's own locks."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0))


def replay_cache_from_environment(
    environment: Mapping[str, str] = os.environ, configured: str | None = None
) -> FileReplayCache | None:
    """The replay cache that MIT krb5 would use; None where it is switched off (`none:`).

    KRB5RCACHENAME comes first, then KRB5RCACHETYPE, then `configured` (default_rcache_name of krb5.conf), then the
    default file: krb5_UID.rcache2 in KRB5RCACHEDIR, TMPDIR or /var/tmp. GSSError for a type that does not exist.
    """
    name = environment.get("KRB5RCACHENAME") or environment.get("KRB5RCACHETYPE") or configured or "dfl"
    kind, _, residual = name.partition(":")
    if kind == "none":
        return None
    if kind == "file2" and residual:
        return FileReplayCache(residual, owned=False)
    if kind == "dfl":
        folder = environment.get("KRB5RCACHEDIR") or environment.get("TMPDIR") or "/var/tmp"
        return FileReplayCache(f"{folder}/krb5_{os.geteuid()}.rcache2", owned=True)
    raise GSSError(f"there is no replay cache {name!r}: KRB5RCACHENAME may say dfl:, none: or file2:PATH")
