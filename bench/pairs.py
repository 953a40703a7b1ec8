"""Established pairs of contexts, made through the public calls that puregss and python-gssapi share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gssapi

import puregss
from puregss.gss.world import install
from tests.interop.mit_realm import ENCTYPES, MitRealm

FLAGS = 2 | 4 | 8 | 16 | 32
"""Mutual authentication, replay and sequence detection, confidentiality, integrity."""


def service_of(enctype: int) -> str:
    """The service whose tickets and session keys have this enctype."""
    return f"enctype{enctype}@localhost"


def enctype_of(service: str) -> int:
    """The reverse."""
    return int(service.removeprefix("enctype").partition("@")[0])


@contextmanager
def realm(enctypes: tuple[int, ...]) -> Iterator[MitRealm]:
    """MIT's KDC with a service for each enctype, a keytab, and tickets of alice's; the first enctype is in use."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # files must not measure the disk
    with TemporaryDirectory(dir=memory) as folder, MitRealm(Path(folder) / "realm") as running:
        running.add_user("alice")
        names = [service_of(enctype).replace("@", "/") for enctype in enctypes]
        for enctype, name in zip(enctypes, names, strict=True):
            assert enctype in ENCTYPES
            running.add_service(name, enctypes=[enctype])
        running.keytab(*names)
        use(running, enctypes[0])
        yield running


def use(running: MitRealm, enctype: int) -> None:
    """Let this process's environment point into the realm, with this enctype alone permitted and a ticket at hand.

    Both implementations find it as they would anywhere. Where more is permitted, acceptors choose subkeys of the type
    that both sides like best, and every row would measure that one.
    """
    service = service_of(enctype)
    environment = running.narrowed(enctype, "alice")
    running.run("kvno", service.replace("@", "/"), env=environment)
    os.environ.update(environment)
    forget_replays()
    install(None)
    pair = established(puregss, service)
    assert pair[0].enctype == pair[1].enctype == ENCTYPES[enctype]
    sizes = {len(ends[0].wrap(b"", True).message) for ends in (pair, established(gssapi, service))}
    assert len(sizes) == 1, f"the two sides protect messages in different ways: tokens of {sizes} octets"


def forget_replays() -> None:
    """Empty the replay cache: what earlier rows left in it, thousands of records, is a row of its own (`growth.py`)."""
    for file in Path(os.environ["KRB5RCACHEDIR"]).iterdir():
        file.unlink()


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
