"""The application that commands register with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from genpas_cli.cli import COMMANDS, console
from genpas_cli.cli.configuration import configured, named_by_place
from genpas_cli.cli.exit_codes import ExitCode, exit_code, handled
from genpas_cli.cli.help import examples_of, help_of
from genpas_cli.cli.usage_errors import in_our_words
from genpas_cli.cli.values import read_plainly
from genpas_cli.runtime.errors import GenpasError, UsageError
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.options import flag_of


class _Helped:
    """A command whose help is genpas's own: `-h` gives one screen, `--help` everything."""

    def parse_args(self, context: Any, args: list[str]) -> Any:
        """Parse the arguments over what is set elsewhere, and note how much help is asked for."""
        context.meta[_SHORT] = "--help" not in args
        read_plainly(self.get_params(context))  # type: ignore[attr-defined]  # mixed into typer's commands
        if not {"-h", "--help"} & set(args):
            context.default_map = self.defaults(context, args)
        return super().parse_args(context, args)  # type: ignore[misc]  # mixed into typer's commands

    def defaults(self, context: Any, args: list[str]) -> dict[str, Any] | None:  # noqa: ARG002  # a command has some
        """Return what the environment and files set for the options."""
        return None

    def format_help(self, context: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(help_of(context, short=context.meta.get(_SHORT, False)))


_SHORT = "genpas.short_help"


class Command(_Helped, TyperCommand):
    """One command."""

    def defaults(self, context: Any, args: list[str]) -> dict[str, Any] | None:
        """Return what the environment and files set for the options."""
        return configured(context, args)

    def parse_args(self, context: Any, args: list[str]) -> Any:
        """Parse the arguments over what files and the environment set; an error names which of them set a value."""
        with named_by_place(context):
            return super().parse_args(context, args)

    def invoke(self, context: Any) -> Any:
        """Run the command; its errors become messages and exit codes."""
        with handled(), named_by_place(context):
            return super().invoke(context)


class Group(_Helped, TyperGroup):
    """The group of commands; wrong usage is told in genpas's own words."""

    def parse_args(self, context: Any, args: list[str]) -> Any:
        """Parse the arguments; a shell named after an option for completion, which typer ignores, is refused."""
        for option, word in pairwise(args):
            if option in ("--install-completion", "--show-completion") and not word.startswith("-"):
                raise UsageError(
                    f"{option} takes no value; it is for the shell in which it runs", tip=f"In {word}: genpas {option}"
                )
        return super().parse_args(context, args)

    def main(self, *given: Any, **named: Any) -> NoReturn:
        """Run, and exit."""
        try:
            sys.exit(super().main(*given, **named | {"standalone_mode": False}) or 0)
        except GenpasError as error:  # of a value that is read before the command runs
            wrong = error
        except Exception as error:
            if not hasattr(error, "format_message"):  # typer's own exceptions, whose class is not public
                raise
            if type(error).__name__ == "NoArgsIsHelpError":
                console.stderr().print(help_of(error.ctx, short=True), markup=False)  # type: ignore[attr-defined]
                sys.exit(ExitCode.USAGE)
            wrong = in_our_words(error)
        console.error(wrong.message, wrong.tip)
        sys.exit(exit_code(wrong))


app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn user–item interaction logs into training data for sequential and generative recommenders.",
)


def _show_version(value: bool) -> None:  # noqa: FBT001  # a flag's callback
    if value:
        from importlib.metadata import version

        typer.echo(f"genpas {version('genpas')}")
        raise typer.Exit


@app.callback()
def _genpas(
    version: Annotated[  # noqa: FBT002  # a flag; acted on by its callback
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite the output; the old one is kept until the new one is complete.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run with the same output and options.")]


def command(examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command; its errors become exit codes, and its examples end its help.

    Args:
        examples: shell lines.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            console.set_loudness(quiet=given.get("quiet", False), verbose=given.get("verbose", False))
            _check_paths(given)
            function(**given)

        run.__signature__ = function.__signature__  # type: ignore[attr-defined]  # set by with_options
        run.__annotations__ = function.__annotations__
        run.__doc__ = function.__doc__
        name = function.__name__.replace("_", "-")
        examples_of[name] = tuple(examples.strip().splitlines())
        app.command(name, cls=Command)(run)
        return function

    return decorate


def _check_paths(given: dict[str, Any]) -> None:
    """Raise UsageError if a path on this machine is written like a URI, before anything is done."""
    for name, value in given.items():
        if isinstance(value, Path):
            check_local(value, "-o" if name == "output" else flag_of(name))


def _not_loaded() -> None:
    raise AssertionError("main() loads the command that is named")


for _name, _summary in COMMANDS.items():
    app.command(_name, cls=Command, help=_summary)(_not_loaded)  # loading the module replaces this entry
