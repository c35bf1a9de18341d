"""Refuses the name of an output file that promises another format than the file will have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from genpas_cli.runtime.errors import UsageError

_PROMISES = {
    ".parquet": "Parquet", ".orc": "ORC", ".avro": "Avro", ".arrow": "Arrow", ".ipc": "Arrow", ".feather": "Arrow",
    ".arrows": "an Arrow stream", ".csv": "CSV", ".tsv": "tab-separated text", ".json": "JSON",
    ".jsonl": "JSON Lines", ".ndjson": "JSON Lines", ".npy": "NumPy", ".npz": "NumPy", ".pt": "PyTorch",
    ".pth": "PyTorch", ".safetensors": "safetensors", ".tfrecord": "TFRecord", ".pkl": "pickle", ".pickle": "pickle",
    ".xlsx": "Excel", ".html": "HTML", ".htm": "HTML", ".pdf": "PDF", ".md": "Markdown", ".svg": "SVG", ".png": "PNG",
    ".gz": "gzip", ".zst": "Zstandard", ".bz2": "bzip2", ".xz": "xz", ".lz4": "LZ4", ".zip": "ZIP", ".tar": "tar",
}  # fmt: skip


def promise_of(ending: str) -> str:
    """Return the format that an ending, such as `.csv`, promises."""
    return _PROMISES.get(ending, "text")


def check_file_name(
    path: Path, endings: tuple[str, ...], what: str, *, option: str = "-o", choices: Mapping[str, str] | None = None
) -> None:
    """Raise UsageError if the ending of a name belongs to another format; an unknown ending promises nothing.

    Args:
        path: the output file.
        endings: endings that fit, the usual one first.
        what: what is written, for the message, such as "a store is a DuckDB file".
        option: the option that names the output, for the message.
        choices: ending → the option that would make such a file, such as `--file-type parquet`.
    """
    ending = path.suffix.lower()
    if ending in _PROMISES and ending not in endings:
        # `pairs.jsonl.gz` becomes `pairs.jsonl`, not `pairs.jsonl.jsonl`.
        stem = path.with_suffix("")
        better = stem if stem.suffix.lower() in endings else path.with_suffix(endings[0])
        tip = f"For example: {option} {better}"
        if choices and ending in choices:
            tip = f"Use {option} {better}, or add {choices[ending]}"
        raise UsageError(f"{option} {path}: the name promises {_PROMISES[ending]}, but {what}", tip=tip)
