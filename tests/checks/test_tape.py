"""The tape: every primitive's gradient, names and sites, replay with edits, rewriting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.checks.edits import backward_edits
from autograder.checks.errors import ModelError
from autograder.checks.forward_edits import edited_value, forward_edits, recorded
from autograder.checks.primitives import ELEMENTWISE, PRIMITIVES
from autograder.checks.tape import Replay, Tape, record
from autograder.checks.views import view_of

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(3, 5)), RNG.normal(size=(5, 2))
X3 = RNG.normal(size=(4, 3, 5))
IDS = np.array([[1, 2], [2, 2], [0, 1]])
CASES = {
    "add": (lambda ops, a, b: a + b, (A, RNG.normal(size=5))),
    "sub": (lambda ops, a, b: a - b, (RNG.normal(size=(3, 1)), A)),
    "mul": (lambda ops, a, b: a * b, (A, RNG.normal(size=(1, 5)))),
    "div": (lambda ops, a, b: a / b, (A, 2 + RNG.uniform(size=5))),
    "pow": (lambda ops, a: a**3, (A,)),
    "matmul": (lambda ops, a, b: a @ b, (A, B)),
    "matmul of a vector": (lambda ops, a, b: a @ b, (A[0], B)),
    "matmul with a vector": (lambda ops, a, b: a @ b, (A, B[:, 0])),
    "inner product": (lambda ops, a, b: a @ b, (A[0], B[:, 0])),
    "matmul over time": (lambda ops, a, b: a @ b, (X3, B)),
    "batched matmul": (lambda ops, a, b: a @ b, (X3, RNG.normal(size=(4, 5, 2)))),
    "constant @ variable": (lambda ops, b: A @ b, (B,)),
    "getitem": (lambda ops, a: a[1:, ::2], (A,)),
    "getitem with repeats": (lambda ops, a: a[np.array([0, 0, 2])], (A,)),
    "sum": (lambda ops, a: ops.sum(a), (A,)),
    "sum over an axis": (lambda ops, a: ops.sum(a, axis=0), (A,)),
    "sum with keepdims": (lambda ops, a: a - a.sum(axis=1, keepdims=True), (A,)),
    "sum over two axes": (lambda ops, a: ops.sum(a, axis=(0, 1)), (X3,)),
    "mean": (lambda ops, a: ops.mean(a, axis=-1), (A,)),
    "max": (lambda ops, a: ops.max(a, axis=1), (A,)),
    "softmax": (lambda ops, a: ops.softmax(a), (A,)),
    "softmax along axis 0": (lambda ops, a: ops.softmax(a, axis=0), (A,)),
    "log_softmax": (lambda ops, a: ops.log_softmax(a), (A,)),
    "take": (lambda ops, a: ops.take(a, IDS), (A,)),
    "pick": (lambda ops, a: ops.pick(a, np.array([0, 4, 4])), (A,)),
    "pick over time": (lambda ops, a: ops.pick(a, np.ones((4, 3), int)), (X3,)),
    "concat": (lambda ops, a, b: ops.concat([a, b], axis=1), (A, A[:, :2])),
    "stack": (lambda ops, a, b: ops.stack([a, b, a], axis=1), (A, A * 2)),
    "reshape": (lambda ops, a: ops.reshape(a, (5, 3)) @ A, (A,)),
    "transpose": (lambda ops, a: ops.transpose(a) @ a, (A,)),
    "transpose of axes": (lambda ops, a: ops.transpose(a, (2, 0, 1)), (X3,)),
    "conv1d": (
        lambda ops, x, w, b: ops.conv1d(x, w, b),
        (X3, RNG.normal(size=(2, 3, 3)), RNG.normal(size=2)),
    ),
    "maxpool1d": (lambda ops, x: ops.maxpool1d(x, 2), (X3,)),
    "where": (lambda ops, a, b: ops.where(A > 0, a, b), (A, A[0])),
    "prelu": (lambda ops, a, b: ops.leaky_relu(a, b), (A, RNG.uniform(0.1, 0.5, 5))),
    "leaky_relu": (lambda ops, a: ops.leaky_relu(a, 0.2), (A,)),
    "a value used twice": (lambda ops, a: a * a + ops.tanh(a), (A,)),
    **{
        name: (lambda ops, a, name=name: getattr(ops, name)(a), (np.abs(A) + 0.5,))
        for name in ELEMENTWISE
        if name != "neg"
    },
    "neg": (lambda ops, a: -a, (A,)),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_differences(name: str) -> None:
    model, values = CASES[name]
    args = dict(zip("abcdef", values))
    fixed = {"a": "x", "b": "w", "c": "b"} if name in ("conv1d",) else {}
    args = {
        fixed.get(k, "x" if name == "maxpool1d" else "b" if name == "constant @ variable" else k): v
        for k, v in args.items()
    }
    tape = record(model, args, tuple(args))
    dout = RNG.normal(size=np.shape(tape.out))
    grads = tape.backward(dout)
    for key, value in args.items():
        v, h = RNG.normal(size=value.shape), 1e-6

        def along(t: float, key: str = key, value: Any = value, v: Any = v) -> float:
            return float(np.sum(dout * record(model, {**args, key: value + t * v}).out))

        numeric = (along(h) - along(-h)) / (2 * h)
        assert np.sum(grads[key] * v) == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_every_primitive_is_tried() -> None:
    used = {n.op for model, values in CASES.values() for n in _nodes(model, values)}
    assert set(PRIMITIVES) <= used


def _nodes(model: Any, values: Any) -> list[Any]:
    code = model.__code__
    names = code.co_varnames[1 : 1 + len(values)]
    return record(model, dict(zip(names, values)), names).nodes


def rnn(ops: Any, X: Any, h0: Any, Wxh: Any, Whh: Any) -> Any:
    h, states = h0, []
    for t in range(len(X)):
        z = X[t] @ Wxh + h @ Whh
        h = ops.tanh(z)
        states.append(h)
    return ops.stack(states)


def draw_rnn(T: int = 4) -> dict[str, Any]:
    sizes = {"X": (T, 3, 2), "h0": (3, 5), "Wxh": (2, 5), "Whh": (5, 5)}
    return {k: RNG.normal(size=s) * 0.5 for k, s in sizes.items()}


def test_the_steps_of_a_loop_share_a_site_on_every_instance() -> None:
    short, long = (view_of(record(rnn, draw_rnn(T), ("X", "h0", "Wxh", "Whh"))) for T in (3, 6))
    assert list(short.sites) == list(long.sites)
    tanh = next(s for s, group in short.sites.items() if group[0].op == "tanh")
    assert [n.count for n in short.sites[tanh]] == [0, 1, 2] and len(long.sites[tanh]) == 6


def test_values_have_the_names_of_the_model() -> None:
    tape = record(rnn, draw_rnn(), ("X", "h0", "Wxh", "Whh"))
    labels = {n.label for n in tape.nodes}
    assert "h = tanh(z)" in labels and "X[0] @ Wxh" in labels


def test_names_pass_through_helpers() -> None:
    def step(ops: Any, x: Any) -> Any:
        return ops.tanh(x)

    def model(ops: Any, a: Any) -> Any:
        hidden = step(ops, a)
        return hidden * 2

    assert any(n.name == "hidden" for n in record(model, {"a": A}, ("a",)).nodes)


def test_the_state_of_a_loop_is_found() -> None:
    view = view_of(record(rnn, draw_rnn(), ("X", "h0", "Wxh", "Whh")))
    sites = [view.sites[site][-1].text(1) for site, _ in view.loops()]
    assert sites == ["h @ Whh"]


def test_an_edit_changes_what_it_says_and_nothing_else() -> None:
    tape = record(rnn, draw_rnn(), ("X", "h0", "Wxh", "Whh"))
    dout = RNG.normal(size=tape.out.shape)
    right = tape.backward(dout)
    tanh = [n.index for n in tape.nodes if n.op == "tanh"]
    missing = Replay({(k, 0): lambda n, i, g, vjp: g for k in tanh})
    wrong = tape.backward(dout, missing)
    assert all(not np.allclose(right[k], wrong[k]) for k in right)
    again = tape.backward(dout)
    assert all(np.array_equal(right[k], again[k]) for k in right)


def plainly(tape: Tape, dout: Any, edit: Replay) -> dict[str, Any]:
    """What an edit makes of the gradients, node by node and from the beginning."""
    now: list[Any] = [None] * len(tape.nodes)
    now[tape.outputs[0].index] = np.broadcast_to(dout, tape.outputs[0].value.shape)
    tape.now = now
    for node in reversed(tape.nodes):
        g = now[node.index]
        if g is None or node.op is None or not node.needs:
            continue
        g = edit.nodes[node.index](node, g) if node.index in edit.nodes else g
        for i, x in enumerate(node.inputs):
            vjp = PRIMITIVES[node.op].vjp
            change = edit.edges.get((node.index, i))
            part = None if not x.needs else vjp(node, i, g) if change is None else change(node, i, g, vjp)
            if part is not None:
                now[x.index] = part if now[x.index] is None else now[x.index] + part
    found = {}
    for name, leaf in tape.leaves.items():
        g = np.zeros_like(leaf.value) if now[leaf.index] is None else np.asarray(now[leaf.index])
        found[name] = edit.leaves[name](tape, g) if name in edit.leaves else g
    return found


def test_what_is_known_of_the_right_pass_changes_no_edit() -> None:
    tape = record(rnn, draw_rnn(), ("X", "h0", "Wxh", "Whh"))
    dout = RNG.normal(size=tape.out.shape)
    compared = 0
    for edit in backward_edits(view_of(tape)):
        change = edit.resolve(view_of(tape))
        if change is None or change.run is not None:
            continue
        try:
            with np.errstate(all="ignore"):
                want = plainly(tape, dout, change)
        except ValueError:
            continue
        for names in (None, frozenset(("X",)), frozenset(("Whh", "h0"))):
            got = tape.backward(dout, change, names)
            assert got.keys() == (want.keys() if names is None else names)
            assert all(np.array_equal(got[w], want[w], equal_nan=True) for w in got), edit.text
            compared += 1
    assert compared > 300


def test_a_wrong_value_is_that_of_a_new_recording() -> None:
    args, wrt = draw_rnn(), ("X", "h0", "Wxh", "Whh")
    tape = record(rnn, args, wrt)
    edits = forward_edits(view_of(tape))
    assert len(edits) >= 30
    for edit in edits:
        again, value = recorded(rnn, args, wrt, edit), edited_value(tape, edit)
        assert (again is None) == (value is None), edit.text
        if again is not None:
            assert np.array_equal(value, again.outputs[0].value, equal_nan=True), edit.text


def test_a_place_stays_the_same_when_the_interpreter_has_specialised_its_code() -> None:
    def model(ops: Any, X: Any) -> Any:
        return ops.stack([ops.tanh(x) for x in list(X)])

    sites = [[n.site for n in record(model, {"X": A}, ("X",)).nodes] for _ in range(40)]
    assert all(s == sites[0] for s in sites)


def test_another_upstream_gradient_is_another_pass() -> None:
    tape = record(rnn, draw_rnn(), ("X", "h0", "Wxh", "Whh"))
    one, two = (tape.backward(RNG.normal(size=tape.out.shape))["X"] for _ in range(2))
    assert not np.allclose(one, two)
    assert tape.sweep(1.0) is tape.sweep(1.0) and tape.sweep(1.0) is not tape.sweep(2.0)


@pytest.mark.parametrize("name", CASES)
def test_without_variables_only_the_value_is_computed(name: str) -> None:
    model, values = CASES[name]
    args = dict(zip(model.__code__.co_varnames[1:], values))
    plain, whole = record(model, args), record(model, args, tuple(args))
    assert not plain.leaves and len(plain.nodes) == 1
    assert np.allclose(plain.out, whole.out, rtol=1e-14) and type(plain.out) is type(whole.out)


def test_a_rewritten_site_gives_another_function() -> None:
    args = {"a": A}
    tape = record(lambda ops, a: ops.tanh(a), args, ("a",))
    site = tape.nodes[-1].site
    other = record(
        lambda ops, a: ops.tanh(a), args, ("a",), {site: lambda t, op, xs, extra: t.plain("relu", xs)}
    )
    assert np.array_equal(tape.out, np.tanh(A))
    assert site != other.nodes[-1].site or np.array_equal(other.out, np.maximum(A, 0))


def test_labels_strings_and_masks_pass_through() -> None:
    seen = {}

    def model(ops: Any, a: Any, y: Any, name: str, mask: Any) -> Any:
        seen.update(y=y, name=name, mask=mask)
        return a * mask

    y, mask = np.array([1, 2, 3]), np.ones((3, 5))
    tape = record(model, {"a": A, "y": y, "name": "tanh", "mask": mask}, ("a",))
    assert seen["y"] is y and seen["mask"] is mask and seen["name"] == "tanh"
    assert tape.backward(np.ones((3, 5)))["a"].shape == A.shape


def test_a_dict_and_a_tuple_of_parameters() -> None:
    tape = record(lambda ops, X, p, q: X @ p["W"] + q[0], {"X": A, "p": {"W": B}, "q": (B[0],)}, ("p", "q"))
    grads = tape.backward(np.ones((3, 2)))
    assert set(grads) == {"W", "q[0]"} and np.allclose(grads["q[0]"], 3)


def test_a_model_with_two_results() -> None:
    tape = record(lambda ops, a: (ops.tanh(a), a * 2), {"a": A}, ("a",))
    assert len(tape.out) == 2
    assert np.allclose(tape.backward((np.zeros_like(A), np.ones_like(A)))["a"], 2)


def test_an_argument_that_is_not_used_has_gradient_zero() -> None:
    assert np.array_equal(
        record(lambda ops, a, b: a * 2.0, {"a": A, "b": B}, ("a", "b")).backward(np.ones_like(A))["b"], 0 * B
    )


def test_a_loss_is_a_float() -> None:
    assert isinstance(record(lambda ops, a: ops.mean(a), {"a": A}, ("a",)).out, float)


def test_unknown_operations_and_shapes_that_do_not_fit_are_said() -> None:
    with pytest.raises(ModelError, match="no operation 'erf'"):
        record(lambda ops, a: ops.erf(a), {"a": A}, ("a",))
    with pytest.raises(ModelError, match="matmul of shapes"):
        record(lambda ops, a: a @ a, {"a": A}, ("a",))
    for wrt in (None, ("a",)):
        with pytest.raises(ModelError, match="pick of shapes"):
            record(lambda ops, a: ops.pick(a, np.array([0])), {"a": A}, wrt)
