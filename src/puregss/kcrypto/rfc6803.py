"""RFC 6803: Camellia with CMAC, keys derived by KDF-FEEDBACK-CMAC."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia
from cryptography.hazmat.primitives.cmac import CMAC

from puregss.kcrypto.profile import KC, Mac, iteration_count, usage_constant
from puregss.kcrypto.sealing import PlaintextMacOpener, PlaintextMacSealer

_DEFAULT_ITERATIONS = 32768


@cache
def camellia_available() -> bool:
    """Whether the OpenSSL at hand was built with Camellia."""
    try:
        CMAC(Camellia(bytes(16)))
    except UnsupportedAlgorithm:
        return False
    return True


@dataclass(frozen=True, slots=True)
class CamelliaProfile:
    """camellia128-cts-cmac and camellia256-cts-cmac."""

    enctype: int
    name: bytes
    key_size: int
    checksum_type: int
    checksum_size: int = 16

    def derive(self, key: bytes, *constants: bytes) -> list[bytes]:
        keyed = CMAC(Camellia(key))
        return [self._feedback(keyed, constant) for constant in constants]

    def _feedback(self, keyed: CMAC, constant: bytes) -> bytes:
        """RFC 6803 §3: K(n) = CMAC(key, K(n-1) | n | constant | 0x00 | k), K(0) is zero."""
        block, key = bytes(16), b""
        for n in range(1, self.key_size // 16 + 1):
            mac = keyed.copy()
            mac.update(block + n.to_bytes(4, "big") + constant + b"\0" + (self.key_size * 8).to_bytes(4, "big"))
            block = mac.finalize()
            key += block
        return key

    def sealer(self, ke: bytes, ki: bytes) -> PlaintextMacSealer:
        return PlaintextMacSealer(Camellia(ke), CMAC(Camellia(ki)), self.checksum_size)

    def opener(self, ke: bytes, ki: bytes) -> PlaintextMacOpener:
        return PlaintextMacOpener(Camellia(ke), CMAC(Camellia(ki)), self.checksum_size)

    def checksum_mac(self, key: bytes, usage: int) -> Mac:
        (kc,) = self.derive(key, usage_constant(usage, KC))
        return CMAC(Camellia(kc))

    def prf(self, key: bytes, octets: bytes) -> bytes:
        """16 octets (RFC 6803 §6: CMAC in a derived key)."""
        (kp,) = self.derive(key, b"prf")
        mac = CMAC(Camellia(kp))
        mac.update(octets)
        return mac.finalize()

    def string_to_key(self, password: bytes, salt: bytes, params: bytes | None, minimum: int) -> bytes:
        count = iteration_count(params, _DEFAULT_ITERATIONS, minimum)
        salted = self.name + b"\0" + salt
        (key,) = self.derive(hashlib.pbkdf2_hmac("sha1", password, salted, count, self.key_size), b"kerberos")
        return key
