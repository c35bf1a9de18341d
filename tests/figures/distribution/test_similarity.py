"""What `--similarity` takes, and what it says of the rest."""

from __future__ import annotations

import numpy as np
import pytest

from genpas_cli.figures.distribution.similarity import SIMILARITIES, parse_similarity
from genpas_cli.runtime.errors import UsageError
from tests import oracle_figures


@pytest.mark.parametrize("name", SIMILARITIES)
@pytest.mark.parametrize(("suffix", "window"), [("", 10), ("@1", 1), ("@10", 10), ("@007", 7), ("@100", 100)])
def test_a_name_and_a_window(name: str, suffix: str, window: int) -> None:
    found = parse_similarity(name + suffix)
    assert (found.name, found.window, str(found)) == (name, window, f"{name}@{window}")
    assert (found.formula, found.held_out_weight) == (SIMILARITIES[name].formula, SIMILARITIES[name].held_out_weight)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("containmnt", "containment"), ("Cosine@5", "cosine"), ("jaccard", None), ("", None), ("@10", None),
        ("overlap@", ""), ("overlap@0", ""), ("overlap@101", ""), ("overlap@-1", ""), ("overlap@ten", ""),
        ("overlap@2.5", ""), ("overlap@1@2", ""), ("overlap@²", ""), ("overlap@ 5", ""),
    ],
)  # fmt: skip
def test_what_it_does_not_take(text: str, suggestion: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse_similarity(text)
    if suggestion == "":
        assert caught.value.message == (
            f"--similarity {text}: the number after @ must be from 1 to 100, as in overlap@10"
        )
        return
    name = text.partition("@")[0]
    assert caught.value.message == (
        f"unknown similarity {name!r}; it must be one of containment, recall, cosine, overlap"
    )
    assert caught.value.tip == (f"Did you mean --similarity {suggestion}?" if suggestion else None)


@pytest.mark.parametrize(
    ("name", "of_two_and_three"), [("containment", 1 / 3), ("recall", 1 / 2), ("cosine", 6**-0.5), ("overlap", 1)]
)
def test_the_registry_by_its_definitions(name: str, of_two_and_three: float) -> None:
    """Held-out {1, 2} and training {2, 3, 4} share one item."""
    found = SIMILARITIES[name]
    a, b = found.held_out_weight(np.array([2.0]))[0], found.training_weight(np.array([3.0]))[0]
    assert 1 * a * b == pytest.approx(of_two_and_three)
    assert oracle_figures.Comparison(name, 10, 1)({1, 2}, {2, 3, 4}) == pytest.approx(of_two_and_three)
