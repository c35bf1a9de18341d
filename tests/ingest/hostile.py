"""Conditions that would take all memory, never end, or reach out of the row; a script that evaluates them.

python tests/ingest/hostile.py [--seed N] [--count N]     more of the generated ones, by hand
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.runtime.errors import GenpasError
from tests.ingest.support import read

MEMORY_LIMIT = 1 << 30
SECONDS = 30

OUTSIDE = (
    "getenv('HOME') <> ''",
    "current_setting('memory_limit') <> ''",
    "current_user <> ''",
    "current_database() <> ''",
    "current_schema() <> ''",
    "version() <> ''",
    "getvariable('x') is null",
    "nextval('s') > 0",
    "currval('s') > 0",
    "setseed(0.5) is null",
    "random() > 0.5",
    "gen_random_uuid() is not null",
    "uuid() is not null",
    "now() > '2020-01-01'",
    "today() > '2020-01-01'",
    "current_date > '2020-01-01'",
    "current_timestamp is not null",
    "get_current_timestamp() is not null",
    "transaction_timestamp() is not null",
    "age(t) > interval 1 day",
    "txid_current() > 0",
    "current_query() <> ''",
    "pg_sleep(100) is null",
    "sleep_ms(100000) is null",
    "write_log('x') is null",
    "error('x')",
    "(select count(*) from read_text('/etc/passwd')) > 0",
    "exists (from read_csv('/etc/passwd'))",
    "item in (from read_text('/etc/hostname'))",
    "item in (select content from read_blob('/etc/*'))",
    "item in (from glob('/*'))",
    "item in (from query('select 1'))",
    "item in (from query_table('rows'))",
    "item = any (select 'x')",
    "(from duckdb_settings() select count(*)) > 1",
    "(from duckdb_secrets() select count(*)) > 1",
    "json_serialize_plan('from read_text(''/etc/passwd'')') is null",
    "json_deserialize_sql(json_serialize_sql('select 1')) is null",
    "json_execute_serialized_sql('x') is null",
    "which_secret('s3://x', 's3') is null",
    "pragma_version() is null",
    "parse_duckdb_log_message('QueryLog', 'x')",
    "in_search_path('x', 'y')",
    "has_table_privilege('x', 'y')",
    "pg_typeof(item) <> ''",
    "stats(item) <> ''",
    "hive_partition_component(item, 'x') <> ''",
    "st_geomfromwkb('x'::blob) is null",
    "columns(*) is not null",
    "item = $1",
    "item = ?",
    "row_number() over () > 1",
    "count(*) > 1",
    "sum(n) > 1",
    "unnest([1, 2]) > 1",
    "list(item) is null",
    "string_agg(item) > 'a'",
    "main.rows.item = 'x'",
    "rowid > 1",
    "(values (1)) > 0",
    "true) or (true",
    "true; drop table stage.rows",
    "true union all select true",
    "true limit 1",
    "true -- \n) or (true",
    "1 as x",
    "true window w as ()",
    "*",
    "item, item",
    "true from stage.rows",
    "item::regclass is null",
    "item::main.mood is null",
    "cast(item as enum('a'))= 'a'",
)
"""Those that read or write anything but the row: refused, all of them."""

LARGE = (
    "len(range(1000000000)) > 1",
    "len(range(0, 1000000000000, 1)) > 1",
    "len(generate_series(1, 1000000000)) > 1",
    "length(repeat('x', 1000000000)) > 1",
    "length(repeat(item, 100000000)) > 1",
    "len(repeat([1], 100000000)) > 1",
    "lpad(item, 1000000000, 'x') > 'a'",
    "rpad('x', 2147483647, 'x') > 'a'",
    "lpad(item, n::int * 1000000, 'x') > 'a'",
    "printf('%1000000000d', n) > 'a'",
    "format('{:1000000000}', n) > 'a'",
    "format('{:>{}}', item, 1000000000) > 'a'",
    "bar(n, 0, 10, 1000000000) > 'a'",
    "len(list_resize([1], 1000000000)) > 1",
    "len(array_resize(l, 1000000000)) > 1",
    "length(bitstring('1', 1000000000)) > 1",
    "list_reduce(l, lambda a, b: a * a) > 1",
    "length(list_reduce([item, item, item, item], lambda a, b: a || a || b || b)) > 1",
    "len(list_transform(range(100000000), lambda x: x)) > 1",
    "len(list_transform(l, lambda x: repeat('a', 1000000))) > 1",
    "len(list_apply(l, lambda x: item)) > 1",
    "len([x for x in range(1000000000)]) > 1",
    "len(list_zip(l, l)) > 1",
    "len(flatten(list_transform(range(100000), lambda x: range(100000)))) > 1",
    "len(list_grade_up(l)) > 1",
    "length(to_json(l)) > 1",
    "length(json_array(item, item)) > 1",
    "json_object('a', item) is null",
    "length(list_string_agg(l)) > 1",
    "array_to_string(l, repeat('x', 100000000)) > 'a'",
    "length(bin(item)) > 1",
    "n::int[100000000] is null",
    "[1]::int[100000000] is null",
    "item::int[][] is null",
    "'[1]'::int[3] is null",
    "item::struct(a int) is null",
    "item::map(int, int) is null",
    "item::json is null",
    "item::bit is null",
    "length(url_encode(url_encode(item))) > 1",
    "length(base64(item::blob)) > 1",
    "factorial(n::int) > 1",
    "to_base(n::int, 2, 1000000000) > 'a'",
    "len(regexp_extract_all(item, '')) > 1",
    "len(array_value(1, 2)) > 1",
    "len(string_split_regex(item, '')) > 1",
    "map_from_entries([(1, 2)]) is null",
    "len(equi_width_bins(0, n, 9, true)) > 1",
    "levenshtein(long, long) > 1",
    "damerau_levenshtein(long, long) > 1",
    "jaro_winkler_similarity(long, long) > 1",
    "json_extract(item, '$..*') is null",
    "json_extract(item, '$.*.*.*') is null",
    "json_structure(item) is null",
    "strftime(t, repeat('%A', 10000000)) > 'a'",
    "strftime(t, item) > 'a'",
    "strptime(item, item) is null",
    "regexp_matches(long, '(a?){1000}(a?){1000}b')",
    "regexp_matches(long, '((a{30}){30}){30}')",
    "regexp_matches(long, '(.*.*.*.*.*.*.*.*.*){99}x')",
    "regexp_matches(long, long)",
    "long ~ item",
    "long similar to '((a?){100}){10}'",
    "length(regexp_replace(long, '', repeat('x', 100000), 'g')) > 1",
    "list_filter(l, lambda x: len(list_filter(l, lambda y: len(list_filter(l, lambda z: z > y)) > 1)) > 1) is null",
    "list_filter(l, lambda x: list_contains(l, x)) is null",
    "list_filter([1], lambda x: len(range(1000000000)) > x) = [1]",
    "length(overlay(item placing repeat('x', 10000000) from 1)) > 1",
    "length(concat_ws(repeat(',', 10000000), item, item)) > 1",
    "try(len(range(1000000000)) > 1)",
    "case when true then len(range(1000000000)) > 1 end",
    "coalesce(null, len(range(1000000000)) > 1)",
    "false and len(range(1000000000)) > 1",
    "n in (len(range(1000000000)))",
    "item.repeat(100000000) > 'a'",
    "main.repeat(item, 100000000) > 'a'",
    "system.main.range(1000000000) is null",
    "struct_pack(a := range(1000000000)).a is null",
    "array_cross_product([1, 2, 3], [1, 2, 3]) is null",
    "create_sort_key(item, repeat('x', 100000000)) is null",
    "md5(repeat('x', 1000000000)) = 'x'",
)
"""Those whose values grow, or whose work does."""

EXTREME = (
    "substring(item, -9223372036854775808, 9223372036854775807) > 'a'",
    "left(item, -9223372036854775808) > 'a'",
    "right(item, 9223372036854775807) > 'a'",
    "item[-9223372036854775808:9223372036854775807] > 'a'",
    "l[1:9223372036854775807] is null",
    "l[-9223372036854775808] is null",
    "1 << 1000 > 1",
    "n << 63 > 1",
    "chr(1114112) = 'x'",
    "chr(-1) = 'x'",
    "chr(55296) = item",
    "lpad(item, -1, '') = ''",
    "lpad(item, 5, '') = 'x'",
    "1e400 > n",
    "1e999999999::decimal(38, 0) > n",
    "n::decimal(38, 38) > 1",
    "n::decimal(99, 1) > 1",
    "170141183460469231731687303715884105727 + n::hugeint > 1",
    "-9223372036854775808 // -1 > n",
    "-9223372036854775808 % -1 = n",
    "n / 0 > 1",
    "n % 0 > 1",
    "ln(0) > n",
    "sqrt(-1) > n",
    "pow(n, 1e308) > 1",
    "to_timestamp(1e300) > t",
    "t + interval '999999999 years' > t",
    "date_add(t, interval '-999999999 months') < t",
    "make_date(999999999, 1, 1) > t",
    "make_timestamp(9223372036854775807) > t",
    "date_trunc('nonsense', t) = t",
    "date_part('epoch', t) > 1e308",
    "time_bucket(interval '0 days', t) = t",
    "time_bucket(interval '1 month', t) = t",
    "epoch_ms(9223372036854775807) > t",
    "'infinity'::timestamp > t",
    "t at time zone 'Nowhere/City' = t",
    "strftime(t, '%') = 'x'",
    "strptime(item, '%Q') = t",
    "try_strptime(item, ['%Y', '%d']) = t",
    "item collate nosuch = 'x'",
    "item collate de = 'x'",
    "nfc_normalize(item) = item",
    "round(n, 2147483647) > 1",
    "round(n::decimal(9, 2), -99) > 1",
    "trunc(1e308) > n",
    "gcd(-9223372036854775808, -1) > n",
    "lcm(9223372036854775807, 9223372036854775806) > n",
    "split_part(item, '', 9223372036854775807) = ''",
    "string_split(item, '') is null",
    "item like '%_%_%_%_%_%_%_x'",
    "long ilike '%a%a%a%a%a%a%a%a%b'",
    "long like '%_a%_a%_a%_a%_a%_b'",
    "long glob '*a*a*a*a*a*a*b'",
    "item like 'x' escape 'toolong'",
    "translate(item, 'a', '') = 'x'",
    "replace(item, '', 'x') > 'a'",
    "regexp_extract(item, '(a', 1) = 'a'",
    "regexp_matches(item, '\\')",
    "regexp_matches(item, 'a{2,1}')",
    "regexp_extract(item, 'a', 99) = 'a'",
    "regexp_replace(item, 'a', '\\99') = 'a'",
    "json_extract(item, '$[') is null",
    "json_extract(item, '/a/b') is null",
    "item ->> '$.a' = 'x'",
    "list_sort(l, 'NONSENSE') is null",
    "list_contains(l, 'x')",
    "array_slice(l, 1, 2, 0) is null",
    "list_slice(l, 2, 1, -1) is null",
    "bit_count(-9223372036854775808) > n",
    "hash(item) > 1",
    "x'ff' = item",
    "item = e'\\xff'",
    "'\\xff'::blob = item::blob",
    "item = ''",
    "item > 'a'",
    "unicode(item) > 1",
    "days_in_month('infinity'::timestamp) > 1",
    "yearweek(t) > 1",
    "item::uuid is null",
    "item::double > 1",
    "try_cast(item as hugeint) > 1",
    "item::time > '12:00'",
)
"""Values at the ends of what types and functions take: an answer or a message, and no crash."""

_NESTED = (
    "({})",
    "not ({})",
    "lower({})::boolean",
    "(case when {} then true else false end)",
    "coalesce({}, true)",
    "try({})",
    "({}) is not null",
    "(({}) or false)",
    "(({})::int + 1)::boolean",
    "nullif({}, false)",
)
_GROWING = (
    "({0} || {0})",
    "concat({0}, {0}, {0})",
    "replace({0}, 'u', 'uuuuuuuuuuuuuuuu')",
    "({0} || repeat('x', 1000))",
    "regexp_replace({0}, '.', '\\0\\0\\0\\0', 'g')",
    "lpad({0}, 1000, 'x')",
    "upper({0})",
    "replace({0}, '', {0})",
    "case when n > 1 then {0} else {0} || {0} end",
    "concat_ws({0}, {0}, {0})",
    "array_to_string(string_split({0}, ''), {0})",
    "hex({0})",
    "translate({0}, 'u', 'v')",
    "coalesce({0}, {0} || 'x')",
    "strftime(t, {0})",
    "list_reverse([{0}, {0}])[1]",
)
_DEEP = (
    "({}",
    "not {}",
    "- {}",
    "abs({}",
    "[{}",
    "{}::int",
    "{} is null",
    "{}[1]",
    "{}.a",
    "case when {}",
    "a + {}",
    "a and b or {}",
    "a || {}",
    "list_filter(l, lambda x: {}",
    "{{'a': {}",
    "coalesce(1, {}",
)


def generated(seed: int, count: int) -> Iterator[str]:
    """Yield expressions that grow by nesting, or are only long or deep."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 3 == 0:
            text = rng.choice(("item", "long", "'x'"))
            for _ in range(rng.choice((2, 5, 12, 40))):
                if len(text) < 200_000:
                    text = rng.choice(_GROWING).format(text)
            yield f"length({text}) > 1"
        elif number % 3 == 1:
            text = rng.choice(LARGE + EXTREME)
            for _ in range(rng.randint(1, 4)):
                text = rng.choice(_NESTED).format(text)
            yield text
        else:
            before, after = rng.choice(_DEEP).split("{}") if number % 2 else ("(", ")")
            levels = rng.choice((50, 99, 400, 3000, 200_000))
            yield before * levels + "n" + after * levels + rng.choice(("", ")" * levels, " > 1"))


