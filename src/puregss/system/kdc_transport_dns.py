"""RFC 2782: SRV records, by dnspython, which is imported when the first one is wanted: it takes its time."""

from __future__ import annotations

from typing import Any, Final

SrvRecord = tuple[int, int, str, int]
"""(priority, weight, host, port)."""

_PATIENCE: Final = 5.0
_MOST: Final = 32


def lookup_srv(name: str) -> list[SrvRecord]:
    """The records of `name`; none where DNS has none, does not answer, or the name is not fit for it."""
    import dns.exception
    import dns.resolver

    try:
        return _records(dns.resolver.resolve(name, "SRV", lifetime=_PATIENCE))
    except (dns.exception.DNSException, OSError, ValueError):
        return []


async def lookup_srv_async(name: str) -> list[SrvRecord]:
    """The same without blocking the event loop."""
    import dns.asyncresolver
    import dns.exception

    try:
        return _records(await dns.asyncresolver.resolve(name, "SRV", lifetime=_PATIENCE))
    except (dns.exception.DNSException, OSError, ValueError):
        return []


def _records(answer: Any) -> list[SrvRecord]:
    found = [(record.priority, record.weight, record.target.to_text(), record.port) for record in answer]
    return [(priority, weight, host.rstrip("."), port) for priority, weight, host, port in found[:_MOST] if host != "."]
