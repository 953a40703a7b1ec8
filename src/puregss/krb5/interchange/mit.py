"""RFC 2743 §2.2.8, as MIT krb5 does it: the raw interprocess token of MIT 1.18 to 1.22 and its master.

Read: Kerberos contexts of either role, also negotiated by SPNEGO. Written: what 1.19 and later write, for a
little-endian host, without the profile, the authenticator and the authdata context (the authorization data
itself is there), none of which an established context needs.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from puregss.base.errors import InvalidTokenError, OperationUnavailableError
from puregss.base.names import MechType
from puregss.krb5.interchange import mit_blocks as blocks
from puregss.krb5.interchange.foreign import (
    Keyblock,
    half_open,
    in_32_bits,
    is_kerberos,
    octets_of,
    optional_key,
    unknown_mechanism,
)
from puregss.krb5.interchange.mit_blocks import BlockReader, block, counted, word
from puregss.krb5.principal import Principal
from puregss.krb5.record import ContextRecord
from puregss.krb5.window import ROUND, SequenceWindow

# initiate, established, have_acceptor_subkey; seed_init, gss_flags, seed, signalg, cksum_size, sealalg;
# authtime, starttime, endtime, renew_till, krb_flags; seq_send, seq_recv
_FIXED: Final = Struct(">3I i I 16s 3i 5I 2Q")
_NO_RFC1964: Final = (0, bytes(16), -1, 0, -1)
_SEQUENCE_STATE: Final = "2I 4Q"  # do_replay, do_sequence; seqmask, base, next, recvmap: a struct of the host
_CFX_MASK: Final = ROUND - 1
_RFC4121: Final = 1
_DO_SEQUENCE: Final = 0x04
_USE_SUBKEY: Final = 0x20
_GSSAPI_CHECKSUM: Final = 0x8003


def decode_mit(token: bytes) -> ContextRecord:
    """The context in `token`, every octet of which is checked.

    InvalidTokenError if it is damaged; OperationUnavailableError if its context is half-open, or of RC4 or
    another encryption type that puregss lacks; BadMechanismError if it is not of Kerberos.
    """
    reader = BlockReader(token)
    mechanism = reader.counted()
    if mechanism == MechType.spnego.contents:
        mechanism = reader.counted()
    if not is_kerberos(mechanism):
        raise unknown_mechanism(mechanism)
    return _read(reader).record()


class _State(NamedTuple):
    """The sequence state."""

    do_replay: int
    do_sequence: int
    mask: int
    base: int
    next: int
    recvmap: int

    @property
    def is_sane(self) -> bool:
        return self.do_replay <= 1 and self.do_sequence <= 1


class _Token(NamedTuple):
    """What is read of a token, before it is known whether its context can be carried on."""

    fixed: tuple[int, ...]
    here: Principal | None
    there: Principal | None
    session_key: Keyblock | None
    subkey: Keyblock
    acceptor_subkey: Keyblock | None
    state: bytes | None
    proto: int
    authdata: tuple[tuple[int, bytes], ...]

    def record(self) -> ContextRecord:
        initiate, established, _, _, flags, _, _, _, _, *times, ticket_flags, send_seq, first_seq = self.fixed
        if not established:
            raise half_open()
        if self.here is None or self.there is None or self.state is None:
            raise InvalidTokenError("MIT's token says that its context is established, but lacks names or numbers")
        subkey, acceptor_subkey = self.subkey.key(), optional_key(self.acceptor_subkey)
        session_key = optional_key(self.session_key) or subkey
        if self.proto != _RFC4121:
            raise OperationUnavailableError("the context protects messages by RFC 1964, which puregss does not speak")
        return ContextRecord(
            initiate=bool(initiate),
            flags=flags,
            initiator=self.here if initiate else self.there,
            acceptor=self.there if initiate else self.here,
            authtime=times[0],
            starttime=times[1],
            endtime=times[2],
            renew_till=times[3],
            ticket_flags=ticket_flags,
            session_key=session_key,
            # An initiator that sends no subkey has the session key in its place.
            initiator_subkey=subkey if subkey != session_key else None,
            acceptor_subkey=acceptor_subkey,
            send_seq=send_seq,
            recv=_decode_window(self.state, first_seq),
            authdata=self.authdata,
        )


def _read(reader: BlockReader) -> _Token:
    with reader.block(blocks.GSS_CONTEXT):
        fixed = _FIXED.unpack(reader.take(_FIXED.size))
        if max(fixed[:3]) > 1:
            raise InvalidTokenError("MIT's token is damaged: it neither says yes nor no where it must")
        mechanism = reader.leaf(blocks.MECHANISM)
        if not is_kerberos(mechanism):
            raise unknown_mechanism(mechanism)
        here, there = (reader.principal() if reader.is_next(blocks.PRINCIPAL) else None for _ in range(2))
        subkey = reader.keyblock()
        for _ in range(2):  # of RFC 1964: the keys that encrypt messages and their numbers
            if reader.is_next(blocks.KEYBLOCK):
                reader.keyblock()
        state = None
        if reader.is_next(blocks.SEQUENCE_STATE):
            with reader.block(blocks.SEQUENCE_STATE):
                state = reader.take(40)
        reader.skip_context()
        session_key = reader.auth_context()
        proto, _ = reader.u32(), reader.i32()  # and the checksum type, which follows from the key
        acceptor_subkey = reader.keyblock() if fixed[2] else None
        reader.take(2 * 4)  # the acceptor subkey's checksum type, cred_rcache
        authdata = reader.authdata()
        if reader.is_next(blocks.AUTHDATA_CONTEXT):
            reader.skip_authdata_context()
    reader.finish()
    return _Token(fixed, here, there, session_key, subkey, acceptor_subkey, state, proto, authdata)


def _decode_window(octets: bytes, first_seq: int) -> SequenceWindow:
    """The sequence state, in the byte order in which it agrees with the peer's first number told elsewhere."""
    states = [_State(*Struct(order + _SEQUENCE_STATE).unpack(octets)) for order in "<>"]
    state = next((state for state in states if state.base == first_seq and state.is_sane), None)
    if state is None or state.mask != _CFX_MASK:
        raise InvalidTokenError("MIT's token is damaged: its sequence state fits no byte order")
    return SequenceWindow(
        state.base,
        state.next,
        state.recvmap,
        do_replay=bool(state.do_replay),
        do_sequence=bool(state.do_sequence),
    )


