"""puregss as `tests.interop.party` wants a library: in a process that knows the realm by its environment alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from puregss import (
    OID,
    ChannelBindings,
    Credentials,
    GSSError,
    Name,
    NameType,
    PrfKey,
    RequirementFlag,
    SecurityContext,
    import_context,
)
from puregss.gss.interchange import RawFormat
from tests.interop.party import Facts, Iov, PeerError, serve


@contextmanager
def _statuses() -> Iterator[None]:
    try:
        yield
    except GSSError as error:
        raise PeerError(error.major, error.minor, error.message, error.token) from None


class PureLibrary:
    """Contexts by number."""

    def __init__(self) -> None:
        self._contexts: list[SecurityContext] = []

    def _add(self, context: SecurityContext) -> int:
        self._contexts.append(context)
        return len(self._contexts) - 1

    def initiate(self, service: str, flags: int, bindings: bytes | None, mech: str) -> int:
        with _statuses():
            context = SecurityContext(
                name=Name(service, NameType.hostbased_service),
                flags=RequirementFlag(flags),
                mech=OID.from_dotted(mech),
                channel_bindings=_bindings(bindings),
            )
        return self._add(context)

    def accept(self, bindings: bytes | None) -> int:
        with _statuses():
            creds = Credentials(usage="accept")
            return self._add(SecurityContext(creds=creds, usage="accept", channel_bindings=_bindings(bindings)))

    def restore(self, token: bytes, format: RawFormat) -> int:
        with _statuses():
            return self._add(import_context(token, format=format))

    def export(self, number: int, format: RawFormat) -> bytes:
        with _statuses():
            return self._contexts[number].export(format=format)

    def step(self, number: int, token: bytes | None) -> tuple[bytes | None, bool]:
        with _statuses():
            context = self._contexts[number]
            answer = context.step(token)
            return answer, context.complete

    def wrap(self, number: int, message: bytes, confidential: bool) -> bytes:
        with _statuses():
            return self._contexts[number].wrap(message, confidential).message

    def unwrap(self, number: int, token: bytes) -> tuple[bytes, bool]:
        with _statuses():
            result = self._contexts[number].unwrap(token)
            return result.message, result.encrypted

    def wrap_iov(self, number: int, buffers: Iov, confidential: bool) -> Iov:
        with _statuses():
            return list(self._contexts[number].wrap_iov(buffers, confidential).buffers)

    def unwrap_iov(self, number: int, buffers: Iov) -> Iov:
        with _statuses():
            return list(self._contexts[number].unwrap_iov(buffers).buffers)

    def get_mic_iov(self, number: int, buffers: Iov) -> Iov:
        with _statuses():
            return list(self._contexts[number].get_mic_iov(buffers))

    def verify_mic_iov(self, number: int, buffers: Iov) -> None:
        with _statuses():
            self._contexts[number].verify_mic_iov(buffers)

    def wrap_aead(self, number: int, message: bytes, associated: bytes, confidential: bool) -> bytes:
        with _statuses():
            return self._contexts[number].wrap_aead(message, associated, confidential).message

    def unwrap_aead(self, number: int, token: bytes, associated: bytes) -> tuple[bytes, bool]:
        with _statuses():
            result = self._contexts[number].unwrap_aead(token, associated)
            return result.message, result.encrypted

    def session_key(self, number: int) -> bytes:
        with _statuses():
            return self._contexts[number].dangerous_session_key()[1]

    def get_mic(self, number: int, message: bytes) -> bytes:
        with _statuses():
            return self._contexts[number].get_signature(message)

    def verify_mic(self, number: int, message: bytes, mic: bytes) -> None:
        with _statuses():
            self._contexts[number].verify_signature(message, mic)

    def wrap_size_limit(self, number: int, size: int, confidential: bool) -> int:
        with _statuses():
            return self._contexts[number].get_wrap_size_limit(size, confidential)

    def pseudo_random(self, number: int, key: int, data: bytes, length: int) -> bytes:
        with _statuses():
            return self._contexts[number].pseudo_random(length, data, PrfKey(key))

    def facts(self, number: int) -> Facts:
        with _statuses():
            context = self._contexts[number]
            return Facts(
                initiator=str(context.initiator_name),
                acceptor=str(context.target_name),
                flags=int(context.actual_flags),
                lifetime=context.lifetime,
                local=context.locally_initiated,
            )

    def delegated(self, number: int) -> str | None:
        with _statuses():
            credentials = self._contexts[number].delegated_creds
            return None if credentials is None else str(credentials.name)

    def onward(self, number: int, service: str, flags: int) -> int:
        """A new initiator, with what the peer of another context delegated."""
        with _statuses():
            creds = self._contexts[number].delegated_creds
            return self._add(
                SecurityContext(
                    name=Name(service, NameType.hostbased_service), creds=creds, flags=RequirementFlag(flags)
                )
            )


def _bindings(data: bytes | None) -> ChannelBindings | None:
    return None if data is None else ChannelBindings(application_data=data)


if __name__ == "__main__":
    serve(PureLibrary())
