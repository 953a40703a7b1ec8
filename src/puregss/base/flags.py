"""RFC 2743 §1.2.1.3, RFC 2744 §5.19, RFC 4757, RFC 5896: flags asked of and granted by a context."""

from __future__ import annotations

from enum import IntFlag


class RequirementFlag(IntFlag):
    """Request and return flags, by the names that users of python-gssapi know."""

    delegate_to_peer = 1
    mutual_authentication = 2
    replay_detection = 4
    out_of_sequence_detection = 8
    confidentiality = 16
    integrity = 32
    anonymity = 64
    protection_ready = 128
    transferable = 256
    channel_bound = 2048
    dce_style = 4096
    identify = 8192
    extended_error = 16384
    ok_as_delegate = 32768
