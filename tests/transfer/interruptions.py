"""Raises in the middle of a call, at each point where a signal handler could."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from itertools import pairwise
from types import CodeType, FrameType
from typing import Any

_CHECKED = frozenset(("CALL", "CALL_FUNCTION_EX", "CALL_KW", "RESUME", "JUMP_BACKWARD"))
"""Behind these CPython looks whether a signal has come."""


def _eval_breaks(code: CodeType) -> frozenset[int]:
    """The offsets of the instructions behind a check for signals."""
    instructions = [each for each in dis.get_instructions(code) if each.opname != "CACHE"]
    return frozenset(after.offset for before, after in pairwise(instructions) if before.opname in _CHECKED)


def interrupted(call: Callable[[], Any], moment: int, part: str) -> tuple[bool, Any]:
    """Call, and raise KeyboardInterrupt at the `moment`th point within files whose path holds `part`.

    Whether it got that far, and what `call` returned if it did return.
    """
    count = 0
    breaks: dict[CodeType, frozenset[int]] = {}

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if part not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            if frame.f_code not in breaks:
                breaks[frame.f_code] = _eval_breaks(frame.f_code)
            if frame.f_lasti in breaks[frame.f_code]:
                count += 1
                if count == moment:
                    raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        result = call()
    except KeyboardInterrupt:
        return True, None
    finally:
        sys.settrace(before)
    return count >= moment, result
