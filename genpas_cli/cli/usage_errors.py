"""What is wrong with a command line, in genpas's own words: typer finds it, and knows less about the commands."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from genpas_cli.cli import COMMANDS
from genpas_cli.cli.help import examples_of, is_argument
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.nearest import nearest


def in_our_words(error: Any) -> UsageError:
    """Return the usage error that typer has found, with a command that works where one is near."""
    context = getattr(error, "ctx", None)
    name = _typed() if context is None else context.command_path
    kind = type(error).__name__
    if kind == "NoSuchOption":
        return _no_option(error.option_name, context, name)
    if kind == "MissingParameter":
        return UsageError(f"{_called(error.param)} is missing", tip=_example(context, name))
    if context is not None and hasattr(context.command, "commands"):
        return _no_command(context)
    message = str(error.message).rstrip(".")
    if kind == "BadOptionUsage":
        what = "a value is missing" if "requires an argument" in message else "the option takes no value"
        return UsageError(f"{error.option_name}: {what}", tip=_see(name))
    if message.startswith("Got unexpected extra argument"):
        words = message.rpartition("(")[2].rstrip(")")
        return UsageError(f"unexpected argument: {words}", tip=_example(context, name))
    param = getattr(error, "param", None)
    return UsageError(message if param is None else f"{_called(param)}: {message}", tip=_see(name))


def _typed() -> str:
    """Return the command as it was typed, for errors that do not say which it is of."""
    return " ".join(["genpas", *[word for word in sys.argv[1:2] if word in COMMANDS]])


def _called(parameter: Any) -> str:
    return str(parameter.metavar) if is_argument(parameter) else max(parameter.opts, key=len)


def _see(name: str) -> str:
    return f"See {name} -h"


def _example(context: Any, name: str) -> str:
    examples = examples_of.get(context.command.name or "", ()) if context is not None else ()
    return f"Write it like: {examples[0]}" if examples else _see(name)


def _no_option(option: str, context: Any, name: str) -> UsageError:
    known = [flag for each in context.command.get_params(context) for flag in (*each.opts, *each.secondary_opts)
             if flag.startswith("-")]  # fmt: skip
    near = nearest(option.partition("=")[0], known)
    message = f"{name}: unknown option {option}"
    if not near:
        return UsageError(message, tip=_see(name))
    words = [near + word[len(option) :] if word == option or word.startswith(f"{option}=") else word
             for word in sys.argv[1:]]  # fmt: skip
    return UsageError(message, tip=f"Did you mean: {shlex.join(['genpas', *words])}")


def _no_command(context: Any) -> UsageError:
    given = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    near = nearest(given, context.command.commands, alike=0.5)
    if not near:
        return UsageError(f"unknown command {given!r}", tip="List all commands: genpas -h")
    words = [near if word == given else word for word in sys.argv[1:]]
    return UsageError(f"unknown command {given!r}", tip=f"Did you mean: {shlex.join(['genpas', *words])}")
