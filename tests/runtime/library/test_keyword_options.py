"""Options as keywords of the library's functions are the fields of the options dataclasses."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, Unpack, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import genpas_cli as library
from docs.keyword_modules import keyword_classes, keywords_class
from genpas_cli import AugmentOptions, IngestOptions, MachineOptions, UsageError
from genpas_cli.ingest.keywords import IngestKeywords
from genpas_cli.runtime.library.arguments import checked, option_types
from genpas_cli.runtime.options import PATHS, Options

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(library, name) for name in library.__all__ if not inspect.isclass(getattr(library, name))
}
WITH_OPTIONS = sorted(name for name, function in FUNCTIONS.items() if option_types(function))


def test_every_function_with_options_takes_them_as_keywords() -> None:
    assert WITH_OPTIONS == [
        "augment", "augment_stream", "compare", "export", "export_stream", "fresh_pairs", "head", "ingest", "merge",
        "plan", "plan_ingest", "semantic_ids", "split_stats", "stats", "train", "tune", "verify",
    ]  # fmt: skip
    assert [name for name in WITH_OPTIONS if not keywords_class(FUNCTIONS[name])] == []


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_the_keywords_of_type_checkers_are_the_fields(name: str) -> None:
    function = FUNCTIONS[name]
    keywords = vars(inspect.getmodule(inspect.unwrap(function)))[keywords_class(function)]
    types = get_type_hints(keywords)
    fields = {f.name: hints[f.name] for kind in keyword_classes()[keywords_class(function)]
              for hints in (get_type_hints(kind),) for f in dataclasses.fields(kind)}  # fmt: skip
    assert set(types) == set(fields)  # a TypedDict has no order, and its keys are distinct as those of a dict
    assert {name: wanted for name, wanted in fields.items() if not _covers(types[name], wanted)} == {}


def _alternatives(hint: Any) -> set[Any]:
    return set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}


def _covers(keyword: Any, field: Any) -> bool:
    """Tell whether a keyword accepts all types of a field; a tuple may be any sequence."""
    wanted = {kind for kind in _alternatives(field) if get_origin(kind) is not tuple}
    return wanted <= _alternatives(keyword)


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_completion_and_help_show_every_option(name: str) -> None:
    shown = inspect.signature(FUNCTIONS[name]).parameters
    fields = {f.name: f.default for kind in option_types(FUNCTIONS[name]).values() for f in dataclasses.fields(kind)}
    assert {key: shown[key].default for key in fields} == fields
    own = inspect.signature(inspect.unwrap(FUNCTIONS[name])).parameters
    assert not set(own) & set(fields), "a parameter that hides an option"


# ------------------------------------------------------------------------------------------------------------- values


@checked
def both(
    log: str,
    options: AugmentOptions | None = None,
    *,
    reading: IngestOptions | None = None,
    **_: Unpack[IngestKeywords],
) -> tuple[AugmentOptions | None, IngestOptions | None]:
    """Return the options as a job gets them."""
    del log
    return options, reading


CALL: Callable[..., Any] = both

VALUES: Mapping[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**40), 2**40) | st.integers(0, 99).map(np.int64),
    float: st.floats() | st.floats(width=32).map(np.float32) | st.integers(-9, 9),
    str: st.text(max_size=9),
    bool: st.booleans() | st.booleans().map(np.bool_),
    NoneType: st.none(),
}


def _values(field: dataclasses.Field[Any], hint: Any) -> st.SearchStrategy[Any]:
    found = []
    for kind in _alternatives(hint):
        if get_origin(kind) is Literal:
            found.append(st.sampled_from(get_args(kind)))
        elif get_origin(kind) is tuple:
            found.append(st.lists(st.text(max_size=5), max_size=3))
        elif kind is str and field.metadata["metavar"] in PATHS:
            found.append(st.sampled_from(["here", Path("there")]))
        else:
            found.append(VALUES[kind])
    return st.one_of(found)


@st.composite
def options_of(draw: st.DrawFn, kind: type[Options]) -> dict[str, Any]:
    """Some fields of an options class with values that they accept."""
    hints = get_type_hints(kind)
    fields = draw(st.lists(st.sampled_from(dataclasses.fields(kind)), unique_by=lambda field: field.name))
    return {field.name: draw(_values(field, hints[field.name])) for field in fields}


def _equal(one: Options | None, two: Options | None) -> bool:
    return repr(one) == repr(two)  # NaN is not equal to itself


@given(options_of(AugmentOptions), options_of(IngestOptions))
def test_any_option_as_keyword_is_the_same_option_of_the_dataclass(
    augment: dict[str, Any], reading: dict[str, Any]
) -> None:
    machine = {field.name for field in dataclasses.fields(MachineOptions)}
    reading = {name: value for name, value in reading.items() if name not in machine}
    shared = {name: value for name, value in augment.items() if name in machine}
    made = CALL("log", **augment, **reading)
    assert _equal(made[0], AugmentOptions(**augment) if augment else None)
    assert _equal(made[1], IngestOptions(**reading, **shared) if reading or shared else None)


@given(options_of(AugmentOptions), options_of(AugmentOptions))
def test_a_keyword_replaces_the_field_of_the_object(given_: dict[str, Any], keywords: dict[str, Any]) -> None:
    made, _ = CALL("log", AugmentOptions(**given_), **keywords)
    assert _equal(made, AugmentOptions(**given_ | keywords))


def needed(name: str, tmp_path: Path) -> dict[str, Any]:
    """The arguments that a function needs, of the right types."""
    parameters = inspect.signature(inspect.unwrap(FUNCTIONS[name])).parameters.values()
    values = {"parts": [tmp_path], "out": BytesIO(), "text": "1,0,0"}
    return {
        p.name: values.get(p.name, tmp_path / "x")
        for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    }  # fmt: skip


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_a_misspelt_option_is_told_the_right_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        FUNCTIONS[name](**needed(name, tmp_path), thraeds=2)
    assert caught.value.message == f"{name}() has no option 'thraeds'; did you mean threads?"
    assert caught.value.tip == f"To list the options: help(genpas_cli.{name})"


def test_an_option_like_no_other_is_named_alone() -> None:
    with pytest.raises(UsageError) as caught:
        CALL("log", zzz=1)
    assert caught.value.message == "both() has no option 'zzz'"


WRONG: dict[str, Any] = {
    "threads": ["2", 1.5, True, [1], {}, object()],
    "memory_limit": [1.5, [2], {}, b"2GB"],
    "temp_dir": [1.5, [1, 2], {}, b"/tmp"],
}


@pytest.mark.parametrize("name", WITH_OPTIONS)
@pytest.mark.parametrize("option", WRONG)
def test_a_value_of_a_wrong_type_is_one_sentence(name: str, option: str, tmp_path: Path) -> None:
    for value in WRONG[option]:
        with pytest.raises(UsageError) as caught:
            FUNCTIONS[name](**needed(name, tmp_path), **{option: value})
        assert caught.value.message.startswith(f"{option} is ")
        assert "; it must be " in caught.value.message
        assert "\n" not in caught.value.message
        assert "--" not in caught.value.message


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_an_argument_of_a_wrong_type_is_one_sentence(name: str, tmp_path: Path) -> None:
    """Each parameter of each function, an object that nothing accepts in its place."""
    parameters = inspect.signature(inspect.unwrap(FUNCTIONS[name])).parameters.values()
    own = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    for wrong in own:
        with pytest.raises(UsageError) as caught:
            FUNCTIONS[name](**needed(name, tmp_path) | {wrong.name: object()})
        assert " is an object; it must be " in caught.value.message
        assert "\n" not in caught.value.message
