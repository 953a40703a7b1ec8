"""The strangers that some tests talk to, and whether they are on this machine (`tools/peers.sh` installs them)."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

TOP = Path(__file__).parent.parent
HEIMDAL_PROGRAMS = TOP / ".peers" / "heimdal" / "usr"
"""Heimdal's programs conflict with MIT's, so they are unpacked here; needs LD_LIBRARY_PATH=<this>/lib/<triplet>."""

_SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"])


def program(name: str) -> str | None:
    """Where a program is, the folders of administrators' programs included."""
    return shutil.which(name, path=_SYSTEM_PATH)


def samba_gssapi() -> Path | None:
    """The copy of Heimdal's GSS-API inside Debian's samba-libs."""
    return next(Path("/usr/lib").glob("*/samba/libgssapi-samba4.so.0"), None)


def postgresql_programs() -> Path | None:
    """The folder with `initdb` and `postgres` of the newest PostgreSQL that Debian installed."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return max((path.parent for path in found), key=lambda path: float(path.parent.name), default=None)


def _programs(*names: str) -> Callable[[], bool]:
    return lambda: all(program(name) for name in names)


_CHECKS: dict[str, Callable[[], bool]] = {
    "krb5kdc": _programs("krb5kdc", "kdb5_util", "kadmin.local", "kinit", "kvno"),
    "gss-samples": _programs("gss-client", "gss-server"),
    "python-gssapi": lambda: importlib.util.find_spec("gssapi") is not None,
    "heimdal": lambda: ctypes.util.find_library("gssapi") == "libgssapi.so.3",
    "heimdal-clients": lambda: (HEIMDAL_PROGRAMS / "bin" / "kinit.heimdal").exists(),
    "samba": lambda: samba_gssapi() is not None,
    "redis-server": _programs("redis-server"),
    "postgresql": lambda: postgresql_programs() is not None,
}


@cache
def present(peer: str) -> bool:
    """Whether this machine has the peer. KeyError for a name that is not in the table above."""
    return _CHECKS[peer]()
