"""RFC 4120 §1.3: the clocks of this machine, for `base.ports.Clock`."""

from __future__ import annotations

import os
import time
from functools import cached_property
from hashlib import sha256

from puregss.base.errors import GSSError

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_TIME_NAMESPACE = "/proc/self/ns/time"


class SystemClock:
    """Time of the running machine. Safe in any thread."""

    now = staticmethod(time.time)

    @staticmethod
    def boottime() -> float:
        """CLOCK_BOOTTIME: goes on while the machine sleeps and is not set by anybody."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> bytes:
        """16 octets that change at every start. GSSError if the kernel does not tell."""
        return self._boot_id

    @cached_property
    def _boot_id(self) -> bytes:
        try:
            with open(_BOOT_ID, "rb") as file:
                kernel = file.read().strip()
        except OSError as error:
            raise GSSError(
                f"{_BOOT_ID} cannot be read ({error.strerror}), so tokens of an earlier start could not be told "
                "from new ones; mount /proc in this container"
            ) from error
        return sha256(kernel + b"\0" + _time_namespace()).digest()[:16]


def _time_namespace() -> bytes:
    """Boot time counts differently in another time namespace, so that is another boot for us."""
    try:
        return str(os.stat(_TIME_NAMESPACE).st_ino).encode()
    except OSError:
        return b""  # a kernel without time namespaces
