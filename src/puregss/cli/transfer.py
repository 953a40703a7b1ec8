"""`puregss transfer`: look after the claims of a transfer domain."""

from __future__ import annotations

import os

import click

from puregss.base.errors import GSSError
from puregss.cli.inspect import distance, expiry_text
from puregss.cli.plainly import PlainGroup
from puregss.system.claims_postgresql import PostgreSQLStore
from puregss.system.clock import SystemClock
from puregss.system.domains import TransferDomain, default_url, open_store, without_password
from puregss.transfer.claims import ClaimStore
from puregss.transfer.keys import format_domain_key, parse_domain_keys
from puregss.transfer.token import DOMAIN_TAG_SIZE, KEY_SIZE, NAME_SIZE, DomainKind, name_expiry

url_argument = click.argument("url", required=False)


@click.group(cls=PlainGroup, short_help="Prepare, list, sweep and revoke claims of a transfer domain.")
def transfer() -> None:
    """Look after the claims of a transfer domain: the rights to import exported contexts.

    URL is dir:, dir:/PATH, redis://…, rediss://… or postgresql://…; without it PUREGSS_TRANSFER_DOMAIN or dir: is
    meant. No command needs the domain key, and none shows a secret.
    """


@transfer.command()
@url_argument
@click.option("--new-key", "key_file", metavar="FILE", help="Write a new domain key into FILE, which must not exist.")
def init(url: str | None, key_file: str | None) -> None:
    """Make what URL needs before its first use: the folder of dir:, the table of postgresql:.

    With --new-key alone only the key file is made, for the domains on a network. To rotate keys, add
    the new file's line below the old key's everywhere, then put it first everywhere, then drop the old one.
    """
    if key_file is not None:
        write_new_key(key_file)
    if url is None and key_file is not None:
        return
    store = stored(url)
    if isinstance(store, PostgreSQLStore):
        store.prepare()
    store.place()
    next(store.outstanding(), None)  # shows that it can be reached, and that we may
    click.echo(f"{without_password(url or default_url())} is ready")


def write_new_key(path: str) -> None:
    """A key file with one fresh key, readable by its owner alone."""
    text = format_domain_key(os.urandom(KEY_SIZE)) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise GSSError(f"the key file {path} cannot be made: {error.strerror}; name a new file") from error
    (key,) = parse_domain_keys(text, path)
    click.echo(f"{path} holds the new domain key {key.tag.hex()}")


@transfer.command()
@url_argument
def sweep(url: str | None) -> None:
    """Remove the claims that have expired, and say how many there were."""
    store = stored(url)
    count = TransferDomain.from_url(url).sweep() if store.one_machine else store.sweep(0, b"")
    click.echo(f"{count} expired claims removed")
    if store.kind == DomainKind.REDIS:
        click.echo("(a Redis removes them by itself)")


@transfer.command(name="list")
@url_argument
def list_(url: str | None) -> None:
    """List the claims: ID, domain tag, expiry."""
    store = stored(url)
    tag = TransferDomain.from_url(url).tag() if store.one_machine else None
    store.place()
    for name in store.outstanding():
        click.echo(f"{name.hex()}  {name[:DOMAIN_TAG_SIZE].hex()}  {claim_text(store, name, tag)}")


def claim_text(store: ClaimStore, name: bytes, tag: bytes | None) -> str:
    if tag is None:
        return expiry_text(store.kind, name_expiry(name))
    if name[:DOMAIN_TAG_SIZE] != tag:
        return "of an earlier start of this machine"
    return distance(name_expiry(name) / 1000 - SystemClock().boottime())


@transfer.command()
@click.argument("url")
@click.argument("claim", metavar="ID")
def revoke(url: str, claim: str) -> None:
    """Revoke the claim ID (as `list` and `inspect` show it): its token can never be imported.

    The exit status is 1 if there was no such claim.
    """
    try:
        name = bytes.fromhex(claim)
    except ValueError:
        name = b""
    if len(name) != NAME_SIZE:
        raise click.BadParameter(f"a claim's ID has {2 * NAME_SIZE} hexadecimal digits", param_hint="ID")
    store = stored(url)
    store.place()
    if not store.erase(name):
        click.echo("no such claim: imported, revoked, timed out or never issued", err=True)
        raise SystemExit(1)
    click.echo("revoked")


def stored(url: str | None) -> ClaimStore:
    """The claim store that another process can have put something into."""
    store = open_store(url or default_url())
    if store.kind == DomainKind.MEMORY:
        raise GSSError("the claims of memory: lie in the process that exported; this is another process")
    return store
