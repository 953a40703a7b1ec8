"""`puregss serve`: the multi-process acceptor on a keytab."""

from __future__ import annotations

import errno
import fnmatch
import logging
import os
import pwd
import signal
import socket

import click

from puregss.acceptor.framings import FRAMINGS
from puregss.acceptor.front import Authorize, Front, anybody
from puregss.acceptor.peer import Peer
from puregss.acceptor.service import make_front
from puregss.acceptor.settings import Limits, Settings
from puregss.acceptor.worker_loop import allow_many_files
from puregss.base.errors import MissingCredentialsError
from puregss.base.names import NameType
from puregss.cli.plainly import Plainly
from puregss.gss.credentials import Credentials
from puregss.gss.name import Name
from puregss.krb5.acceptor_keys import matches

BACKLOG = 1024
UNPRIVILEGED = "nobody"
"""Whose rights suffice for a worker: everything it needs reaches it through its channel."""
LIMITS = Limits()


@click.command(short_help="Accept clients with a keytab and hand them to worker processes.")
@click.option("--listen", "address", required=True, metavar="HOST:PORT", help="Where to listen; port 0: a free one.")
@click.option("--service", required=True, metavar="NAME", help="host, or host@HOST: whose keys may be used.")
@click.option("--keytab", metavar="FILE", help="The service's keys [default: KRB5_KTNAME, then the system's keytab].")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 256), help="Worker processes.")
@click.option("--topology", default="connection", show_default=True, type=click.Choice(["connection", "relay"]),
              help="Give workers the socket with the context, or keep it and relay.")  # fmt: skip
@click.option("--framing", default="length", show_default=True, type=click.Choice(sorted(FRAMINGS)),
              help="The wire protocol; gss-sample is that of gss-client.")  # fmt: skip
@click.option("--user", metavar="NAME", help="Workers become this user, who should not be able to read the keytab "
              "[default: nobody if started by root, else who started it].")  # fmt: skip
@click.option(
    "--allow", multiple=True, metavar="PATTERN", help="Let in these principals only (* is a wildcard); repeat."
)
@click.option("--max-token", default=LIMITS.token, show_default=True, type=click.IntRange(256, 96 * 1024),
              metavar="OCTETS", help="The largest context token.")  # fmt: skip
@click.option("--max-message", default=LIMITS.message, show_default=True, type=click.IntRange(256, 2**31),
              metavar="OCTETS", help="The largest frame of data.")  # fmt: skip
@click.option("--max-connections", default=LIMITS.connections, show_default=True, type=click.IntRange(1),
              metavar="N", help="Clients at once; more wait in line.")  # fmt: skip
@click.option("--handshake-timeout", default=LIMITS.handshake, show_default=True, type=click.FloatRange(0.1),
              metavar="SECONDS", help="For a client to be authenticated.")  # fmt: skip
@click.option("--idle-timeout", default=LIMITS.idle, show_default=True, type=click.FloatRange(0.1),
              metavar="SECONDS", help="For an authenticated client to say something.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Log warnings only, not every connection.")
