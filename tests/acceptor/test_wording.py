from __future__ import annotations

from puregss.acceptor.wording import LONGEST, plain


def test_strangers_words_stay_on_their_line() -> None:
    assert plain("alice@EXAMPLE.TEST") == "alice@EXAMPLE.TEST"
    assert plain("é") == "é"
    assert plain("a\n2026 INFO forged\x1b[2J\r\u2028") == "a\\n2026 INFO forged\\x1b[2J\\r\\u2028"
    plain("octets that are not text \udcff").encode()
    assert len(plain("x" * 10_000)) == LONGEST + 1
