"""The server of the GSS-API sample pair: accept contexts, read messages, answer each with its signature.

    gss_server.py [options] SERVICE

SERVICE is `service@host` or `service`, the name whose key the keytab holds. Talks to gss_client.py and
to the gss-client of MIT krb5. With --export each context is exported and imported before its messages
are read, as a server would do that hands it to another process.
"""

from __future__ import annotations

import argparse
import socket
import sys

from gss_misc import Token, explain, recv_a_token, send_a_token, show_flags

from puregss import (
    Credentials,
    GSSError,
    Name,
    NameType,
    SecurityContext,
    TransferDomain,
    import_context,
)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The server of the GSS-API sample pair.", allow_abbrev=False)
    parser.add_argument("-port", "--port", type=int, default=4444)
    parser.add_argument("-once", "--once", action="store_true", help="end after one connection")
    parser.add_argument("-export", "--export", action="store_true", help="export and import each context before use")
    parser.add_argument("-keytab", "--keytab", help="the service's keys")
    parser.add_argument("-verbose", "--verbose", action="store_true")
    parser.add_argument("service")
    return parser.parse_args()


def server_acquire_creds(options: argparse.Namespace) -> Credentials:
    name = Name(options.service, NameType.hostbased_service)
    store = {"keytab": options.keytab} if options.keytab else None
    return Credentials(name=name, usage="accept", store=store)


def server_establish_context(connection: socket.socket, creds: Credentials) -> SecurityContext:
    """Exchange context tokens with the client until both sides are done; GSSError if it is not who it says."""
    context = SecurityContext(creds=creds, usage="accept")
    while not context.complete:
        _, token = recv_a_token(connection)
        try:
            answer = context.step(token)
        except GSSError as error:
            if error.token:
                send_a_token(connection, Token.CONTEXT, error.token)
            raise
        if answer:
            send_a_token(connection, Token.CONTEXT, answer)
    return context


def test_import_export_context(context: SecurityContext, domain: TransferDomain, verbose: bool) -> SecurityContext:
    """Send the context on a journey: after `export` only the token has it, after `import_context` only this process."""
    token = context.export(domain)
    if verbose:
        print(f"Exported context: {len(token)} bytes")
    return import_context(token, domain)


def sign_server(connection: socket.socket, context: SecurityContext) -> None:
    """Read messages until the client says it is done, and answer each with a signature of its content."""
    while True:
        flags, message = recv_a_token(connection)
        if flags & Token.NOOP:
            print("NOOP token")
            return
        if flags & Token.WRAPPED:
            result = context.unwrap(message)
            message = result.message
            if flags & Token.ENCRYPTED and not result.encrypted:
                print("Warning!  Message not encrypted.")
        print(f'Received message: "{message.decode(errors="replace")}"')
        if flags & Token.SEND_MIC:
            send_a_token(connection, Token.MIC, context.get_signature(message))
        else:
            send_a_token(connection, Token.NOOP)


def serve_client(
    connection: socket.socket, creds: Credentials, domain: TransferDomain | None, options: argparse.Namespace
) -> None:
    """One conversation, from the opening NOOP to the closing one."""
    flags, _ = recv_a_token(connection)
    if not flags & Token.NOOP:
        raise ConnectionError(f"expected a NOOP token, got {flags!r}")
    if not flags & Token.CONTEXT_NEXT:
        raise ConnectionError("the client wants no authentication")
    context = server_establish_context(connection, creds)
    if options.verbose:
        show_flags(context.actual_flags)
    print(f'Accepted connection: "{context.initiator_name}"')
    if domain:
        context = test_import_export_context(context, domain, options.verbose)
    sign_server(connection, context)
    context.delete()


def main() -> int:
    options = parse_arguments()
    try:
        creds = server_acquire_creds(options)
        domain = TransferDomain.from_url("memory:") if options.export else None
        listener = socket.create_server(("", options.port))
    except (GSSError, OSError) as error:
        print(f"gss_server: {explain(error)}", file=sys.stderr)
        return 2
    print("starting...", file=sys.stderr, flush=True)
    with listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    serve_client(connection, creds, domain, options)
                except (GSSError, OSError) as error:
                    print(f"gss_server: {explain(error)}", file=sys.stderr)
            sys.stdout.flush()
            if options.once:
                return 0


if __name__ == "__main__":
    sys.exit(main())
