"""The `puregss` command."""

from __future__ import annotations

import click

from puregss.cli.demo import demo
from puregss.cli.inspect import inspect
from puregss.cli.plainly import PlainGroup
from puregss.cli.realm import realm
from puregss.cli.serve import serve
from puregss.cli.transfer import transfer

HELP = """GSS-API with Kerberos 5 in Python, whose security contexts move between processes.

\b
See it first, nothing to set up:
  puregss demo                     a realm, an acceptor with two workers, eight clients
  puregss demo --kill-worker       what a killed worker costs, and what not

\b
Then serve with a keytab of your own:
  puregss serve --listen 0.0.0.0:4444 --service host --keytab host.keytab echo

Every command explains itself with --help. A command that cannot do its work says why in one
sentence and exits with status 2.
"""


@click.group(cls=PlainGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="puregss", message="puregss %(version)s")
def main() -> None:
    pass


for command in (demo, serve, realm, inspect, transfer):
    main.add_command(command)
