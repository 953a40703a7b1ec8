"""Established pairs of contexts, made through the public calls that puregss and python-gssapi share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.interop.mit_realm import ENCTYPES, MitRealm

FLAGS = 2 | 4 | 8 | 16 | 32
"""Mutual authentication, replay and sequence detection, confidentiality, integrity."""


def service_of(enctype: int) -> str:
    """The service whose tickets and session keys have this enctype."""
    return f"enctype{enctype}@localhost"


@contextmanager
def realm(enctypes: tuple[int, ...]) -> Iterator[MitRealm]:
    """MIT's KDC with a service for each enctype, a keytab, and alice's tickets for all of them in her cache.

    This process's environment points into it, so that both implementations find it as they would anywhere.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # files must not measure the disk
    with TemporaryDirectory(dir=memory) as folder, MitRealm(Path(folder) / "realm") as running:
        running.add_user("alice")
        names = [service_of(enctype).replace("@", "/") for enctype in enctypes]
        for enctype, name in zip(enctypes, names, strict=True):
            assert enctype in ENCTYPES
            running.add_service(name, enctypes=[enctype])
        running.keytab(*names)
        running.kinit("alice", "-f")
        for name in names:
            running.kvno(name)
        os.environ.update(running.environment())
        yield running


def initiator(gss: Any, service: str) -> Any:
    """A context that has not begun."""
    return gss.SecurityContext(name=gss.Name(service, gss.NameType.hostbased_service), usage="initiate", flags=FLAGS)


def acceptor(gss: Any, creds: Any = None) -> Any:
    """A context that waits for its peer."""
    return gss.SecurityContext(usage="accept", creds=creds or gss.Credentials(usage="accept"))


def established(gss: Any, service: str) -> tuple[Any, Any]:
    """Both ends of one context."""
    ends = initiator(gss, service), acceptor(gss)
    ends[0].step(ends[1].step(ends[0].step()))
    return ends
