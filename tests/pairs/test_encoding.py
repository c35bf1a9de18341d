"""The encodings of shards: what stands in the files, that the pairs are the same, and that format version 1 is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import genpas_cli
from genpas_cli import AugmentOptions, ExportOptions, IngestOptions, MachineOptions, augment, ingest
from genpas_cli.pairs.encoding import Encoding
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.json.sealed import sealed
from tests.support import InProcess, shards

ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
IN_FILE = {"fast": ("DELTA_BINARY_PACKED", "LZ4"), "compact": ("BYTE_STREAM_SPLIT", "ZSTD"), "plain": ("PLAIN", "ZSTD")}
"""Encoding of integers and codec, as PyArrow names them."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a kept column of each kind of type, with and without missing values."""
    root = tmp_path_factory.mktemp("encodings")
    rows = 4000
    table = pa.table({
        "user_id": [f"u{n % 150}" for n in range(rows)],
        "item_id": [f"i{n * 7919 % 293}" for n in range(rows)],
        "timestamp": list(range(rows)),
        "price": [None if n % 7 == 0 else n / 4 for n in range(rows)],
        "small": pa.array([n % 100 for n in range(rows)], pa.int8()),
        "wide": pa.array([None if n % 5 == 0 else n << 33 for n in range(rows)], pa.int64()),
        "day": pa.array([n % 20_000 for n in range(rows)], pa.int32()).cast(pa.date32()),
        "at": pa.array([n * 1_000_000 for n in range(rows)], pa.timestamp("us")),
        "single": pa.array([n / 3 for n in range(rows)], pa.float32()),
        "flag": [n % 3 == 0 for n in range(rows)],
        "word": [None if n % 11 == 0 else "x" * (n % 5) for n in range(rows)],
    })  # fmt: skip
    pq.write_table(table, root / "log.parquet")
    ingest(root / "log.parquet", root / "log.store", IngestOptions(keep=tuple(table.schema.names[3:])))
    return root / "log.store"


def written(store: Path, out: Path, encoding: Encoding, **options: Any) -> Path:
    keep = IngestOptions(keep=("price", "small", "wide", "day", "at", "single", "flag", "word"))
    augment(store, out, AugmentOptions(encoding=encoding, **options), ingest_options=keep)
    return out


def columns_of(path: Path) -> dict[str, tuple[set[str], str]]:
    """Return the encodings and the codec of each column of a Parquet file."""
    group = pq.read_metadata(path).row_group(0)
    found = [group.column(index) for index in range(group.num_columns)]
    return {each.path_in_schema: (set(each.encodings), each.compression) for each in found}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_columns_have_the_encoding_and_the_codec(store: Path, tmp_path: Path, encoding: Encoding) -> None:
    pairs = written(store, tmp_path / "log.pairs", encoding)
    integers, codec = IN_FILE[encoding]
    floats = "BYTE_STREAM_SPLIT" if encoding == "compact" else "PLAIN"
    for path in sorted((pairs / "data").iterdir()):
        for name, (encodings, compression) in columns_of(path).items():
            kind = name.removesuffix(".list.element").partition("_")[2]
            wanted = floats if kind in ("price", "single") else "PLAIN" if kind in ("word", "flag") else integers
            assert encodings - {"RLE"} == ({wanted} if kind != "flag" else encodings - {"RLE"}), name
            assert compression == codec
            assert not any("DICTIONARY" in each for each in encodings)


def test_all_encodings_have_the_same_pairs_in_the_same_row_groups(store: Path, tmp_path: Path) -> None:
    found = [written(store, tmp_path / f"{encoding}.pairs", encoding) for encoding in ENCODINGS]
    for split in ("train", "validation", "test"):
        first, *others = (shards(pairs, split) for pairs in found)
        assert first.num_rows > 0
        assert all(first.equals(other) for other in others)
        assert all(first.schema.equals(other.schema) for other in others)


