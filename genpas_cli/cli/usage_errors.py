"""What is wrong with a command line, in genpas's own words: typer finds it, and knows less about the commands."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from genpas_cli.cli import COMMANDS
from genpas_cli.cli.configuration import BIASES, all_commands
from genpas_cli.cli.help import examples_of, is_argument
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.nearest import nearest
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.text.wording import listed


def in_our_words(error: Any) -> UsageError:
    """Return the usage error that typer has found, with a command that works where one is near."""
    context = getattr(error, "ctx", None)
    name = _typed() if context is None else context.command_path
    kind = type(error).__name__
    if kind == "NoSuchOption":
        return _no_option(error.option_name, context, name)
    if kind == "MissingParameter":
        tip = _as_source(context, name) or _example(context, name)
        return UsageError(f"{_called(error.param)} is missing", tip=tip)
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


def _as_source(context: Any, name: str) -> str | None:
    """Return the tip for a store that was given by the option that keeps one; None if there is no such option."""
    parameters = [] if context is None else context.command.params
    keeps = any(each.name == "store" and each.metavar == "PATH" for each in parameters)
    words = [part for word in sys.argv[1:] for part in word.split("=", 1)]
    if not keeps or "--store" not in words[:-1]:
        return None
    store = shell_word(words[words.index("--store") + 1])
    return f"--store names where to keep the store that is made from logs. To read {store}: {name} {store}"


def _no_option(option: str, context: Any, name: str) -> UsageError:
    known = [flag for each in context.command.get_params(context) for flag in (*each.opts, *each.secondary_opts)
             if flag.startswith("-")]  # fmt: skip
    message, flag = f"{name}: unknown option {option}", option.partition("=")[0]
    if owners := _commands_with(flag):
        return UsageError(message, tip=_elsewhere(flag, owners, "--strategy" in known))
    # Without the dashes, which every flag has.
    near_word = nearest(flag.lstrip("-"), [each.lstrip("-") for each in known if each.startswith("--")])
    if near_word is None:
        return UsageError(message, tip=_see(name))
    near = f"--{near_word}"
    words = [near + word[len(option) :] if word == option or word.startswith(f"{option}=") else word
             for word in sys.argv[1:]]  # fmt: skip
    return UsageError(message, tip=f"Did you mean: {shlex.join(['genpas', *words])}")


def _commands_with(flag: str) -> list[str]:
    """Return the commands that have a long option of this name."""
    if not flag.startswith("--"):
        return []
    return [
        name for name, command in all_commands().items()
        if any(flag in (*each.opts, *each.secondary_opts) for each in command.params)
    ]  # fmt: skip


def _elsewhere(flag: str, owners: Sequence[str], has_strategies: bool) -> str:  # noqa: FBT001  # a fact of the command
    """Return the tip for an option of other commands only."""
    if has_strategies and flag.removeprefix("--") in BIASES:
        return "Give the three biases of a strategy with -s, such as: -s 0.5,0,0"
    return f"{flag} is an option of {listed([f'genpas {name}' for name in owners])}."


def _no_command(context: Any) -> UsageError:
    given = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    near = nearest(given, context.command.commands)
    if not near:
        return UsageError(f"unknown command {given!r}", tip="List all commands: genpas -h")
    words = [near if word == given else word for word in sys.argv[1:]]
    return UsageError(f"unknown command {given!r}", tip=f"Did you mean: {shlex.join(['genpas', *words])}")
