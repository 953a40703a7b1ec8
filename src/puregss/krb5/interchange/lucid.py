"""RFC 4121 §2, as the Linux kernel takes it: the lucid context (version 1) in gss-proxy's flat form `linux_lucid_v1`.

    0   4  1: initiator, 2: RFC 4121's tokens, 4: the key is an acceptor's subkey
    4   4  end of the context, seconds since 1970
    8   8  sequence number of the next message to send
   16   4  encryption type
   20   n  key that protects the messages

All numbers in the byte order of this machine. It is for a consumer that makes and reads messages by itself
(the kernel's NFS, a user-space RPC): neither names nor what has arrived is in it, so nobody can make a whole
context of it again, and it is only written.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NoReturn

from puregss.base.errors import OperationUnavailableError
from puregss.krb5.interchange.foreign import in_32_bits
from puregss.krb5.record import ContextRecord

_HEAD: Final = Struct("=IIQI")
_INITIATOR: Final = 1
_RFC4121: Final = 2
_ACCEPTOR_SUBKEY: Final = 4


def encode_lucid(record: ContextRecord) -> bytes:
    """The flat lucid context. Whoever reads it has the context's key."""
    flags = _RFC4121 | (_INITIATOR if record.initiate else 0) | (_ACCEPTOR_SUBKEY if record.acceptor_subkey else 0)
    key = record.message_key
    return _HEAD.pack(flags, in_32_bits(record.endtime), record.send_seq, key.enctype) + key.dangerous_material()


def refuse_lucid(token: bytes) -> NoReturn:
    raise OperationUnavailableError(
        "a lucid context tells neither the peers' names nor which messages have arrived, so it cannot be imported; "
        "export the context in another format"
    )
