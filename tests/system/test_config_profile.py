"""The syntax of krb5.conf."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puregss.base.errors import GSSError
from puregss.system.config_profile import Profile, load_profile

TEXT = """\
# a comment
; another
[libdefaults]
    default_realm = EXAMPLE.TEST
    quoted = "a \\"b\\" \\n c"  # why
[realms]
    EXAMPLE.TEST = {
        kdc = one
        kdc = two:750
        auth_to_local = RULE:[1:$1]
        v4 = {
            deep = yes
        }
    }
[realms]
    OTHER.TEST = {
        kdc = three
    }
[domain_realm]
    .example.test = EXAMPLE.TEST
"""


def profile(folder: Path, **texts: str) -> Profile:
    """The files of `texts` in order, found in `folder`."""
    for name, text in texts.items():
        (folder / name).write_text(text)
    return load_profile(folder / name for name in texts)


def test_relations_sections_and_subsections(tmp_path: Path) -> None:
    found = profile(tmp_path, conf=TEXT)
    assert found.first("libdefaults", "default_realm") == "EXAMPLE.TEST"
    assert found.first("libdefaults", "quoted") == 'a "b" \n c'
    assert found.values("realms", "EXAMPLE.TEST", "kdc") == ["one", "two:750"]
    assert found.first("realms", "EXAMPLE.TEST", "auth_to_local") == "RULE:[1:$1]"
    assert found.first("realms", "EXAMPLE.TEST", "v4", "deep") == "yes"
    assert found.names("realms") == ["EXAMPLE.TEST", "OTHER.TEST"]
    assert found.first("realms", "NOWHERE", "kdc") is None


def test_earlier_files_win(tmp_path: Path) -> None:
    found = profile(tmp_path, one="[a]\nx = 1\n", two="[a]\nx = 2\ny = 2\n")
    assert (found.first("a", "x"), found.values("a", "x"), found.first("a", "y")) == ("1", ["1", "2"], "2")


def test_final_values_keep_later_files_out(tmp_path: Path) -> None:
    found = profile(tmp_path, one="[a]\nx* = 1\n[b]*\nz = 1\n", two="[a]\nx = 2\ny = 2\n[b]\nz = 2\nw = 2\n")
    assert found.values("a", "x") == ["1"]
    assert found.first("a", "y") == "2"
    assert (found.values("b", "z"), found.first("b", "w")) == (["1"], None)


def test_braces_may_stand_alone_and_subsections_may_be_final(tmp_path: Path) -> None:
    one = "[realms]\nR =\n# a comment\n{\nkdc = one\n}*\nempty =\nother = 1\n"
    found = profile(tmp_path, one=one, two="[realms]\nR = {\nkdc = two\n}\n")
    assert found.values("realms", "R", "kdc") == ["one"]
    assert (found.first("realms", "empty"), found.first("realms", "other")) == (None, "1")


def test_a_long_line_costs_little(tmp_path: Path) -> None:
    with pytest.raises(GSSError, match="line 2"):
        profile(tmp_path, conf="[a]\nx" + " " * 1_000_000 + "y\n")


def test_missing_files_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("[a]\nx = 1\n")
    found = load_profile([tmp_path / "missing", tmp_path / "there"])
    assert (found.first("a", "x"), found.sources) == ("1", [tmp_path / "there"])


def test_includes(tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    for name in ("b_plain", "a.conf", ".hidden.conf", "backup~", "note.txt"):
        (folder / name).write_text(f"[a]\nx = {name}\n")
    (tmp_path / "more").write_text("[a]\nx = more\n")
    found = profile(tmp_path, conf=f"include {tmp_path}/more\nincludedir {folder}\nmodule /lib/x.so:x\n[a]\nx = main\n")
    assert found.values("a", "x") == ["more", "a.conf", "b_plain", "main"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a]\nnonsense\n", "line 2 is no line"),
        ("x = 1\n", "line 1"),
        ("[a]\n}\n", "line 2"),
        ("[a]\n{\n", "line 2"),
        ("[a]\nb =\nc = 1\n{\n", "line 4"),
        ("[a]\n= 1\n", "line 2"),
        ("[a]\nb = {\nx = 1\n", "a closing brace is missing"),
        ("includedir /does/not/exist\n", "/does/not/exist"),
        ("include /does/not/exist\n", "cannot be read"),
    ],
)
def test_errors_name_the_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(GSSError, match=words):
        profile(tmp_path, conf=text)


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    with pytest.raises(GSSError, match="include each other"):
        profile(tmp_path, conf=f"include {tmp_path}/conf\n")


@pytest.mark.parametrize("path", ["/a\0b", "/" + "x" * 5000, "/tmp/\ud800"])
def test_a_name_that_no_file_has(path: str, tmp_path: Path) -> None:
    for line in ("include", "includedir"):
        (tmp_path / "krb5.conf").write_bytes(f"{line} {path}\n".encode("utf-8", "surrogatepass"))
        with pytest.raises(GSSError, match="cannot be read"):
            load_profile([tmp_path / "krb5.conf"])
    with pytest.raises(GSSError, match="cannot be read"):
        load_profile([Path(path)])


def test_braces_within_braces_end(tmp_path: Path) -> None:
    """The path to every value is kept with it: half a file of braces, half of values would fill the memory."""
    for brace in ("a = {\n", "a =\n{\n"):
        (tmp_path / "krb5.conf").write_text("[realms]\n" + brace * 40)
        with pytest.raises(GSSError, match="is no line of"):
            load_profile([tmp_path / "krb5.conf"])


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(GSSError, match="larger than"):
        profile(tmp_path, conf="#" * (1 << 20) + "\n")


@settings(max_examples=100)
@given(text=st.text(alphabet='[]{}=*#"\\ab \n', max_size=60))
def test_any_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    try:
        profile(tmp_path_factory.getbasetemp(), hostile=text)
    except GSSError:
        return
