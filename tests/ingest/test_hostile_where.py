"""Conditions that would take all memory, never end or reach out of the row end in seconds, within the memory limit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest import hostile
from tests.ingest.support import read
from tests.support import ROOT, unchanged

ORDINARY = {
    "n between 10 and 19": 10,
    "item in ('i1', 'i2') and user <> 'u1'": 11,
    "item like 'i1%' or item ilike 'I2_'": 126,
    "regexp_matches(item, '^i[0-4]{1,2}$')": 150,
    "lower(trim(item)) = 'i7'": 6,
    "upper(substring(item, 1, 1)) || item[2:] = 'I7'": 6,
    "lpad(replace(item, 'i', ''), 3, '0') >= '048'": 12,
    "split_part(item, 'i', 2)::int > 48": 6,
    "regexp_extract(item, '([0-9]+)', 1)::int % 2 = 0": 150,
    "t >= timestamp '1970-01-11' and t < '1970-01-12'": 0,
    "strftime(t, '%Y-%m') = '1970-01'": 3,
    "year(t) = 1970 and extract(month from t) = 2": 3,
    "date_trunc('month', t) = date '1970-01-01'": 3,
    "t + interval 1 day > '1979-06-15'": 1,
    "coalesce(nullif(n, 3), 0) = 0": 2,
    "case when n < 5 then true else n > 297 end": 7,
    "try_cast(item as integer) is null": 300,
    "abs(n - 150) < round(2.5)": 5,
    "n % 7 = 0 and not (n // 2 > 20) and b": 6,
    "greatest(n, 290) = 290 and least(n, 5) = 5": 286,
    "list_contains(l, 58) or len(l) = 0": 10,
    "len(list_filter(l, lambda x: x > 50)) > 7": 5,
    "(user, item) in (('u0', 'i0'), ('u1', 'i1'))": 2,
    "concat_ws('-', user, item) = 'u0-i0'": 1,
    "epoch(t) > 298e6 and dayname(t) <> 'Monday'": 1,
}
"""Rows that each leaves, of those of `hostile.log`."""


@pytest.mark.parametrize("where", ORDINARY)
def test_ordinary_conditions_are_evaluated(tmp_path: Path, where: str) -> None:
    assert len(read(hostile.log(tmp_path / "log.parquet"), where=where, time="t").rows) == ORDINARY[where]


def test_a_list_of_thousands_of_ids(tmp_path: Path) -> None:
    listed = ", ".join(f"'i{n}'" for n in range(9000) if n % 50 != 7)
    assert len(read(hostile.log(tmp_path / "log.parquet"), where=f"item in ({listed})", time="t").rows) == 294


def test_more_than_two_hundred_hostile_conditions(tmp_path: Path) -> None:
    """Those that reach outside are refused; whatever becomes of the others, it takes seconds and less than 1 GiB."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    with unchanged(cwd):
        done = subprocess.run(
            [sys.executable, Path(hostile.__file__)], cwd=cwd, env=environment, capture_output=True, text=True,
            timeout=280, check=False,
        )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    *each, summary = done.stdout.splitlines()
    assert len(each) > 200, summary
    assert sum("which is not allowed" in said for said in each) > 100, "most are refused before a row is read"
