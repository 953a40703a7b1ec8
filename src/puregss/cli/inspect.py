"""`puregss inspect`: what the clear part of an interprocess token says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import BinaryIO

import click

from puregss.base.errors import GSSError
from puregss.system.clock import SystemClock
from puregss.system.domains import TransferDomain, default_url, open_store, without_password
from puregss.transfer.token import VERSION, DomainKind, Header, decode_header

LARGEST_TOKEN = 16 * 1024 * 1024
KINDS: dict[int, str] = {
    DomainKind.MEMORY: "memory: (one process)",
    DomainKind.DIRECTORY: "dir: (one user on one machine)",
    DomainKind.CHANNEL: "a worker's channel",
    DomainKind.REDIS: "redis: (a cluster)",
    DomainKind.POSTGRESQL: "postgresql: (a cluster)",
}
ON_BOOT_TIME = (DomainKind.MEMORY, DomainKind.DIRECTORY, DomainKind.CHANNEL)


@click.command(name="inspect", short_help="Show what an interprocess token says in clear.")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--domain", "url", metavar="URL", help="Domain to ask for the claim. Default: PUREGSS_TRANSFER_DOMAIN, dir:"
)
def inspect(file: BinaryIO, url: str | None) -> None:
    """Print what the token in FILE (default: standard input) says in clear, and whether its claim is still there.

    The seal is not opened: nothing of this is proved, nothing secret is shown, and the token stays importable.
    """
    token = file.read(LARGEST_TOKEN)
    header = decode_header(token)
    rows = {
        "format version": str(VERSION),
        "size": f"{len(token)} octets",
        "domain": f"{KINDS.get(header.kind, f'unknown kind {header.kind}')}, tag {header.domain_tag.hex()}",
        "claim": header.name.hex(),
        "expiry": expiry_text(header.kind, header.expiry),
        "claim state": claim_state(token, header, url or default_url()),
    }
    for name, value in rows.items():
        click.echo(f"{name:16}{value}")


def expiry_text(kind: int, expiry: int) -> str:
    """`expiry` in milliseconds of the domain's clock, and how far away it is."""
    clock = SystemClock()
    if kind in ON_BOOT_TIME:
        return f"{distance(expiry / 1000 - clock.boottime())}, if this machine issued it since its start"
    try:
        when = datetime.fromtimestamp(expiry / 1000, UTC).isoformat(sep=" ", timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return "beyond every calendar"
    return f"{distance(expiry / 1000 - clock.now())} ({when})"


def distance(seconds: float) -> str:
    """How far away a moment is, in words."""
    return f"in {seconds:.0f} s" if seconds >= 0 else f"{-seconds:.0f} s ago"


def claim_state(token: bytes, header: Header, url: str) -> str:
    """Whether the claim is there, or why that is not known."""
    if header.kind == DomainKind.CHANNEL:
        return "in the hands of the worker alone"
    try:
        store = open_store(url)
        if store.kind != header.kind or header.kind == DomainKind.MEMORY:
            return f"not asked: it cannot be in {without_password(url)} (see --domain)"
        if store.one_machine:
            outstanding = TransferDomain.from_url(url).is_outstanding(token)
        else:
            outstanding = store.fetch(header.name) is not None  # by its name alone, which needs no domain key
    except GSSError as error:
        return f"not known: {error.message}"
    return "outstanding" if outstanding else "gone: imported, revoked, timed out or never issued"
