"""Sizes as people write and read them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import MachineOptions, parse_memory_limit, resolve, show_size
from tests.support import interrupted_after


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("300b", 300), ("2kB", 2000), ("2 MB", 2 * 10**6), ("1.5GB", 1_500_000_000), ("1TB", 10**12),
        ("2k", 2048), ("2KiB", 2048), ("3m", 3 * 2**20), ("512 MiB", 2**29), ("1.5g", 3 * 2**29), ("1GiB", 2**30),
        ("1t", 2**40), (" 1TiB ", 2**40),
    ],
)  # fmt: skip
def test_a_size_is_in_thousands_with_a_b_and_in_1024s_without_or_with_an_i(text: str, size: int) -> None:
    assert parse_memory_limit(text) == size


@pytest.mark.parametrize("text", ["2", "0.5", " 16 "])
def test_a_size_without_a_unit_is_asked_about(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--memory-limit is .*, a size without a unit") as caught:
        parse_memory_limit(text)
    assert caught.value.tip == f"Did you mean {text.strip()}GB or {text.strip()}MB?"


@pytest.mark.parametrize("text", ["", "0", "0.4b", "-1GB", "GB", "1XB", "1e9", "1,5GB", "2GB 3"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--memory-limit is .*, which is not a size"):
        parse_memory_limit(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1234, "1.2 kB"), (123_456, "123 kB"),
        (1_300_000_000, "1.3 GB"), (2.5e15, "2500.0 TB"),
    ],
)  # fmt: skip
def test_a_size_is_shown_with_the_digits_that_tell_something(size: float, text: str) -> None:
    assert show_size(size) == text


def test_an_interrupt_while_the_system_s_temporary_directory_is_sought_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(os, "open", interrupted_after(os.open))
    with pytest.raises(KeyboardInterrupt):
        resolve(MachineOptions())
    assert list(tmp_path.iterdir()) == []
