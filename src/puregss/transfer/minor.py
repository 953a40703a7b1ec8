"""RFC 2743 §1.2.1: the minor statuses of context transfer, for statuses that no mechanism raised."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

_TABLE: Final = 0x50475400  # a table of our own, away from the com_err tables that Kerberos uses


class TransferMinor(IntEnum):
    """Why an export, import, revocation or sweep failed."""

    NOT_TRANSFERABLE = _TABLE + 1
    CONTEXT_EXPIRED = _TABLE + 2
    ENCODING_FAILED = _TABLE + 3
    NO_ENTROPY = _TABLE + 4
    NOT_A_TOKEN = _TABLE + 5
    UNKNOWN_VERSION = _TABLE + 6
    WRONG_DOMAIN = _TABLE + 7
    TIMED_OUT = _TABLE + 8
    NO_CLAIM = _TABLE + 9
    SEAL_BROKEN = _TABLE + 10
    LOST_RACE = _TABLE + 11
    STORE_UNREACHABLE = _TABLE + 12
    OUTCOME_UNKNOWN = _TABLE + 13
    STORE_FULL = _TABLE + 14
    STORE_READ_ONLY = _TABLE + 15
    STORE_DAMAGED = _TABLE + 16
    FOREIGN_STORE = _TABLE + 17
    UNSAFE_STORE = _TABLE + 18
    NO_DOMAIN_KEY = _TABLE + 19
    WORKER_ALIVE = _TABLE + 20
    CHANNEL_FULL = _TABLE + 21
    CHANNEL_CLOSED = _TABLE + 22
    NOT_REVOCABLE = _TABLE + 23
    UNKNOWN_DOMAIN = _TABLE + 24
    STORE_NOT_PREPARED = _TABLE + 25


TRANSFER_MINOR_TEXT: Final[dict[int, str]] = {
    TransferMinor.NOT_TRANSFERABLE: "The context cannot be transferred",
    TransferMinor.CONTEXT_EXPIRED: "The context expired before it could be exported",
    TransferMinor.ENCODING_FAILED: "The context could not be encoded, sealed or decoded",
    TransferMinor.NO_ENTROPY: "The source of randomness failed",
    TransferMinor.NOT_A_TOKEN: "Not an interprocess token",
    TransferMinor.UNKNOWN_VERSION: "Unknown version of the interprocess token format",
    TransferMinor.WRONG_DOMAIN: "The interprocess token belongs to another transfer domain",
    TransferMinor.TIMED_OUT: "The interprocess token timed out before it was imported",
    TransferMinor.NO_CLAIM: "The claim is gone: imported, revoked, timed out or never issued",
    TransferMinor.SEAL_BROKEN: "The interprocess token was altered",
    TransferMinor.LOST_RACE: "Another process imported the token first",
    TransferMinor.STORE_UNREACHABLE: "The claim store cannot be reached",
    TransferMinor.OUTCOME_UNKNOWN: "The claim store's answer was lost; the outcome is unknown",
    TransferMinor.STORE_FULL: "The claim store is full",
    TransferMinor.STORE_READ_ONLY: "The claim store cannot be written",
    TransferMinor.STORE_DAMAGED: "The claim store holds something that is not a claim",
    TransferMinor.FOREIGN_STORE: "The claim store belongs to someone else",
    TransferMinor.UNSAFE_STORE: "The claim store is open to others",
    TransferMinor.NO_DOMAIN_KEY: "The transfer domain has no usable domain key",
    TransferMinor.WORKER_ALIVE: "The worker may still import the token",
    TransferMinor.CHANNEL_FULL: "Too many tokens of the worker's channel are unacknowledged",
    TransferMinor.CHANNEL_CLOSED: "The worker's channel is closed",
    TransferMinor.NOT_REVOCABLE: "A token of a worker's channel cannot be revoked",
    TransferMinor.UNKNOWN_DOMAIN: "No such kind of transfer domain",
    TransferMinor.STORE_NOT_PREPARED: "The claim store was not prepared",
}