def long_ones() -> Iterator[str]:
    """Yield expressions of many terms."""
    for terms in (3000, 200_000):
        yield " or ".join(f"n = {n}" for n in range(terms))
        yield f"n in ({', '.join(map(str, range(terms)))})"
        yield " || ".join(["item"] * terms) + " > 'a'"
        yield "length('" + "x" * terms * 10 + "') > 1"
        yield " + ".join(["n"] * terms) + " > 1"
        yield f"n > {'9' * terms}"
        yield "length(concat(" + ", ".join(["long"] * terms) + ")) > 1"
        yield "regexp_matches(item, '" + "a?" * terms + "')"


def log(path: Path) -> Path:
    """Write a small log with a column of each kind."""
    rows = 300
    pq.write_table(
        pa.table({
            "user": [f"u{n % 9}" for n in range(rows)], "item": [f"i{n % 50}" for n in range(rows)],
            "n": list(range(rows)), "l": [list(range(n % 60)) for n in range(rows)], "long": ["a" * 2000] * rows,
            "t": pa.array([n * 10**12 for n in range(rows)], pa.timestamp("us")), "a": [None] * rows,
            "b": [True] * rows,
        }),
        path,
    )  # fmt: skip
    return path


def outcome(path: Path, where: str) -> str:
    """Evaluate a condition; return `rows` for a result, or the message it is refused with."""
    try:
        return f"{len(read(path, where=where, time='t').rows)} rows"
    except GenpasError as error:
        return error.message


def main() -> None:
    """Evaluate all; end by a signal or a traceback where one of them is not bounded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=90)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = log(Path(directory, "log.parquet"))
        outcome(path, "n > 1")
        expressions = [*OUTSIDE, *LARGE, *EXTREME, *long_ones(), *generated(asked.seed, asked.count)]
        slowest = (0.0, "")
        for where in expressions:
            signal.alarm(SECONDS)
            started = time.monotonic()
            said = outcome(path, where)
            signal.alarm(0)
            slowest = max(slowest, (time.monotonic() - started, where[:200]))
            if where in OUTSIDE and said.endswith(" rows"):
                sys.exit(f"not refused: {where}")
            print(f"{said[:90]!r} {where[:90]!r}")  # noqa: T201  # what the test looks at
            if (peak := _peak()) > MEMORY_LIMIT:
                sys.exit(f"{peak:,} bytes after {where[:200]}")
        print(f"{len(expressions)} expressions, slowest {slowest[0]:.1f} s, peak {peak:,} bytes: {slowest[1]!r}")  # noqa: T201


def _peak() -> int:
    """Return the most bytes of memory that this process has held.

    On Linux not by getrusage: there a process begins with the peak of the one that started it.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    peak = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024


if __name__ == "__main__":
    main()
