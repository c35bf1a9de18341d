"""What a message proposes to type succeeds when it is typed.

Each case is a command that fails, or that says a note. What its message proposes is taken from it: a whole command, or
options that are added to the command (they take the place of the same options). Words in capitals are replaced.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support import InProcess

LOG = "user_id,item_id,timestamp,rating\n" + "".join(
    f"u{user},i{(user * 7 + place * 3) % 11},{1_600_000_000 + user * 1000 + place * 86_400},{place % 5 + 1}\n"
    for user in range(12)
    for place in range(8)
)

PLACEHOLDERS = {
    "LOGS...": "log.csv", "LOGS": "log.csv", "LOG": "log.csv", "STORE": "new.store", "DIR": "new.pairs",
    "PATH": "new.store", "PAIRS": "log.pairs", "COLUMN": "rating", "NAME": "rating", "OUT": "new.jsonl", "I/N": "1/2",
}  # fmt: skip


@dataclass(frozen=True)
class Tip:
    """A command with a message, and the part of the message that proposes something."""

    command: str
    proposes: str
    """Pattern; what it matches is typed."""
    code: int = 1
    files: tuple[tuple[str, str], ...] = ()


def csv(text: str, name: str = "a.csv") -> tuple[tuple[str, str], ...]:
    """Return one file."""
    return ((name, text),)


AMAZON = csv("0486427706,A3NSN9WOX8470M,5.0,1312416000\n0486427706,A2AMX0AJ2BUDNV,4.0,1320624000\n")
NAMES = csv("shopper_ref,thing,when_it_was\nu,a,2024-01-01\nu,b,2024-01-02\nu,c,2024-01-03\n")
GERMAN = csv("user_id;item_id;date\n1;a;31.01.2024 10:00\n1;b;01.02.2024 09:30\n1;c;01.02.2024 09:31\n")
NO_TIME = csv("user_id,item_id,last_watch_dt,total\n1,9,2021-05-11,4250\n1,8,2021-05-10,1\n1,7,2021-05-09,1\n")
SLASHES = csv("user_id,item_id,TRANS_DAY\n1,9,11/30/2000\n1,8,11/29/2000\n1,7,11/28/2000\n")
INGEST = "ingest a.csv -o o.store"
REST = r"--.*"
QUOTED = r"--\S+ (?:'[^']*'|\"[^\"]*\"|[^\s;,.]+)"

TIPS = [
    Tip(INGEST, REST, 1, AMAZON),
    Tip(INGEST, REST, 1, NAMES),
    Tip(f"{INGEST} --user nobody", REST, 1, csv(LOG)),
    Tip(f"{INGEST} --item itm_id --user user_id", REST, 1, csv(LOG)),
    Tip(f"{INGEST} --time tmestamp", REST, 1, csv(LOG)),
    Tip(f"{INGEST} --keep ratng", REST, 1, csv(LOG)),
    Tip(f"{INGEST} --keep rating,timestamp", REST, 1, csv(LOG)),
    Tip(f"{INGEST} --user 1 --item 2 --time 9", REST, 1, AMAZON),
    Tip(f"{INGEST} --min-rating 3", REST, 1, csv(LOG.replace("rating", "liking"))),
    Tip(INGEST, REST, 1, csv("user_id,item_id,date,time\n1,a,2024-01-01,10:30\n1,b,2024-01-02,09:00\n")),
    Tip(INGEST, REST, 1, csv("user_id,product_id,movie_id,timestamp\n1,a,b,3\n1,c,d,4\n")),
    Tip(INGEST, REST, 1, csv("member_id,customer_id,item_id,timestamp\n1,a,b,3\n1,c,d,4\n")),
    Tip(INGEST, QUOTED, 1, GERMAN),
    Tip(INGEST, QUOTED, 1, csv("user_id,item_id,timestamp\n1,a,Tue Apr 03 18:00:09 +0000 2012\n")),
    Tip(INGEST, QUOTED, 1, csv("user_id\titem_id\ttime\n1\ta\tJan 5, 2024\n1\tb\tFeb 5, 2024\n")),
    Tip(INGEST, r"--time \S+(?: --time-format '[^']*')?", 0, NO_TIME),
    Tip(INGEST, r"--time \S+ --time-format \S+", 0, SLASHES),
    Tip(INGEST, r"--bad-rows skip", 1, csv("user_id,item_id,timestamp\n1,a,1\n1,b,2,3\n1,c,x\n1,d,5\n")),
    Tip(INGEST, r"--bad-rows skip", 1, csv("user_id,item_id,timestamp\n1,a,1\n1,b,x\n1,c,5\n1,d,7\n")),
    Tip(INGEST, r"--where \".*\"", 1, csv("user_id,item_id,ts\n1,a,1600000000\n1,b,1500000000000\n1,c,1700000000\n")),
    Tip(INGEST, r"--no-header --user 1 --item 2", 1, csv("anna,tea\nbob,milk\n")),
    Tip(INGEST, r"--header --user 1 --item 2", 1, csv("anna,tea\nbob,milk\n")),
    Tip(f"{INGEST} --split time:0.1,0.15", r"--split time:\S+$", 1, csv("user_id,item_id,ts\n1,a,1\n1,b,2\n1,c,3\n")),
    Tip(f"{INGEST} --split time:0.8,0.9", r"--split \S+$", 1, csv("user_id,item_id,timestamp\n1,a,1\n1,b,1\n1,c,1\n")),
    Tip(f"{INGEST} --split time:1990-01-01,1991-01-01", r"--split \S+$", 1, csv(LOG)),
    Tip(f"{INGEST} --split weekly", r"--split time:0\.8,0\.9", 2, csv(LOG)),
    Tip(f"{INGEST} --ties error", r"--ties hash", 1, csv("user_id,item_id,timestamp\n1,a,1\n1,b,1\n1,c,2\n")),
    Tip(f"{INGEST} --time-format %Y", "", 1, csv("user_id,item_id,timestamp\n1,a,x\n")),
    Tip(f"{INGEST} --session-gap soon", "", 2, csv(LOG)),
    Tip("ingest log.csv", r"-o \S+", 2),
    Tip("ingest log.csv -o log.store", r"--force", 2),
    Tip("ingest log.csv -o o.store --items known.parquet --unknown-items error", r"--unknown-items drop", 1),
    Tip("ingest log.csv -o o.store --items known.parquet --unknown-items error", r"--unknown-items add", 1),
    Tip("ingest more.csv -o core.store --append", r"genpas ingest .*", 2),
    Tip("ingest more.csv -o none.store --append", r"genpas ingest .*", 1),
    Tip("ingest log.store -o o.store", r"genpas augment \S+", 1),
    Tip("augment none.store", "", 1),
    Tip("augment log.store -o o.pairs --min-user 5", r"genpas ingest .*", 2),
    Tip("augment log.store -o o.pairs --keep rating", r"genpas ingest .*", 1),
    Tip("ingest log.csv -o clean.parquet", REST.replace("--", "-o "), 2),
    Tip("augment log.store -o o.pairs --strategy multi-targt", r"--strategy \S+(?=\?)", 2),
    Tip("augment log.store -o o.pairs --alpha 1 --strategy 1,0,0", "", 2),
    Tip("augment log.store -o log.pairs", r"--force", 2),
    Tip("augment log.store -o o.pairs --pairs many", "", 2),
    Tip("augment log.store -o o.pairs --pairs all", r"--pairs 2x", 2),
    Tip("merge log.pairs", r"genpas augment .*", 1),
    Tip("verify none.pairs", r"genpas augment .*", 1),
    Tip("verify log.pairs --store none.store", r"genpas ingest .*", 1),
    Tip("stats log.store --similarity containmnt", r"--similarity \S+(?=\?)", 2),
    Tip("tune none_held_out.store", r"genpas ingest .*", 1),
    Tip("export log.pairs -o o.jsonl --to jsonl --columns input_item", "", 2),
    Tip("export log.pairs -o o.jsonl --to jsonlines", "", 2),
    Tip("export log.pairs -o o.jsonl --to recbole --pad left", "", 2),
    Tip("export log.pairs -o o.hstu --to hstu", r"genpas augment .*", 2),
    Tip("train no_validation.pairs -o model --steps 1 --dim 8", r"genpas augment .*", 1),
]  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a log, stores and pairs that the cases are about; not to be changed."""
    root = tmp_path_factory.mktemp("tips")
    (root / "temp").mkdir()
    (root / "log.csv").write_text(LOG)
    (root / "more.csv").write_text("user_id,item_id,timestamp,rating\nu1,i1,1700000000,2\n")
    pq.write_table(
        pa.table({"item_num": pa.array([1, 2], pa.int32()), "item_id": ["i1", "i2"]}), root / "known.parquet"
    )
    genpas = InProcess(root, root / "temp")
    for line in (
        "ingest log.csv -o log.store", "ingest log.csv -o core.store --min-user 2",
        "ingest log.csv -o none_held_out.store --split none", "augment log.store -o log.pairs",
        "augment none_held_out.store -o no_validation.pairs",
    ):  # fmt: skip
        assert genpas(*shlex.split(line), "-q").returncode == 0, line
    return root


