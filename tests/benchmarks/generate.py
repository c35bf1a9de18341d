"""Make a log of any size for benchmarks: Parquet with `user_id`, `item_id`, `timestamp`.

    python tests/benchmarks/generate.py --out /tmp/ml20m.parquet          # the shape of ML-20M
    python tests/benchmarks/generate.py --users 50000 --interactions 1000000 --items 5000 --out /tmp/1m.parquet

Item popularity is Zipf with exponent `--skew`; lengths are `--min-length` and a log-normal rest (σ = 1.38, which gives
ML-20M's median of 68 at its mean of 144), so that they sum to exactly `--interactions`. Times are distinct within a
user. The defaults are the size of ML-20M. Memory is bounded by the users, the items and one chunk of rows, whatever the
number of interactions; the same arguments give the same rows.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CHUNK = 1_000_000
"""Rows drawn and written together."""

USERS_A_ROW = 4
"""A chunk has at least a row for so many users, or drawing whose they are would take most of the time."""

HYPERGEOMETRIC_LIMIT = 10**9
"""NumPy draws multivariate hypergeometric counts from fewer than this many."""

BEGIN = 1_104_537_600
"""2005-01-01, unix seconds."""

SPAN = 315_576_000
"""Ten years, seconds."""

SIGMA = 1.38
"""Of the logarithm of a length above the minimum."""

Ints = npt.NDArray[np.int64]
Rows = Iterator[tuple[Ints, Ints]]
"""Users and times of one chunk after another."""


def draw_lengths(rng: np.random.Generator, users: int, interactions: int, shortest: int) -> Ints:
    """Draw the number of interactions of each user, int64 (users,), that sum to `interactions`."""
    rest = rng.lognormal(0.0, SIGMA, users)
    # ML-20M's longest is 64 times its mean; an unlucky draw would be many times that.
    rest = np.minimum(rest, 75 * rest.mean())
    ends = np.rint(np.cumsum(rest) * ((interactions - users * shortest) / rest.sum())).astype(np.int64)
    return np.asarray(np.diff(ends, prepend=0) + shortest, dtype=np.int64)


def rows_of_users(rng: np.random.Generator, lengths: Ints) -> Rows:
    """Yield rows user by user; a user's times ascend over all of the span."""
    ends = np.cumsum(lengths)
    user = 0
    while user < len(lengths):
        end = max(user + 1, int(np.searchsorted(ends, (ends[user - 1] if user else 0) + CHUNK, side="right")))
        here = lengths[user:end]
        first = np.repeat(np.cumsum(here) - here, here)
        position = np.arange(len(first)) - first
        step = np.repeat(SPAN // here, here)
        yield (
            np.repeat(np.arange(user, end), here),
            BEGIN + position * step + (rng.random(len(first)) * step).astype(int),
        )
        user = end


def rows_in_time(rng: np.random.Generator, lengths: Ints) -> Rows:
    """Yield rows in order of time: at each moment every user is as likely as they have interactions left.

    Each chunk is a multivariate hypergeometric draw from what is left, which is how a shuffled log would be cut.
    """
    left, total, start = lengths.copy(), int(lengths.sum()), 0
    chunk = max(CHUNK, len(lengths) // USERS_A_ROW)
    while start < total:
        here = thinned(rng, left, min(chunk, total - start), total - start)
        left -= here
        users = rng.permutation(np.repeat(np.arange(len(lengths)), here))
        yield users, BEGIN + (np.arange(start, start + len(users)) * max(SPAN / total, 1.0)).astype(np.int64)
        start += len(users)


def thinned(rng: np.random.Generator, left: Ints, size: int, total: int) -> Ints:
    """Draw how many of `size` rows are each user's, int64 (users,), out of `total` that are left."""
    if total < HYPERGEOMETRIC_LIMIT:
        return np.asarray(rng.multivariate_hypergeometric(left, size, method="marginals"))
    # Then the rows are `size` on average only; what is left in the end is as exact as ever.
    return np.asarray(rng.binomial(left, size / total))


def rows_at_random(rng: np.random.Generator, lengths: Ints) -> Rows:
    """Yield the rows of `rows_in_time` with their moments permuted over the whole file."""
    total = int(lengths.sum())
    factor = int(total * 0.618) | 1
    while math.gcd(factor, total) != 1:
        factor += 2
    start = 0
    for users, _ in rows_in_time(rng, lengths):
        # A factor without a common divisor makes this a permutation of 0..total-1, no array of that size needed.
        moment = np.arange(start, start + len(users)) * factor % total
        start += len(users)
        yield users, BEGIN + (moment * max(SPAN / total, 1.0)).astype(np.int64)


ORDERS = {"time": rows_in_time, "user": rows_of_users, "random": rows_at_random}


def id_columns(rng: np.random.Generator, users: int, items: int, kind: str) -> tuple[pa.Array, pa.Array]:
    """Return the ids of users and of items by rank; a text id is as wide as its letter and the largest number."""
    # Permuted, so that neither the order of ids nor their size tells how popular an item is.
    numbers = 1 + rng.permutation(users), 1 + rng.permutation(items)
    if kind == "integer":
        return pa.array(numbers[0]), pa.array(numbers[1])
    user_width, item_width = max(7, len(str(users))), max(5, len(str(items)))
    return padded("u", numbers[0], user_width), padded("i", numbers[1], item_width)


def padded(letter: str, numbers: Ints, width: int) -> pa.Array:
    """Return texts of a letter and a number with leading zeros."""
    # Large while it is worked on: Arrow reckons with four bytes a digit, and 2 GB are soon full of these.
    large = pa.large_string()
    digits = pc.utf8_lpad(pa.array(numbers).cast(large), width, "0")
    return pc.binary_join_element_wise(pa.scalar(letter, large), digits, pa.scalar("", large)).cast(pa.string())


def generate(arguments: argparse.Namespace) -> None:
    """Write the log that the arguments describe."""
    rng = np.random.default_rng(np.random.SeedSequence(arguments.seed))
    lengths = draw_lengths(rng, arguments.users, arguments.interactions, arguments.min_length)
    user_ids, item_ids = id_columns(rng, arguments.users, arguments.items, arguments.ids)
    mass = np.cumsum(np.arange(1, arguments.items + 1, dtype=np.float64) ** -arguments.skew)
    schema = pa.schema([("user_id", user_ids.type), ("item_id", item_ids.type), ("timestamp", pa.int64())])
    with pq.ParquetWriter(arguments.out, schema, compression="zstd", compression_level=1) as writer:
        for users, times in ORDERS[arguments.order](rng, lengths):
            ranks = np.minimum(np.searchsorted(mass, mass[-1] * rng.random(len(users))), arguments.items - 1)
            columns = [user_ids.take(pa.array(users)), item_ids.take(pa.array(ranks)), pa.array(times)]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line and refuse what cannot be made."""
    parser = argparse.ArgumentParser(description="Make a log for benchmarks.")
    parser.add_argument("--users", type=int, default=138_493)
    parser.add_argument("--interactions", type=int, default=20_000_263)
    parser.add_argument("--items", type=int, default=26_744)
    parser.add_argument("--skew", type=float, default=1.0, help="Zipf exponent of item popularity; 0 is uniform")
    parser.add_argument("--min-length", type=int, default=None, help="default: 20, or 2 where the mean is under 40")
    parser.add_argument("--ids", choices=["text", "integer"], default="text")
    parser.add_argument("--order", choices=sorted(ORDERS), default="time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(words)
    if min(arguments.users, arguments.items) < 1:
        parser.error("--users and --items must be at least 1")
    if arguments.min_length is None:
        arguments.min_length = 20 if arguments.interactions >= 40 * arguments.users else 2
    if arguments.interactions < arguments.users * max(1, arguments.min_length):
        parser.error(f"--interactions {arguments.interactions} is under --min-length {arguments.min_length} a user")
    return arguments


def main() -> None:
    """Make the log and say how large it is and how long it took."""
    arguments = parse()
    started = time.perf_counter()
    generate(arguments)
    seconds = time.perf_counter() - started
    print(f"{arguments.out}: {arguments.interactions:,} rows, {arguments.out.stat().st_size:,} bytes, {seconds:.1f} s")


if __name__ == "__main__":
    main()
