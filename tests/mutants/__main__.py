"""Print the table of mutants.

python -m tests.mutants                 everything, one seed, and 1,000 random changes of right solutions
python -m tests.mutants a02 -v          one assignment, with every mutant that was not named right
"""

from __future__ import annotations

import sys

import numpy as np

from .by_entry import ASSIGNMENTS, run_entries
from .report import MODULES, Tally, run, targets
from .syntax import Summary, judge_random, random_mutants


def main(arguments: list[str]) -> int:
    """Print a row for each assignment, one for random changes, and the total of the former.

    The exit code is 1 when a mutant was missed or a right solution was blamed.
    """
    chosen = [a for a in arguments if not a.startswith("-")]
    if unknown := sorted({*chosen} - {*MODULES, *ASSIGNMENTS}):
        sys.exit(
            f"There are no mutants of {', '.join(unknown)}; there are {', '.join((*MODULES, *ASSIGNMENTS))}."
        )
    modules = tuple(m for m in MODULES if not chosen or m in chosen)
    by_entry = tuple(m for m in ASSIGNMENTS if not chosen or m in chosen)
    np.seterr(all="ignore")  # mutants overflow; that is what they are for
    tallies = run(targets(modules), variant_seeds=range(10 if "--seeds" in arguments else 2))
    tallies += run_entries(by_entry)
    total = Tally("all")
    for tally in tallies:
        if "-v" in arguments:
            print("\n".join(tally.notes))
        print(tally.row())
        total.merge(tally)
    missed: list[str] = []
    if not chosen:
        drawn = Summary([judge_random(m) for m in random_mutants(targets(), 1000, seed=1)])
        print(drawn.row())
        missed = drawn.missed
        print("\n".join(f"MISSED   {name}" for name in missed), end="\n" * bool(missed))
    share = 100 * total.name_or_line / max(total.mutants, 1)
    print(
        f"a name or the right line for {share:.1f} % of all; the catalogue names {total.catalogue} of them; wrong line: {total.line_wrong}"
    )
    print(total.row().removeprefix(f"{'all':10} ").split("   (")[0])
    return 0 if total.caught == total.mutants and not total.false_alarms and not missed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
