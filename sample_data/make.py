"""Make the two sample logs of an invented shop: `logs.parquet` and `logs_messy.csv`.

    python sample_data/make.py

Nothing here comes from real people. The shop has items of several genres that are released, become popular and fade;
its users have a taste and follow typical next items, so that a sequence says something about what comes next. The
same seed gives the same rows; `tests/test_sample_data.py` makes them again and compares.

`logs.parquet` is a clean event log. `logs_messy.csv` is an export of the same shop's invoices as an accounting
system would write it; sample_data/README.md lists what is wrong with it.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20230102
USERS, ITEMS, GENRES = 2_500, 1_000, 12
OPENED = datetime(2023, 1, 2, tzinfo=UTC)
WEEKS = 104
DAYS = WEEKS * 7
DAY = 86_400
"""Seconds."""

SHORTEST, LONGEST = 5, 200
"""Interactions of a user."""

FOLLOWERS = 5
FOLLOWER_CHANCES = np.cumsum([0.42, 0.24, 0.15, 0.11, 0.08])
REPEAT, FOLLOW = 0.05, 0.60
"""Chance that an event repeats an earlier item of the user; chance that it repeats one or follows from the last."""

INVOICES = 620
CUSTOMERS = 330

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shop:
    """What is on sale. Items are numbered so that each genre is one run of numbers."""

    ids: list[str]
    """Item ids, ten characters as marketplaces use."""

    genre: Ints
    """Genre of each item, ascending."""

    genre_start: Ints
    """First item of each genre, and the number of items at the end."""

    released: Floats
    """Week in which each item appears; below 0 for those there from the start."""

    mass: Floats
    """(WEEKS, ITEMS + 1): cumulated popularity of the items in each week, from 0."""

    followers: Ints
    """(ITEMS, FOLLOWERS): items that are typically taken after each."""


@dataclass(frozen=True)
class Sale:
    """One line of an invoice, as the shop meant it."""

    invoice: int
    when: datetime
    customer: int
    item: int
    quantity: int


def open_shop(rng: np.random.Generator) -> Shop:
    """Draw the items: genres, a Zipf popularity, dates of release, fading, and what follows what."""
    genre = np.sort(rng.integers(GENRES, size=ITEMS))
    genre_start = np.searchsorted(genre, np.arange(GENRES + 1))
    weight = np.power(1.0 + rng.permutation(ITEMS), -0.9, dtype=np.float64)
    released = np.where(rng.random(ITEMS) < 0.55, -30 * rng.random(ITEMS), (WEEKS - 8) * rng.random(ITEMS))
    fading = 10 + 50 * rng.random(ITEMS)
    age = np.arange(WEEKS)[:, None] - released
    popularity = np.where(age < 0, 0.0, weight * (0.12 + 0.88 * np.exp(-np.maximum(age, 0) / fading)))
    mass = np.concatenate([np.zeros((WEEKS, 1)), np.cumsum(popularity, axis=1)], axis=1)
    return Shop(_item_ids(rng), genre, genre_start, released, mass, _followers(rng, genre_start, genre, weight))


def _item_ids(rng: np.random.Generator) -> list[str]:
    """Return distinct ids such as `B00K4X9QZT`."""
    signs = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    drawn = signs[rng.integers(len(signs), size=(2 * ITEMS, 7))]
    return list(dict.fromkeys("B00" + "".join(row) for row in drawn))[:ITEMS]


def _followers(rng: np.random.Generator, genre_start: Ints, genre: Ints, weight: Floats) -> Ints:
    """Give each item its followers: four of its own genre and one of any, by a flattened popularity."""
    mass = np.concatenate([[0.0], np.cumsum(np.sqrt(weight))])
    low = np.repeat(mass[genre_start[genre]][:, None], FOLLOWERS, axis=1)
    high = np.repeat(mass[genre_start[genre + 1]][:, None], FOLLOWERS, axis=1)
    low[:, -1], high[:, -1] = 0.0, mass[-1]
    drawn = low + (high - low) * rng.random(low.shape)
    return np.asarray(np.searchsorted(mass, drawn, side="right") - 1, dtype=np.int64)


def draw_item(shop: Shop, week: int, chance: float, genre: int | None = None) -> int:
    """Draw an item by its popularity in a week, of one genre or of all, from one uniform number."""
    first, end = (0, ITEMS) if genre is None else (int(shop.genre_start[genre]), int(shop.genre_start[genre + 1]))
    mass = shop.mass[week]
    point = mass[first] + chance * (mass[end] - mass[first])
    return int(np.searchsorted(mass[first : end + 1], point, side="right")) - 1 + first


def draw_history(rng: np.random.Generator, shop: Shop, weeks: Ints) -> list[int]:
    """Draw the items of one user, one for each event; `weeks` are the weeks of the events."""
    tastes = rng.integers(GENRES, size=3)
    history: list[int] = []
    for week, (kind, choice, chance) in zip(weeks.tolist(), rng.random((len(weeks), 3)).tolist(), strict=True):
        item = -1
        if history and kind < REPEAT:
            item = history[int(choice * len(history))]
        elif history and kind < FOLLOW:
            item = int(shop.followers[history[-1], np.searchsorted(FOLLOWER_CHANCES, choice)])
        if item < 0 or shop.released[item] > week:
            genre = None if choice > 0.9 else int(tastes[int(3 * choice**2)])
            item = draw_item(shop, week, chance, genre)
        history.append(item)
    return history


def draw_times(rng: np.random.Generator, events: int) -> Ints:
    """Draw the times of one user's events, ascending seconds since the opening: sessions of a few minutes."""
    start = (DAYS - 30) * rng.random() ** 0.8
    sessions = 1 + rng.integers(max(1, events // 2))
    span = min(DAYS - 1 - start, 4.0 + 12.0 * sessions * rng.random())
    day = np.floor(start + span * np.sort(rng.random(sessions)))
    opened = day * DAY + np.floor(DAY * (7 + 14 * rng.random(sessions)) / 24)
    session = np.sort(rng.integers(sessions, size=events))
    within = np.cumsum(15 + rng.integers(240, size=events))
    first = np.searchsorted(session, session)
    return np.sort(opened[session].astype(np.int64) + within - within[first])


def make_log(rng: np.random.Generator, shop: Shop) -> pa.Table:
    """Return the clean log, in order of time; a part of the users has times cut to the minute or to the day."""
    names = [f"u-{number:05x}" for number in rng.permutation(16**5)[:USERS].tolist()]
    lengths = np.clip(SHORTEST + rng.lognormal(1.5, 1.2, USERS), SHORTEST, LONGEST).astype(np.int64)
    times = [draw_times(rng, length) for length in lengths.tolist()]
    items = [draw_history(rng, shop, when // (7 * DAY)) for when in times]
    user, exact, item = np.repeat(np.arange(USERS), lengths), np.concatenate(times), np.concatenate(items)
    resolution = np.repeat(np.where((grain := rng.random(USERS)) < 0.15, DAY, np.where(grain < 0.40, 60, 1)), lengths)
    recorded = exact - exact % resolution
    event = np.searchsorted([0.72, 0.84], rng.random(len(user)), side="right")
    rating = np.clip(np.rint(3.4 + 0.5 * event + 1.1 * rng.standard_normal(len(user))), 1, 5)
    order = np.lexsort((exact, recorded))
    return pa.table(
        {
            "user_id": pa.array(names).take(pa.array(user[order])),
            "item_id": pa.array(shop.ids).take(pa.array(item[order])),
            "timestamp": pa.array(recorded[order] + int(OPENED.timestamp()), pa.int64()),
            "rating": pa.array(rating[order].astype(np.int8)),
            "event": pa.array(["view", "cart", "purchase"]).take(pa.array(event[order])),
        }
    )


def draw_sales(rng: np.random.Generator, shop: Shop) -> list[Sale]:
    """Draw invoices of the last half year: several lines at one minute, many items of one genre."""
    minutes = np.sort(rng.integers(DAYS * 1440 * 3 // 4, DAYS * 1440, size=INVOICES))
    sales = []
    for number, minute in enumerate(minutes.tolist()):
        customer = int(CUSTOMERS * rng.random() ** 1.8)
        lines = int(np.clip(rng.lognormal(1.2, 0.8), 1, 40))
        history = draw_history(rng, shop, np.full(lines, minute // (7 * 1440)))
        quantities = rng.integers(1, 13, size=lines).tolist()
        when = OPENED + timedelta(minutes=minute)
        sales += [Sale(500_000 + number, when, customer, *line) for line in zip(history, quantities, strict=True)]
    return sales


def stock_code(item: int) -> str:
    """Return the accounting system's code of an item: leading zeros, and pairs that differ by case only."""
    if item % 7 == 0:
        return f"{item // 14 * 53 + 10_000:05d}{'P' if item % 14 else 'p'}"
    return f"{item * 37 % 100_003:05d}"


def description(item: int, genre: int) -> str:
    """Return the name of an item, in the words of its genre: delimiters, quotes and letters beyond ASCII."""
    noun = (
        "Théière «Émile»",
        "Kerzenständer, groß",
        'Bilderrahmen 8" × 10"',
        "Doll's house; señorita",
        "Smörgås-bräda",
        "CAFÉ MUG 0,5 l",
        "Żółty dzbanek",
        "Lampe à huile; laiton",
        "日本の扇子",
        'T-LIGHT HOLDER "HEART"',
        "Garden kneeler pad",
        "Gülsuyu şişesi (6×)",
    )[genre]
    return f"{noun}{('', ' rouge', ' BLAU', '; set of 2')[item % 4]}"


def export_line(rng: np.random.Generator, shop: Shop, sale: Sale) -> list[str]:
    """Write a line of an invoice the way the export has it, with its mistakes."""
    blank, lower, nobody, unnamed = rng.random(4).tolist()
    code = stock_code(sale.item)
    code = code.lower() if lower < 0.06 else code
    code = f"{code} " if blank < 0.03 else code
    price = 0.95 + sale.item * 29 % 400 / 8
    return [
        str(sale.invoice),
        code,
        "" if unnamed < 0.01 else description(sale.item, int(shop.genre[sale.item])),
        str(sale.quantity),
        sale.when.strftime("%Y-%m-%d %H:%M:%S"),
        f"{price:.2f}".replace(".", ","),
        "" if nobody < 0.08 or sale.customer % 23 == 22 else f"{12_300 + sale.customer * 7}.0",
        ("Deutschland", "France", "Česko", "España")[sale.customer % 4],
    ]


def make_export(rng: np.random.Generator, shop: Shop) -> list[list[str]]:
    """Return the messy export, header first: invoices, with lines twice and cancellations among them."""
    rows = []
    for sale in draw_sales(rng, shop):
        line = export_line(rng, shop, sale)
        rows.append(line)
        twice, cancelled = rng.random(2).tolist()
        if twice < 0.02:
            rows.append(line)
        if cancelled < 0.03:
            later = sale.when + timedelta(minutes=30 + int(cancelled * 300_000))
            when = later.strftime("%Y-%m-%d %H:%M:%S")
            rows.append([f"C{line[0]}", line[1], line[2], f"-{line[3]}", when, *line[5:]])
    header = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
    return [header, *sorted(rows, key=lambda row: row[4])]


def write(directory: Path) -> list[Path]:
    """Write both files into a directory and return their paths."""
    for_shop, for_log, for_export = map(np.random.default_rng, np.random.SeedSequence(SEED).spawn(3))
    shop = open_shop(for_shop)
    log, export = directory / "logs.parquet", directory / "logs_messy.csv"
    pq.write_table(make_log(for_log, shop), log, compression="zstd", compression_level=9)
    with export.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";", lineterminator="\n").writerows(make_export(for_export, shop))
    return [log, export]


def main() -> None:
    """Write both files beside this script, or into the directory given."""
    parser = argparse.ArgumentParser(description="Make the sample logs.")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(__file__).parent)
    for path in write(parser.parse_args().directory):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
