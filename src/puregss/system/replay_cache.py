"""RFC 4120 §3.2.3: the replay cache, in MIT krb5's "file2" format and place, so that C and Python acceptors share it.

The file is a 16-octet hash seed and hash tables of growing size; a record is 12 octets of the authenticator's
checksum and the time until which, plus the clock skew, it counts.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import lru_cache
from struct import Struct
from typing import Final

from puregss.base.errors import DuplicateTokenError, GSSError
from puregss.base.ports import Entropy
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.ports import CLOCK_SKEW
from puregss.system.siphash import siphash24

_SEED: Final = 16
_TAG: Final = 12
_RECORD: Final = 16
_PAIR: Final = 2 * _RECORD
_MAX_SIZE: Final = (1 << 31) - 1
_TIMESTAMP: Final = Struct(">I")
_TWO_RECORDS: Final = Struct(">12sI12sI")
_FLOCK: Final = Struct("hhqqi4x")
_LOCK: Final = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_UNLOCK: Final = _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0)
"""The whole file. Locks of the open file description bar threads too, and MIT's own locks."""

_OPEN: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def _tables() -> Iterator[tuple[int, int]]:
    """Offset and number of slots of each table that fits the largest file."""
    offset, slots = _SEED, 1023
    while offset + slots * _RECORD <= _MAX_SIZE:
        yield offset, slots
        offset += slots * _RECORD
        slots = 2048 if slots == 1023 else slots * 2


_TABLES: Final = tuple(_tables())
_OFFSETS: Final = tuple(offset for offset, _ in _TABLES)


class FileReplayCache:
    """A `ReplayCache` in the file at `path`, exclusive among threads and processes.

    `owned` demands that the file belongs to the effective user, as in a directory where everyone may write.
    """

    def __init__(self, path: str, *, owned: bool, entropy: Entropy = os.urandom, skew: int = CLOCK_SKEW) -> None:
        self.path = path
        self._file = os.fsencode(path)
        self._owned = owned
        self._entropy = entropy
        self._skew = skew

    def store(self, mac: bytes, now: int, ctime: int) -> None:
        """See `ReplayCache.store`. The file is opened anew each time: it may be removed or replaced at any moment."""
        tag = mac[:_TAG].ljust(_TAG, b"\0")
        try:
            descriptor = self._open()
            try:
                status = os.fstat(descriptor)
                self._check(status)
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _LOCK)
                try:
                    found = self._place(descriptor, status.st_size, tag, now)
                    if found is not None:
                        # An authenticator from ahead of our clock is good until its own time and the skew have passed.
                        _write(descriptor, tag + _TIMESTAMP.pack((ctime if ctime > now else now) & 0xFFFFFFFF), found)
                finally:
                    # Said aloud, for a child forked meanwhile holds the same open file and would keep the lock.
                    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _UNLOCK)
            finally:
                os.close(descriptor)
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

    def _open(self) -> int:
        try:
            return os.open(self._file, _OPEN)
        except FileNotFoundError:
            return os.open(self._file, _OPEN | os.O_CREAT, 0o600)

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        if self._owned and status.st_uid != os.geteuid():
            raise OSError(errno.EPERM, f"it belongs to the user {status.st_uid}")
        if self._owned and status.st_nlink != 1:
            # A stranger can link any file of ours to this place, or it was just removed and would be forgotten.
            raise OSError(errno.EMLINK, "it has other names, or none any more")

    def _place(self, descriptor: int, size: int, tag: bytes, now: int) -> int | None:
        """Where the record for `tag` goes; None if it is there already. `size` is what the file had a moment ago."""
        seed = os.pread(descriptor, _SEED, 0)
        if len(seed) < _SEED:
            seed = self._entropy(_SEED)
            _write(descriptor, seed, 0)
        # Where there is room, it is in the tables that the file has begun or in the next one.
        hashes = siphash24(_keys(seed), tag, bisect_left(_OFFSETS, size) + 1)
        place = None
        expired = now - self._skew if now > self._skew else 1  # 0: never written
        for hashed, (offset, slots) in zip(hashes, _TABLES):  # noqa: B905  # `strict` is a dict a call
            # The format's description says `slots - 1`; MIT's code never did, and the file is shared with the code.
            slot = offset + hashed % slots * _RECORD
            records = os.pread(descriptor, _PAIR, slot)
            last = len(records) < _PAIR
            tag1, time1, tag2, time2 = _TWO_RECORDS.unpack(records.ljust(_PAIR, b"\0") if last else records)
            if tag1 == tag or tag2 == tag:
                return None
            if time1 >= expired and time2 >= expired:
                continue  # both count still, as nearly all do where there is more than one table
            if place is None:
                place = slot if time1 < expired else slot + _RECORD
            if last or not time1 or not time2:
                return place
        raise OSError(errno.EFBIG, "it is full")


def _write(descriptor: int, octets: bytes, offset: int) -> None:
    if os.pwrite(descriptor, octets, offset) != len(octets):
        raise OSError(errno.ENOSPC, "it has no room for a whole record")


@lru_cache(maxsize=16)
def _keys(seed: bytes) -> tuple[bytes, ...]:
    """The hash key of each table; made once, for a process opens the same file again and again."""
    return tuple([bytes((seed[0] + number & 0xFF,)) + seed[1:] for number in range(len(_TABLES))])


def replay_cache_from_environment(
    environment: Mapping[str, str] = os.environ, configured: str | None = None, skew: int = CLOCK_SKEW
) -> FileReplayCache | None:
    """The replay cache that MIT krb5 would use; None where it is switched off (`none:`).

    KRB5RCACHENAME comes first, then KRB5RCACHETYPE, then `configured` (default_rcache_name of krb5.conf), then the
    default file: krb5_UID.rcache2 in KRB5RCACHEDIR, TMPDIR or /var/tmp. `skew` is what acceptors grant: records must
    outlive the authenticators they are of. GSSError for a type that does not exist.
    """
    name = environment.get("KRB5RCACHENAME") or environment.get("KRB5RCACHETYPE") or configured or "dfl"
    kind, _, residual = name.partition(":")
    if kind == "none":
        return None
    if kind == "file2" and residual:
        return FileReplayCache(residual, owned=False, skew=skew)
    if kind == "dfl":
        folder = environment.get("KRB5RCACHEDIR") or environment.get("TMPDIR") or "/var/tmp"
        return FileReplayCache(f"{folder}/krb5_{os.geteuid()}.rcache2", owned=True, skew=skew)
    raise GSSError(f"there is no replay cache {name!r}: KRB5RCACHENAME may say dfl:, none: or file2:PATH")
