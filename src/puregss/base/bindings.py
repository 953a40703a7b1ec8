"""RFC 2743 §1.1.6, RFC 2744 §3.11: channel bindings."""

from __future__ import annotations

from dataclasses import dataclass

ADDRTYPE_UNSPECIFIED = 0
ADDRTYPE_INET = 2


@dataclass(frozen=True, slots=True)
class ChannelBindings:
    """What ties a context to the channel under it.

    For TLS leave the addresses out and put `tls-server-end-point:` or `tls-exporter:` and the
    binding's octets into `application_data` (RFC 5929, RFC 9266). Whether a context is bound is in its flags
    (`channel_bound`): acceptors let in initiators that send no bindings.
    """

    initiator_address_type: int = ADDRTYPE_UNSPECIFIED
    initiator_address: bytes = b""
    acceptor_address_type: int = ADDRTYPE_UNSPECIFIED
    acceptor_address: bytes = b""
    application_data: bytes = b""
