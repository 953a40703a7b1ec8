"""Run as a program: import each token of a file at the same moment as the other racers do.

    racer.py URL TOKENS LINE NUMBER COUNT [KEY_FILE]

LINE is a file of COUNT counters of 8 octets that all racers map: nobody begins a round before all are
there. Prints one word a token: `won`, or the minor status of the refusal.
"""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

from puregss.base.errors import GSSError
from puregss.system.domains import TransferDomain


def read_tokens(octets: bytes) -> list[bytes]:
    tokens = []
    while octets:
        size = int.from_bytes(octets[:4], "big")
        tokens.append(octets[4 : 4 + size])
        octets = octets[4 + size :]
    return tokens


def wait_at(line: mmap.mmap, number: int, count: int, round_number: int) -> None:
    line[8 * number : 8 * number + 8] = round_number.to_bytes(8, "big")
    expected = round_number.to_bytes(8, "big")
    while any(line[8 * other : 8 * other + 8] < expected for other in range(count)):
        os.sched_yield()


def main(url: str, tokens: str, line_file: str, number: str, count: str, key_file: str | None = None) -> None:
    domain = TransferDomain.from_url(url, key_file)
    with open(line_file, "r+b") as file, mmap.mmap(file.fileno(), 0) as line:
        for round_number, token in enumerate(read_tokens(Path(tokens).read_bytes()), 1):
            wait_at(line, int(number), int(count), 2 * round_number)

            def meet(*_: object, middle: int = 2 * round_number + 1) -> None:
                if middle % 4 == 3:  # in every other round all of them hold the opened record before any of them erases
                    wait_at(line, int(number), int(count), middle)

            try:
                domain.import_(token, meet)
            except GSSError as error:
                print(error.minor)
            else:
                print("won")


if __name__ == "__main__":
    main(*sys.argv[1:])
