"""Per-message calls of puregss and of python-gssapi over MIT krb5, taking turns round by round.

    python -m bench.hot_path [--enctype 18] [--rounds 15] [--ours]

Prints the medians in microseconds and the ratio. Needs MIT's KDC and python-gssapi, unless `--ours`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from puregss.kcrypto.key import Key
from puregss.krb5.context import KerberosContext
from puregss.krb5.principal import Principal
from puregss.krb5.record import ContextRecord
from puregss.krb5.window import SequenceWindow
from tests.interop.mit_realm import ENCTYPES, MitRealm

SIZES = (16, 64, 256, 1024, 4096, 16384, 65536, 1 << 20)
KEY_SIZES = {17: 16, 18: 32, 19: 16, 20: 32, 25: 16, 26: 32}


class Side(NamedTuple):
    """One implementation's two ends of a context, and a sender nobody listens to."""

    send: Callable[[bytes], object]
    wrap: Callable[[bytes], bytes]
    unwrap: Callable[[bytes], object]
    get_mic: Callable[[bytes], bytes]
    verify_mic: Callable[[bytes, bytes], object]


def ours(enctype: int) -> Side:
    """Two ends made from records."""
    ends = []
    for initiate in (True, True, False):
        keys = [Key(enctype, bytes((n,)) * KEY_SIZES[enctype]) for n in (1, 2, 3)]
        record = ContextRecord(
            initiate=initiate,
            flags=0x3E,
            initiator=Principal(("alice",), "EXAMPLE.COM"),
            acceptor=Principal(("host", "localhost"), "EXAMPLE.COM"),
            authtime=1_700_000_000,
            starttime=1_700_000_000,
            endtime=1_700_036_000,
            renew_till=0,
            ticket_flags=0,
            session_key=keys[0],
            initiator_subkey=keys[1],
            acceptor_subkey=keys[2],
            send_seq=1,
            recv=SequenceWindow(1, do_replay=True, do_sequence=True),
        )
        ends.append(KerberosContext(record, os.urandom))
    spare, initiator, acceptor = ends
    return Side(
        lambda message: spare.wrap(message, True),
        lambda message: initiator.wrap(message, True),
        acceptor.unwrap,
        initiator.get_mic,
        acceptor.verify_mic,
    )


def peers(realm: MitRealm, enctype: int) -> Side:
    """Two ends that python-gssapi has established in a realm of MIT's."""
    os.environ.update(realm.environment())
    import gssapi

    name = gssapi.Name(f"enctype{enctype}@localhost", gssapi.NameType.hostbased_service)
    flags = 2 | 4 | 8 | 16 | 32  # mutual, replay, sequence, confidentiality, integrity
    spare, initiator = (gssapi.SecurityContext(name=name, usage="initiate", flags=flags) for _ in range(2))
    for sender in (spare, initiator):
        acceptor = gssapi.SecurityContext(usage="accept")
        sender.step(acceptor.step(sender.step()))
    return Side(
        lambda message: spare.wrap(message, True),
        lambda message: initiator.wrap(message, True).message,
        acceptor.unwrap,
        initiator.get_signature,
        acceptor.verify_signature,
    )


def per_call(calls: int, work: Callable[[], object]) -> float:
    """Microseconds of one of the `calls` that `work` makes."""
    begin = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begin) / calls / 1000


def measure(side: Side, size: int) -> dict[str, float]:
    """One round of each call on messages of `size` octets."""
    calls = max(4, min(2000, (4 << 20) // (size + 2000)))
    message = bytes(size)

    def send() -> None:
        # Tokens are not kept: that would measure how fast the kernel hands out fresh memory.
        for _ in range(calls):
            side.send(message)

    result = {"wrap": per_call(calls, send)}
    tokens = [side.wrap(message) for _ in range(calls)]

    def unwrap() -> None:
        for token in tokens:
            side.unwrap(token)

    result["unwrap"] = per_call(calls, unwrap)
    if size == 64:
        mics: list[bytes] = []
        result["get_mic"] = per_call(calls, lambda: mics.extend([side.get_mic(message) for _ in range(calls)]))

        def verify() -> None:
            for mic in mics:
                side.verify_mic(message, mic)

        result["verify_mic"] = per_call(calls, verify)
    return result


def compare(sides: Sequence[Side], rounds: int, sizes: Sequence[int]) -> None:
    """Print one line a call and size."""
    for size in sizes:
        samples: list[dict[str, list[float]]] = [{} for _ in sides]
        for _ in range(rounds):
            for side, kept in zip(sides, samples, strict=True):
                for call, figure in measure(side, size).items():
                    kept.setdefault(call, []).append(figure)
        for call in samples[0]:
            medians = [statistics.median(kept[call]) for kept in samples]
            ratio = f"{medians[1] / medians[0]:6.2f}x" if len(medians) == 2 else ""
            print(f"  {call:11}{size:8}" + "".join(f"{figure:10.2f}" for figure in medians) + f"  {ratio}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="per-message calls: puregss against python-gssapi")
    parser.add_argument("--enctype", type=int, action="append", choices=sorted(ENCTYPES))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, action="append")
    parser.add_argument("--ours", action="store_true", help="measure puregss alone")
    chosen: Any = parser.parse_args(arguments)
    enctypes = chosen.enctype or [18, 20]
    with ExitStack() as stack:
        if not chosen.ours:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "realm"
            realm = stack.enter_context(MitRealm(folder))
            realm.add_user("alice")
            for enctype in enctypes:
                realm.add_service(f"enctype{enctype}/localhost", enctypes=[enctype])
                realm.keytab(f"enctype{enctype}/localhost")
            realm.kinit("alice")
        for enctype in enctypes:
            print(f"{ENCTYPES[enctype]}: microseconds, puregss" + (" and peer" if not chosen.ours else ""))
            sides = [ours(enctype)] + ([] if chosen.ours else [peers(realm, enctype)])
            compare(sides, chosen.rounds, chosen.size or SIZES)


if __name__ == "__main__":
    main()