@click.argument("handler", metavar="HANDLER")
def serve(
    address: str,
    service: str,
    keytab: str | None,
    workers: int,
    topology: str,
    framing: str,
    user: str | None,
    allow: tuple[str, ...],
    max_token: int,
    max_message: int,
    max_connections: int,
    handshake_timeout: float,
    idle_timeout: float,
    quiet: bool,
    handler: str,
) -> None:
    """Accept clients on HOST:PORT, authenticate them, and hand each connection to a worker process.

    HANDLER is `echo`, or `module:function` of yours, which every worker imports:

    \b
        def handler(message: bytes, peer: puregss.acceptor.peer.Peer) -> bytes

    Its result goes back to the client, protected as the message was. One process listens and reads the
    keytab; it exports each established context, sealed for one worker, and keeps no key of it. Prints one
    line when it listens and logs each connection to stderr. SIGTERM and SIGINT let connections finish
    (ten seconds); a second one does not wait.

    \b
    The sample client of MIT Kerberos against it:
        puregss serve --listen 0.0.0.0:4444 --service host --framing gss-sample echo
        gss-client -port 4444 $(hostname -f) host@$(hostname -f) "hello"
    """
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    limits = Limits(
        token=max_token,
        message=max_message,
        handshake=handshake_timeout,
        idle=idle_timeout,
        connections=max_connections,
    )
    settings = Settings(
        handler=handler,
        framing=framing,
        topology="relay" if topology == "relay" else "connection",
        workers=workers,
        user=user_of_workers(user),
        limits=limits,
    )
    credentials = service_credentials(service, keytab)
    listener = listen(address)
    front = make_front(listener, settings, credentials, authorize=allowing(allow) if allow else anybody)
    warn_if_keys_are_in_reach(settings.user)
    stop_on_signals(front)
    allow_many_files()
    front.start()
    host, port = listener.getsockname()[:2]
    click.echo(f"puregss serves {service} on {host}:{port} ({framing}, {topology}, {workers} workers)")
    front.run()


def user_of_workers(wanted: str | None) -> str:
    """Whom workers become: `wanted`, or whom root's become unasked; empty for no change."""
    if wanted is not None:
        return wanted
    return UNPRIVILEGED if os.geteuid() == 0 else ""


def warn_if_keys_are_in_reach(user: str) -> None:
    """Say so where workers have the rights of the front: one that is taken over can open the front's keytab."""
    if user:
        try:
            if pwd.getpwnam(user).pw_uid != os.geteuid():
                return
        except KeyError:
            return  # the workers will say that there is no such user
    if os.geteuid() == 0:
        why = "workers run as root, who can read any keytab; without --user they run as " + UNPRIVILEGED
    else:
        why = "workers run as the user who can read the keytab, this one; only root can start them as another"
    logging.getLogger("puregss").warning("%s", why)


def service_credentials(service: str, keytab: str | None) -> Credentials:
    """The keys of `service`. MissingCredentialsError if the keytab cannot be read or has none of it."""
    credentials = Credentials(
        Name(service, NameType.hostbased_service), usage="accept", store={"keytab": keytab} if keytab else None
    )
    wanted, keys = credentials.acceptor_principal(), credentials.keys
    entries = keys.entries()
    if not any(matches(wanted, entry.principal) for entry in entries):
        there = ", ".join(sorted({str(entry.principal) for entry in entries})) or "nothing"
        raise MissingCredentialsError(
            f"{keys.describe()} has no key for the service {service}; it holds {there}: "
            "give another --service or another --keytab"
        )
    return credentials


def listen(address: str) -> socket.socket:
    """A listening socket. Plainly if the address is no address, or not ours to take."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise Plainly(f"{address!r} is no address to listen on; write HOST:PORT, for example 127.0.0.1:4444")
    host = host.removeprefix("[").removesuffix("]")
    try:
        family = socket.getaddrinfo(host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise Plainly(f"the host {host!r} of --listen cannot be resolved: {error.strerror}") from error
    except OSError as error:
        what = {
            errno.EADDRINUSE: "another program listens there already; stop it or choose another port (0: a free one)",
            errno.EACCES: "ports below 1024 need root",
            errno.EADDRNOTAVAIL: "this machine has no such address",
        }.get(error.errno or 0, error.strerror)
        raise Plainly(f"cannot listen on {address}: {what}") from error


def allowing(patterns: tuple[str, ...]) -> Authorize:
    """Authorizes principals that match one of the shell patterns, case and all."""

    def authorize(peer: Peer) -> bool:
        return any(fnmatch.fnmatchcase(peer.initiator, pattern) for pattern in patterns)

    return authorize


def stop_on_signals(front: Front) -> None:
    """SIGTERM and SIGINT drain the front; the second one ends it at once."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: front.drain())
