"""MIT krb5's ~/.k5login: whom a user lets in, one principal a line."""

from __future__ import annotations

import os
import pwd
import stat
from typing import Final

_LARGEST: Final = 1 << 20
_NOBODY: Final[frozenset[str]] = frozenset()


def read_k5login(user: str) -> frozenset[str] | None:
    """The principals in the user's ~/.k5login; None where there is no such file.

    Nobody at all where the file cannot be read, is not a file, or belongs to neither the user nor
    root: whoever can put it there must not let himself in, nor in by making it unreadable.
    """
    try:
        account = pwd.getpwnam(user)
        descriptor = os.open(os.path.join(account.pw_dir, ".k5login"), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (KeyError, ValueError):
        return _NOBODY
    except FileNotFoundError:
        return None
    except OSError:
        return _NOBODY
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, account.pw_uid):
            return _NOBODY
        octets = os.read(descriptor, _LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(octets) != status.st_size or len(octets) > _LARGEST:
        return _NOBODY  # cut off in the middle of a line, which may name somebody else than the whole of it
    text = octets.decode("utf-8", "surrogateescape")
    return frozenset(line.strip() for line in text.split("\n") if line.strip())
