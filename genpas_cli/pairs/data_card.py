"""The README.md of a pairs directory: a data card whose header tells Hugging Face datasets where the splits are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from genpas_cli.pairs.manifest import CARD, Manifest
from genpas_cli.pairs.shards import ShardFile, rows_by_split
from genpas_cli.runtime.object_storage.locations import file_digest
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.text.natural_order import path_order
from genpas_cli.runtime.text.visible import one_line

_GLOBS = {"train": "data/**/train-*.parquet", "validation": "data/validation-*.parquet", "test": "data/test-*.parquet"}


def write_card(directory: Path, manifest: Manifest, shards: Sequence[ShardFile]) -> ShardFile:
    """Write the card of a pairs directory, and return its entry for the manifest."""
    path = directory / CARD
    path.write_text(data_card(manifest, shards), encoding="utf-8")
    return ShardFile(CARD, None, 0, path.stat().st_size, file_digest(path))


def data_card(manifest: Manifest, shards: Iterable[ShardFile]) -> str:
    """Return the text of the card.

    Args:
        manifest: of the data set.
        shards: its files.
    """
    shards = list(shards)
    rows = rows_by_split(shards)
    files = "".join(f"  - split: {split}\n    path: {_paths(split, manifest, shards)}\n" for split in rows)
    strategy = manifest["strategy"]
    biases = {name: strategy[name] for name in ("alpha", "beta", "gamma")}
    settings = ", ".join(f"{name} = {value}" for name, value in strategy.get("parameters", biases).items())
    lines = "\n".join(f"| {split} | {count:,} |" for split, count in rows.items())
    kept = "".join(
        f"| {_code(f'input_{name}')}, {_code(f'target_{name}')} | list, value | the column {_code(name)} of the log, "
        "for each input item and for the target |\n"
        for name in manifest["keep"]
    )
    targets = _targets(manifest)
    return f"""---
configs:
- config_name: default
  description: pairs {_digest(shards)}
  data_files:
{files}---

# Input–target pairs

Made from user sequences with [GenPAS](https://arxiv.org/abs/2509.13648) by genpas {manifest["versions"]["genpas"]}.

| split | pairs |
|---|---|
{lines}

- strategy: {_code(strategy["name"])} ({settings}), drawn {strategy["draw"]}, seed {manifest["seed"]}{targets}
- inputs: the most recent {manifest["max_input"] or "(all)"} items, oldest first; rows {manifest["order"]}
- held out: {manifest["split"]["rule"]}
- made from: {", ".join(_source(source) for source in manifest["source"])}

| column | type | meaning |
|---|---|---|
| `user_num` | int32 | user, from 1 |
| `input_items` | list of int32 | item numbers, from 1; 0 is reserved for padding |
| `target_item` | int32 | the item to predict |
| `input_start` | int32 | position in the sequence, from 1, where the full input started, before it was shortened |
| `target_position` | int32 | position, from 1, of the target in the user's sequence |
{kept}
`items.parquet` gives the id of each item number. `manifest.json` records how these pairs were made, and the digest of
every file; to check the files: `genpas verify .`
"""


def _targets(manifest: Manifest) -> str:
    """Return a further line with the condition and the weights of targets; nothing if there are none."""
    names = ("target_where", "target_weight", "half_life", "as_of", "balance_items")
    given = [f"{flag_of(name)} {_code(str(value))}" for name in names if (value := manifest.get(name)) is not None]
    return f"\n- targets: {', '.join(given)}" if given else ""


def _digest(shards: Iterable[ShardFile]) -> str:
    """Return a digest of these files.

    Hugging Face datasets caches a directory by its name and this header only: without a digest in the header it would
    keep returning the pairs that were there at the first load.
    """
    listed = sorted(f"{file.sha256}  {file.path}\n" for file in shards)
    return hashlib.sha256("".join(listed).encode()).hexdigest()[:16]


def _paths(split: str, manifest: Manifest, shards: Iterable[ShardFile]) -> str:
    """Return the patterns of a split's files, as YAML.

    Files that match one pattern are read in alphabetical order, so numbers with more digits (from 1,000 epochs or
    100,000 shards on) get a pattern of their own.
    """
    named = sorted((file.path for file in shards if file.split == split), key=path_order)
    lengths = list(dict.fromkeys(re.sub(r"[0-9](?=[0-9]*(/|-of-))", "?", name) for name in named))
    if len(lengths) > 1:
        return "".join(f"\n    - {re.sub('-of-.*', '-of-*.parquet', pattern)}" for pattern in lengths)
    return _GLOBS[split] if split == "train" and manifest["epochs"] > 1 else _GLOBS[split].replace("**/", "")


def _source(source: dict[str, Any]) -> str:
    digest = f", SHA-256 {source['sha256'][:12]}…" if source["sha256"] else ""
    return f"{_code(source['name'])} ({source['rows']:,} rows{digest})"


def _code(name: str) -> str:
    """Return a name as Markdown code that cannot end the code span or the table cell."""
    shown = one_line(name).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`"
