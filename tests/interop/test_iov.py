"""RFC 4121 §4.2.4: messages in several buffers, laid out as MIT and Heimdal lay them out, DCE style included."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from tests.interop.conftest import Libraries, service_of
from tests.interop.mit_realm import AES, ENCTYPES, MitRealm
from tests.interop.party import (
    CONFIDENTIAL,
    DATA,
    DCE_STYLE,
    HEADER,
    INTEGRITY,
    MIC_TOKEN,
    MUTUAL,
    REPLAY,
    SEQUENCE,
    SIGN_ONLY,
    TRAILER,
    Iov,
    PeerError,
    RemoteParty,
    establish,
)

pytestmark = pytest.mark.requires("krb5kdc", "python-gssapi", "heimdal")

LIBRARIES = {
    "puregss": ("tests.interop.pure_peer",),
    "mit": ("tests.interop.mit_peer",),
    "mit-c": ("tests.interop.c_peer", "mit"),  # for the calls that python-gssapi lacks
    "heimdal": ("tests.interop.c_peer", "heimdal"),
}
PAIRS = [("puregss", "mit"), ("mit", "puregss"), ("puregss", "heimdal"), ("heimdal", "puregss")]
FLAGS = MUTUAL | REPLAY | SEQUENCE | CONFIDENTIAL | INTEGRITY
MESSAGE = bytes(range(64))
# Heimdal 7.8 has no Camellia.
CASES = [case for case in product(PAIRS, ENCTYPES) if case[1] in AES or "heimdal" not in case[0]]


@pytest.fixture(scope="module")
def libraries(mit_realm: MitRealm) -> Iterator[Libraries]:
    libraries = Libraries(mit_realm, LIBRARIES)
    yield libraries
    libraries.close()


def established(
    libraries: Libraries, initiator: str, acceptor: str, enctype: int, style: int
) -> tuple[RemoteParty, RemoteParty]:
    ends = (
        libraries(initiator, enctype).initiate(f"{service_of(enctype)}@localhost", FLAGS | style),
        libraries(acceptor, enctype).accept(),
    )
    establish(*ends)
    return ends


def data(buffers: Iov) -> bytes:
    return b"".join(octets for kind, octets in buffers if kind == DATA)


@pytest.mark.parametrize("confidential", [True, False], ids=["sealed", "signed"])
@pytest.mark.parametrize(
    "layout",
    [
        [(HEADER, b""), (DATA, MESSAGE), (TRAILER, b"")],
        [(HEADER, b""), (DATA, MESSAGE[:24]), (DATA, MESSAGE[24:]), (TRAILER, b"")],
        [(HEADER, b""), (SIGN_ONLY, b"before"), (DATA, MESSAGE), (SIGN_ONLY, b"behind"), (TRAILER, b"")],
    ],
    ids=["one", "two", "signed-around"],
)
@pytest.mark.parametrize(("pair", "enctype"), CASES, ids=str)
def test_buffers(libraries: Libraries, pair: tuple[str, str], enctype: int, layout: Iov, confidential: bool) -> None:
    first, second = established(libraries, *pair, enctype, 0)
    for sender, receiver in ((first, second), (second, first)):
        wrapped = sender.wrap_iov(layout, confidential)
        if confidential:
            assert data(wrapped) != MESSAGE
        assert data(receiver.unwrap_iov(wrapped)) == MESSAGE


@pytest.mark.parametrize("confidential", [True, False], ids=["sealed", "signed"])
@pytest.mark.parametrize(("pair", "enctype"), CASES, ids=str)
def test_buffers_in_a_row_are_a_token(
    libraries: Libraries, pair: tuple[str, str], enctype: int, confidential: bool
) -> None:
    first, second = established(libraries, *pair, enctype, 0)
    for sender, receiver in ((first, second), (second, first)):
        wrapped = sender.wrap_iov([(HEADER, b""), (DATA, MESSAGE), (TRAILER, b"")], confidential)
        assert receiver.unwrap(b"".join(octets for _, octets in wrapped)) == (MESSAGE, confidential)


# Heimdal does not sign without a TRAILER, which DCE style has not.
DCE_CASES = [(*case, sealed) for case in CASES for sealed in (True, False) if sealed or "heimdal" not in case[0]]


@pytest.mark.parametrize(("pair", "enctype", "confidential"), DCE_CASES, ids=str)
def test_dce_style(libraries: Libraries, pair: tuple[str, str], enctype: int, confidential: bool) -> None:
    """What DCE/RPC does: header and trailer of the PDU signed, everything of the mechanism's behind the data."""
    first, second = established(libraries, *pair, enctype, DCE_STYLE)
    layout = [(SIGN_ONLY, b"rpc header"), (DATA, MESSAGE), (SIGN_ONLY, b"rpc trailer"), (HEADER, b"")]
    for sender, receiver in ((first, second), (second, first)):
        wrapped = sender.wrap_iov(layout, confidential)
        assert data(receiver.unwrap_iov(wrapped)) == MESSAGE


@pytest.mark.parametrize("pair", PAIRS[:2], ids=str)
def test_what_is_signed_only_is_signed(libraries: Libraries, pair: tuple[str, str]) -> None:
    first, second = established(libraries, *pair, 18, 0)
    layout = [(HEADER, b""), (SIGN_ONLY, b"a header"), (DATA, MESSAGE), (TRAILER, b"")]
    for sender, receiver in ((first, second), (second, first)):
        wrapped = sender.wrap_iov(layout, True)
        altered = [(kind, b"A header" if kind == SIGN_ONLY else octets) for kind, octets in wrapped]
        with pytest.raises(PeerError) as caught:
            receiver.unwrap_iov(altered)
        assert caught.value.major == 6 << 16  # BAD_MIC


@pytest.mark.parametrize(("pair", "enctype"), list(product(PAIRS[:2], ENCTYPES)), ids=str)
def test_a_mic_over_buffers(libraries: Libraries, pair: tuple[str, str], enctype: int) -> None:
    """Heimdal 7.8 has no such calls; to every peer it is the MIC of the buffers put together."""
    first, second = established(libraries, *pair, enctype, 0)
    for sender, receiver in ((first, second), (second, first)):
        signed = sender.get_mic_iov([(DATA, b"one"), (SIGN_ONLY, b"two"), (DATA, b"three"), (MIC_TOKEN, b"")])
        receiver.verify_mic_iov(signed)
        signed = sender.get_mic_iov([(DATA, b"one"), (SIGN_ONLY, b"two"), (MIC_TOKEN, b"")])
        receiver.verify_mic(b"onetwo", signed[-1][1])


@pytest.mark.parametrize("confidential", [True, False], ids=["sealed", "signed"])
@pytest.mark.parametrize("pair", [("puregss", "mit-c"), ("mit-c", "puregss")], ids=str)
@pytest.mark.parametrize("enctype", ENCTYPES)
def test_associated_data(libraries: Libraries, pair: tuple[str, str], enctype: int, confidential: bool) -> None:
    first, second = established(libraries, *pair, enctype, 0)
    for sender, receiver in ((first, second), (second, first)):
        for associated in (b"", b"a header"):
            token = sender.wrap_aead(MESSAGE, associated, confidential)
            assert receiver.unwrap_aead(token, associated) == (MESSAGE, confidential)
        token = sender.wrap_aead(MESSAGE, b"a header", confidential)
        with pytest.raises(PeerError) as caught:
            receiver.unwrap_aead(token, b"A header")
        assert caught.value.major == 6 << 16  # BAD_MIC
