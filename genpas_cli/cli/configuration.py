"""Options from elsewhere than the command line: `genpas.toml`, `--config FILE`, and `GENPAS_*` in the environment.

The command line wins over the environment, that over `--config`, and that over `genpas.toml` in the current directory.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genpas_cli.cli import COMMANDS, load
from genpas_cli.cli.help import is_argument
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.text.nearest import nearest

FILE = "genpas.toml"
"""Is read where it is in the current directory."""

_PLACES = "genpas.places"
"""Key of the context's `meta` for parameter → the file and the key that set it."""

_NEVER = ("force",)
"""Options that a file must not set: nobody would see that an output is replaced."""


def envvar_of(name: str) -> str:
    """Return the variable of the environment that sets an option."""
    return f"GENPAS_{name.upper()}"


def configured(context: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the values that files set for the options of a command, by parameter.

    Args:
        context: of the command, from typer.
        arguments: of the command line.

    Raises:
        UsageError: a file cannot be read, or has a key that is no option.
    """
    given = _config_of(arguments)
    if given is not None and given.endswith(".json"):  # the whole of an earlier run: genpas.toml has no part in it
        found = _of_manifest(Path(given), context)
    else:
        files = [FILE] if Path(FILE).is_file() else []
        found = {}
        for path in files if given is None else [*files, given]:
            found |= _of_toml(Path(path), context)
    if found and context.command.name != "ingest" and _is_made_from_logs(_positional(arguments, context.command)):
        from genpas_cli.ingest.options import names_for_logs

        # The log of a store or of pairs was read and cleaned when these were made; options for that have no effect.
        found = {key: value for key, value in found.items() if key not in names_for_logs()}
    return {key: value for key, value in found.items() if key not in _replaced(arguments)}


def _replaced(arguments: Sequence[str]) -> set[str]:
    """Return the options of files that the command line replaces by naming the rule in the other way."""
    flags = {word.partition("=")[0] for word in arguments if word.startswith("-")}
    if flags & {"-s", "--strategy"}:
        return set(BIASES)
    return {"strategy"} if flags & {f"--{bias}" for bias in BIASES} else set()


BIASES = ("alpha", "beta", "gamma")


def _config_of(arguments: Sequence[str]) -> str | None:
    for number, word in enumerate(arguments):
        if word == "--config" and number + 1 < len(arguments):
            return arguments[number + 1]
        if word.startswith("--config="):
            return word.partition("=")[2]
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not valid UTF-8"
        raise UsageError(f"--config {path}: cannot be read: {reason}") from error


def _of_toml(path: Path, context: Any) -> dict[str, Any]:
    try:
        content = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    name = context.command.name
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    if unknown := [key for key in tables if key not in COMMANDS]:
        raise UsageError(f"{path}: there is no command {unknown[0]!r}", tip=_near(unknown[0], COMMANDS))
    known = _options(context.command)
    shared = {_plain(key): value for key, value in content.items() if key not in tables}
    if strangers := [key for key in shared if key not in known or key in _NEVER]:
        _refuse_unknown(path, "", strangers, _options_of_all())
    own = {_plain(key): value for key, value in tables.get(name, {}).items()}
    _refuse_unknown(path, f"[{name}] ", own, known)
    values = {key: value for key, value in shared.items() if key in known} | own
    context.meta.setdefault(_PLACES, {}).update(
        {key: f"{path}: {f'[{name}] ' if key in own else ''}{key}" for key in values}
    )
    return {key: _text(value, path, key) for key, value in values.items()}


def _plain(key: str) -> str:
    return key.replace("-", "_")


def _options(command: Any) -> list[str]:
    return [each.name for each in command.params if not is_argument(each)]


def _options_of_all() -> list[str]:
    return [name for command in all_commands().values() for name in _options(command)]


def all_commands() -> dict[str, Any]:
    """Return every command by name, as typer builds it."""
    import typer

    from genpas_cli.cli.app import app

    load(COMMANDS)
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def _refuse_unknown(path: Path, where: str, keys: Iterable[str], known: Sequence[str]) -> None:
    for key in keys:
        if key in _NEVER:
            raise UsageError(f"{path}: {where}{key} belongs on the command line")
        if key not in known:
            raise UsageError(f"{path}: {where}there is no option {key!r}", tip=_near(key, known))


def _near(word: str, known: Iterable[str]) -> str | None:
    near = nearest(word, known)
    return f"Did you mean {near}?" if near else None


def _text(value: Any, path: Path, key: str) -> Any:
    """Return a value of TOML as the command line would give it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, list):
        return [str(_text(each, path, key)) for each in value]
    if isinstance(value, str | int | float):
        return str(value)
    raise UsageError(f"{path}: {key} is {value!r}; it must be a text, a number, true, false or a list of these")


