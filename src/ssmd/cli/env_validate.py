"""`ssmd env validate`: whether environments are acceptable, and their credentials there."""

import click
import msgspec

from ssmd.cli.options import bus_settings, known_feed
from ssmd.cli.output import Output, examples, output_options
from ssmd.feeds import environments
from ssmd.feeds.environment import EnvironmentConfig
from ssmd.model.errors import ConfigError
from ssmd.runtime import secrets


class Validated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be said of one environment.

    Attributes:
        ok: Whether it is acceptable and all that it requires is there.
        asked: What was named: an environment or a file.
        environment: Its name.
        keys: Names of the credentials that are there.
        missing: Names of those that are not, and need not be.
        errors: What is wrong; none when nothing is.
    """

    ok: bool
    asked: str
    environment: str = ""
    keys: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@click.command(
    epilog=examples(
        ("ssmd env validate", "the chosen one: exit 0, or 2 with the place of the fault"),
        ("ssmd env validate prod env.yaml", "by name, and from a file"),
    )
)
@click.argument("names", metavar="[ENV|FILE]...", nargs=-1)
@output_options
@click.pass_context
def validate(ctx: click.Context, /, *, names: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Check environments: every key, every bound, and whether every credential is where it says.

    Credentials are looked for and not shown. Exit 2 when one that is required is not there, or an
    environment is not acceptable.
    """
    output = Output(json=as_json, quiet=quiet)
    asked = dict.fromkeys(names) or [environments.load_chosen().name]
    found = [_validated(name) for name in asked]
    for each in found:
        for error in each.errors:
            click.echo(f"Error: {error}", err=True)
    output.lines(*(_sentence(each) for each in found if each.ok))
    output.result({"ok": all(each.ok for each in found), "environments": found})
    ctx.exit(0 if all(each.ok for each in found) else 2)


def _validated(asked: str) -> Validated:
    try:
        environment = environments.load_environment(asked)
    except ConfigError as error:
        return Validated(ok=False, asked=asked, errors=(str(error),))
    keys: list[str] = []
    missing: list[str] = []
    errors: list[str] = []
    for name, key in environment.keys.items():
        try:
            secrets.resolve(name, key.source, key.fields)
        except ConfigError as error:
            if key.required:
                errors.append(str(error))
            else:
                missing.append(name)
            continue
        keys.append(name)
    errors = errors or _faults(environment)
    return Validated(
        ok=not errors,
        asked=asked,
        environment=environment.name,
        keys=tuple(keys),
        missing=tuple(missing),
        errors=tuple(f"{asked}: {error}" for error in errors),
    )


def _faults(environment: EnvironmentConfig) -> list[str]:
    """What only shows when several parts are looked at together."""
    found = []
    if environment.feed is not None:
        try:
            known_feed(environment.feed)
        except ConfigError as error:
            found.append(f"`feed`: {error}")
    for kind in sorted({key.type for key in environment.keys.values()}):
        try:
            values = environment.secrets(kind)
            if kind == "transport":
                bus_settings(environment.transport.url, values)
        except ConfigError as error:
            found.append(str(error))
    return found


def _sentence(each: Validated) -> str:
    keys = f"credentials there: {', '.join(each.keys)}" if each.keys else "no credentials"
    missing = f"; not there, and not required: {', '.join(each.missing)}" if each.missing else ""
    return f"{each.asked}: the environment {each.environment!r} is well; {keys}{missing}."
