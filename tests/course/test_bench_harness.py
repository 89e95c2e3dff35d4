"""The benchmark harness: rows are found, measured in turns, judged by their goal, and stored as lines of JSON."""

import json
import time

import pytest

from tests.bench import harness
from tests.bench.harness import Figures, PeerMissing, Race, Row, measure, store


def make(run, goal=1.0, goal_op=">="):
    return Row("probe", "the other one", goal, goal_op, "a probe", run)


def test_rows_of_all_files_are_found_and_described():
    rows = harness.discover()
    mine = {
        "mlp-train",
        "graph-mlp",
        "graph-bptt",
        "graph-overhead",
        "graph-overhead-bptt",
        "scalar-graph",
        "import",
    }
    assert mine <= set(rows)
    assert all(r.what and r.goal_op in (">=", "<=") for r in rows.values())


def test_a_race_compares_medians_of_work_per_second():
    def wait(seconds):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    line = measure(
        make(lambda: Race(lambda: wait(0.001), lambda: wait(0.004), 10, "units/s", rounds=5), goal=2.0)
    )
    assert line["ratio"] > 2 and line["ok"] and line["unit"] == "units/s" and 2000 < line["ours"] <= 10_000


def test_figures_are_better_when_less_or_more():
    assert measure(make(lambda: Figures(2.0, 8.0, "MB")))["ratio"] == 4
    assert measure(make(lambda: Figures(2.0, 8.0, "bits", better="more")))["ratio"] == 0.25
    assert measure(make(lambda: Figures(2.0, 2.0, "bits"), goal=1.0, goal_op="<="))["ok"]
    assert not measure(make(lambda: Figures(8.0, 2.0, "MB")))["ok"]


def test_a_missing_peer_is_said_and_not_judged(tmp_path):
    def run():
        raise PeerMissing("kenlm cannot be built here")

    line = measure(make(run))
    assert line["note"] == "kenlm cannot be built here" and line["ok"] is None and line["ratio"] is None
    with pytest.raises(PeerMissing, match="no_such_package_anywhere is not installed"):
        harness.peer("no_such_package_anywhere")
    for _ in range(2):
        store(line, tmp_path / "build" / "bench.json")
    lines = (tmp_path / "build" / "bench.json").read_text().splitlines()
    assert len(lines) == 2 and set(json.loads(lines[0])) >= {
        "name",
        "ours",
        "peer",
        "peer_name",
        "unit",
        "ratio",
        "goal",
        "goal_op",
        "ok",
    }


def test_both_sides_of_the_graph_rows_compute_the_same_gradients():
    import numpy as np

    from tests.bench import rows_graph as rows

    X, y, P = rows.rnn_data()
    by_hand, by_graph = rows.bptt_by_hand(X, y, P), rows.bptt_by_graph(X, y, P)
    for name in P:
        np.testing.assert_allclose(by_hand[name], by_graph[name], rtol=1e-3, atol=1e-6)
    batches, one = rows.mlp_data(2)
    two = {name: rows.nn.Parameter(p) for name, p in one.items()}
    rows.mlp_by_hand(batches, one)
    rows.mlp_by_graph(batches, two)
    for name in one:
        np.testing.assert_allclose(one[name], two[name].value, rtol=1e-4, atol=1e-6)
    from tests.bench.scalars import Scalar

    ours, work = rows.scalar_mlp(rows.graph.Value)
    theirs, _ = rows.scalar_mlp(Scalar)
    assert ours() == pytest.approx(theirs()) and work > 1000