def _of_manifest(path: Path, context: Any) -> dict[str, Any]:
    """Return the options of `augment` by which the data set of a manifest was made."""
    if context.command.name != "augment":
        raise UsageError(f"--config {path}: a manifest has the options of genpas augment alone")
    from genpas_cli.augment.target_weights import target_settings

    try:
        manifest = json.loads(_read(path))
        # Format version 1 calls the encoding of text files `encoding`.
        reading = {"text_encoding" if k == "encoding" else k: v for k, v in manifest["ingest"]["options"].items()}
        strategy = manifest["strategy"]
        own = {
            "strategy": strategy["name"], "seed": manifest["seed"], "epochs": manifest["epochs"],
            "max_input": manifest["max_input"] or "none", "order": manifest["order"], "form": manifest["form"],
            "encoding": manifest.get("encoding", "plain"), "shard_rows": manifest["shard_rows"],
            "keep": manifest["keep"],
            **target_settings(manifest),
            "item_info": manifest.get("item_info", {}).get("file"),
            "item_info_id": manifest.get("item_info", {}).get("id"),
            "user_ids": "raw" if any(each["path"] == "users.parquet" for each in manifest["files"]) else "none",
        }  # fmt: skip
        drawn = {"pairs": "all"} if strategy["draw"] == "enumerated" else {
            "pairs": manifest["pairs"], "draw": strategy["draw"],
        }  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"--config {path}: not a manifest that genpas augment wrote") from error
    values = reading | own | drawn
    context.meta[_PLACES] = {key: f"{path}: {key}" for key in values}
    return {key: _text(value, path, key) for key, value in values.items() if value is not None}


@contextmanager
def named_by_place(context: Any) -> Iterator[None]:
    """Name the file or variable that gave an option, in the UsageError that names the option.

    Args:
        context: of the command, from typer, after its arguments were parsed.
    """
    try:
        yield
    except UsageError as error:
        for each in context.command.params:
            place = _place(context, each.name)
            flag = next((flag for flag in each.opts if re.match(rf"{flag}\b(?!-)", error.message)), None)
            if place is None:
                continue
            tip = error.tip.replace(f"Did you mean {flag} ", "Did you mean ") if error.tip else None
            if named := next((name for name in (flag, each.name) if error.message.startswith(f"{name} is ")), None):
                raise UsageError(place + error.message.removeprefix(named), tip=tip) from error
            if flag is not None:
                raise UsageError(f"{error.message} ({place} sets {flag})", tip=tip) from error
        raise


def _place(context: Any, name: str) -> str | None:
    """Return the variable, or the file and key, that set an option; None if it was on the command line or not set."""
    source = context.get_parameter_source(name)
    if source is None or source.name not in ("ENVIRONMENT", "DEFAULT_MAP"):
        return None
    return envvar_of(name) if source.name == "ENVIRONMENT" else context.meta.get(_PLACES, {}).get(name)


def _positional(words: Sequence[str], command: Any) -> list[str]:
    """Return the words of a command line that are arguments, and not options or their values."""
    with_value = {
        flag for each in command.params if not is_argument(each) and not each.is_flag
        for flag in (*each.opts, *each.secondary_opts)
    }  # fmt: skip
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*found, *rest]
        if word in with_value:
            next(rest, None)
        elif not word.startswith("-"):
            found.append(word)
    return found


def _is_made_from_logs(sources: Sequence[str]) -> bool:
    """Tell whether a source is a store or a pairs directory."""
    from genpas_cli.store.schema import is_store

    paths = [Path(source) for source in sources]
    return any(is_store(path) or (path / "manifest.json").is_file() for path in paths)
