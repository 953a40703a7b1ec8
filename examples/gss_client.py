"""The client of the GSS-API sample pair: establish a context, send messages, verify what the server signed.

    gss_client.py [options] HOST SERVICE MESSAGE

SERVICE is `service@host` or `service`. Talks to gss_server.py and to the gss-server of MIT krb5; the
options are those of MIT's gss-client. The ticket comes from the credential cache (`kinit` fills it).
"""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

from gss_misc import Token, explain, recv_a_token, send_a_token, show_flags

import puregss
from puregss import GSSError, MechType, Name, NameType, RequirementFlag, SecurityContext


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The client of the GSS-API sample pair.", allow_abbrev=False)
    parser.add_argument("-port", type=int, default=4444)
    parser.add_argument("-mech", type=puregss.OID.from_dotted, default=MechType.kerberos, help="dotted OID")
    parser.add_argument("-d", dest="delegate", action="store_true", help="delegate the credentials")
    parser.add_argument("-seq", action="store_true", help="ask for sequencing")
    parser.add_argument("-noreplay", action="store_true", help="do not ask for replay detection")
    parser.add_argument("-nomutual", action="store_true", help="do not ask the server to prove itself")
    parser.add_argument("-f", dest="file", action="store_true", help="MESSAGE names a file")
    parser.add_argument("-q", dest="quiet", action="store_true")
    parser.add_argument("-ccount", type=int, default=1, help="connections")
    parser.add_argument("-mcount", type=int, default=1, help="messages a connection")
    parser.add_argument("-nw", action="store_true", help="do not wrap messages")
    parser.add_argument("-nx", action="store_true", help="do not encrypt messages")
    parser.add_argument("-nm", action="store_true", help="do not ask for a signature")
    parser.add_argument("host")
    parser.add_argument("service")
    parser.add_argument("message")
    return parser.parse_args()


def requested_flags(options: argparse.Namespace) -> RequirementFlag:
    flags = RequirementFlag(0)
    if not options.nomutual:
        flags |= RequirementFlag.mutual_authentication
    if not options.noreplay:
        flags |= RequirementFlag.replay_detection
    if options.seq:
        flags |= RequirementFlag.out_of_sequence_detection
    if options.delegate:
        flags |= RequirementFlag.delegate_to_peer
    return flags


def client_establish_context(connection: socket.socket, options: argparse.Namespace) -> SecurityContext:
    """Exchange context tokens with the server until both sides are done."""
    send_a_token(connection, Token.NOOP | Token.CONTEXT_NEXT)
    context = SecurityContext(
        name=Name(options.service, NameType.hostbased_service), flags=requested_flags(options), mech=options.mech
    )
    token = context.step()
    while True:
        if token:
            if not options.quiet:
                print(f"Sending init_sec_context token (size={len(token)})...")
            send_a_token(connection, Token.CONTEXT, token)
        if context.complete:
            return context
        _, answer = recv_a_token(connection)
        token = context.step(answer)


def describe_context(context: SecurityContext) -> None:
    show_flags(context.actual_flags)
    print(
        f'"{context.initiator_name}" to "{context.target_name}", lifetime {context.lifetime}, '
        f"flags {int(context.actual_flags):x}, locally initiated, open"
    )


def call_server(options: argparse.Namespace, message: bytes) -> None:
    """One connection: a context, then `-mcount` messages, each answered by a signature."""
    with socket.create_connection((options.host, options.port)) as connection:
        context = client_establish_context(connection, options)
        if not options.quiet:
            describe_context(context)
        flags = Token.DATA
        if not options.nw:
            flags |= Token.WRAPPED
        if not options.nx:
            flags |= Token.ENCRYPTED
        if not options.nm:
            flags |= Token.SEND_MIC
        for _ in range(options.mcount):
            payload = message if options.nw else context.wrap(message, not options.nx).message
            send_a_token(connection, flags, payload)
            kind, signature = recv_a_token(connection)
            if kind & Token.MIC:
                context.verify_signature(message, signature)
            if not options.quiet:
                print("Signature verified." if kind & Token.MIC else "Response received.")
        send_a_token(connection, Token.NOOP)
        context.delete()


def main() -> int:
    options = parse_arguments()
    try:
        message = Path(options.message).read_bytes() if options.file else options.message.encode()
        for _ in range(options.ccount):
            call_server(options, message)
    except (GSSError, OSError) as error:
        print(f"gss_client: {explain(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
