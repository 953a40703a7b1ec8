"""RFC 4120 §7.2: reaching a KDC: which hosts, UDP or TCP, how long to wait. What to do is here, without I/O.

`ask` is a generator of primitive operations (look up, open, send, receive); the blocking and the asyncio
driver beside this file carry them out. Both so behave alike to the last retry.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, NamedTuple

from puregss.base.errors import GSSError, InvalidTokenError
from puregss.krb5.messages.error import KrbErrorCode, decode_krb_error, is_krb_error
from puregss.system.config import KDC_PORT, KdcAddress, Krb5Config

REALM_UNKNOWN: Final = -1765328230
KDC_UNREACH: Final = -1765328228
"""The minor statuses by which MIT's library says that no KDC is known, or that none answers."""

LARGEST_ANSWER: Final = 1 << 20
_LARGEST_DATAGRAM: Final = 65535
_DEFAULT_UDP_LIMIT: Final = 1465
_ROUNDS: Final = (("udp", 1.0), ("tcp", 5.0), ("udp", 3.0))
"""First a quick datagram to every KDC, then TCP for networks that drop datagrams, then a patient datagram."""

_MOST_ADDRESSES: Final = 16


class Lookup(NamedTuple):
    """Ask DNS for SRV records; the answer is a list of (priority, weight, host, port), empty where there are none."""

    name: str


class Open(NamedTuple):
    """Connect; from here on `timeout` seconds are left for this connection. OSError is thrown in if it fails."""

    host: str
    port: int
    transport: str
    timeout: float


class Send(NamedTuple):
    data: bytes


class Receive(NamedTuple):
    """At most `size` octets as they come; none at all means that the peer has closed."""

    size: int


Operation = Lookup | Open | Send | Receive
Asking = Generator[Operation, Any, bytes]


class KdcFinder:
    """Where the KDCs of a realm are: krb5.conf first, then DNS (RFC 4120 §7.2.3.2). Remembers who answered last."""

    def __init__(self, config: Krb5Config) -> None:
        self._config = config
        self._last_good: dict[str, KdcAddress] = {}

    @property
    def udp_limit(self) -> int:
        """Requests longer than this go by TCP at once."""
        return self._config.integer("udp_preference_limit", _DEFAULT_UDP_LIMIT)

    def find(self, realm: str) -> Generator[Operation, Any, list[KdcAddress]]:
        """In the order to try. GSSError where nobody knows any."""
        addresses = self._config.kdcs(realm)
        if not addresses and self._config.boolean("dns_lookup_kdc", True):
            for transport in ("udp", "tcp"):
                records = yield Lookup(f"_kerberos._{transport}.{realm}.")
                addresses += [
                    KdcAddress(host, port or KDC_PORT, transport)
                    for _, _, host, port in sorted(records, key=lambda record: (record[0], -record[1]))
                ]
        if not addresses:
            raise GSSError(
                f"no KDC of realm {realm} is known: name one under [realms] in {self._config.describe()} "
                f"(kdc = host), or publish _kerberos._udp.{realm} in DNS",
                minor=REALM_UNKNOWN,
            )
        good = self._last_good.get(realm)
        return sorted(addresses[:_MOST_ADDRESSES], key=lambda address: address != good)

    def answered(self, realm: str, address: KdcAddress) -> None:
        self._last_good[realm] = address


def ask(finder: KdcFinder, realm: str, message: bytes) -> Asking:
    """Send `message` to the KDCs of `realm` until one answers; returns the answer, of at most `LARGEST_ANSWER` octets.

    GSSError that names realm, hosts, ports and what went wrong if none does.
    """
    addresses = yield from finder.find(realm)
    too_big = len(message) > finder.udp_limit
    failures: dict[str, str] = {}
    for transport, timeout in _ROUNDS:
        if transport == "udp" and too_big:
            continue
        for address in addresses:
            if address.transport not in ("", transport):
                continue
            label = f"{address._replace(transport=transport)}"
            try:
                answer = yield from _exchange(address, transport, timeout, message)
                code = _error_code(answer)
                if code == KrbErrorCode.KRB_ERR_RESPONSE_TOO_BIG and transport == "udp":
                    # RFC 4120 §7.2.1: the answer does not fit a datagram, so this KDC is asked by TCP.
                    label = f"{address._replace(transport='tcp')}"
                    answer = yield from _exchange(address, "tcp", _ROUNDS[1][1], message)
                    code = _error_code(answer)
                if not answer:
                    raise InvalidTokenError("it sends an empty answer")
            except (OSError, InvalidTokenError) as error:
                failures[label] = _reason(error)
                continue
            if code == KrbErrorCode.KDC_ERR_SVC_UNAVAILABLE:
                failures[label] = "it says that it cannot serve requests now"
                continue
            finder.answered(realm, address)
            return answer
    tried = "; ".join(f"{label}: {reason}" for label, reason in failures.items())
    raise GSSError(
        f"no KDC of realm {realm} can be reached ({tried or 'none speaks a transport that fits'}): "
        "check the network, and the kdc lines under [realms] in krb5.conf",
        minor=KDC_UNREACH,
    )


def _exchange(address: KdcAddress, transport: str, timeout: float, message: bytes) -> Asking:
    yield Open(address.host, address.port, transport, timeout)
    if transport == "udp":
        yield Send(message)
        datagram: bytes = yield Receive(_LARGEST_DATAGRAM)
        return datagram
    # RFC 4120 §7.2.2: four octets of length before each message.
    yield Send(len(message).to_bytes(4) + message)
    length = int.from_bytes((yield from _receive_exactly(4)))
    if length > LARGEST_ANSWER:
        raise InvalidTokenError(f"it announces an answer of {length} octets")
    return (yield from _receive_exactly(length))


def _receive_exactly(size: int) -> Asking:
    octets = b""
    while len(octets) < size:
        more = yield Receive(size - len(octets))
        if not more:
            raise InvalidTokenError("it closed the connection in the middle of its answer")
        octets += more
    return octets


def _error_code(answer: bytes) -> int | None:
    return decode_krb_error(answer).error_code if is_krb_error(answer) else None


def _reason(error: OSError | InvalidTokenError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    return error.message
