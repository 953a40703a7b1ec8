"""docs/embedded-realm.md: its examples run as they stand, and the names in its tables exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from puregss.realm import Faults, Realm, pytest_plugin

TEXT = (Path(__file__).parent.parent.parent / "docs" / "embedded-realm.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.strip().splitlines()[-1][:40])
def test_examples_run(example: str) -> None:
    exec(compile(example, "docs/embedded-realm.md", "exec"), {})


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3


def test_every_fault_is_told() -> None:
    for field in fields(Faults):
        assert f"`realm.faults.{field.name}" in TEXT or f"`{field.name}`" in TEXT, field.name
    for name in re.findall(r"realm\.faults\.(\w+) =", TEXT):
        assert name in {field.name for field in fields(Faults)}


def test_methods_and_fixtures_exist() -> None:
    for name in re.findall(r"`(?:realm|a|b)\.(\w+)\(", TEXT):
        assert callable(getattr(Realm, name)), name
    for name in re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE):
        assert hasattr(pytest_plugin, name), name
