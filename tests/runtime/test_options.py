"""Options made in Python: a value is what its field's type says, or it is refused by the option's name."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from genpas_cli import AugmentOptions, IngestOptions, MachineOptions, TuneOptions, UsageError, ingest
from genpas_cli.ingest.formats.names import LogFormat
from tests.support import small_log


class Draw(Enum):
    INDEPENDENT = "independent"


REFUSED: list[tuple[type, str, Any, str]] = [
    (IngestOptions, "dedup", "exactly", "dedup is 'exactly'; it must be none, exact, consecutive or user-item"),
    (IngestOptions, "dedup", None, "dedup is None; it must be none, exact, consecutive or user-item"),
    (IngestOptions, "eval", "frist", "eval is 'frist'; it must be first, last, random, all or None"),
    (IngestOptions, "bad_rows", "drop", "bad_rows is 'drop'; it must be error or skip"),
    (IngestOptions, "unknown_items", "stop", "unknown_items is 'stop'; it must be add, drop or error"),
    (IngestOptions, "format", "tsv", f"format is 'tsv'; it must be {', '.join(get_args(LogFormat))} or None"),
    (IngestOptions, "ties", "files", "ties is 'files'; it must be file, item, hash or error"),
    (IngestOptions, "min_user", "5", "min_user is '5'; it must be a whole number"),
    (IngestOptions, "hive", "yes", "hive is 'yes'; it must be True or False"),
    (IngestOptions, "header", 1, "header is 1; it must be True, False or None"),
    (IngestOptions, "user", 1.0, "user is 1.0; it must be a string or None"),
    (IngestOptions, "keep", (1.5,), r"keep is (1.5,); it must be a list (each entry a string)"),
    (IngestOptions, "keep", None, "keep is None; it must be a list (each entry a string)"),
    (AugmentOptions, "order", "users", "order is 'users'; it must be shuffled or user"),
    (AugmentOptions, "user_ids", "yes", "user_ids is 'yes'; it must be none or raw"),
    (AugmentOptions, "draw", "balance", "draw is 'balance'; it must be balanced or independent"),
    (AugmentOptions, "strategy", (1, 0, 0), "strategy is (1, 0, 0); it must be a string or None"),
    (AugmentOptions, "alpha", "0.5", "alpha is '0.5'; it must be a number or None"),
    (AugmentOptions, "seed", 1.5, "seed is 1.5; it must be a whole number"),
    (AugmentOptions, "seed", True, "seed is True; it must be a whole number"),
    (MachineOptions, "threads", "2", "threads is '2'; it must be a whole number or None"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "value", "said"), REFUSED, ids=lambda part: str(part)[:20])
def test_a_value_of_the_wrong_kind_is_refused_by_the_name_of_the_option(
    kind: type, name: str, value: object, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        kind(**{name: value})
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("kind", "name", "value", "held"),
    [
        (AugmentOptions, "pairs", 5000, "5000"),
        (AugmentOptions, "max_input", np.int64(20), "20"),
        (AugmentOptions, "alpha", 1, 1.0),
        (AugmentOptions, "alpha", np.float32(0.5), 0.5),
        (AugmentOptions, "seed", np.int64(3), 3),
        (AugmentOptions, "temp_dir", Path("/tmp"), "/tmp"),  # noqa: S108  # nothing is made there
        (IngestOptions, "user", 1, "1"),
        (IngestOptions, "header", False, False),
        (IngestOptions, "keep", "ts", ("ts",)),
        (IngestOptions, "keep", ["ts", 2], ("ts", "2")),
        (IngestOptions, "format", None, None),
        (IngestOptions, "allow_duplicate_files", np.True_, True),
        (IngestOptions, "min_user", np.int32(2), 2),
        (AugmentOptions, "gamma", np.array(0.5), 0.5),
        (AugmentOptions, "draw", Draw.INDEPENDENT, "independent"),
        (TuneOptions, "alpha", 0.5, "0.5"),
        (TuneOptions, "beta", np.float64(0.5), "0.5"),
    ],
    ids=lambda part: str(part)[-20:],
)
def test_a_value_of_a_near_kind_becomes_what_the_field_holds(
    kind: type, name: str, value: object, held: object
) -> None:
    found = getattr(kind(**{name: value}), name)
    assert (found, type(found)) == (held, type(held))


def test_columns_by_number_are_positions(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(small_log(9), encoding="utf-8")
    by_name = ingest(tmp_path / "log.csv", tmp_path / "a.store", IngestOptions(keep="timestamp"))  # type: ignore[arg-type]
    options = IngestOptions(user=1, item=2, time=3, keep=["timestamp"])  # type: ignore[arg-type]
    by_position = ingest(tmp_path / "log.csv", tmp_path / "b.store", options)
    assert (by_name.interactions, by_name.time_range) == (by_position.interactions, by_position.time_range)