def test_compact_is_the_smallest_encoding(tmp_path: Path) -> None:
    """On the sample log, whose few items compress best with zstd; docs/benchmarks.md has large ones."""
    sample = Path(__file__).parents[2] / "sample_data" / "logs.parquet"
    size = {}
    for encoding in ENCODINGS:
        report = augment(sample, tmp_path / f"{encoding}.pairs", AugmentOptions(encoding=encoding, pairs="8x"))
        size[encoding] = report.bytes
    assert size["compact"] < 0.9 * size["plain"] < 0.9 * size["fast"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_cuts_and_sequences_are_compact(store: Path, tmp_path: Path, encoding: Encoding) -> None:
    pairs = written(store, tmp_path / "log.pairs", encoding, form="cuts")
    for path in [*(pairs / "data").iterdir(), *(pairs / "sequences").iterdir()]:
        columns = columns_of(path)
        encodings, codec = columns.get("user_num") or columns["train_length"]
        assert (encodings - {"RLE"}, codec) == ({"BYTE_STREAM_SPLIT"}, "ZSTD")
    assert json.loads((pairs / "manifest.json").read_text(encoding="utf-8"))["encoding"] == "compact"


def test_the_encoding_is_part_of_the_identity(store: Path, tmp_path: Path) -> None:
    """A part of another encoding is refused, and an interrupted run is not continued in another one."""
    for number, encoding in ((1, "fast"), (2, "compact")):
        options = AugmentOptions(encoding=encoding)  # type: ignore[arg-type]  # one of the three
        augment(store, tmp_path / "x.pairs", options, part=f"{number}/2")
    with pytest.raises(
        genpas_cli.UsageError, match=r"parts of different data sets: encoding differs \(fast and compact\)"
    ):
        genpas_cli.merge([tmp_path / "x.pairs.part-1-of-2", tmp_path / "x.pairs.part-2-of-2"])


# ------------------------------------------------------------------------------------------------------------ version 1


@pytest.fixture
def version_1(store: Path, tmp_path: Path) -> Path:
    """A pairs directory as version 1 was written."""
    return as_version_1(written(store, tmp_path / "one.pairs", "plain"))


def as_version_1(pairs: Path, name: str = "manifest.json") -> Path:
    """Rewrite the manifest of a directory with plain encoding as version 1 had it."""
    path = pairs / name
    manifest = json.loads(path.read_text(encoding="utf-8"))
    assert (manifest["format_version"], manifest.pop("encoding")) == (2, "plain")
    options = manifest["ingest"]["options"]
    options["encoding"] = options.pop("text_encoding")
    path.write_text(json.dumps(sealed({**manifest, "format_version": 1})), encoding="utf-8")
    return pairs


def test_every_command_reads_version_1(version_1: Path, store: Path, inside: InProcess, tmp_path: Path) -> None:
    whole = shards(version_1, "train")
    assert inside.json("verify", version_1, "--store", store, "--json")["slices"] is True
    assert inside.json("stats", version_1, "--json")["measured"]["pairs"] == whole.num_rows
    assert len(inside.json("head", version_1, "-n", "3", "--json")["rows"]) == 3
    report = genpas_cli.export(version_1, tmp_path / "out", ExportOptions(to="jsonl", split="train"))
    assert report.pairs == {"train": whole.num_rows}
    assert genpas_cli.read_pairs(version_1, "train").to_arrow().num_rows == whole.num_rows


def test_loaders_read_version_1(version_1: Path) -> None:
    pytest.importorskip("torch")
    from genpas_cli.loaders import PairDataset

    assert sum(len(batch["target_item"]) for batch in PairDataset(version_1)) == shards(version_1, "train").num_rows


def test_parts_of_version_1_are_merged_to_version_1(store: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        augment(store, tmp_path / "x.pairs", AugmentOptions(encoding="plain"), part=f"{number}/2")
        as_version_1(tmp_path / f"x.pairs.part-{number}-of-2", "part.json")
    genpas_cli.merge([tmp_path / f"x.pairs.part-{number}-of-2" for number in (1, 2)], machine=MachineOptions(threads=1))
    manifest = json.loads((tmp_path / "x.pairs" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["format_version"] == 1
    genpas_cli.verify(tmp_path / "x.pairs", store=store)


def test_a_manifest_of_version_1_makes_the_same_shards_again(version_1: Path, store: Path, inside: InProcess) -> None:
    done = inside("augment", store, "-o", "again.pairs", "--config", version_1 / "manifest.json")
    assert done.returncode == 0, done.stderr
    for path in sorted((version_1 / "data").iterdir()):
        assert path.read_bytes() == (inside.cwd / "again.pairs" / "data" / path.name).read_bytes()


def test_another_version_is_refused_with_the_versions_that_are_read(version_1: Path) -> None:
    shutil.copy(version_1 / "manifest.json", version_1 / "kept.json")
    manifest = json.loads((version_1 / "manifest.json").read_text(encoding="utf-8"))
    text = json.dumps(sealed({**manifest, "format_version": 3}))
    (version_1 / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="format version 3, but this version of genpas reads format versions 1 and 2"):
        genpas_cli.verify(version_1)
