"""The model that the options describe: its sizes, and for a generative model the codes of the items."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from genpas_cli.pairs.codes.files import open_codes
from genpas_cli.pairs.codes.item_codes import item_codes
from genpas_cli.pairs.vocabulary import Vocabulary
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.object_storage.locations import file_digest
from genpas_cli.runtime.options import flag_of
from genpas_cli.training.options import ModelOptions

if TYPE_CHECKING:
    from genpas_cli.training.models.interface import NextItemModel

AnyModel = TypeVar("AnyModel", bound=ModelOptions)

LONGEST_INPUT = {"sasrec": 50, "tiger": 20}
"""Maximum input length of each model, in items, if neither the pairs nor `--max-input` limit it further."""

MOST_LEVELS = 8
"""Maximum number of codes of an item; files for TIGER have 3 or 4."""

SMALLEST_BEAM = 10


class _Sizes(NamedTuple):
    """Default sizes of a model."""

    dim: int
    layers: int
    heads: int
    dropout: float
    head_dim: int = 0
    feed_dim: int = 0


_SASREC = _Sizes(64, 2, 2, 0.3)
_TIGER = {"small": _Sizes(128, 2, 4, 0.1, 32, 512), "paper": _Sizes(128, 4, 6, 0.1, 64, 1024)}
"""The second one has the sizes of the TIGER paper (Rajput et al. 2023, section 3.1)."""


def _sizes(options: ModelOptions) -> _Sizes:
    """Return the default sizes of the model, replaced by those that the options give."""
    usual = _SASREC if options.model == "sasrec" else _TIGER[options.preset or "small"]
    named = ("dim", "layers", "heads", "dropout")
    return usual._replace(**{name: value for name in named if (value := getattr(options, name)) is not None})


def with_sizes(options: AnyModel) -> AnyModel:
    """Return the options with the sizes of the model that they leave open, after checking all of them.

    Raises:
        UsageError: a value is invalid, or an option is not one of the model.
        DataError: there is no file of codes.
    """
    _check_model(options)
    sizes = _sizes(options)
    sized = replace(options, dim=sizes.dim, layers=sizes.layers, heads=sizes.heads, dropout=sizes.dropout)
    _check_values(sized)
    return sized


def _check_model(options: ModelOptions) -> None:
    if options.model == "sasrec":
        usual = ModelOptions()
        for name in ("preset", "semantic_ids", "missing_codes", "user_tokens", "beam"):
            if getattr(options, name) != getattr(usual, name):
                raise UsageError(
                    f"{flag_of(name)} cannot be used with --model sasrec",
                    tip=f"Add --model tiger, or remove {flag_of(name)}.",
                )
    elif options.semantic_ids is None:
        raise UsageError(
            "--model tiger needs the codes of the items",
            tip="Make codes: genpas semantic-ids STORE -o codes.parquet. Then add: --semantic-ids codes.parquet",
        )
    else:
        open_codes(Path(options.semantic_ids))


def _check_values(options: Any) -> None:
    lowest = {
        "dim": 1, "layers": 1, "heads": 1, "steps": 1, "round_steps": 1, "patience": 1, "batch_size": 1, "seed": 0,
        "epochs_data": 1, "seeds": 1, "user_tokens": 0, "beam": SMALLEST_BEAM,
    }  # fmt: skip
    for name, low in lowest.items():
        value = getattr(options, name, None)
        if value is not None and value < low:
            raise UsageError(f"{flag_of(name)} is {value}; it must be {low} or more")
    if not 0 <= options.dropout < 1:
        raise UsageError(f"--dropout is {options.dropout}; it must be a probability, 0 or more and below 1")
    if not (math.isfinite(options.lr) and options.lr > 0):
        raise UsageError(f"--lr is {options.lr}; it must be a number above 0, such as 0.001")
    if not (math.isfinite(options.weight_decay) and options.weight_decay >= 0):
        raise UsageError(f"--weight-decay is {options.weight_decay}; it must be a number, 0 or more")
    if options.model == "sasrec" and options.dim % options.heads:
        raise UsageError(f"--dim {options.dim} is not a multiple of --heads {options.heads}")


def codes_digest(options: ModelOptions) -> str | None:
    """Return the digest of the file of codes; None without one."""
    return None if options.semantic_ids is None else file_digest(Path(options.semantic_ids))


def without_codes_path(options: dict[str, Any]) -> dict[str, Any]:
    """Return options without the path of the codes, which their digest stands for: the same file may be moved."""
    return {name: value for name, value in options.items() if name != "semantic_ids"}


def model_codes(options: ModelOptions, items: Vocabulary) -> NDArray[np.int64]:
    """Return int64 (items + 1, levels): the codes by item number; -1 for items without codes, and for number 0.

    Args:
        options: the options of a model that generates codes.
        items: id of each item number from 1.

    Raises:
        DataError: the codes cannot be used, or are of other items.
    """
    assert options.semantic_ids is not None, "checked by `with_sizes`"
    found = item_codes(items, open_codes(Path(options.semantic_ids)), missing=options.missing_codes, colliding="keep")
    if found.table.levels > MOST_LEVELS:
        raise DataError(
            f"{options.semantic_ids} has {found.table.levels} codes per item; --model tiger generates at most "
            f"{MOST_LEVELS}",
            tip="Make codes of fewer levels: genpas semantic-ids STORE --levels 3 -o codes.parquet",
        )
    return np.where(found.known[:, None], found.codes, -1).astype(np.int64)


def builder(
    options: ModelOptions, items: int, max_input: int, codes: NDArray[np.int64] | None
) -> Callable[[], NextItemModel]:
    """Return a function that builds the model with new weights.

    Args:
        options: the model's options.
        items: size of the vocabulary.
        max_input: longest input, in items.
        codes: see `model_codes`; None for a model that scores items.
    """
    sizes = _sizes(options)
    if codes is None:
        from genpas_cli.training.models.sasrec import ModelShape, SASRec

        shape = ModelShape(items, max_input, sizes.dim, sizes.layers, sizes.heads, sizes.dropout)
        return lambda: SASRec(shape)
    from genpas_cli.training.models.tiger import Tiger, TigerShape

    of_tiger = TigerShape(
        items, max_input, tuple((codes.max(axis=0) + 1).tolist()), sizes.dim, sizes.layers, sizes.heads,
        sizes.head_dim, sizes.feed_dim, options.user_tokens, sizes.dropout, options.beam,
    )  # fmt: skip
    return lambda: Tiger(of_tiger, codes)
