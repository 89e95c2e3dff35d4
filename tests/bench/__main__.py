"""`python -m tests.bench [names…]`: run the rows with these names (or all), print both sides, append build/bench.json.

A name may be the beginning of several (`graph` runs graph-mlp, graph-bptt, …). `--threads N` sets the threads of both
sides, 1 by default; the process starts itself anew, because NumPy reads the number when it is loaded.
"""

import argparse
import os
import sys
from pathlib import Path

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="names of rows, or how they begin")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="only list the rows")
    options = parser.parse_args()
    wanted = str(options.threads)
    if any(os.environ.get(v) != wanted for v in VARIABLES):
        os.environ.update(dict.fromkeys(VARIABLES, wanted))
        os.execv(sys.executable, [sys.executable, "-m", "tests.bench", *sys.argv[1:]])

    from tests.bench import harness

    rows = harness.discover()
    chosen = [
        r for n, r in rows.items() if not options.names or any(n.startswith(given) for given in options.names)
    ]
    if not chosen:
        print(f"No row begins with {' or '.join(options.names)}; there are: {', '.join(sorted(rows))}.")
        return 2
    if options.list:
        for one in chosen:
            print(f"{one.name:22} {one.goal_op} {one.goal:<8g} against {one.peer_name}: {one.what}")
        return 0
    print(
        f"{'row':22} {'ours':>14} {'peer':>14}  {'unit':12} {'ratio':>9}  goal        peer ({options.threads} thread)"
    )
    missed = 0
    for one in chosen:
        line = harness.measure(one)
        harness.store(line, ROOT / "build" / "bench.json")
        goal = f"{one.goal_op} {one.goal:g}"
        if line["ratio"] is None:
            print(f"{one.name:22} {'not run: ' + str(line['note']):54} {goal:11} {one.peer_name}", flush=True)
            continue
        missed += not line["ok"]
        print(
            f"{one.name:22} {line['ours']:14,.5g} {line['peer']:14,.5g}  {line['unit']:12} {line['ratio']:9.4g}  "
            f"{goal:9} {'ok' if line['ok'] else '--'} {one.peer_name}",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
