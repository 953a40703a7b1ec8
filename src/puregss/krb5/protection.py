"""RFC 4121 §4.2: per-message tokens, made and read with ciphers that stay from one message to the next.

A token's sequence number is given to the caller only once the token has been verified whole, so a
forged token never moves a window.
"""

from __future__ import annotations

import hmac
from typing import Final

from puregss.base.errors import BadMICError, InvalidTokenError
from puregss.base.ports import Entropy
from puregss.kcrypto.key import Key
from puregss.kcrypto.profile import Mac, Opener, Sealer

SENT_BY_ACCEPTOR: Final = 0x01
SEALED: Final = 0x02
ACCEPTOR_SUBKEY: Final = 0x04
_KNOWN_FLAGS: Final = SENT_BY_ACCEPTOR | SEALED | ACCEPTOR_SUBKEY

# RFC 4121 §2: key usages
KG_USAGE_ACCEPTOR_SEAL: Final = 22
KG_USAGE_ACCEPTOR_SIGN: Final = 23
KG_USAGE_INITIATOR_SEAL: Final = 24
KG_USAGE_INITIATOR_SIGN: Final = 25

HEADER: Final = 16
_CONFOUNDER: Final = 16
_SEALED_OVERHEAD: Final = HEADER + _CONFOUNDER + HEADER
WRAP: Final = b"\x05\x04"
_MIC: Final = b"\x04\x04"
_MIC_FILLER: Final = b"\xff" * 5


class _Direction:
    """What all tokens that one side sends with one kind of key have in common. There are four of these."""

    __slots__ = ("clear", "flags", "mic", "seal_usage", "sealed", "sender", "sign_usage")

    def __init__(self, by_acceptor: bool, acceptor_subkey: bool) -> None:
        self.sender = "acceptor" if by_acceptor else "initiator"
        self.flags = (SENT_BY_ACCEPTOR if by_acceptor else 0) | (ACCEPTOR_SUBKEY if acceptor_subkey else 0)
        self.seal_usage = KG_USAGE_ACCEPTOR_SEAL if by_acceptor else KG_USAGE_INITIATOR_SEAL
        self.sign_usage = KG_USAGE_ACCEPTOR_SIGN if by_acceptor else KG_USAGE_INITIATOR_SIGN
        # TOK_ID, Flags, Filler, then EC and RRC, which are zero in all that is encrypted or summed
        self.sealed = WRAP + bytes((self.flags | SEALED, 0xFF, 0, 0, 0, 0))
        self.clear = WRAP + bytes((self.flags, 0xFF, 0, 0, 0, 0))
        self.mic = _MIC + bytes((self.flags,)) + _MIC_FILLER


_DIRECTIONS: Final = {
    (initiate, subkey): (_Direction(not initiate, subkey), _Direction(initiate, subkey))
    for initiate in (False, True)
    for subkey in (False, True)
}
"""By whether this end initiated, and whether there is an acceptor's subkey: what it sends, what it receives."""


