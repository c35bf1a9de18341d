"""The files next to the shards of a pairs directory: vocabularies, item information, data card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.augment.options import AugmentOptions
from genpas_cli.augment.planning.job_plan import Job
from genpas_cli.pairs.data_card import write_card
from genpas_cli.pairs.manifest import Manifest
from genpas_cli.pairs.manifest_keys import ItemInfoRecord
from genpas_cli.pairs.shards import ShardFile
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import Machine, disk_error, scratch_directory
from genpas_cli.runtime.object_storage.locations import file_digest
from genpas_cli.store.store import Store

if TYPE_CHECKING:
    from genpas_cli.ingest.item_info import ItemInfo


@contextmanager
def information(store: Store, options: AugmentOptions, machine: Machine) -> Iterator[ItemInfo | None]:
    """Yield what the file of `--item-info` says about the items of a store; None without the option.

    Raises:
        UsageError: `--item-info-id` without `--item-info`.
        DataError: see `item_info`.
    """
    if options.item_info is None:
        if options.item_info_id is not None:
            raise UsageError("--item-info-id can only be used with --item-info FILE")
        yield None
        return
    from genpas_cli.ingest.item_info import item_info  # not needed by most runs, and slow to import

    with (
        scratch_directory(machine.temp_dir) as scratch,
        item_info(
            options.item_info, store.vocabulary("items"), machine, scratch, id_column=options.item_info_id
        ) as found,
    ):  # fmt: skip
        yield found


def info_record(info: ItemInfo, options: AugmentOptions) -> ItemInfoRecord:
    """Return the entry of the manifest for item information."""
    return {
        "file": str(options.item_info), "id": options.item_info_id, "columns": list(info.columns),
        "missing": info.missing,
    }  # fmt: skip


def write_companions(  # all needed
    store: Store, job: Job, directory: Path, shards: list[ShardFile], manifest: Manifest, info: ItemInfo | None = None
) -> list[ShardFile]:  # fmt: skip
    """Write the vocabularies (unless this is a part other than the first) and the data card (unless it is a part).

    Returns:
        The files written.
    """
    files = []
    try:
        if job.part is None or job.part.number == 1:
            files = [
                _write_vocabulary(store, directory / f"{table}.parquet", table, info) for table in job.vocabularies
            ]
        if job.part is None:
            files.append(write_card(directory, manifest, [*shards, *files]))
    except OSError as error:
        raise disk_error(error, directory) from error
    return files


def _write_vocabulary(
    store: Store, path: Path, table: Literal["users", "items"], info: ItemInfo | None
) -> ShardFile:  # fmt: skip
    name, rows = table[:-1], 0
    own = [pa.field(f"{name}_num", pa.int32(), nullable=False), pa.field(f"{name}_id", pa.string(), nullable=False)]
    has_info = info is not None and table == "items"
    batches = info.batches() if info is not None and has_info else store.vocabulary(table)
    schema = pa.schema([*own, *(info.fields if info is not None and has_info else ())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
            rows += batch.num_rows
    return ShardFile(path.name, None, rows, path.stat().st_size, file_digest(path))
