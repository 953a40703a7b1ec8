"""RFC 2743 §2.2.8, §2.2.9: claims in a folder of one user: `dir:PATH`.

A claim is a symbolic link whose name is the claim's and whose target is the secret in base64. Making it
and reading it are one system call each and never half done; the `unlink` that succeeds is the import.
The target is short enough to lie in the inode itself, so no data block ever holds it.

Everything goes through one descriptor of the folder, whose owner and mode are looked at on every use:
whoever swaps the path, the folder or the descriptor (a daemon that closes all of them) is noticed.
"""

from __future__ import annotations

import binascii
import contextlib
import errno
import os
from collections.abc import Iterator
from itertools import islice
from threading import Lock
from typing import Final, NoReturn

from puregss.base import era
from puregss.base.errors import GSSError, UnauthorizedError
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import DOMAIN_TAG_SIZE, KEY_SIZE, NAME_SIZE, DomainKind, name_expiry

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_GROUP_AND_OTHERS: Final = 0o077
_TIDY_INTERVAL: Final = 60_000  # milliseconds
_TIDY_STEP: Final = 4  # more than the one claim that comes with each step, so that tidying gets somewhere

_TROUBLE: Final = {
    errno.ENOSPC: (TransferMinor.STORE_FULL, "make room on its file system, or free inodes"),
    errno.EDQUOT: (TransferMinor.STORE_FULL, "the user's quota is used up"),
    errno.EROFS: (TransferMinor.STORE_READ_ONLY, "mount it writable, or name another folder"),
    errno.EEXIST: (TransferMinor.NO_ENTROPY, "a claim of this name exists, so randomness repeats"),
}
_DEFAULT_TROUBLE: Final = (TransferMinor.STORE_UNREACHABLE, "see to the folder, or name another one")


class _Folder:
    """An open folder. Whoever works in it holds a reference, so that its descriptor is not closed under them."""

    __slots__ = ("_identity", "descriptor")

    def __init__(self, path: str) -> None:
        self.descriptor = -1
        self.descriptor = os.open(path, _OPEN)
        found = os.fstat(self.descriptor)
        self._identity = (found.st_dev, found.st_ino)

    def status(self) -> os.stat_result | None:
        """None where this cannot be used any more: the folder was removed, or somebody closed the descriptor."""
        try:
            found = os.fstat(self.descriptor)
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._identity:
            self.descriptor = -1  # the number is somebody else's, perhaps soon our own successor's: never close it
            return None
        return found if found.st_nlink else None

    @property
    def place(self) -> bytes:
        return b"%d:%d" % self._identity

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError, TypeError):  # not opened, or the interpreter is at its end
            self.status()
            if self.descriptor >= 0:
                os.close(self.descriptor)


