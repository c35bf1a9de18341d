"""The application that commands register with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from genpas_cli.cli import COMMANDS, console
from genpas_cli.cli.exit_codes import HELP, handled
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.text.visible import one_line


class Group(TyperGroup):
    """The group of commands; errors about unexpected arguments contain no control characters."""

    def make_context(self, *given: Any, **named: Any) -> Any:
        """Parse the arguments before the command."""
        with _visible_errors():
            return super().make_context(*given, **named)

    def invoke(self, *given: Any, **named: Any) -> Any:
        """Parse the arguments of the command, and run it."""
        with _visible_errors():
            return super().invoke(*given, **named)


@contextmanager
def _visible_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own exception, whose class is not public
            error.message = one_line(str(error.message))  # type: ignore[attr-defined]
        raise


app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn user–item interaction logs into training data for sequential and generative recommenders.",
    epilog=f"Start with: [bold]genpas augment logs.parquet[/bold]\n\n{HELP}",
)


examples_of: dict[str, tuple[str, ...]] = {}
"""Example shell lines by command: shown in the help and the reference page, and run by a test."""


def _show_version(value: bool) -> None:  # noqa: FBT001  # a flag's callback
    if value:
        from importlib.metadata import version

        typer.echo(f"genpas {version('genpas')}")
        raise typer.Exit


@app.callback()
def _genpas(
    version: Annotated[  # noqa: FBT002  # a flag; acted on by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite the output; the old one is kept until the new one is complete.")
]


def command(examples: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command; its errors become exit codes, and its examples end its help.

    Args:
        examples: shell lines.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            console.set_quiet(quiet=given.get("quiet", False))
            with handled():
                _check_paths(given)
                function(**given)

        run.__signature__ = function.__signature__  # type: ignore[attr-defined]  # set by with_options
        run.__annotations__ = function.__annotations__
        run.__doc__ = function.__doc__
        examples_of[function.__name__] = tuple(examples.strip().splitlines())
        lines = "\n\n".join(f"  [bold]{line}[/bold]" for line in examples_of[function.__name__])
        app.command(function.__name__, epilog=f"Examples:\n\n{lines}\n\n{HELP}")(run)
        return function

    return decorate


def _check_paths(given: dict[str, Any]) -> None:
    """Raise UsageError if a path on this machine is written like a URI, before anything is done."""
    for name, value in given.items():
        if isinstance(value, Path):
            check_local(value, "-o" if name == "output" else f"--{name.replace('_', '-')}")


def _not_loaded() -> None:
    raise AssertionError("main() loads the command that is named")


for _name, _summary in COMMANDS.items():
    app.command(_name, help=_summary)(_not_loaded)  # loading the module replaces this entry
