from __future__ import annotations

import sys
from pathlib import Path

import pytest

from puregss.acceptor.handlers import echo, load_handler


def test_the_built_in_and_functions_of_modules_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_handler("echo") is echo
    (tmp_path / "handlers_of_mine.py").write_text(
        "class Group:\n    def shout(message, peer): return message.upper()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert load_handler("handlers_of_mine:Group.shout")(b"hi", None) == b"HI"  # type: ignore[arg-type]
    finally:
        sys.modules.pop("handlers_of_mine", None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ecko", "no handler: give echo or module:function"),
        (":f", "no handler"),
        ("os:", "no handler"),
        ("no_such_module:f", "'no_such_module' cannot be imported: ModuleNotFoundError"),
        ("os:no_such_function", "module 'os' has no function 'no_such_function'"),
        ("os:name", "module 'os' has no function 'name'"),
    ],
)
def test_what_is_no_handler_is_told_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        load_handler(text)


def test_a_module_that_fails_to_load_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_handlers.py").write_text("1/0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        load_handler("broken_handlers:f")
