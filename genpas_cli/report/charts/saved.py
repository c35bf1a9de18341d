"""Saves charts of a page as files: SVG, PNG and Vega-Lite."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from genpas_cli.runtime.atomic_output import building, foreign_entry, no_real_directory
from genpas_cli.runtime.machine import disk_error

WIDTH = 480
"""Width of a saved chart in pixels; PNG files have twice as many."""

_SCALE = 2
_VARIABLE = re.compile(r"var\((--[\w-]+)\)")
_MARK = {"generator": "genpas"}
"""The mark by which a chart that genpas saved is recognized."""
_ENDINGS = (".svg", ".png", ".vl.json")
_SCHEMA = "https://vega.github.io/schema/vega-lite/v{}.json"


def save_charts(charts: Mapping[str, dict[str, Any]], directory: Path) -> None:
    """Write each chart as NAME.svg, NAME.png and NAME.vl.json; a directory of saved charts is replaced.

    Raises:
        UsageError: the directory holds files of other names.
        MachineError: a file cannot be written.
    """
    import vl_convert

    version, colours = vega_lite_version(), light_colours()
    with building(directory, force=True, foreign=foreign_charts, option="--charts") as new:
        try:
            new.mkdir()
            for name, spec in charts.items():
                whole = {
                    "$schema": _SCHEMA.format(version),
                    **_resolved(spec, colours),
                    "width": WIDTH,
                    "usermeta": _MARK,
                }
                text = json.dumps(whole, ensure_ascii=False, indent=1)
                (new / f"{name}.vl.json").write_text(f"{text}\n", encoding="utf-8")
                (new / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(text, version), encoding="utf-8")
                (new / f"{name}.png").write_bytes(vl_convert.vegalite_to_png(text, version, scale=_SCALE))
        except OSError as error:
            raise disk_error(error, directory, option="--charts") from error


def foreign_charts(path: Path) -> str | None:
    """Tell what in an existing directory is no saved chart, see `genpas_cli.runtime.atomic_output.Foreign`."""
    if (reason := no_real_directory(path)) is not None:
        return reason
    names = sorted(entry.name for entry in path.iterdir())
    ours = {name.removesuffix(".vl.json") for name in names if name.endswith(".vl.json") and _is_ours(path / name)}
    found = foreign_entry(path, {f"{chart}{ending}" for chart in ours for ending in _ENDINGS})
    return None if found is None else f"it contains {found}, which is not a chart that genpas saved"


def _is_ours(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["usermeta"] == _MARK)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def vega_lite_version() -> str:
    """Return the version of Vega-Lite that the charts are written for, such as `5.20`."""
    import altair as alt

    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])


def light_colours() -> dict[str, str]:
    """Return the colour variables of the light style sheet."""
    sheet = files("genpas_cli.report").joinpath("assets", "page.css").read_text(encoding="utf-8")
    return dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-f]+);", sheet[: sheet.index("@media")]))


def _resolved(value: Any, colours: Mapping[str, str]) -> Any:
    """Return a specification with colours in place of variables."""
    if isinstance(value, dict):
        return {key: _resolved(each, colours) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, colours) for each in value]
    return _VARIABLE.sub(lambda found: colours[found[1]], value) if isinstance(value, str) else value
