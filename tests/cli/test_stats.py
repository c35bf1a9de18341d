"""`genpas stats` on the command line: what it prints, what it checks, and how it says no."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support import Genpas, InProcess, refused, rewrite, unchanged

DATA, USAGE, INTEGRITY, CHECK = 1, 2, 4, 5

# The keys of the contract, in its order; more may stand between them.
DATA_KEYS = [
    "users", "items", "interactions", "density", "length", "time_range", "repeats", "tied_events", "tied_test",
    "tied_validation", "tied_either", "cold_validation", "cold_test", "leaked_test", "split",
]  # fmt: skip
STRATEGY_KEYS = [
    "name", "alpha", "beta", "gamma", "pairs", "kl_test_train", "kl_validation_train", "kl_train_test",
    "js_test_train", "tv_test_train", "alignment", "discrimination", "alignment_ratio", "similarity",
    "target_coverage", "effective_targets", "target_gini", "mean_input_length", "input_length_histogram",
    "target_position_histogram", "popularity_deciles", "sequence_mass_by_length",
]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- stdout


def test_json_has_every_key_of_the_contract(inside: InProcess, store: Path) -> None:
    report = inside.json("stats", store, "--json")
    assert list(report)[:3] == ["source", "data", "strategies"]
    assert set(DATA_KEYS) <= set(report["data"])
    assert [s["name"] for s in report["strategies"]] == ["last-target", "multi-target", "slide-window", "1,0,0"]
    for strategy in report["strategies"]:
        assert set(STRATEGY_KEYS) <= set(strategy)
    biases = {s["name"]: (s["alpha"], s["beta"], s["gamma"]) for s in report["strategies"]}
    assert biases["slide-window"] == (None, 1, 0)
    assert biases["last-target"] == (0, "inf", "-inf")


def test_strategies_are_taken_in_the_order_given(inside: InProcess, store: Path) -> None:
    report = inside.json("stats", store, "-s", "0.5,0,0", "-s", "multi-target", "--pairs", "2x", "--json")
    assert [s["name"] for s in report["strategies"]] == ["0.5,0,0", "multi-target"]
    drawn = [[(d["draw"], d["pairs"]) for d in s["drawn"]] for s in report["strategies"]]
    pairs = report["strategies"][0]["pairs"]
    assert drawn == [[("balanced", pairs), ("independent", pairs)]] * 2
    assert pairs == 2 * (report["data"]["split"]["train"] - report["data"]["users"])


def test_a_log_and_its_store_give_the_same_figures(inside: InProcess, store: Path, log: Path) -> None:
    of_store, of_log = (inside.json("stats", source, "--json") for source in (store, log))
    assert {**of_log, "source": ""} == {**of_store, "source": ""}
    assert list(inside.temp_dir.iterdir()) == []


def test_the_table_marks_the_best_of_each_figure_with_a_sign(inside: InProcess, store: Path) -> None:
    done = inside("stats", store)
    assert done.returncode == 0
    report = inside.json("stats", store, "--json")
    best = min(s["kl_train_test"] for s in report["strategies"])
    (line,) = (line for line in done.stdout.splitlines() if line.strip().startswith("KL(train ‖ test)"))
    cells = line.split()[3:]
    assert [cell.endswith("*") for cell in cells] == [
        s["kl_train_test"] == pytest.approx(best) for s in report["strategies"]
    ]
    assert f"{report['data']['interactions']:,} interactions" in done.stdout


def test_each_kind_of_draw_has_a_line_below_the_figure(inside: InProcess, store: Path) -> None:
    arguments = ("stats", store, "-s", "1,0,0", "--pairs", "0.5x")
    (strategy,) = inside.json(*arguments, "--json")["strategies"]
    balanced, independent = (f"{draw['target_coverage']:.1%}" for draw in strategy["drawn"])
    assert balanced != independent
    lines = [line.split() for line in inside(*arguments).stdout.splitlines()]
    at = lines.index(["target", "coverage", f"{strategy['target_coverage']:.1%}"])
    assert lines[at + 1] == ["expected,", "as", "written", "by", "augment", balanced]
    assert lines[at + 2] == ["expected,", "drawn", "independently", independent]


def test_the_lines_below_the_table_say_what_the_figures_compare(inside: InProcess, store: Path) -> None:
    said = inside("stats", store, "-s", "multi-target", "-s", "0.5,0,0").stdout
    assert "Jensen–Shannon and total variation compare the distributions of target items; lower is better" in said
    assert "only among strategies with the same input bias" in said
    assert (
        '"expected, as written by augment": for multi-target, each pair is written once, so the value is exact; '
        "for 0.5,0,0, the pairs are a balanced draw" in said
    )
    assert "What each row means: https://" in said
    named = inside("stats", store, "-s", "multi-target", "-s", "last-target").stdout
    assert (
        '"expected, as written by augment": for multi-target and last-target, each pair is written once, so the value '
        "is exact." in named
    )
    biased = inside("stats", store, "-s", "0.5,0,0").stdout
    assert (
        '"expected, as written by augment": for 0.5,0,0, the pairs are a balanced draw, so a single draw differs '
        "slightly from this mean." in biased
    )


def test_csv_is_a_row_a_strategy(inside: InProcess, store: Path) -> None:
    done = inside("stats", store, "--csv", "-s", "multi-target", "-s", "1,0,0")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    report = inside.json("stats", store, "--json", "-s", "multi-target", "-s", "1,0,0")
    assert [row["name"] for row in rows] == ["multi-target", "1,0,0"]
    assert [float(row["kl_test_train"]) for row in rows] == [s["kl_test_train"] for s in report["strategies"]]
    assert not any(name.endswith("histogram") for name in rows[0])


def test_a_reader_that_has_read_enough_is_no_failure(genpas: Genpas, store: Path) -> None:
    process = genpas.start("stats", store)
    assert process.stdout is not None
    process.stdout.close()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, b"Traceback" in stderr) == (0, False)


# ------------------------------------------------------------------------------------------------------ without a split


def test_without_a_split_figures_against_it_are_null_and_a_note_says_why(inside: InProcess, log: Path) -> None:
    report = inside.json("stats", log, "--split", "none", "--json")
    for strategy in report["strategies"]:
        for key in ("kl_test_train", "kl_validation_train", "js_test_train", "alignment", "alignment_ratio"):
            assert strategy[key] is None
        assert strategy["target_coverage"] > 0
    assert any("--split none" in note and "test" in note for note in report["notes"])
    done = inside("stats", log, "--split", "none")
    assert "no test interactions are held out (--split none)" in done.stderr


# --------------------------------------------------------------------------------------------------- pairs directories


def test_shards_are_measured_beside_what_they_should_be(inside: InProcess, store: Path, pairs: Path) -> None:
    report = inside.json("stats", pairs, "--store", store, "--json")
    (expected,) = report["strategies"]
    measured, drawn = report["measured"], expected["drawn"][0]
    assert (expected["name"], measured["name"]) == ("1,0,0", "1,0,0 (these shards)")
    assert measured["pairs"] == expected["pairs"]
    # A balanced draw of Multi-Target's count with (1, 0, ·) has every target exactly once.
    assert measured["kl_test_train"] == pytest.approx(drawn["kl_test_train"], abs=1e-12)
    assert measured["target_position_histogram"] == pytest.approx(expected["target_position_histogram"], abs=1e-12)
    assert report["fair_draw"]["fair"] is True
    assert {test["step"] for test in report["fair_draw"]["tests"]} == {"counts", "input"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("-s", "1,0,0"), "--strategy needs the store from which the pairs in"),
        (("--pairs", "2x"), "--pairs needs the store from which the pairs in"),
        (("--user", "1"), "--user cannot be used with the pairs in"),
        (("--max-input", "3"), "--max-input 3 cannot be used with the pairs directory"),
    ],
)
def test_an_option_without_effect_on_pairs_is_refused(
    inside: InProcess, pairs: Path, store: Path, given: tuple[str, str], told: str
) -> None:
    done = inside("stats", pairs, *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert inside("stats", pairs, *given, "--store", store).returncode == (2 if "cannot" in told else 0)


def test_the_limit_of_the_pairs_may_be_repeated(inside: InProcess, store: Path) -> None:
    inside("augment", store, "--max-input", "3", "-o", "three.pairs")
    assert inside("stats", "three.pairs", "--max-input", "3").returncode == 0
    columns = ("--input-column", "input_items", "--target-column", "target_item")
    done = inside("stats", "three.pairs/data/train-00000-of-00001.parquet", *columns, "--max-input", "2")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--max-input needs the store from which the pairs in" in done.stderr


def test_options_of_a_file_for_reading_logs_do_not_concern_pairs(inside: InProcess, pairs: Path) -> None:
    (inside.cwd / "genpas.toml").write_text("min_user = 2\n", encoding="utf-8")
    done = inside("stats", pairs)
    assert done.returncode == 0, done.stderr


def test_shards_alone_give_what_needs_no_store(inside: InProcess, pairs: Path, store: Path) -> None:
    alone = inside.json("stats", pairs, "--json")
    beside = inside.json("stats", pairs, "--store", store, "--json")
    assert (alone["data"], alone["strategies"]) == (None, [])
    for key in ("kl_test_train", "alignment", "discrimination", "mean_input_length", "effective_targets"):
        assert alone["measured"][key] == beside["measured"][key]
    assert alone["measured"]["target_position_histogram"] is None
    assert "--store" in alone["notes"][0]


@pytest.mark.parametrize(
    "draw", [("-s", "slide-window"), ("--draw", "independent"), ("--alpha", "0.3", "--epochs", "3")]
)
def test_every_kind_of_draw_is_found_fair(inside: InProcess, store: Path, draw: tuple[str, ...]) -> None:
    inside("augment", store, *draw, "-o", "some.pairs")
    report = inside.json("stats", "some.pairs", "--store", store, "--json")
    assert report["fair_draw"]["fair"] is True, report["fair_draw"]


def test_shards_of_another_strategy_are_no_fair_draw(inside: InProcess, store: Path) -> None:
    inside("augment", store, "--alpha", "2", "--pairs", "20x", "--draw", "independent", "-o", "false.pairs")
    rewrite(
        inside.cwd / "false.pairs" / "manifest.json",
        lambda manifest: manifest["strategy"].update(name="0,0,0", alpha=0.0),
    )
    report = inside.json("stats", "false.pairs", "--store", store, "--json")
    assert report["fair_draw"]["fair"] is False
    rejected = {test["step"] for test in report["fair_draw"]["tests"] if test["p_value"] < 1e-6}
    assert rejected == {"sequence length", "sequence"}
    done = inside("stats", "false.pairs", "--store", store, "--check", "default")
    assert done.returncode == CHECK
    assert "The pairs do not agree with the strategy in their manifest" in done.stdout


def test_a_changed_shard_is_named(inside: InProcess, pairs: Path) -> None:
    copy = inside.cwd / "copy.pairs"
    shutil.copytree(pairs, copy)
    shard = copy / "data" / "train-00000-of-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    refused(inside("stats", copy), INTEGRITY, "train-00000-of-00001.parquet was changed")


def test_shards_without_a_manifest_are_no_log(inside: InProcess, pairs: Path) -> None:
    copy = inside.cwd / "copy.pairs"
    shutil.copytree(pairs, copy)
    (copy / "manifest.json").unlink()
    refused(inside("stats", copy), DATA, "no manifest.json", "--input-column")


def test_the_store_of_another_log_is_refused(inside: InProcess, pairs: Path) -> None:
    (inside.cwd / "other.csv").write_text("user_id,item_id,timestamp\na,x,1\na,y,2\na,z,3\na,x,4\n", encoding="utf-8")
    inside("ingest", "other.csv", "-o", "other.store")
    refused(inside("stats", pairs, "--store", "other.store"), INTEGRITY, "not the store of")


# ----------------------------------------------------------------------------------------------- pairs of other tools


def foreign(at: Path, name: str, rows: list[tuple[list[str], str]]) -> None:
    pq.write_table(pa.table({"history": [x for x, _ in rows], "label": [y for _, y in rows]}), at / name)


def test_pairs_of_another_tool_are_measured(inside: InProcess) -> None:
    foreign(inside.cwd, "train.parquet", [(["a", "b"], "c"), (["a"], "b"), (["b", "c"], "a"), (["c"], "c")])
    foreign(inside.cwd, "test-0.parquet", [(["a", "b"], "c"), (["c"], "a")])
    columns = ("--input-column", "history", "--target-column", "label")
    measured = inside.json("stats", "train.parquet", "test-0.parquet", *columns, "--json")["measured"]
    assert (measured["pairs"], measured["mean_input_length"]) == (4, 1.5)
    assert measured["tv_test_train"] == pytest.approx(0.25)  # a .25, b .25, c .5 beside a .5, c .5
    # a: {b, c} holds the test input {c}, half of it; c: {a, b} is {a, b} whole, {c} shares nothing with it.
    assert measured["alignment"] == pytest.approx((0.5 + 0.5) / 2)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "shop.VAL-00001", "test", "2024_test"])
def test_the_name_of_a_file_says_its_split(inside: InProcess, name: str) -> None:
    foreign(inside.cwd, "train.parquet", [(["a"], "b"), (["b"], "a")])
    foreign(inside.cwd, f"{name}.parquet", [(["a"], "b")])
    columns = ("--input-column", "history", "--target-column", "label")
    measured = inside.json("stats", "train.parquet", f"{name}.parquet", *columns, "--json")["measured"]
    held_out = {split for split in ("validation", "test") if measured[f"kl_{split}_train"] is not None}
    assert (measured["pairs"], held_out) == (2, {"test" if "test" in name else "validation"})


def test_weights_have_no_effect_on_pairs_of_another_tool(inside: InProcess) -> None:
    foreign(inside.cwd, "train.parquet", [(["a"], "b"), (["b"], "a")])
    columns = ("--input-column", "history", "--target-column", "label")
    for option in (("--target-weight", "2"), ("--half-life", "3d"), ("--target-where", "true")):
        refused(inside("stats", "train.parquet", *columns, *option), USAGE, option[0], "without --store")


def test_ids_that_the_store_does_not_have_are_an_error(inside: InProcess, store: Path) -> None:
    foreign(inside.cwd, "train.parquet", [(["i1", "i2"], "nosuch")])
    columns = ("--input-column", "history", "--target-column", "label")
    refused(inside("stats", "train.parquet", *columns, "--store", store), DATA, "train.parquet", "'nosuch'")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--input-column", "history"), ("must be given together",)),
        (("--input-column", "history", "--target-column", "nosuch"), ("no column 'nosuch'", "history, label")),
        (("--input-column", "label", "--target-column", "history"), ("'label' is of type string",)),
    ],
    ids=["one of two", "no such column", "kinds exchanged"],
)
def test_columns_that_are_not_there(inside: InProcess, options: tuple[str, ...], words: tuple[str, ...]) -> None:
    foreign(inside.cwd, "train.parquet", [(["a"], "b")])
    done = inside("stats", "train.parquet", *options)
    refused(done, USAGE if "together" in words[0] else DATA, *words)


# --------------------------------------------------------------------------------------------------------------- checks


def rules(inside: InProcess, text: str) -> str:
    (inside.cwd / "rules.toml").write_text(text, encoding="utf-8")
    return "rules.toml"


def test_rules_that_hold_let_a_pipeline_pass(inside: InProcess, store: Path) -> None:
    path = rules(inside, '[data]\nfail = ["users == 40"]\n[strategy."1,0,0"]\nfail = ["target_coverage > 0.5"]\n')
    done = inside("stats", store, "--check", path, "--json")
    assert done.returncode == 0
    assert [(c["rule"], c["held"]) for c in json.loads(done.stdout)["checks"]] == [
        ("data: users == 40", True), ("1,0,0: target_coverage > 0.5", True),
    ]  # fmt: skip


def test_the_bound_itself_keeps_the_rules_that_include_it(inside: InProcess, store: Path) -> None:
    path = rules(inside, '[data]\nwarn = ["users < 40", "users <= 40", "users == 40", "users >= 40", "users > 40"]\n')
    checks = inside.json("stats", store, "--check", path, "--json")["checks"]
    assert [check["held"] for check in checks] == [False, True, True, True, False]


def test_a_broken_rule_of_level_fail_exits_5_and_the_figures_are_printed_all_the_same(
    inside: InProcess, store: Path
) -> None:
    path = rules(inside, '[every-strategy]\nwarn = ["target_gini < 0"]\nfail = ["kl_test_train < 0.0001"]\n')
    done = inside("stats", store, "--check", path, "--json")
    assert done.returncode == CHECK
    assert len(json.loads(done.stdout)["checks"]) == 8
    assert "4 of 8 rules failed" in done.stderr
    assert "(target_gini) is" in done.stderr


@pytest.mark.parametrize("text", ["", "[data]\nwarn = []\n"])
def test_a_file_without_rules_is_an_error(inside: InProcess, store: Path, text: str) -> None:
    refused(inside("stats", store, "--check", rules(inside, text)), 1, "contains no rules")


def test_a_broken_rule_of_level_warn_does_not_fail(inside: InProcess, store: Path) -> None:
    done = inside("stats", store, "--check", rules(inside, '[data]\nwarn = ["users > 1e6"]\n'))
    assert (done.returncode, "(users) is 40; the rule is > 1e+06" in done.stderr) == (0, True)


def test_a_figure_without_a_value_breaks_its_rule_unless_it_may(inside: InProcess, log: Path) -> None:
    for text, code in (("kl_test_train < 9", CHECK), ("kl_test_train? < 9", 0)):
        path = rules(inside, f'[every-strategy]\nfail = ["{text}"]\n')
        assert inside("stats", log, "--split", "none", "--check", path).returncode == code


def test_the_default_rules_are_read_and_hold_for_a_sound_log(inside: InProcess, store: Path) -> None:
    done = inside("stats", store, "--check", "default", "-s", "1,0,0")
    assert done.returncode == 0, done.stderr
    assert "0 failures" in done.stderr


def test_a_rule_on_every_strategy_has_no_value_where_there_is_none(inside: InProcess, made: Path) -> None:
    text = '[every-strategy]\nfail = ["kl_test_train < 1e9"]\n[shards]\nfail = ["pairs > 0"]\n'
    done = inside("stats", made / "log.pairs", "--check", rules(inside, text))
    assert done.returncode == CHECK
    assert "every-strategy: KL(test ‖ train) (kl_test_train) has no value" in done.stderr


@pytest.mark.parametrize(
    ("named", "given"), [("1.0,0,0", "1,0,0"), ("1,0,0", "1.0,0,0"), ("recency:keep=.8", "recency:keep=0.80")]
)
def test_a_rule_finds_its_strategy_however_it_is_written(
    inside: InProcess, store: Path, named: str, given: str
) -> None:
    path = rules(inside, f'[strategy."{named}"]\nfail = ["pairs > 1"]\n')
    assert inside("stats", store, "-s", given, "--check", path).returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[data]\nfail = ['tied_eihter < 0.2']\n", ("unknown key 'tied_eihter'", "Did you mean tied_either?")),
        ("[strategies]\nfail = []\n", ("unknown table [strategies]", "[every-strategy]")),
        ("[data]\nerror = ['users > 1']\n", ("unknown level 'error'", "warn and fail")),
        ("[data]\nfail = ['users is large']\n", ("'users is large' is not a rule",)),
        ("[data\n", ("rules.toml is not a valid TOML file",)),
        (
            "[strategy.slide-window]\nfail = ['pairs > 0']\n",
            ("slide-window", "Add the strategy to the report: -s slide-window"),
        ),
    ],
    ids=["key", "table", "level", "rule", "TOML", "strategy"],
)
def test_rules_that_make_no_sense(inside: InProcess, store: Path, text: str, words: tuple[str, ...]) -> None:
    refused(inside("stats", store, "-s", "1,0,0", "--check", rules(inside, text)), DATA, *words)


def test_no_rules_file(inside: InProcess, store: Path) -> None:
    refused(inside("stats", store, "--check", "nosuch.toml"), DATA, "nosuch.toml", "--check default")


# ------------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-s", "multitarget"), ("unknown strategy 'multitarget'", "Did you mean --strategy multi-target?")),
        (("-s", "1,0,0", "-s", "1,0,0"), ("given twice",)),
        (("-s", "51,0,0"), ("alpha is 51",)),
        (("--pairs", "0"), ("--pairs is '0'",)),
        (("--similarity", "cosin"), ("unknown similarity 'cosin'", "Did you mean --similarity cosine?")),
        (("--similarity", "cosine@0"), ("from 1 to 100",)),
        (("--epsilon", "nan"), ("--epsilon is nan",)),
        (("--max-input", "0"), ("--max-input is '0'",)),
        (("--json", "--csv"), ("both write to stdout",)),
        (("--store", "x.store"), ("can only be used with a pairs directory",)),
    ],
    ids=" ".join,
)
def test_wrong_usage(inside: InProcess, store: Path, options: tuple[str, ...], words: tuple[str, ...]) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        refused(inside("stats", store, *options), USAGE, *words)


def test_pairs_given_as_their_store_are_named(inside: InProcess, made: Path) -> None:
    pairs = made / "log.pairs"
    refused(inside("stats", pairs, "--store", pairs), USAGE, "--store", "is a pairs directory, not a store")


def test_no_such_source(inside: InProcess) -> None:
    refused(inside("stats", "nosuch.store"), DATA, "nosuch.store")
