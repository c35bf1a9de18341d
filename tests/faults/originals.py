"""Sound files of every kind, for `fuzz.py` to damage."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather, orc

from tests.support import ROOT


def make_originals(root: Path) -> None:
    """Write sound files of every kind."""
    rng = random.Random(0)
    rows = [(f"u{rng.randrange(12)}", f"i{rng.randrange(20)}", 1_700_000_000 + 977 * n, n % 5) for n in range(150)]
    header = ("user_id", "item_id", "timestamp", "rating")
    text = "\n".join(",".join(map(str, row)) for row in (header, *rows)) + "\n"
    table = pa.table(dict(zip(header, zip(*rows, strict=True), strict=True)))
    logs = root / "logs"
    logs.mkdir()
    plain = {
        "log.csv": text,
        "log.tsv": text.replace(",", "\t"),
        "ratings.dat": text.split("\n", 1)[1].replace(",", "::"),
        "log.inter": text.replace(
            "user_id,item_id,timestamp,rating", "user_id:token\titem_id:token\ttimestamp:float\trating:float"
        ).replace(",", "\t"),
        "log.jsonl": "".join(
            f'{{"user_id": "{u}", "item_id": "{i}", "timestamp": {t}, "rating": {r}}}\n' for u, i, t, r in rows
        ),
        "log.json": "["
        + ",".join(f'{{"user_id": "{u}", "item_id": "{i}", "timestamp": {t}}}' for u, i, t, _ in rows)
        + "]",
        "sequences.txt": "".join(f"u{u} " + " ".join(i for v, i, *_ in rows if v == f"u{u}") + "\n" for u in range(12)),
    }
    for name, content in plain.items():
        (logs / name).write_text(content, encoding="utf-8")
    (logs / "log.csv.gz").write_bytes(gzip.compress(text.encode()))
    (logs / "log.csv.zst").write_bytes(pa.compress(text.encode(), codec="zstd", asbytes=True))
    pq.write_table(table, logs / "log.parquet", row_group_size=40)
    tags = pa.array([[f"t{n % 3}", None] for n in range(len(rows))])
    pq.write_table(table.append_column("tags", tags), logs / "nested.parquet", compression="zstd")
    orc.write_table(table, str(logs / "log.orc"), stripe_size=1 << 12)
    orc.write_table(table, str(logs / "packed.orc"), compression="zlib")
    feather.write_feather(table, str(logs / "log.feather"), compression="lz4")
    with pa.ipc.new_file(str(logs / "log.arrow"), table.schema) as file:
        file.write_table(table, max_chunksize=60)
    coded = table.set_column(0, "user_id", table.column(0).dictionary_encode())
    with pa.ipc.new_stream(str(logs / "stream.arrow"), coded.schema) as stream:
        stream.write_table(coded, max_chunksize=60)
    (root / "day.csv").write_text(
        "user_id,item_id,timestamp,rating\nu1,i3,1800000000,1\nu2,new,1800000001,2\n", encoding="utf-8"
    )
    (root / "rules.toml").write_text(
        '[data]\nwarn = ["tied_either < 0.2"]\n[every-strategy]\nfail = ["kl_test_train < 9e9"]\n', encoding="utf-8"
    )
    codes = pa.array([[n % 4, n // 4] for n in range(20)], pa.list_(pa.int32()))
    pq.write_table(pa.table({"item_id": [f"i{n}" for n in range(20)], "codes": codes}), root / "codes.parquet")
    for arguments in (
        ("ingest", "logs/log.csv", "-o", "log.store", "--keep", "rating"),
        ("augment", "log.store", "-o", "log.pairs", "--user-ids", "raw", "--keep", "rating"),
        ("augment", "log.store", "-o", "cuts.pairs", "--form", "cuts", "--keep", "rating"),
        ("augment", "log.store", "-o", "p.pairs", "--shard-rows", "40", "--part", "1/2"),
        ("augment", "log.store", "-o", "p.pairs", "--shard-rows", "40", "--part", "2/2"),
        ("augment", "log.store", "-o", "-"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "genpas_cli", *arguments, "-q"],
            cwd=root,
            env=environment(root),
            capture_output=True,
            check=True,
        )
        if arguments[-1] == "-":
            (root / "pairs.arrow").write_bytes(done.stdout)
    subprocess.run(
        [sys.executable, "-c", _MODEL], cwd=root, env=environment(root), stderr=subprocess.DEVNULL, check=False
    )


_MODEL = """
from pathlib import Path
from genpas_cli.training.runs.checkpoint import save_model
from genpas_cli.training.models.sasrec import ModelShape, SASRec
shape = ModelShape(items=20, max_input=10, dim=8, layers=1, heads=1, dropout=0.0)
save_model(Path("model.pt"), SASRec(shape), "digest")
"""
"""Makes a model where PyTorch is installed."""


def environment(temp_dir: Path) -> dict[str, str]:
    """Return the environment of a command."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temp_dir), "COLUMNS": "200", "NO_COLOR": "1"}
