"""RFC 2743 §2.4.1: the text of every status."""

from __future__ import annotations

from puregss.base.errors import BadStatusError
from puregss.base.status import CONTEXT_MINOR_TEXT, MAJOR_TEXT, calling_error, routine_error, supplementary_info
from puregss.krb5.messages.error_codes import KrbErrorCode
from puregss.krb5.messages.fields import MINOR_BASE
from puregss.transfer.minor import TRANSFER_MINOR_TEXT


def display_major(status: int) -> list[str]:
    """The texts of a major status word (RFC 2744 §3.9.1): one for the routine's result and each thing beside it.

    BadStatusError for a word with a number in it that RFC 2744 does not know.
    """
    parts = [routine_error(status), calling_error(status), *supplementary_info(status)]
    if sum(parts) != status or any(part not in MAJOR_TEXT for part in parts):
        raise BadStatusError(f"{status:#x} is not a major status of RFC 2744")
    return [MAJOR_TEXT[part] for part in parts if part] or [MAJOR_TEXT[0]]


def display_minor(status: int) -> str:
    """The text of a minor status of Kerberos (RFC 4120 §7.5.9), of context transfer, or of a context's state.

    BadStatusError for others.
    """
    if status == 0:
        return "No more is known"
    for texts in (TRANSFER_MINOR_TEXT, CONTEXT_MINOR_TEXT):
        if status in texts:
            return texts[status]
    try:
        code = KrbErrorCode(status - MINOR_BASE)
    except ValueError:
        raise BadStatusError(f"{status} is not a minor status that puregss gives") from None
    return f"{code.text}; {code.hint}" if code.hint else code.text
