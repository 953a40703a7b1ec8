"""What an established context takes: the growth of the resident set of a process that holds ten thousand of them.

`python -m bench.memory MODULE SERVICE COUNT idle|"after traffic"` is the process; it prints octets per context.
"""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.driver import Result, summarize
from bench.pairs import FLAGS, acceptor

CONTEXTS = 10_000
_WARM_UP = 500


def rows(service: str, contexts: int = CONTEXTS) -> Iterator[Result]:
    """Idle: at most 2 KiB, whatever the peer takes. After one confidential message each way: no more than the peer."""
    for what, most in (("idle", 2048.0), ("after traffic", None)):
        sample = np.array([[_measure(module, service, contexts, what) for module in ("puregss", "gssapi")]])
        least = 1.0 if most is None else sample[0, 1] / most
        yield summarize(f"memory of a context, {what}", sample, least, least, "octets")


def _measure(module: str, service: str, contexts: int, what: str) -> float:
    command = [sys.executable, "-m", "bench.memory", module, service, str(contexts), what]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _main() -> None:
    gss: Any = importlib.import_module(sys.argv[1])
    service, contexts, what = sys.argv[2], int(sys.argv[3]), sys.argv[4]
    creds = gss.Credentials(usage="accept")
    name = gss.Name(service, gss.NameType.hostbased_service)

    def one() -> Any:
        peer = gss.SecurityContext(name=name, usage="initiate", flags=FLAGS)
        context = acceptor(gss, creds)
        peer.step(context.step(peer.step()))
        if what == "after traffic":
            context.unwrap(peer.wrap(b"to", True).message)
            peer.unwrap(context.wrap(b"fro", True).message)
        return context

    for _ in range(_WARM_UP):
        one()
    gc.collect()
    before = _resident()
    kept = [one() for _ in range(contexts)]
    gc.collect()
    print((_resident() - before) / len(kept))


if __name__ == "__main__":
    _main()
