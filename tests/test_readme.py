"""What README.md promises: its example runs as it stands, and the files that it points to exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parent.parent
TEXT = (TOP / "README.md").read_text()


def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 15
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("b'hello'\n", "")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (TOP / target).exists(), target


def test_the_two_commands_exist() -> None:
    targets = re.findall(r"^(\w+):", (TOP / "Makefile").read_text(), re.MULTILINE)
    for command in re.findall(r"^make (\w+)", TEXT, re.MULTILINE):
        assert command in targets