@pytest.fixture
def place(original: Path, tmp_path: Path) -> InProcess:
    """The command, in a copy of that directory."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    return InProcess(tmp_path, tmp_path / "temp")


def typed(command: str, proposed: str) -> list[str]:
    """Return the words that a user types who follows a message."""
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(proposed.rstrip(" .").removesuffix("..."))]
    if words[0] == "genpas":
        return [*words[1:], "--force"] if words[1] in ("ingest", "augment") and "--append" not in words else words[1:]
    given, asked = shlex.split(command), {word for word in words if word.startswith("-")}
    kept, skip = [], False
    for word in given:
        if skip or word in asked:
            skip = word in asked
            continue
        kept.append(word)
    again = "ingest" in given[0] and "-o" in (*kept, *words) and "--append" not in kept and "--force" not in words
    return [*kept, *words, *(["--force"] if again else [])]


@pytest.mark.parametrize("tip", TIPS, ids=[f"{n}: {tip.command}" for n, tip in enumerate(TIPS)])
def test_what_a_message_proposes_succeeds(place: InProcess, tip: Tip) -> None:
    for name, text in tip.files:
        (place.cwd / name).write_text(text)
    failed = place(*shlex.split(tip.command))
    assert failed.returncode == tip.code, failed.stderr
    if not tip.proposes:
        assert not re.search(r"genpas \w+ ", failed.stderr), failed.stderr
        return
    said = failed.stderr.partition("\n")[2] if tip.code else failed.stderr
    found = re.search(tip.proposes, said)
    assert found, failed.stderr
    words = typed(tip.command, found[0])
    done = place(*words)
    assert done.returncode == 0, f"{failed.stderr}\n$ genpas {shlex.join(words)}\n{done.stderr}"


def test_the_example_of_a_log_without_a_header_names_the_columns_by_their_values(place: InProcess) -> None:
    (place.cwd / "a.csv").write_text(AMAZON[0][1])
    said = place("ingest", "a.csv", "-o", "o.store").stderr
    assert said.endswith("Name the columns, for example: --user 1 --item 2 --time 4\n")


def test_notes_are_said_beside_json_and_not_with_quiet(place: InProcess) -> None:
    (place.cwd / "a.csv").write_text(NO_TIME[0][1])
    done = place("ingest", "a.csv", "-o", "o.store", "--json")
    assert "column last_watch_dt looks like a timestamp column: --time last_watch_dt" in done.stderr
    assert json.loads(done.stdout)["notes"] == [done.stderr.removeprefix("note: ").strip()]
    assert place("ingest", "a.csv", "-o", "o.store", "--force", "-q").stderr == ""
