"""RFC 4121 §4.2, RFC 4402: an established Kerberos context."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import Any, Final, NoReturn, Self

from puregss.base.errors import (
    DuplicateTokenError,
    ExpiredTokenError,
    GSSError,
    MissingContextError,
    SupplementaryError,
    TokenTooEarlyError,
    TokenTooLateError,
)
from puregss.base.flags import RequirementFlag
from puregss.base.iov import IOVBuffers, IOVBufferType
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.base.ports import Entropy
from puregss.base.status import ContextMinor
from puregss.kcrypto.key import Key
from puregss.krb5.iov import BufferProtection, message_of, mic_of, with_mic
from puregss.krb5.principal import Principal
from puregss.krb5.protection import octets, wrap_overhead
from puregss.krb5.record import ContextRecord, decode_record, encode_record
from puregss.krb5.window import DUPLICATE, GAP, OLD

_DCE: Final = int(RequirementFlag.dce_style)  # `&` with a flag costs as much as a small message

PRF_KEY_FULL = 0
PRF_KEY_PARTIAL = 1


class KerberosContext:
    """A `MechanismContext` of the Kerberos mechanism.

    It holds one `ContextRecord`; ciphers and MACs are derived from it with the first message. The calls
    lock by themselves and may come from any thread; `encode` and `kill` want `lock` held.
    """

    __slots__ = ("_dead", "_entropy", "_protection", "_record", "expiry", "flags", "locally_initiated", "lock")

    oid: OID = MechType.kerberos

    def __init__(self, record: ContextRecord, entropy: Entropy) -> None:
        """The context takes the record over, whose keys should be bare: a context may be one of many thousands."""
        self.lock = Lock()
        self.flags = _requirement_flags(record.flags)
        self.locally_initiated = record.initiate
        self.expiry: float = record.endtime
        self._entropy = entropy
        self._record: ContextRecord | None = record
        self._protection: BufferProtection | None = None
        self._dead = ""

    # Transfer

    @classmethod
    def restore(cls, body: bytes, entropy: Entropy) -> Self:
        """The context that `encode` wrote. InvalidTokenError if it is malformed."""
        return cls(decode_record(body), entropy)

    def encode(self) -> bytes:
        """The whole record, keys in clear, to be sealed. The caller holds `lock`. MissingContextError if dead."""
        return encode_record(self._record or self._gone())

    def kill(self, reason: str) -> None:
        """Forget every key; from here on every call raises MissingContextError(reason). The caller holds `lock`."""
        self._record = self._protection = None
        self._dead = self._dead or reason

    def _gone(self) -> NoReturn:
        raise MissingContextError(self._dead, minor=ContextMinor.DEAD)

    # Inquiry

    @property
    def initiator_name(self) -> Principal:
        """Whose ticket established the context."""
        return (self._record or self._gone()).initiator

    @property
    def acceptor_name(self) -> Principal:
        """For whom the ticket was issued."""
        return (self._record or self._gone()).acceptor

    @property
    def authtime(self) -> int:
        """When the initiator proved its identity to its KDC, in seconds since 1970."""
        return (self._record or self._gone()).authtime

    @property
    def ticket_flags(self) -> int:
        """The ticket's flags (RFC 4120 §5.3; bit 0 is the highest of 32)."""
        return (self._record or self._gone()).ticket_flags

    @property
    def authdata(self) -> tuple[tuple[int, bytes], ...]:
        """(ad-type, ad-data) of the ticket (RFC 4120 §5.2.6)."""
        return (self._record or self._gone()).authdata

    def dangerous_session_key(self) -> Key:
        """The key the peers share, which protects the messages."""
        return (self._record or self._gone()).message_key

    # Per-message calls

    def _protect(self, record: ContextRecord) -> BufferProtection:
        # By position: for a class that is called by names Python makes a dict of them first.
        self._protection = protection = BufferProtection(
            record.message_key,
            record.initiate,
            record.acceptor_subkey is not None,
            self._entropy,
            record.flags & _DCE != 0,
        )
        return protection

    def wrap(self, message: bytes, confidential: bool) -> bytes:
        """GSS_Wrap: the token that carries `message`, encrypted if `confidential`."""
        with self.lock:
            record = self._record or self._gone()
            token = (self._protection or self._protect(record)).wrap(message, confidential, record.send_seq)
            record.send_seq = record.send_seq + 1 & 0xFFFF_FFFF_FFFF_FFFF
        return token

    def unwrap(self, token: bytes) -> tuple[bytes, bool]:
        """GSS_Unwrap: the message, and whether it was confidential.

        InvalidTokenError or BadMICError if the token is not the peer's, SupplementaryError (its `result` holds what
        would have been returned) if it is, but came at the wrong place.
        """
        with self.lock:
            record = self._record or self._gone()
            message, confidential, number = (self._protection or self._protect(record)).unwrap(token)
            status = record.recv.check(number)
        if status:
            raise _supplementary(status, number, (message, confidential))
        return message, confidential

    def get_mic(self, message: bytes) -> bytes:
        """GSS_GetMIC: a token that vouches for `message` without holding it."""
        with self.lock:
            record = self._record or self._gone()
            mic = (self._protection or self._protect(record)).get_mic(message, record.send_seq)
            record.send_seq = record.send_seq + 1 & 0xFFFF_FFFF_FFFF_FFFF
        return mic

    def verify_mic(self, message: bytes, mic: bytes) -> None:
        """GSS_VerifyMIC: returns if the token vouches for `message`; raises as `unwrap` does."""
        with self.lock:
            record = self._record or self._gone()
            number = (self._protection or self._protect(record)).verify_mic(message, mic)
            status = record.recv.check(number)
        if status:
            raise _supplementary(status, number, None)

    # Messages in several buffers, and with associated data

    def wrap_iov(self, buffers: IOVBuffers, confidential: bool) -> list[tuple[int, bytes]]:
        """`wrap` of the DATA buffers; gives all buffers, with DATA encrypted if `confidential`, and HEADER, PADDING
        and TRAILER filled in. SIGN_ONLY is protected with the message without becoming part of it. Without a TRAILER
        everything is in HEADER. GSSError unless there is one HEADER.
        """
        with self.lock:
            record = self._record or self._gone()
            protection = self._protection or self._protect(record)
            wrapped = protection.wrap_iov(buffers, confidential, record.send_seq)
            record.send_seq = record.send_seq + 1 & 0xFFFF_FFFF_FFFF_FFFF
        return wrapped

    def wrap_iov_length(self, buffers: IOVBuffers, confidential: bool) -> list[tuple[int, int]]:
        """The length in octets that `wrap_iov` would give to each of these buffers."""
        with self.lock:
            record = self._record or self._gone()
            return (self._protection or self._protect(record)).wrap_iov_length(buffers, confidential)

    def unwrap_iov(self, buffers: IOVBuffers) -> tuple[list[tuple[int, bytes]], bool]:
        """`unwrap` of what `wrap_iov` made, or of a whole token in STREAM with one DATA to be filled.

        SIGN_ONLY must be what it was. Gives all buffers, with plaintext in DATA, and whether that was confidential.
        """
        with self.lock:
            record = self._record or self._gone()
            unwrapped, confidential, number = (self._protection or self._protect(record)).unwrap_iov(buffers)
            status = record.recv.check(number)
        if status:
            raise _supplementary(status, number, (unwrapped, confidential))
        return unwrapped, confidential

    def get_mic_iov(self, buffers: IOVBuffers) -> list[tuple[int, bytes]]:
        """`get_mic` of DATA and SIGN_ONLY, in order; gives all buffers, with the MIC in MIC_TOKEN."""
        mic_of(buffers)
        return with_mic(buffers, self.get_mic(message_of(buffers)))

    def verify_mic_iov(self, buffers: IOVBuffers) -> None:
        """`verify_mic` of what `get_mic_iov` made."""
        self.verify_mic(message_of(buffers), mic_of(buffers))

    def wrap_aead(self, message: bytes, associated: bytes, confidential: bool) -> bytes:
        """`wrap` that also protects `associated`, which the receiver must have from elsewhere."""
        kinds = (IOVBufferType.header, IOVBufferType.sign_only, IOVBufferType.data, IOVBufferType.trailer)
        buffers = self.wrap_iov(list(zip(kinds, (b"", associated, message, b""), strict=True)), confidential)
        return b"".join(value for kind, value in buffers if kind != IOVBufferType.sign_only)

    def unwrap_aead(self, token: bytes, associated: bytes) -> tuple[bytes, bool]:
        """`unwrap` of what `wrap_aead` made with the same `associated`. Errors as for `unwrap`."""
        kinds = (IOVBufferType.stream, IOVBufferType.sign_only, IOVBufferType.data)
        try:
            buffers, confidential = self.unwrap_iov(list(zip(kinds, (token, associated, b""), strict=True)))
        except SupplementaryError as error:
            error.result = (error.result[0][-1][1], error.result[1])
            raise
        return buffers[-1][1], confidential

    # Sizes and keys

    def wrap_size_limit(self, max_output: int, confidential: bool) -> int:
        """GSS_Wrap_size_limit: octets of the longest message whose token has at most `max_output`; 0 if none has."""
        record = self._record or self._gone()
        return max(0, max_output - wrap_overhead(record.message_key, confidential))

    def pseudo_random(self, prf_key: int, prf_in: bytes, length: int) -> bytes:
        """GSS_Pseudo_random (RFC 4401, RFC 4402): `length` octets that only the two peers can compute."""
        record = self._record or self._gone()
        if prf_key == PRF_KEY_FULL:
            key = record.message_key
        elif prf_key == PRF_KEY_PARTIAL:
            key = record.initiator_subkey or record.session_key
        else:
            raise GSSError(f"{prf_key} names no key: 0 is the full one, 1 the partial one")
        if length < 0:
            raise GSSError(f"{length} octets cannot be made")
        prf_in = octets(prf_in)
        blocks: list[bytes] = []
        made = 0
        while made < length:
            blocks.append(key.prf(len(blocks).to_bytes(4, "big") + prf_in))
            made += len(blocks[-1])
        return b"".join(blocks)[:length]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a security context lives in one process at a time: export it, never copy or pickle it")

    def __repr__(self) -> str:
        return f"<KerberosContext {'initiator' if self.locally_initiated else 'acceptor'}>"


@lru_cache(maxsize=64)
def _requirement_flags(flags: int) -> RequirementFlag:
    """Making a flag takes longer than all other work on an idle context's attributes."""
    return RequirementFlag(flags)


def _supplementary(status: int, number: int, result: Any) -> SupplementaryError:
    if status == DUPLICATE:
        return DuplicateTokenError(f"token number {number} has arrived before", result=result)
    if status == OLD:
        return ExpiredTokenError(f"token number {number} is too old to tell whether it is a duplicate", result=result)
    if status == GAP:
        return TokenTooEarlyError(f"tokens before number {number} have not arrived", result=result)
    return TokenTooLateError(f"tokens after number {number} have arrived before it", result=result)
