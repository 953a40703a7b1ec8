"""RFC 3962: AES with HMAC-SHA1-96, the simplified profile of RFC 3961 §5.3."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.hmac import HMAC

from puregss.kcrypto import rfc3961
from puregss.kcrypto.ciphers import FittingCipher, keyed
from puregss.kcrypto.profile import KC, Mac, iteration_count, usage_constant
from puregss.kcrypto.sealing import PlaintextMacOpener, PlaintextMacSealer

_DEFAULT_ITERATIONS = 4096
_SHA1 = SHA1()


@dataclass(frozen=True, slots=True)
class AesSha1Profile:
    """aes128-cts-hmac-sha1-96 and aes256-cts-hmac-sha1-96."""

    enctype: int
    key_size: int
    aes: type[AES128 | AES256]
    checksum_type: int
    checksum_size: int = 12

    def derive(self, key: bytes, *constants: bytes) -> list[bytes]:
        return rfc3961.derive(keyed(self.aes, key), self.key_size, constants)

    def sealer(self, ke: bytes, ki: bytes) -> PlaintextMacSealer:
        return PlaintextMacSealer(keyed(self.aes, ke), HMAC(ki, _SHA1), self.checksum_size)

    def opener(self, ke: bytes, ki: bytes) -> PlaintextMacOpener:
        return PlaintextMacOpener(keyed(self.aes, ke), HMAC(ki, _SHA1), self.checksum_size)

    def checksum_mac(self, key: bytes, usage: int) -> Mac:
        (kc,) = self.derive(key, usage_constant(usage, KC))
        return HMAC(kc, _SHA1)

    def prf(self, key: bytes, octets: bytes) -> bytes:
        """16 octets (RFC 3962 §6: the truncated hash, encrypted in a derived key)."""
        (kp,) = self.derive(key, b"prf")
        return FittingCipher(keyed(self.aes, kp), ECB()).encryptor().update(hashlib.sha1(octets).digest()[:16])

    def string_to_key(self, password: bytes, salt: bytes, params: bytes | None, minimum: int) -> bytes:
        count = iteration_count(params, _DEFAULT_ITERATIONS, minimum)
        (key,) = self.derive(hashlib.pbkdf2_hmac("sha1", password, salt, count, self.key_size), b"kerberos")
        return key
