"""Options from elsewhere than the command line: `genpas.toml`, `--config FILE`, and `GENPAS_*` in the environment.

The command line wins over the environment, that over `--config`, and that over `genpas.toml` in the current directory.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genpas_cli.cli import COMMANDS, console, load
from genpas_cli.cli.help import is_argument
from genpas_cli.cli.values import is_true
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.text.nearest import nearest
from genpas_cli.runtime.text.shell import shell_word

FILE = "genpas.toml"
"""Is read where it is in the current directory."""

_PLACES = "genpas.places"
"""Key of the context's `meta` for parameter → the variable, or the file and the key, that set it."""

_WITHOUT_COLUMN = "genpas.without_column"
"""Key of the context's `meta` for the tip if a log lacks a column that a setting of a manifest names."""

_PREFIX = "GENPAS_"

_NEVER = ("force",)
"""Options that only the command line may set: nobody would see that an output is replaced."""

_NEVER_IN_FILES = (*_NEVER, "config")
"""A file that names another one would have no effect: files are read before their keys count."""

BIASES = ("alpha", "beta", "gamma")


def configured(context: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the values that the environment and files set for the options of a command, by parameter.

    Args:
        context: of the command, from typer.
        arguments: of the command line.

    Raises:
        UsageError: a file cannot be read, or has a key that is no option.
    """
    given = _given(context, arguments)
    environment, variables = _of_environment(context)
    found: dict[str, Any] = {}
    layers = [*_of_files(context, given, given.get("config") or environment.pop("config", None)), environment]
    _places(context).update(variables)  # after the files, which count less
    if any(layers) and _reads_logs(context.command) and _is_made_from_logs(_sources(context, given)):
        from genpas_cli.ingest.options import names_for_logs

        # The log of a store or of pairs was read and cleaned when these were made; options for that have no effect.
        layers = [_without(layer, names_for_logs()) for layer in layers]
    for layer in layers:
        found = _without(found, _replaced(context, layer)) | layer
    found = _without(found, _replaced(context, given))
    _note_unknown_variables(context, given | {key: value for key, value in found.items() if key not in given})
    return found


def _given(context: Any, arguments: Sequence[str]) -> dict[str, Any]:
    """Return what the command line itself gives, by parameter: as typer reads it, so that no spelling is missed."""
    values, _, _ = context.command.make_parser(context).parse_args(args=list(arguments))
    return {name: value for name, value in values.items() if value is not None}


def _without(found: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in names}


def _replaced(context: Any, given: Iterable[str]) -> tuple[str, ...]:
    """Return the options that those given replace in what counts less, because they name the rule in the other way."""
    if "strategy" in _repeatable(context.command):  # these come in addition to the biases
        return ()
    if "strategy" in given:
        return BIASES
    return ("strategy",) if set(BIASES) & set(given) else ()


def _of_files(context: Any, given: Mapping[str, Any], config: str | None) -> list[dict[str, Any]]:
    """Return the values that files set, by parameter, from what counts least to what counts most."""
    if config is not None and config.endswith(".json"):  # the whole of an earlier run: genpas.toml has no part in it
        return [_of_manifest(Path(config), context, given)]
    files = [FILE] if Path(FILE).is_file() else []
    return [layer for path in (files if config is None else [*files, config])
            for layer in _of_toml(Path(path), context)]  # fmt: skip


def _reads_logs(command: Any) -> bool:
    """Tell whether a command reads logs or, instead, what was made from them."""
    from genpas_cli.ingest.options import names_for_logs

    return command.name != "ingest" and names_for_logs() <= set(_options(command).values())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not valid UTF-8"
        raise DataError(f"--config {path}: cannot be read: {reason}") from error


def _of_toml(path: Path, context: Any) -> list[dict[str, Any]]:
    """Return the values of the keys for all commands, and of those for this one, by parameter."""
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
    if strangers := [key for key in shared if key not in known or key in _NEVER_IN_FILES]:
        _refuse_unknown(path, "", strangers, _options_of_all())
    own = {_plain(key): value for key, value in tables.get(name, {}).items()}
    _refuse_unknown(path, f"[{name}] ", own, known)
    layers = []
    for values, table in ((shared, ""), (own, f"[{name}] ")):
        layer = {known[key]: _text(value, path, key) for key, value in values.items() if key in known}
        layer |= {key: [layer[key]] for key in _repeatable(context.command) & layer.keys()
                  if not isinstance(layer[key], list)}  # fmt: skip
        if not table:
            layer = {key: value for key, value in layer.items() if not _is_meant_for_logs(context.command, key, value)}
        _places(context).update({known[key]: f"{path}: {table}{key}" for key in values if key in known})
        layers.append(layer)
    return layers


def _is_meant_for_logs(command: Any, name: str, value: Any) -> bool:
    """Tell whether what is set for all commands says how logs are read, and not what one calls by the same name."""
    from genpas_cli.ingest.options import IngestOptions, names_for_logs

    if name not in names_for_logs() or command.name == "ingest" or _reads_logs(command):
        return False
    from genpas_cli.ingest.checks import check_ingest_options

    try:
        check_ingest_options(IngestOptions(**{name: value}))
    except UsageError:
        return False
    return True


def _places(context: Any) -> dict[str, str]:
    places: dict[str, str] = context.meta.setdefault(_PLACES, {})
    return places


def _plain(key: str) -> str:
    return key.replace("-", "_")


def _options(command: Any) -> dict[str, str]:
    """Return the options of a command: name → parameter, whose name differs where Python has a function of the name."""
    return {each.name.rstrip("_"): each.name for each in command.params if not is_argument(each)}


def _repeatable(command: Any) -> set[str]:
    return {each.name for each in command.params if not is_argument(each) and each.multiple}


def _options_of_all() -> list[str]:
    return [name for command in all_commands().values() for name in _options(command)]


def _of_environment(context: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that variables set, and the variables, by parameter; an empty variable counts as none."""
    found: dict[str, Any] = {}
    places: dict[str, str] = {}
    if not (variables := _variables()):
        return found, places
    known, repeatable = _options(context.command), _repeatable(context.command)
    for variable, name in variables.items():
        if name not in known or name in _NEVER or not (text := os.environ[variable]):
            continue
        parameter = known[name]
        if not _is_meant_for_logs(context.command, parameter, text):
            found[parameter] = text.split() if parameter in repeatable else text
            places[parameter] = variable
    return found, places


def _variables() -> dict[str, str]:
    """Return the variables of genpas in the environment: variable → name of the option, if it is one."""
    return {
        variable: variable.removeprefix(_PREFIX).lower()
        for variable in os.environ if variable.startswith(_PREFIX) and variable.isupper()
    }  # fmt: skip


def _note_unknown_variables(context: Any, settings: Mapping[str, Any]) -> None:
    """Print a note on each variable that sets no option of any command, unless the settings say to be quiet."""
    own = _options(context.command)
    strangers = {variable: name for variable, name in _variables().items() if name not in own or name in _NEVER}
    if not strangers or context.resilient_parsing or is_true(settings.get("quiet", False)):
        return
    known = set(_options_of_all())
    for variable, name in strangers.items():
        if name in _NEVER:
            note = f"{variable} has no effect: --{name} belongs on the command line" if name in own else ""
        else:
            near = nearest(name, known - set(_NEVER))
            tip = f" Did you mean {_PREFIX}{near.upper()}?" if near else ""
            note = "" if name in known else f"{variable} has no effect: no command has an option of this name.{tip}"
        if note:
            console.say(f"[yellow]note:[/yellow] {console.escaped(note)}")


def all_commands() -> dict[str, Any]:
    """Return every command by name, as typer builds it."""
    import typer

    from genpas_cli.cli.app import app

    load(COMMANDS)
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def _refuse_unknown(path: Path, where: str, keys: Iterable[str], known: Collection[str]) -> None:
    for key in keys:
        if key in _NEVER_IN_FILES:
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
    raise UsageError(f"{path}: {key} is {value!r}; it must be a string, a number, true, false or a list of these")


def _store_with_columns(
    path: Path, reading: Mapping[str, Any], kept: Sequence[str], context: Any, given: Mapping[str, Any]
) -> str | None:
    """Return the tip for a log whose pairs cannot be made again from it alone; None if they can.

    A store may keep columns that its pairs do not have, and a condition or a weight may use them. Made from a log,
    pairs have every column that is kept.

    Args:
        path: of the manifest.
        reading: options by which its log was read.
        kept: columns that the pairs have.
        context: of the command, from typer.
        given: on the command line, by parameter.
    """
    from dataclasses import fields

    from genpas_cli.ingest.options import IngestOptions

    sources = _sources(context, given)
    if set(reading["keep"]) <= set(kept) or not sources or _is_made_from_logs(sources):
        return None
    usual = IngestOptions(split=reading.get("split", "leave-one-out"))
    words = ["genpas", "ingest", *sources, "-o", _STORE]
    for field in fields(IngestOptions):
        value = reading.get(field.name, getattr(usual, field.name))
        default = IngestOptions.split if field.name == "split" else getattr(usual, field.name)
        if field.name == "keep":
            words += [word for column in value for word in ("--keep", column)]
        elif isinstance(value, bool) and value != default:
            words.append(flag_of(field.name if value else f"no_{field.name}"))
        elif value != default:
            words += [flag_of(field.name), str(value)]
    again = ["genpas", "augment", _STORE, "--config", str(path)]
    if "output" in given:
        again += ["-o", str(given["output"])]
    return (
        f"These pairs were made from a store with columns that they lack. Make such a store: {_line(words)}; then "
        f"the same pairs: {_line(again)}"
    )


_STORE = "with-columns.store"


def _line(words: Iterable[str]) -> str:
    return " ".join(map(shell_word, words))


def _of_manifest(path: Path, context: Any, given: Mapping[str, Any]) -> dict[str, Any]:
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
        context.meta[_WITHOUT_COLUMN] = _store_with_columns(path, reading, manifest["keep"], context, given)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"--config {path}: not a manifest that genpas augment wrote") from error
    values = reading | own | drawn
    _places(context).update({key: f"{path}: {key}" for key in values})
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
                if "there is no column" in error.message:
                    tip = context.meta.get(_WITHOUT_COLUMN) or tip
                raise UsageError(f"{error.message} ({place} sets {flag})", tip=tip) from error
        raise


def _place(context: Any, name: str) -> str | None:
    """Return the variable, or the file and key, that set an option; None if it was on the command line or not set."""
    source = context.get_parameter_source(name)
    return _places(context).get(name) if source is not None and source.name == "DEFAULT_MAP" else None


def _sources(context: Any, given: Mapping[str, Any]) -> list[str]:
    """Return the arguments that are no options."""
    values = [given[each.name] for each in context.command.params if is_argument(each) and each.name in given]
    return [word for value in values for word in ([value] if isinstance(value, str) else value)]


def _is_made_from_logs(sources: Sequence[str]) -> bool:
    """Tell whether a source is a store or a pairs directory."""
    from genpas_cli.store.schema import is_store

    paths = [Path(source) for source in sources]
    return any(is_store(path) or (path / "manifest.json").is_file() for path in paths)
