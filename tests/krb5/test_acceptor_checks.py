"""RFC 4120 §3.2.3: the limits of each check, to the second."""

from __future__ import annotations

import pytest

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import ExpiredCredentialsError, GSSError, InvalidTokenError, UnauthorizedError
from puregss.krb5.acceptor_checks import check_address, check_authenticator, check_times
from puregss.krb5.messages.ap_req import Authenticator
from puregss.krb5.messages.fields import EncryptionKey, HostAddress
from puregss.krb5.messages.ticket import EncTicketPart, TicketFlag, TransitedEncoding
from tests.krb5.minting import CLIENT, NOW, SERVICE

SKEW = 300


def ticket(
    start: int | None = NOW, end: int = NOW + 100, flags: int = 0, addresses: tuple[HostAddress, ...] = ()
) -> EncTicketPart:
    transited = TransitedEncoding(1, b"")
    return EncTicketPart(flags, EncryptionKey(18, bytes(32)), CLIENT, transited, NOW, start, end, None, addresses)


@pytest.mark.parametrize("start", [None, NOW, NOW + SKEW, NOW - 10**9])
def test_a_ticket_has_begun(start: int | None) -> None:
    check_times(ticket(start), NOW, SKEW)


def test_a_ticket_has_not_begun() -> None:
    with pytest.raises(GSSError, match=r"begins at 2025-06-15 15:11:41 UTC, and here it is 2025-06-15 15:06:40 UTC"):
        check_times(ticket(NOW + SKEW + 1), NOW, SKEW)
    with pytest.raises(GSSError, match="begins at"):
        check_times(ticket(None), NOW - SKEW - 1, SKEW)  # without a starttime the authtime counts


def test_a_ticket_has_not_ended() -> None:
    check_times(ticket(end=NOW - SKEW), NOW, SKEW)
    with pytest.raises(ExpiredCredentialsError, match="ended at"):
        check_times(ticket(end=NOW - SKEW), NOW + 0.001, SKEW)


def test_a_wider_skew_is_wider() -> None:
    check_times(ticket(NOW + 900, NOW - 900), NOW, 900)


def test_an_invalid_ticket() -> None:
    with pytest.raises(GSSError, match="never validated"):
        check_times(ticket(flags=TicketFlag.INVALID), NOW, SKEW)


@pytest.mark.parametrize("apart", [-300, 0, 300])
def test_an_authenticator_of_now(apart: int) -> None:
    check_authenticator(Authenticator(CLIENT, None, 0, NOW + apart), ticket(), NOW, SKEW)


@pytest.mark.parametrize("apart", [-301, 301])
def test_an_authenticator_of_another_time(apart: int) -> None:
    with pytest.raises(GSSError, match="301 seconds apart, where 300 are allowed"):
        check_authenticator(Authenticator(CLIENT, None, 0, NOW + apart), ticket(), NOW, SKEW)


def test_an_authenticator_of_another_client() -> None:
    with pytest.raises(InvalidTokenError, match="the authenticator says HTTP/"):
        check_authenticator(Authenticator(SERVICE, None, 0, NOW), ticket(), NOW, SKEW)


HOME, ABROAD = HostAddress(2, bytes((192, 0, 2, 1))), HostAddress(24, bytes(16))


@pytest.mark.parametrize(
    "bindings",
    [
        None,
        ChannelBindings(application_data=b"tls"),
        ChannelBindings(2, HOME.address),
        ChannelBindings(24, ABROAD.address),
        ChannelBindings(1, b"a socket of this machine"),
    ],
)
def test_addresses_that_may_pass(bindings: ChannelBindings | None) -> None:
    check_address(ticket(addresses=(HOME, ABROAD)), bindings)


@pytest.mark.parametrize("bindings", [ChannelBindings(2, bytes(4)), ChannelBindings(24, HOME.address)])
def test_addresses_that_must_not_pass(bindings: ChannelBindings) -> None:
    check_address(ticket(), bindings)
    with pytest.raises(UnauthorizedError, match="kinit -A"):
        check_address(ticket(addresses=(HOME, ABROAD)), bindings)
