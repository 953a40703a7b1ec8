from __future__ import annotations

from click.testing import CliRunner

from puregss.cli.main import main


def test_help_teaches_the_first_steps() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for words in ("puregss demo", "puregss serve --listen", "demo ", "serve ", "realm ", "inspect ", "transfer "):
        assert words in result.output


def test_every_command_explains_itself() -> None:
    for name in main.commands:
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0
        assert len(result.output) > 200