class Protection:
    """The per-message tokens of one context. The caller serializes all calls.

    A sealer or opener is out of its place while it works: whatever is raised, nothing that was
    interrupted is ever used again.
    """

    __slots__ = (
        "_clear_in",
        "_clear_out",
        "_dce",
        "_entropy",
        "_in",
        "_key",
        "_least",
        "_mic_in",
        "_mic_out",
        "_opener",
        "_out",
        "_sealer",
        "_size",
    )

    def __init__(
        self, key: Key, initiate: bool, acceptor_subkey: bool, entropy: Entropy, dce_style: bool = False
    ) -> None:
        self._key = key
        self._dce = dce_style
        self._entropy = entropy
        self._size = size = key.checksum_size
        self._least = size + _SEALED_OVERHEAD
        self._out, self._in = _DIRECTIONS[initiate, acceptor_subkey]
        self._sealer: Sealer | None = None
        self._opener: Opener | None = None
        self._clear_out: Mac | None = None
        self._clear_in: Mac | None = None
        self._mic_out: Mac | None = None
        self._mic_in: Mac | None = None

    # Few contexts talk in one direction only: whichever is needed first, the keys of both are derived. A second pair
    # costs little beside the cipher object that derives it.

    def _new_sealer(self) -> Sealer:
        if self._opener is None:
            self._key.expect(self._out.seal_usage, self._in.seal_usage)
        return self._key.sealer(self._out.seal_usage)

    def _new_opener(self) -> Opener:
        if self._sealer is None:
            self._key.expect(self._out.seal_usage, self._in.seal_usage)
        return self._key.opener(self._in.seal_usage)

    # Wrap tokens (§4.2.6.2)

    def wrap(self, message: bytes, confidential: bool, number: int) -> bytes:
        """The Wrap token of `message` with this sequence number."""
        if type(message) is not bytes:
            message = octets(message)
        if not confidential:
            return self._wrap_clear(message, number)
        header = self._out.sealed + number.to_bytes(8)
        sealer = self._sealer or self._new_sealer()
        self._sealer = None
        token = sealer.seal(self._entropy, header, message, header)
        self._sealer = sealer
        return token

    def _wrap_clear(self, message: bytes, number: int) -> bytes:
        snd_seq = number.to_bytes(8)
        template = self._clear_out
        if template is None:
            template = self._clear_out = self._key.checksum_mac(self._out.seal_usage)
        mac = template.copy()
        mac.update(message)
        mac.update(self._out.clear + snd_seq)
        ec = self._size.to_bytes(2, "big")
        return b"".join((self._out.clear[:4], ec, b"\0\0", snd_seq, message, mac.finalize()[: self._size]))

    def unwrap(self, token: bytes) -> tuple[bytes, bool, int]:
        """Message, whether it was confidential, sequence number. InvalidTokenError or BadMICError otherwise."""
        if type(token) is not bytes:
            token = octets(token)
        header = token[:HEADER]
        filler = 0
        if header[:8] != self._in.sealed:  # which is what nearly every peer sends: neither filler nor rotation
            if not self.check_header(header, WRAP) & SEALED:
                return self._unwrap_clear(header, token)
            filler = header[4] << 8 | header[5]
            if header[6:8] != b"\0\0":
                token = header + unrotated(header, token, filler if self._dce else 0)
        if len(token) < self._least:
            raise InvalidTokenError("the token is too short to hold a confounder, a header and a checksum")
        opener = self._opener or self._new_opener()
        self._opener = None
        message, inner = opener.open(token, HEADER, HEADER)
        self._opener = opener
        # RRC is not protected (§4.2.5): a relay may rotate what another has made.
        if inner != header and (inner[:6] != header[:6] or inner[8:] != header[8:]):
            raise InvalidTokenError("the token's header is not the one that was encrypted with the message")
        if filler:
            if filler > len(message):
                raise InvalidTokenError("the token claims more filler than it holds")
            message = message[:-filler]
        return message, True, int.from_bytes(header[8:])

    def _unwrap_clear(self, header: bytes, token: bytes) -> tuple[bytes, bool, int]:
        size = self._size
        if header[4] << 8 | header[5] != size:
            raise InvalidTokenError(f"the token claims a checksum of another length than the {size} octets of its key")
        body = unrotated(header, token)
        end = len(body) - size
        if end < 0:
            raise InvalidTokenError("the token is too short to hold a checksum")
        template = self._clear_in
        if template is None:
            template = self._clear_in = self._key.checksum_mac(self._in.seal_usage)
        message = body[:end]
        mac = template.copy()
        mac.update(message)
        mac.update(header[:4] + b"\0\0\0\0" + header[8:])
        if not hmac.compare_digest(mac.finalize()[:size], body[end:]):
            raise BadMICError("the token's checksum does not belong to its message")
        return message, False, int.from_bytes(header[8:])

    # MIC tokens (§4.2.6.1)

    def get_mic(self, message: bytes, number: int) -> bytes:
        """The MIC token of `message` with this sequence number."""
        if type(message) is not bytes:
            message = octets(message)
        template = self._mic_out
        if template is None:
            template = self._mic_out = self._key.checksum_mac(self._out.sign_usage)
        header = self._out.mic + number.to_bytes(8)
        mac = template.copy()
        mac.update(message)
        mac.update(header)
        return header + mac.finalize()[: self._size]

    def verify_mic(self, message: bytes, token: bytes) -> int:
        """The sequence number of a MIC token that vouches for `message`. InvalidTokenError or BadMICError otherwise."""
        if type(message) is not bytes:
            message = octets(message)
        if type(token) is not bytes:
            token = octets(token)
        header = token[:HEADER]
        if header[:8] != self._in.mic:
            if self.check_header(header, _MIC) & SEALED:
                raise InvalidTokenError("the MIC token says that it is encrypted")
            if header[3:8] != _MIC_FILLER:
                raise InvalidTokenError("the MIC token's filler is not FF")
        template = self._mic_in
        if template is None:
            template = self._mic_in = self._key.checksum_mac(self._in.sign_usage)
        mac = template.copy()
        mac.update(message)
        mac.update(header)
        if not hmac.compare_digest(mac.finalize()[: self._size], token[HEADER:]):
            raise BadMICError("the MIC does not belong to the message")
        return int.from_bytes(header[8:])

    def check_header(self, header: bytes, tok_id: bytes) -> int:
        """The flags of a header that is not simply the expected one. Flags nobody knows are ignored (§4.2.2)."""
        kind = "Wrap" if tok_id == WRAP else "MIC"
        if len(header) < HEADER:
            raise InvalidTokenError(f"a {kind} token has at least {HEADER} octets, this one {len(header)}")
        if header[:2] != tok_id:
            raise InvalidTokenError(
                "a token in the framing of context establishment, or of RFC 1964, stands in place of a message"
                if header[0] == 0x60
                else f"the token is no {kind} token: it begins {header[:2].hex()}, not {tok_id.hex()}"
            )
        flags = header[2] & _KNOWN_FLAGS
        if header[3] != 0xFF:
            raise InvalidTokenError(f"the {kind} token's filler is not FF")
        if (flags ^ self._in.flags) & SENT_BY_ACCEPTOR:
            # An attacker who sends our own messages back to us would otherwise pass for the peer.
            raise BadMICError(f"the token was not sent by the {self._in.sender}: it came back from where it was made")
        if (flags ^ self._in.flags) & ACCEPTOR_SUBKEY:
            raise InvalidTokenError("the token is protected by another subkey than the one the context agreed on")
        return flags


def wrap_overhead(key: Key, confidential: bool) -> int:
    """Octets that a Wrap token has more than its message."""
    return key.checksum_size + (_SEALED_OVERHEAD if confidential else HEADER)


def octets(data: object) -> bytes:
    """A copy of any buffer, which nobody changes while it is at work. TypeError for what is no buffer."""
    return memoryview(data).tobytes()  # type: ignore[arg-type]


def unrotated(header: bytes, token: bytes, more: int = 0) -> bytes:
    """§4.2.5: what follows the header, with its right rotation by RRC undone.

    Where the two ends agreed on DCE style, Windows (and with it all others) turns by EC more than RRC says.
    """
    body = token[HEADER:]
    count = ((header[6] << 8 | header[7]) + more) % (len(body) or 1)
    return body[count:] + body[:count] if count else body
