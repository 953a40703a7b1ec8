"""How the commands fail: one sentence on stderr, exit status 2, no traceback."""

from __future__ import annotations

from typing import Any

import click

from puregss.acceptor.settings import AcceptorError
from puregss.base.errors import GSSError


class Plainly(click.ClickException):
    """What could not be done, and what to do about it, in one sentence."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"puregss: {self.format_message()}", err=True)


class PlainGroup(click.Group):
    """A command group that turns the library's errors into sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GSSError as error:
            raise Plainly(one_line(error.message)) from error
        except AcceptorError as error:
            raise Plainly(one_line(str(error))) from error


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())
