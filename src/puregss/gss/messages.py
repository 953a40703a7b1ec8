"""RFC 2743 §2.3 and its extensions: what an established context does with messages."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from puregss.base.errors import BadQoPError, InvalidTokenError, SupplementaryError
from puregss.base.iov import IOVBuffers
from puregss.base.made import made
from puregss.kcrypto.enctypes import enctype_name
from puregss.krb5.context import KerberosContext


class WrapResult(NamedTuple):
    """What `wrap` gives: the token for the peer, and whether it is confidential."""

    message: bytes
    encrypted: bool


class UnwrapResult(NamedTuple):
    """What `unwrap` gives: the peer's message, whether it was confidential, the quality of protection (0)."""

    message: bytes
    encrypted: bool
    qop: int


class IOVResult(NamedTuple):
    """Buffers of a message, whether they are (or were) confidential, the quality of protection (0)."""

    buffers: list[tuple[int, bytes]]
    encrypted: bool
    qop: int


class PrfKey(IntEnum):
    """RFC 4401 §2: which key `pseudo_random` uses: that of the whole exchange, or the initiator's alone."""

    full = 0
    partial = 1


class MessageCalls:
    """The calls of an established context. Every one raises MissingContextError where there is none.

    The per-message ones raise ExpiredContextError past an enforced lifetime. `qop` is the quality of
    protection, of which Kerberos has one (RFC 4121 §4.2): BadQoPError unless it is 0.
    """

    __slots__ = ()

    def _protecting(self) -> KerberosContext:
        """The live mechanism context, for a call that a lifetime may end."""
        raise NotImplementedError

    def _context(self) -> KerberosContext:
        """The live mechanism context."""
        raise NotImplementedError

    @property
    def enctype(self) -> str:
        """The encryption type that protects the messages, such as `aes256-cts-hmac-sha1-96`."""
        return _spelled(self._context().dangerous_session_key().enctype)

    def wrap(self, message: bytes, encrypt: bool, *, qop: int = 0) -> WrapResult:
        """GSS_Wrap: protect `message`, with confidentiality if `encrypt`."""
        if qop:
            raise _bad_qop(qop)
        return made(WrapResult, (self._protecting().wrap(message, encrypt), encrypt))

    def unwrap(self, message: bytes) -> UnwrapResult:
        """GSS_Unwrap: the peer's message out of its token.

        BadMICError or InvalidTokenError for a token that is not the peer's or was altered; a
        SupplementaryError (with `result`) for a sound one that is a duplicate, old or out of order.
        """
        try:
            plain, encrypted = self._protecting().unwrap(message)
        except SupplementaryError as error:
            plain, encrypted = error.result
            error.result = UnwrapResult(plain, encrypted, 0)
            raise
        return made(UnwrapResult, (plain, encrypted, 0))

    def get_signature(self, message: bytes, *, qop: int = 0) -> bytes:
        """GSS_GetMIC: a token that vouches for `message` without containing it."""
        if qop:
            raise _bad_qop(qop)
        return self._protecting().get_mic(message)

    def verify_signature(self, message: bytes, mic: bytes) -> int:
        """GSS_VerifyMIC: returns the quality of protection (0). Errors as for `unwrap`."""
        self._protecting().verify_mic(message, mic)
        return 0

    def get_wrap_size_limit(self, desired_output_size: int, encrypted: bool = True, *, qop: int = 0) -> int:
        """GSS_Wrap_size_limit: the longest message in bytes whose token fits into `desired_output_size`."""
        if qop:
            raise _bad_qop(qop)
        return self._context().wrap_size_limit(desired_output_size, encrypted)

    def encrypt(self, message: bytes) -> bytes:
        """`wrap` with confidentiality, the token alone."""
        return self.wrap(message, True).message

    def decrypt(self, message: bytes) -> bytes:
        """`unwrap` for messages that must have been confidential; InvalidTokenError if one was not."""
        result = self.unwrap(message)
        if not result.encrypted:
            raise InvalidTokenError("the peer's message was protected, but not confidential")
        return result.message

    # Messages in several buffers, and with associated data

    def wrap_iov(self, buffers: IOVBuffers, encrypt: bool) -> IOVResult:
        """GSS_Wrap_iov: `wrap` of the DATA buffers. All buffers come back, HEADER, PADDING and TRAILER filled in.

        SIGN_ONLY buffers are protected with the message without becoming part of the token; without a
        TRAILER everything is in HEADER. GSSError unless there is exactly one HEADER.
        """
        return IOVResult(self._protecting().wrap_iov(buffers, encrypt), encrypt, 0)

    def wrap_iov_length(self, buffers: IOVBuffers, encrypt: bool) -> list[tuple[int, int]]:
        """GSS_Wrap_iov_length: type and length in bytes of each buffer as `wrap_iov` would fill it."""
        return self._protecting().wrap_iov_length(buffers, encrypt)

    def unwrap_iov(self, buffers: IOVBuffers) -> IOVResult:
        """GSS_Unwrap_iov: `unwrap` of what `wrap_iov` made, or of a whole token in STREAM with one DATA to be filled.

        SIGN_ONLY must hold what it held when the message was wrapped. Errors as for `unwrap`.
        """
        try:
            unwrapped, encrypted = self._protecting().unwrap_iov(buffers)
        except SupplementaryError as error:
            unwrapped, encrypted = error.result
            error.result = IOVResult(unwrapped, encrypted, 0)
            raise
        return IOVResult(unwrapped, encrypted, 0)

    def get_mic_iov(self, buffers: IOVBuffers) -> list[tuple[int, bytes]]:
        """GSS_Get_mic_iov: all buffers, with the MIC of DATA and SIGN_ONLY in MIC_TOKEN."""
        return self._protecting().get_mic_iov(buffers)

    def verify_mic_iov(self, buffers: IOVBuffers) -> int:
        """GSS_Verify_mic_iov: returns the quality of protection (0). Errors as for `unwrap`."""
        self._protecting().verify_mic_iov(buffers)
        return 0

    def wrap_aead(self, message: bytes, associated: bytes, encrypt: bool) -> WrapResult:
        """GSS_Wrap_aead: `wrap` that also protects `associated`, which the peer must have from elsewhere."""
        return WrapResult(self._protecting().wrap_aead(message, associated, encrypt), encrypt)

    def unwrap_aead(self, message: bytes, associated: bytes) -> UnwrapResult:
        """GSS_Unwrap_aead: the peer's message, if `associated` is what it was wrapped with. Errors as for `unwrap`."""
        try:
            plain, encrypted = self._protecting().unwrap_aead(message, associated)
        except SupplementaryError as error:
            plain, encrypted = error.result
            error.result = UnwrapResult(plain, encrypted, 0)
            raise
        return UnwrapResult(plain, encrypted, 0)

    # Keys

    def pseudo_random(self, length: int, seed: bytes, key: PrfKey = PrfKey.full) -> bytes:
        """GSS_Pseudo_random (RFC 4401, RFC 4402): `length` octets from `seed` that only the two peers can compute."""
        return self._context().pseudo_random(key, seed, length)

    def dangerous_session_key(self) -> tuple[str, bytes]:
        """The encryption type and the octets of the key that protects the messages.

        For protocols that key themselves from the context (SMB, DCE/RPC); whoever has it reads everything.
        """
        key = self._context().dangerous_session_key()
        return self.enctype, key.dangerous_material()


@lru_cache(maxsize=16)
def _spelled(enctype: int) -> str:
    return enctype_name(enctype).partition(" ")[0]


def _bad_qop(qop: int) -> BadQoPError:
    return BadQoPError(f"Kerberos has no quality of protection {qop}; ask for 0 and choose by `encrypt`")