def _encode_window(window: SequenceWindow) -> bytes:
    state = _State(window.do_replay, window.do_sequence, _CFX_MASK, window.base, window.next % ROUND, window.bitmap)
    return block(blocks.SEQUENCE_STATE, Struct("<" + _SEQUENCE_STATE).pack(*state))


def encode_mit(record: ContextRecord) -> bytes:
    """The token that MIT imports. Whoever reads it has the context's keys."""
    here, there = record.initiator, record.acceptor
    if not record.initiate:
        here, there = there, here
    times = map(in_32_bits, (record.authtime, record.starttime, record.endtime, record.renew_till))
    seed_init, seed, *algorithms = _NO_RFC1964
    fixed = _FIXED.pack(
        record.initiate,
        1,
        record.acceptor_subkey is not None,
        seed_init,
        record.flags,
        seed,
        *algorithms,
        *times,
        record.ticket_flags,
        record.send_seq,
        record.recv.base,
    )
    subkey, acceptor_subkey = record.initiator_subkey or record.session_key, record.acceptor_subkey
    parts = [
        fixed,
        block(blocks.MECHANISM, counted(MechType.kerberos.contents)),
        *(block(blocks.PRINCIPAL, counted(octets_of(str(name)))) for name in (here, there)),
        blocks.keyblock(Keyblock.of(subkey)),
        _encode_window(record.recv),
        blocks.context(),
        _encode_auth_context(record),
        word(_RFC4121),
        word(subkey.checksum_type),
        blocks.keyblock(Keyblock.of(acceptor_subkey)) if acceptor_subkey else b"",
        word(acceptor_subkey.checksum_type if acceptor_subkey else 0),
        word(0),  # cred_rcache
        blocks.authdata(record.authdata),
    ]
    return counted(MechType.kerberos.contents) + block(blocks.GSS_CONTEXT, *parts)


def _encode_auth_context(record: ContextRecord) -> bytes:
    """Without the session key MIT crashes when it is asked for it, so all three keys are written."""
    sent = Keyblock.of(record.message_key)
    own_subkey = not record.initiate and record.acceptor_subkey is not None
    return block(
        blocks.AUTH_CONTEXT,
        word(_DO_SEQUENCE | (_USE_SUBKEY if own_subkey else 0)),
        word(record.recv.base),
        word(record.send_seq),
        word(_GSSAPI_CHECKSUM if record.initiate else 0),
        word(0),  # safe_cksumtype
        counted(b""),  # cstate
        *(word(blocks.KEY_TAG), blocks.keyblock(Keyblock.of(record.session_key))),
        *(word(blocks.SEND_SUBKEY_TAG), blocks.keyblock(sent)),
        *(word(blocks.RECV_SUBKEY_TAG), blocks.keyblock(sent)),
    )
