"""`puregss realm`: a command, or a shell, inside an embedded Kerberos realm."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

import click

from puregss.base.errors import GSSError
from puregss.kcrypto.enctypes import SUPPORTED, enctype_name, enctype_number
from puregss.realm import Realm

NOT_FOUND = 127
NOT_EXECUTABLE = 126


def enctypes_of(context: click.Context, parameter: click.Parameter, names: Sequence[str]) -> list[int]:
    """Encryption types by the names that krb5.conf uses."""
    known = {name: number for name in names if (number := enctype_number(name)) in SUPPORTED}
    for name in names:
        if name not in known:
            choice = ", ".join(enctype_name(number).split()[0] for number in SUPPORTED)
            raise click.BadParameter(f"{name!r} is none of {choice}", context, parameter)
    return [known[name] for name in names]


@click.command(name="realm")
@click.option("--realm", "name", default="EXAMPLE.TEST", show_default=True, help="Name of the realm.")
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="NAME[:PASSWORD]",
    help="A user; may be given again. The first one is logged in. Without a password, keys are random.",
)
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME",
    default=("host/localhost",),
    show_default=True,
    help="A service such as HTTP/localhost, whose keys are in the keytab; may be given again.",
)
@click.option("--port", default=0, metavar="PORT", help="Port of 127.0.0.1 for the KDC; a free one if left out.")
@click.option(
    "--enctype",
    "enctypes",
    multiple=True,
    metavar="NAME",
    callback=enctypes_of,
    default=("aes256-cts-hmac-sha1-96",),
    show_default=True,
    help="Encryption type of all keys, in order of preference; may be given again.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def realm(
    context: click.Context,
    name: str,
    users: Sequence[str],
    services: Sequence[str],
    port: int,
    enctypes: Sequence[int],
    command: Sequence[str],
) -> None:
    """Run COMMAND, or a shell, inside a Kerberos realm made for the purpose: never for production.

    The realm's KDC listens on loopback until COMMAND ends. KRB5_CONFIG, KRB5CCNAME and KRB5_KTNAME lead programs
    of MIT, Heimdal and puregss to it. The exit status is COMMAND's.

    \b
        puregss realm --user alice:secret -- kvno host/localhost
    """
    try:
        with Realm(name, port=port, enctypes=enctypes) as realm:
            logged_in = _populate(realm, users, services)
            environment = realm.environment(logged_in)
            _introduce(realm, users, services, logged_in, quiet=bool(command))
            status = _run(command or (os.environ.get("SHELL", "/bin/sh"),), environment)
    except GSSError as error:
        raise click.ClickException(error.message) from None
    context.exit(status)


def _populate(realm: Realm, users: Sequence[str], services: Sequence[str]) -> str | None:
    """Enter them all; the name of the first user."""
    names = []
    for user in users:
        name, colon, password = user.partition(":")
        realm.add_user(name, password if colon else None)
        names.append(name)
    for service in services:
        realm.add_service(service)
    return names[0] if names else None


def _introduce(
    realm: Realm, users: Sequence[str], services: Sequence[str], logged_in: str | None, *, quiet: bool
) -> None:
    """What a person in a new shell wants to know. A command's output is left alone."""
    if quiet:
        return
    where = f"KDC on 127.0.0.1 port {realm.port}"
    click.echo(f"Realm {realm.name}, {where}; for tests only, gone when this shell ends.", err=True)
    click.echo(f"Services: {', '.join(services)}", err=True)
    if logged_in is not None:
        others = ", ".join(user.partition(":")[0] for user in users[1:])
        click.echo(f"You are {logged_in}.{f' Also there: {others}.' if others else ''}", err=True)


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """The exit status as a shell tells it: 128 and the signal's number where one ended the command."""
    try:
        process = subprocess.Popen(command, env={**os.environ, **environment})
    except FileNotFoundError:
        click.echo(f"Error: there is no program {command[0]!r}", err=True)
        return NOT_FOUND
    except OSError as error:
        click.echo(f"Error: {command[0]!r} cannot be run: {error.strerror}", err=True)
        return NOT_EXECUTABLE
    # Ctrl-C reaches the command by itself, and what it makes of it decides when the realm ends; the other two are
    # passed on, so that a realm that is told to go takes its command and its folder along.
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        before[number] = signal.signal(number, lambda received, frame: process.send_signal(received))
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status