class DirectoryStore:
    """The claims in the folder `path`, which is made if it is missing (its parent must exist)."""

    kind = DomainKind.DIRECTORY
    one_machine = True

    def __init__(self, path: str) -> None:
        if not os.path.isabs(path):
            raise ValueError(f"a claim folder is named by its absolute path, not {path!r}")
        self.path = path
        self._folder: _Folder | None = None
        self._tidied = 0
        self._begin_era()

    def _begin_era(self) -> None:
        """In the child of a fork nobody will release the lock, and the scan would move the parent's own on."""
        self._era = era.current
        self._lock = Lock()
        self._tidying: Iterator[bytes] = iter(())

    def __repr__(self) -> str:
        return f"<DirectoryStore {self.path}>"

    # --- the folder ---------------------------------------------------------------------------

    def place(self) -> bytes:
        """Device and inode of the folder. UnauthorizedError unless it is ours alone."""
        folder, found = self._checked()
        self._refuse_unless_ours(found)
        return folder.place

    def _checked(self) -> tuple[_Folder, os.stat_result]:
        if self._era is not era.current:
            self._begin_era()
        folder = self._folder
        found = folder.status() if folder is not None else None
        if folder is not None and found is not None:
            return folder, found
        with self._lock:
            if self._folder is folder:  # else another thread was here first
                opened = self._open()
                if (found := opened.status()) is not None:
                    self._refuse_unless_ours(found)  # before a thread that has looked already writes a claim into it
                self._folder = opened
            folder = self._folder
        found = folder.status() if folder is not None else None
        if folder is None or found is None:
            raise GSSError(
                f"the claim folder {self.path} was removed while it was opened; see who does that",
                minor=TransferMinor.STORE_UNREACHABLE,
            )
        return folder, found

    def _open(self) -> _Folder:
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.path, 0o700)
            return _Folder(self.path)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise UnauthorizedError(
                    f"the claim folder {self.path} is not a folder but a link or a file; remove it or name another",
                    minor=TransferMinor.UNSAFE_STORE,
                ) from error
            self._fail("opened", error)

    def _opened(self) -> _Folder:
        """The folder that `place` has checked."""
        return self._folder or self._checked()[0]

    def _refuse_unless_ours(self, found: os.stat_result) -> None:
        if found.st_uid == os.geteuid() and not found.st_mode & _GROUP_AND_OTHERS:
            return
        if found.st_uid != os.geteuid():
            raise UnauthorizedError(
                f"the claim folder {self.path} belongs to user {found.st_uid} and this process runs as user "
                f"{os.geteuid()}; a context moves between processes of one user (or through a worker channel)",
                minor=TransferMinor.FOREIGN_STORE,
            )
        raise UnauthorizedError(
            f"the claim folder {self.path} is open to other users (mode {found.st_mode & 0o7777:04o}); "
            f"run `chmod 700 {self.path}` after you have seen to what they may have put there",
            minor=TransferMinor.UNSAFE_STORE,
        )

    def _fail(self, done: str, error: OSError) -> NoReturn:
        text = f"the claim folder {self.path} cannot be {done}: {os.strerror(error.errno or 0)}; "
        if error.errno in (errno.EACCES, errno.EPERM):
            raise UnauthorizedError(
                text + f"this process runs as user {os.geteuid()}, name a folder of this user",
                minor=TransferMinor.FOREIGN_STORE,
            ) from error
        minor, advice = _TROUBLE.get(error.errno or 0, _DEFAULT_TROUBLE)
        raise GSSError(text + advice, minor=minor) from error

    # --- the claims: the caller has called `place` ----------------------------------------------

    def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        """RFC 2743 §2.2.8."""
        folder = self._opened()
        try:
            os.symlink(binascii.b2a_base64(secret, newline=False), name.hex().encode(), dir_fd=folder.descriptor)
        except OSError as error:
            self._fail("written", error)
        self._tidy(name[:DOMAIN_TAG_SIZE], name_expiry(name) - ttl)

    def fetch(self, name: bytes) -> bytes | None:
        """RFC 2743 §2.2.9."""
        folder = self._opened()
        try:
            target = os.readlink(name.hex().encode(), dir_fd=folder.descriptor)
            secret = binascii.a2b_base64(target, strict_mode=True)
        except FileNotFoundError:
            return None
        except binascii.Error:
            secret = b""
        except OSError as error:
            if error.errno != errno.EINVAL:  # which says: not a link
                self._fail("read", error)
            secret = b""
        if len(secret) != KEY_SIZE:
            raise GSSError(
                f"the claim {name.hex()} in {self.path} is damaged; the peer must authenticate anew",
                minor=TransferMinor.STORE_DAMAGED,
            )
        return secret

    def erase(self, name: bytes) -> bool:
        """RFC 2743 §2.2.9: the kernel lets one of any number of racing calls succeed."""
        folder = self._opened()
        try:
            os.unlink(name.hex().encode(), dir_fd=folder.descriptor)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._fail("written", error)
        return True

    def outstanding(self) -> Iterator[bytes]:
        """The names of all claims. What else lies in the folder is not ours and is left alone."""
        folder = self._opened()
        try:
            # A descriptor of its own: the position in the folder belongs to the open file, not to us.
            descriptor = os.open(".", _OPEN, dir_fd=folder.descriptor)
            try:
                entries = os.scandir(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._fail("listed", error)
        with entries:
            for entry in entries:
                with contextlib.suppress(ValueError):
                    name = bytes.fromhex(entry.name)
                    if len(name) == NAME_SIZE:
                        yield name

    def sweep(self, now: int, tag: bytes) -> int:
        """Claims of an earlier start of the machine go too: nothing will ever import them."""
        return sum(self.erase(name) for name in self.outstanding() if _is_stale(name, now, tag))

    def _tidy(self, tag: bytes, now: int) -> None:
        """Every export looks at a few claims, so that those nobody imports do not pile up where nobody sweeps."""
        if not self._lock.acquire(blocking=False):
            return  # another thread is at it
        try:
            names = list(islice(self._tidying, _TIDY_STEP))
            if not names and abs(now - self._tidied) >= _TIDY_INTERVAL:
                self._tidying, self._tidied = self.outstanding(), now
            for name in names:
                if _is_stale(name, now, tag):
                    self.erase(name)
        except (GSSError, OSError):
            self._tidying = iter(())  # the export itself went well; a sweep will tell what is wrong
        finally:
            self._lock.release()


def _is_stale(name: bytes, now: int, tag: bytes) -> bool:
    return name_expiry(name) < now or name[:DOMAIN_TAG_SIZE] != tag
