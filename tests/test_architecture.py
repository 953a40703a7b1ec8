"""The floors of ARCHITECTURE.md: imports go down only, and the world is touched on the top floors alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "puregss"

FLOORS = {
    "base": 0,
    "wire": 1,
    "kcrypto": 1,
    "krb5": 2,
    "spnego": 2,
    "transfer": 2,
    "gss": 3,
    "system": 4,
    "acceptor": 5,
    "realm": 5,
    "compat": 5,
    "cli": 6,
}

WORLD = {"socket", "os", "time", "subprocess", "multiprocessing", "asyncio", "selectors", "signal", "random", "secrets"}
"""Modules through which a program reaches outside itself; below floor 4 they must come in through a port."""

FILES = sorted(SOURCE.rglob("*.py"))


def floor_of(module: str) -> str | None:
    """The floor a dotted name below `puregss` belongs to; None for the front door and for others' modules."""
    parts = module.split(".")
    return parts[1] if parts[0] == "puregss" and len(parts) > 1 else None


def imported(tree: ast.AST) -> list[tuple[ast.stmt, str]]:
    found: list[tuple[ast.stmt, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            assert node.module is not None
            # `from puregss import base` names a floor, `from puregss.base import era` a module: keep both readable
            found += [(node, f"{node.module}.{alias.name}") for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down(path: Path) -> None:
    relative = path.relative_to(SOURCE)
    if len(relative.parts) == 1:
        return  # the front door may import every floor
    here = relative.parts[0]
    for node, module in imported(ast.parse(path.read_text())):
        root = module.split(".")[0]
        if root == "puregss":
            there = floor_of(module)
            assert there in FLOORS, f"line {node.lineno}: the front door is for users, not for us"
            assert there == here or FLOORS[there] < FLOORS[here], f"line {node.lineno}: {here} must not import {there}"
        elif FLOORS[here] < 4:
            assert root not in WORLD, f"line {node.lineno}: {root} is the world; take it through a port"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_import_hides_in_a_function(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        for node, module in imported(function):
            assert module.split(".")[0] != "puregss", f"line {node.lineno}: an import inside a function hides a circle"


def test_every_floor_is_named() -> None:
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(FLOORS)
