"""The syntax of krb5.conf: sections, relations, subsections, includes; several files laid over each other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from puregss.base.errors import GSSError

_LARGEST: Final = 1 << 20
_DEEPEST_INCLUDE: Final = 10
_MOST_FILES: Final = 200
_DEEPEST_SECTION: Final = 32
_SECTION: Final = re.compile(r"\[([^\]]+)\](\*?)\s*(?:[#;].*)?")
_INCLUDE: Final = re.compile(r"(includedir|include|module)\s+(.+)")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:[#;].*)?')
_ESCAPES: Final = {"n": "\n", "t": "\t", "b": "\b"}

Path_ = tuple[str, ...]


class Profile:
    """Values by their path: `("realms", "EXAMPLE.TEST", "kdc")`. Earlier files come first, and win."""

    def __init__(self) -> None:
        self._values: dict[Path_, list[str]] = {}
        self._final: set[Path_] = set()
        self.sources: list[Path] = []

    def values(self, *path: str) -> list[str]:
        """Every value of a relation, the strongest first."""
        return list(self._values.get(path, ()))

    def first(self, *path: str) -> str | None:
        """The strongest value, None without one."""
        return next(iter(self._values.get(path, ())), None)

    def names(self, *path: str) -> list[str]:
        """The names directly below a section."""
        depth = len(path)
        return list(dict.fromkeys(key[depth] for key in self._values if len(key) > depth and key[:depth] == path))

    def overlay(self, other: Profile) -> None:
        """Lay `other` behind what is here: its values come last, and not at all below what is marked final."""
        for path, values in other._values.items():
            if not any(path[:length] in self._final for length in range(1, len(path) + 1)):
                self._values.setdefault(path, []).extend(values)
        self._final |= other._final
        self.sources += other.sources

    def add(self, path: Path_, value: str) -> None:
        self._values.setdefault(path, []).append(value)

    def finalize(self, path: Path_) -> None:
        self._final.add(path)


def load_profile(paths: Iterable[Path]) -> Profile:
    """The files that exist, in order. GSSError for one that cannot be read or understood, naming file and line."""
    profile = Profile()
    for path in paths:
        if _exists(path):
            profile.overlay(_Parser().parse(path))
    return profile


def _exists(path: Path) -> bool:
    """Whether there is something to read, or to complain of."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


class _Parser:
    """One file and what it includes."""

    def __init__(self) -> None:
        self._profile = Profile()
        self._files = 0
        self._awaited: str | None = None

    def parse(self, path: Path) -> Profile:
        self._read(path, 0)
        return self._profile

    def _read(self, path: Path, depth: int) -> None:
        self._files += 1
        if depth > _DEEPEST_INCLUDE or self._files > _MOST_FILES:
            raise GSSError(f"{path} is included too deeply or too often: look for files that include each other")
        self._profile.sources.append(path)
        where: list[str] = []
        for number, line in enumerate(_text(path).splitlines(), 1):
            text = line.strip()
            if not text or text[0] in "#;":
                continue
            if not self._line(text, where, depth):
                raise GSSError(f"{path}, line {number} is no line of a krb5.conf: {text[:60]!r}")
        if len(where) > 1:
            raise GSSError(f"{path} ends inside the braces of {where[-1]!r}: a closing brace is missing")

    def _line(self, text: str, where: list[str], depth: int) -> bool:
        """Take one line; `where` is the section it stands in. False if it has no meaning."""
        awaited, self._awaited = self._awaited, None
        if match := _INCLUDE.fullmatch(text):
            self._include(match[1], Path(match[2].strip()), depth)
        elif text == "{" and awaited is not None:
            return self._enter(awaited, where)
        elif text in ("}", "}*") and len(where) > 1:
            if text == "}*":
                self._profile.finalize(tuple(where))
            where.pop()
        elif len(where) < 2 and (match := _SECTION.fullmatch(text)):
            where[:] = [match[1]]
            if match[2]:
                self._profile.finalize(tuple(where))
        else:
            return bool(where) and self._relation(text, where)
        return True

    def _relation(self, text: str, where: list[str]) -> bool:
        name, _, value = (part.strip() for part in text.partition("="))
        final = name.endswith("*")
        name = name.rstrip("*").rstrip()
        if "=" not in text or not name or set(name) & set('"{}[]'):
            return False
        if final:
            self._profile.finalize((*where, name))
        if value == "{":
            return self._enter(name, where)
        if value:
            self._profile.add((*where, name), _value(value))
        else:
            self._awaited = name  # the opening brace may stand on the next line
        return True

    def _enter(self, name: str, where: list[str]) -> bool:
        """Every value is kept with the path to it, so a deep one costs memory as often as there are values."""
        where.append(name)
        return len(where) <= _DEEPEST_SECTION

    def _include(self, kind: str, path: Path, depth: int) -> None:
        if kind == "module":
            return  # a shared object for libkrb5
        if kind == "include":
            self._read(path, depth + 1)
            return
        for entry in _included(path):
            self._read(entry, depth + 1)


def _included(folder: Path) -> Iterator[Path]:
    """The files `includedir` means: plain names, or *.conf, in order; never hidden ones or editors' backups."""
    try:
        entries = sorted(folder.iterdir())
    except (OSError, ValueError) as error:
        raise GSSError(f"the folder {folder}, which krb5.conf includes, cannot be read: {_reason(error)}") from None
    for entry in entries:
        plain = re.fullmatch(r"[A-Za-z0-9_-]+", entry.name)
        if (plain or (entry.name.endswith(".conf") and entry.name[0] != ".")) and os.path.isfile(entry):
            yield entry


def _value(text: str) -> str:
    if match := _QUOTED.fullmatch(text):
        return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), match[1])
    return text


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "its name holds a NUL"


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting: a fifo in the file's place has no writer."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _text(path: Path) -> str:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            octets = file.read(_LARGEST + 1) or b""
    except (OSError, ValueError) as error:
        raise GSSError(f"{path} cannot be read: {_reason(error)}; check KRB5_CONFIG and the file's rights") from None
    if len(octets) > _LARGEST:
        raise GSSError(f"{path} is larger than {_LARGEST} bytes: KRB5_CONFIG does not name a krb5.conf")
    return octets.decode("utf-8", "surrogateescape")
