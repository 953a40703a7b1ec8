"""RFC 8009: AES with HMAC-SHA2, encrypt-then-MAC, keys derived by KDF-HMAC-SHA2."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from puregss.kcrypto.ciphers import keyed
from puregss.kcrypto.cts import ZERO_BLOCK
from puregss.kcrypto.profile import KC, KI, Mac, iteration_count, usage_constant
from puregss.kcrypto.sealing import CiphertextMacOpener, CiphertextMacSealer

_DEFAULT_ITERATIONS = 32768


def _kdf_block(label: bytes, size: int, context: bytes = b"") -> bytes:
    return b"\0\0\0\1" + label + b"\0" + context + (size * 8).to_bytes(4, "big")


@lru_cache(maxsize=256)
def _kdf_blocks(constants: tuple[bytes, ...], key_size: int, checksum_size: int) -> list[tuple[bytes, int]]:
    """What is hashed for each constant, and how much of the hash is the key."""
    checks = [len(constant) == 5 and constant[4] in (KC, KI) for constant in constants]
    sizes = [checksum_size if check else key_size for check in checks]
    return [(_kdf_block(constant, size), size) for constant, size in zip(constants, sizes, strict=True)]


@dataclass(frozen=True, slots=True)
class AesSha2Profile:
    """aes128-cts-hmac-sha256-128 and aes256-cts-hmac-sha384-192."""

    enctype: int
    name: bytes
    key_size: int
    aes: type[AES128 | AES256]
    checksum_type: int
    checksum_size: int
    hash: HashAlgorithm

    def kdf(self, key: bytes, label: bytes, size: int, context: bytes = b"") -> bytes:
        """RFC 8009 §3, KDF-HMAC-SHA2: one block of it, which is all that any use here needs; `size` in octets."""
        return hmac.digest(key, _kdf_block(label, size, context), self.hash.name)[:size]

    def derive(self, key: bytes, *constants: bytes) -> list[bytes]:
        """Ke and what string-to-key needs have the size of a key, Kc and Ki that of a checksum (RFC 8009 §3)."""
        keyed = HMAC(key, self.hash)
        keys = []
        for block, size in _kdf_blocks(constants, self.key_size, self.checksum_size):
            mac = keyed.copy()
            mac.update(block)
            keys.append(mac.finalize()[:size])
        return keys

    def _integrity_mac(self, ki: bytes) -> Mac:
        mac = HMAC(ki, self.hash)
        mac.update(ZERO_BLOCK)  # the initial cipher state, which stands before every ciphertext
        return mac

    def sealer(self, ke: bytes, ki: bytes) -> CiphertextMacSealer:
        return CiphertextMacSealer(keyed(self.aes, ke), self._integrity_mac(ki), self.checksum_size)

    def opener(self, ke: bytes, ki: bytes) -> CiphertextMacOpener:
        return CiphertextMacOpener(keyed(self.aes, ke), self._integrity_mac(ki), self.checksum_size)

    def checksum_mac(self, key: bytes, usage: int) -> Mac:
        (kc,) = self.derive(key, usage_constant(usage, KC))
        return HMAC(kc, self.hash)

    def prf(self, key: bytes, octets: bytes) -> bytes:
        """As many octets as the hash has (RFC 8009 §5: KDF-HMAC-SHA2 with the label "prf")."""
        return self.kdf(key, b"prf", self.hash.digest_size, octets)

    def string_to_key(self, password: bytes, salt: bytes, params: bytes | None, minimum: int) -> bytes:
        count = iteration_count(params, _DEFAULT_ITERATIONS, minimum)
        salted = self.name + b"\0" + salt
        stretched = hashlib.pbkdf2_hmac(self.hash.name, password, salted, count, self.key_size)
        return self.kdf(stretched, b"kerberos", self.key_size)
