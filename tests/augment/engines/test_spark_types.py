"""Spark reads times with the type that the local engine gives them."""

from __future__ import annotations

import pytest

from genpas_cli.augment.engines.spark_types import time_type
from genpas_cli.runtime.times.readers import INTEGERS, typed_reader

KINDS = [*sorted(INTEGERS), "UBIGINT", "FLOAT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE",
         *(f"DECIMAL({digits},{scale})" for digits in range(3, 39) for scale in (0, 2))]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_has_the_type_of_the_local_engine_if_it_is_read(kind: str) -> None:
    reader = typed_reader("t", kind)
    assert reader is not None
    assert time_type(kind) in (reader.type, None)
