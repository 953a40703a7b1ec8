"""Two ends of one context, made from records instead of an AP exchange."""

from __future__ import annotations

import os
from typing import Any

from puregss.base.flags import RequirementFlag
from puregss.base.ports import Entropy
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.context import KerberosContext
from puregss.krb5.principal import Principal
from puregss.krb5.record import ContextRecord
from puregss.krb5.window import SequenceWindow

KEY_SIZES = {17: 16, 18: 32, 19: 16, 20: 32, 25: 16, 26: 32}
FLAGS = RequirementFlag.mutual_authentication | RequirementFlag.confidentiality | RequirementFlag.integrity
USER = Principal(("user",), "EXAMPLE.COM")
SERVICE = Principal(("HTTP", "host.example.com"), "EXAMPLE.COM", 3)


def record(
    initiate: bool, enctype: int = 18, *, replay: bool = True, sequence: bool = True, **changes: Any
) -> ContextRecord:
    """One end: the initiator counts from 1000, the acceptor from 2000; no subkeys unless `changes` has some."""
    key = Key(enctype, bytes(range(KEY_SIZES[enctype])))
    fields: dict[str, Any] = {
        "initiate": initiate,
        "flags": int(FLAGS),
        "initiator": USER,
        "acceptor": SERVICE,
        "authtime": 1_700_000_000,
        "starttime": 1_700_000_000,
        "endtime": 1_700_036_000,
        "renew_till": 0,
        "ticket_flags": 0x40A50000,
        "session_key": key,
        "initiator_subkey": None,
        "acceptor_subkey": None,
        "send_seq": 1000 if initiate else 2000,
        "recv": SequenceWindow(2000 if initiate else 1000, do_replay=replay, do_sequence=sequence),
    }
    return ContextRecord(**(fields | changes))


def pair(
    enctype: int = 18, *, entropy: Entropy = os.urandom, **changes: Any
) -> tuple[KerberosContext, KerberosContext]:
    """An initiator and an acceptor of one context."""
    return tuple(KerberosContext(record(end, enctype, **changes), entropy) for end in (True, False))  # type: ignore[return-value]


def full(initiate: bool, enctype: int = 18) -> ContextRecord:
    """One end of a context with every key there can be."""
    keys = [random_key(enctype, lambda n, i=i: bytes((i,)) * n) for i in (1, 2, 3)]  # type: ignore[misc]
    return record(initiate, enctype, session_key=keys[0], initiator_subkey=keys[1], acceptor_subkey=keys[2])
