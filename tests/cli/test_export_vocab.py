"""`genpas export - --vocab DIR`: the ids of the directory are those of the numbers in the stream, or it is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import genpas_cli
from tests.cli.streams import stream
from tests.support import Genpas, refused

USAGE = 2
RAW = ("--to", "jsonl", "-o", "-", "--ids", "raw", "--vocab")

LOG = "user_id,item_id,timestamp,rating\n" + "".join(
    f"{user},{item},{time},5\n" for user in ("u1", "u2") for time, item in enumerate("abcda")
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with pairs of a log, and of logs that have other items, other users, or other interactions."""
    root = tmp_path_factory.mktemp("logs")
    (root / "info.csv").write_text("item_id,title\n" + "".join(f"{i},{i}\nz{i},{i}\n" for i in "abcd"), "utf-8")
    texts = {"same": LOG, "items": LOG, "users": LOG.replace("u2", "u3"), "fewer": LOG.replace("u2,a,4,5\n", "")}
    for letter in "abcd":
        texts["items"] = texts["items"].replace(f",{letter},", f",z{letter},")
    for name, text in texts.items():
        (root / f"{name}.csv").write_text(text, encoding="utf-8")
        genpas_cli.augment(root / f"{name}.csv", root / name, user_ids="raw", item_info=root / "info.csv")
    return root


def test_a_vocabulary_with_other_ids_is_refused(genpas: Genpas, logs: Path) -> None:
    given = stream(genpas, logs / "same.csv")
    for name in ("items", "users"):
        done = genpas("export", "-", *RAW, logs / name, stdin=given)
        refused(done, USAGE, f"has other {name} than the stream", "from different logs", "of the same log")
    bare = genpas.cwd / "bare"
    bare.mkdir()
    shutil.copy(logs / "items" / "items.parquet", bare)
    refused(genpas("export", "-", *RAW, bare, stdin=given), USAGE, "has other items than the stream")


def test_titles_beside_a_vocabulary_with_other_ids_are_refused(genpas: Genpas, logs: Path) -> None:
    """They are found by item number, without the ids."""
    columns = ("--to", "jsonl", "-o", "-", "--columns", "target_item,target_title", "--vocab")
    given = stream(genpas, logs / "same.csv")
    assert genpas("export", "-", *columns, logs / "same", stdin=given).returncode == 0
    refused(genpas("export", "-", *columns, logs / "items", stdin=given), USAGE, "has other items than the stream")


@pytest.mark.parametrize(
    "options", [(), ("--alpha", "0.5", "--pairs", "20"), ("--split", "none"), ("--keep", "rating")]
)
def test_the_same_ids_are_accepted_whatever_the_options_of_the_stream(
    genpas: Genpas, logs: Path, options: tuple[str, ...]
) -> None:
    """Also those of another log that has the same items and users."""
    given = stream(genpas, logs / "same.csv", *options)
    columns = ("--columns", "user_id,input_items,target_item")
    expected = genpas("export", "-", "--to", "jsonl", "-o", "-", *columns, stdin=stream(
        genpas, logs / "same.csv", *options, "--ids", "raw"
    )).stdout  # fmt: skip
    assert expected
    for name in ("same", "fewer"):
        done = genpas("export", "-", *RAW, logs / name, *columns, stdin=given)
        assert (done.returncode, done.stdout) == (0, expected), done.stderr


def test_a_stream_without_digests_of_ids_needs_the_vocabulary_of_its_store(genpas: Genpas, logs: Path) -> None:
    """`read_pairs` does not read the vocabulary."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    pairs = genpas_cli.read_pairs(logs / "same").to_arrow()
    with pa.ipc.new_stream(sink, pairs.schema) as writer:
        writer.write_table(pairs)
    given = sink.getvalue().to_pybytes()
    done = genpas("export", "-", *RAW, logs / "same", stdin=given)
    assert json.loads(done.stdout.splitlines()[0])["user_id"] in ("u1", "u2")
    refused(genpas("export", "-", *RAW, logs / "items", stdin=given), USAGE, "made from another store", "same store")
