"""MIT's library through python-gssapi, as `tests.interop.party` wants a library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gssapi
from gssapi.raw import (
    IOV,
    ChannelBindings,
    GSSError,
    IOVBufferType,
    Name,
    NameType,
    accept_sec_context,
    acquire_cred,
    display_name,
    export_sec_context,
    get_mic,
    get_mic_iov,
    import_name,
    import_sec_context,
    init_sec_context,
    inquire_context,
    inquire_cred,
    inquire_sec_context_by_oid,
    krb5_export_lucid_sec_context,
    krb5_extract_authtime_from_sec_context,
    krb5_extract_authz_data_from_sec_context,
    krb5_get_tkt_flags,
    unwrap,
    unwrap_iov,
    verify_mic,
    verify_mic_iov,
    wrap,
    wrap_iov,
    wrap_size_limit,
)

from tests.interop.party import Facts, Iov, PeerError, serve


@dataclass
class _Context:
    step: Callable[[bytes | None], Any]
    handle: Any = None
    delegated: Any = None


@contextmanager
def _statuses() -> Iterator[None]:
    try:
        yield
    except GSSError as error:
        raise PeerError(error.maj_code, error.min_code, str(error), error.token) from None


class MitLibrary:
    """Contexts by number."""

    def __init__(self) -> None:
        self._contexts: list[_Context] = []

    def _add(self, context: _Context) -> int:
        self._contexts.append(context)
        return len(self._contexts) - 1

    def initiate(self, service: str, flags: int, bindings: bytes | None, mech: str) -> int:
        name = import_name(service.encode(), NameType.hostbased_service)
        oid = gssapi.OID.from_int_seq(mech)

        def step(token: bytes | None) -> Any:
            result = init_sec_context(
                name,
                context=context.handle,
                mech=oid,
                flags=list(gssapi.IntEnumFlagSet(gssapi.RequirementFlag, flags)),
                channel_bindings=_bindings(bindings),
                input_token=token,
            )
            context.handle = result.context
            return result.token, not result.more_steps

        context = _Context(step)
        return self._add(context)

    def accept(self, bindings: bytes | None) -> int:
        credential = acquire_cred(None, usage="accept").creds

        def step(token: bytes | None) -> Any:
            assert token is not None
            result = accept_sec_context(
                token, acceptor_creds=credential, context=context.handle, channel_bindings=_bindings(bindings)
            )
            context.handle = result.context
            context.delegated = context.delegated or result.delegated_creds  # not given again in the third leg
            return result.token, not result.more_steps

        context = _Context(step)
        return self._add(context)

    def restore(self, token: bytes) -> int:
        with _statuses():
            return self._add(_Context(lambda _: None, handle=import_sec_context(token)))

    def step(self, number: int, token: bytes | None) -> Any:
        with _statuses():
            return self._contexts[number].step(token)

    def wrap(self, number: int, message: bytes, confidential: bool) -> bytes:
        with _statuses():
            return wrap(self._contexts[number].handle, message, confidential=confidential).message

    def unwrap(self, number: int, token: bytes) -> tuple[bytes, bool]:
        with _statuses():
            result = unwrap(self._contexts[number].handle, token)
            return result.message, result.encrypted

    def wrap_iov(self, number: int, buffers: Iov, confidential: bool) -> Iov:
        with _statuses():
            vector = _iov(buffers, allocate=True)
            wrap_iov(self._contexts[number].handle, vector, confidential=confidential)
            return [(int(buffer.type), buffer.value or b"") for buffer in vector]

    def unwrap_iov(self, number: int, buffers: Iov) -> Iov:
        with _statuses():
            vector = _iov(buffers, allocate=False)
            unwrap_iov(self._contexts[number].handle, vector)
            return [(int(buffer.type), buffer.value or b"") for buffer in vector]

    def get_mic_iov(self, number: int, buffers: Iov) -> Iov:
        with _statuses():
            vector = _iov(buffers, allocate=True)
            get_mic_iov(self._contexts[number].handle, vector)
            return [(int(buffer.type), buffer.value or b"") for buffer in vector]

    def verify_mic_iov(self, number: int, buffers: Iov) -> None:
        with _statuses():
            verify_mic_iov(self._contexts[number].handle, _iov(buffers, allocate=False))

    def get_mic(self, number: int, message: bytes) -> bytes:
        with _statuses():
            return get_mic(self._contexts[number].handle, message)

    def verify_mic(self, number: int, message: bytes, mic: bytes) -> None:
        with _statuses():
            verify_mic(self._contexts[number].handle, message, mic)

    def wrap_size_limit(self, number: int, size: int, confidential: bool) -> int:
        with _statuses():
            return wrap_size_limit(self._contexts[number].handle, size, confidential=confidential)

    def facts(self, number: int) -> Facts:
        with _statuses():
            known = inquire_context(self._contexts[number].handle)
            return Facts(
                initiator=_text(known.initiator_name),
                acceptor=_text(known.target_name),
                flags=int(known.flags or 0),
                lifetime=known.lifetime or 0,
                local=bool(known.locally_init),
            )

    def delegated(self, number: int) -> str | None:
        credential = self._contexts[number].delegated
        with _statuses():
            return None if credential is None else _text(inquire_cred(credential).name)

    def export(self, number: int) -> bytes:
        with _statuses():
            return export_sec_context(self._contexts[number].handle)

    def ticket(self, number: int) -> tuple[int, int]:
        """The ticket's authtime and flags."""
        handle = self._contexts[number].handle
        with _statuses():
            return krb5_extract_authtime_from_sec_context(handle), krb5_get_tkt_flags(handle)

    def session_key(self, number: int) -> bytes:
        """What Windows' callers ask a context for (GSS_C_INQ_SSPI_SESSION_KEY)."""
        oid = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2.5.5")
        with _statuses():
            return inquire_sec_context_by_oid(self._contexts[number].handle, oid)[0]

    def authdata(self, number: int, ad_type: int) -> bytes:
        """An acceptor's authorization data of one type."""
        with _statuses():
            return krb5_extract_authz_data_from_sec_context(self._contexts[number].handle, ad_type)

    def lucid(self, number: int) -> tuple[bool, int, int, int, bytes]:
        """Whether it is the initiator's, the end, the next number to send, enctype and key; the context is gone."""
        with _statuses():
            lucid: Any = krb5_export_lucid_sec_context(self._contexts[number].handle, 1)
        keys = lucid.cfx_kd
        subkey, own = (keys.acceptor_subkey_type, keys.acceptor_subkey), (keys.ctx_key_type, keys.ctx_key)
        return lucid.is_initiator, lucid.endtime, lucid.send_seq, *(own if keys.acceptor_subkey is None else subkey)


def _text(name: Name | None) -> str:
    assert name is not None
    return display_name(name, name_type=False).name.decode()


def _bindings(data: bytes | None) -> ChannelBindings | None:
    return None if data is None else ChannelBindings(application_data=data)


def _iov(buffers: Iov, allocate: bool) -> IOV:
    vector = [(IOVBufferType(kind), allocate and kind in (2, 7, 9, 12), value or None) for kind, value in buffers]
    return IOV(*vector, std_layout=False)


if __name__ == "__main__":
    serve(MitLibrary())
