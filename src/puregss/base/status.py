"""RFC 2744 §3.9.1: the major status word, its numbers and their texts."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

_CALLING_OFFSET: Final = 24
_ROUTINE_OFFSET: Final = 16


class CallingError(IntEnum):
    """What was wrong with the call itself (upper byte of the status word)."""

    INACCESSIBLE_READ = 1 << _CALLING_OFFSET
    INACCESSIBLE_WRITE = 2 << _CALLING_OFFSET
    BAD_STRUCTURE = 3 << _CALLING_OFFSET


class ContextMinor(IntEnum):
    """The minor statuses that tell what state a context is in, where a call is refused for it."""

    NOT_ESTABLISHED = 0x50475480
    DEAD = 0x50475481
    INHERITED = 0x50475482
    LIFETIME_OVER = 0x50475483
    ESTABLISHED = 0x50475484


CONTEXT_MINOR_TEXT: Final[dict[int, str]] = {
    ContextMinor.NOT_ESTABLISHED: "The context is not established yet",
    ContextMinor.DEAD: "The context was exported or deleted, or its establishment failed",
    ContextMinor.INHERITED: "What belongs to another process was inherited through fork()",
    ContextMinor.LIFETIME_OVER: "The context's lifetime is over, and enforced",
    ContextMinor.ESTABLISHED: "The context is established already",
}


class Major(IntEnum):
    """COMPLETE and the routine errors."""

    COMPLETE = 0
    BAD_MECH = 1 << _ROUTINE_OFFSET
    BAD_NAME = 2 << _ROUTINE_OFFSET
    BAD_NAMETYPE = 3 << _ROUTINE_OFFSET
    BAD_BINDINGS = 4 << _ROUTINE_OFFSET
    BAD_STATUS = 5 << _ROUTINE_OFFSET
    BAD_MIC = 6 << _ROUTINE_OFFSET
    NO_CRED = 7 << _ROUTINE_OFFSET
    NO_CONTEXT = 8 << _ROUTINE_OFFSET
    DEFECTIVE_TOKEN = 9 << _ROUTINE_OFFSET
    DEFECTIVE_CREDENTIAL = 10 << _ROUTINE_OFFSET
    CREDENTIALS_EXPIRED = 11 << _ROUTINE_OFFSET
    CONTEXT_EXPIRED = 12 << _ROUTINE_OFFSET
    FAILURE = 13 << _ROUTINE_OFFSET
    BAD_QOP = 14 << _ROUTINE_OFFSET
    UNAUTHORIZED = 15 << _ROUTINE_OFFSET
    UNAVAILABLE = 16 << _ROUTINE_OFFSET
    DUPLICATE_ELEMENT = 17 << _ROUTINE_OFFSET
    NAME_NOT_MN = 18 << _ROUTINE_OFFSET
    BAD_MECH_ATTR = 19 << _ROUTINE_OFFSET


class Supplementary(IntFlag):
    """Facts told beside a routine status (lower half of the status word)."""

    CONTINUE_NEEDED = 1
    DUPLICATE_TOKEN = 2
    OLD_TOKEN = 4
    UNSEQ_TOKEN = 8
    GAP_TOKEN = 16


MAJOR_TEXT: Final[dict[int, str]] = {
    Major.COMPLETE: "The routine completed successfully",
    Major.BAD_MECH: "An unsupported mechanism was requested",
    Major.BAD_NAME: "An invalid name was supplied",
    Major.BAD_NAMETYPE: "A supplied name was of an unsupported type",
    Major.BAD_BINDINGS: "Incorrect channel bindings were supplied",
    Major.BAD_STATUS: "An invalid status code was supplied",
    Major.BAD_MIC: "A token had an invalid message integrity check",
    Major.NO_CRED: "No credentials were supplied, or they were unavailable or inaccessible",
    Major.NO_CONTEXT: "No context has been established",
    Major.DEFECTIVE_TOKEN: "A token was invalid",
    Major.DEFECTIVE_CREDENTIAL: "A credential was invalid",
    Major.CREDENTIALS_EXPIRED: "The referenced credentials have expired",
    Major.CONTEXT_EXPIRED: "The context has expired",
    Major.FAILURE: "Unspecified failure; the minor status tells more",
    Major.BAD_QOP: "The quality of protection requested could not be provided",
    Major.UNAUTHORIZED: "The operation is forbidden by the local security policy",
    Major.UNAVAILABLE: "The operation or option is not available",
    Major.DUPLICATE_ELEMENT: "The requested credential element already exists",
    Major.NAME_NOT_MN: "The supplied name was not a mechanism name",
    Major.BAD_MECH_ATTR: "An unsupported mechanism attribute was requested",
    Supplementary.CONTINUE_NEEDED: "The routine must be called again to complete its function",
    Supplementary.DUPLICATE_TOKEN: "The token was a duplicate of an earlier token",
    Supplementary.OLD_TOKEN: "The token's validity period has expired",
    Supplementary.UNSEQ_TOKEN: "A later token has already been processed",
    Supplementary.GAP_TOKEN: "An expected per-message token was not received",
    CallingError.INACCESSIBLE_READ: "A required input parameter could not be read",
    CallingError.INACCESSIBLE_WRITE: "A required output parameter could not be written",
    CallingError.BAD_STRUCTURE: "A parameter was malformed",
}


def routine_error(status: int) -> int:
    """The routine part of a status word: a value of `Major`."""
    return status & 0x00FF0000


def calling_error(status: int) -> int:
    """The calling-error part of a status word: 0 or a value of `CallingError`."""
    return status & 0xFF000000


def supplementary_info(status: int) -> Supplementary:
    """The supplementary bits of a status word."""
    return Supplementary(status & 0x1F)
