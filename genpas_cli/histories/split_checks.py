"""Checks that a split leaves no part empty."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from genpas_cli.histories.instants import as_quantile
from genpas_cli.histories.split import TEST, TRAIN, VALIDATION, user_codes
from genpas_cli.histories.user_keys import Keys
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.text.wording import counted
from genpas_cli.store.records import ColdCounts
from genpas_cli.store.schema import USER_LENGTHS, USER_TARGETS

_SHARES = ("0.05", "0.1", "0.2", "0.3", "0.4")
"""Shares of users that a message may propose."""

_TOO_SHORT = "Hold out the last interactions of each user instead: --split leave-one-out"


def check_something_held_out(kind: str, uses: Mapping[str, bool]) -> None:
    """Raise UsageError that names the first option in use that needs held-out interactions, if the split has none.

    Args:
        kind: see `GivenSplit`.
        uses: option → whether it is in use.
    """
    if kind == "none" and (name := next((name for name, in_use in uses.items() if in_use), None)):
        raise UsageError(
            f"{name} cannot be combined with --split none, which holds out no interactions",
            tip=f"Remove {name}, or choose another split, such as --split leave-one-out",
        )


def check_last(split: str, last: int, by_user: NDArray[np.int32]) -> None:
    """Raise DataError if no user has enough interactions for `leave-n-out:N`.

    `leave-one-out` is the default, so a log that is too short for it gets only a note.

    Args:
        split: as given.
        last: N.
        by_user: see `LogFigures.by_user`.
    """
    needed, longest = 2 * last + 1, int(by_user[0].max(initial=0))
    if last == 1 or longest >= needed:
        return
    fitting = (longest - 1) // 2
    possible = f"leave-n-out:{fitting}" if fitting > 0 else "none"
    raise DataError(
        f"--split {split}: no interactions would be held out: it needs a user with {needed:,} or more interactions, "
        f"but the longest sequence has {longest:,}",
        tip=f"For example: --split {possible}",
    )


def check_users(split: str, by_user: NDArray[np.int32], keys: Keys, numbers: NDArray[np.int32]) -> None:
    """Raise DataError if a split by users leaves one of the three parts empty.

    Args:
        split: as given.
        by_user: see `LogFigures.by_user`.
        keys: uint64, keys of the users by their number in the rows.
        numbers: int32, final number of the users, from 1, by their number in the rows; 0 for a user without rows.
    """
    length, train, validation = by_user[: len(USER_LENGTHS)]
    has_pairs = length > 1
    test = (train == 0) & (validation == 0)
    of_part = {
        "training": has_pairs & (train > 0), "validation": has_pairs & (validation > 0), "test": has_pairs & test
    }  # fmt: skip
    sizes = {name: int(np.count_nonzero(users)) for name, users in of_part.items()}
    if not (empty := next((name for name, size in sizes.items() if not size), None)):
        return
    found = ", ".join(f"{size:,} for {name}" for name, size in sizes.items())
    final = numbers[numbers > 0] - 1
    possible = _possible_share(keys[numbers > 0], has_pairs[final])
    raise DataError(
        f"--split {split}: the {empty} part would be empty: of {counted(int(has_pairs.sum()), 'user')} with two or "
        f"more interactions, {found}",
        tip=_TOO_SHORT if possible is None else f"Choose another share, for example: --split users:{possible}",
    )


def _possible_share(keys: Keys, has_pairs: NDArray[np.bool_]) -> str | None:
    """Return a share of users that leaves no part empty; None if none of the usual ones does."""
    for text in _SHARES:
        share = as_quantile(text)
        assert share is not None
        codes = user_codes(keys[has_pairs], share)
        if all(np.any(codes == code) for code in (TRAIN, VALIDATION, TEST)):
            return text
    return None


def check_not_all_cold(by_user: NDArray[np.int32], cold: ColdCounts) -> None:
    """Raise DataError if all targets of a held-out split were left out because their items are cold.

    Args:
        by_user: see `LogFigures.by_user`, with the numbers of targets.
        cold: the numbers of targets that were left out.
    """
    left = dict(zip(USER_TARGETS, by_user[len(USER_LENGTHS) :].sum(axis=1), strict=True))
    for split, dropped in (("validation", cold["validation"]), ("test", cold["test"])):
        if dropped and not left[f"{split}_targets"]:
            raise DataError(
                f"--drop-cold leaves no {split} targets: no item of the {counted(dropped, f'{split} target')} occurs "
                "in training",
                tip="Remove --drop-cold, or hold out fewer interactions.",
            )
