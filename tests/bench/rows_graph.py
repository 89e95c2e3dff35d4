"""The graph against hand-written backprop, HIPS autograd and micrograd's design; the import; an MLP against PyTorch."""

from __future__ import annotations

import statistics
import subprocess
import sys
from itertools import pairwise

import numpy as np

from course import backprop, graph, neurons, nn
from tests.bench.harness import Figures, Race, peer, row
from tests.bench.scalars import Scalar

SIZES, BATCH = (784, 256, 10), 64
LR = np.float32(0.1)
T, N, D, H = 64, 32, 65, 128  # the RNN: one-hot inputs of 65 characters


def mlp_data(steps: int = 20):
    """Batches of random images with labels, and parameters as `Linear` would draw them; all float32."""
    rng = np.random.default_rng(0)
    batches = [
        (rng.random((BATCH, SIZES[0]), dtype=np.float32), rng.integers(0, SIZES[-1], BATCH))
        for _ in range(steps)
    ]
    for X, _ in batches:
        X.flags.writeable = False  # data that cannot change need not be copied into a graph
    params = {}
    for i, (a, b) in enumerate(pairwise(SIZES), 1):
        params[f"W{i}"] = (rng.standard_normal((a, b)) / np.sqrt(a)).astype(np.float32)
        params[f"b{i}"] = np.zeros(b, np.float32)
    return batches, params


def mlp_by_hand(batches, params):
    """SGD with the pairs of chapter A02; the gradient of the scores is scaled instead of every gradient."""
    for X, y in batches:
        Z, cache = backprop.mlp_forward(X, params, "relu")
        _, dZ = backprop.softmax_ce(Z, y)
        for name, g in backprop.mlp_backward(dZ * LR, cache).items():
            params[name] -= g


affine = graph.lift(backprop.affine_forward)
softmax_ce = graph.lift(backprop.softmax_ce)


def mlp_by_graph(batches, variables):
    """The same steps through the graph of lifted pairs, with parameters that are updated in place."""
    for X, y in batches:
        A = neurons.relu(affine(X, variables["W1"], variables["b1"]))
        loss = softmax_ce(affine(A, variables["W2"], variables["b2"]), y)
        for name, g in graph.grad(loss * LR, variables).items():
            variables[name].array -= g
            variables[name].renew()


@row("mlp-train", peer="PyTorch eager", goal=1.25)
def mlp_train() -> Race:
    """784-256-10, batch 64, ReLU, softmax-CE, SGD, float32: examples per second."""
    torch = peer("torch")
    batches, params = mlp_data()
    model = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    theirs = [(torch.tensor(X), torch.tensor(y)) for X, y in batches]

    def run() -> None:
        for X, y in theirs:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(X), y).backward()
            optimizer.step()

    return Race(lambda: mlp_by_hand(batches, params), run, BATCH * len(batches), "examples/s")


@row("graph-mlp", peer="HIPS autograd", goal=2.2)
def graph_mlp() -> Race:
    """The same MLP step through the graph: examples per second."""
    peer("autograd")
    import autograd
    import autograd.numpy as anp

    batches, params = mlp_data()
    theirs = {name: p.copy() for name, p in params.items()}
    writable = [(X.copy(), y) for X, y in batches]  # read-only arrays would slow np.dot, which autograd uses

    def loss(P, X, y):
        A = anp.maximum(anp.dot(X, P["W1"]) + P["b1"], 0)
        Z = anp.dot(A, P["W2"]) + P["b2"]
        Z = Z - anp.max(Z, axis=1, keepdims=True)
        logp = Z - anp.log(anp.sum(anp.exp(Z), axis=1, keepdims=True))
        return -anp.mean(logp[np.arange(len(y)), y])

    gradient = autograd.grad(loss)

    def run() -> None:
        for X, y in writable:
            for name, g in gradient(theirs, X, y).items():
                theirs[name] -= LR * g

    mine = {name: nn.Parameter(p) for name, p in params.items()}
    return Race(lambda: mlp_by_graph(batches, mine), run, BATCH * len(batches), "examples/s")


@row("graph-overhead", peer="hand-written backprop", goal=0.77)
def graph_overhead() -> Race:
    """The MLP step through the graph against the pairs called by hand: examples per second."""
    batches, theirs = mlp_data()
    mine = {name: nn.Parameter(p) for name, p in theirs.items()}
    return Race(
        lambda: mlp_by_graph(batches, mine),
        lambda: mlp_by_hand(batches, theirs),
        BATCH * len(batches),
        "examples/s",
    )


def rnn_data():
    """Inputs of a sequence, labels, and the parameters of an Elman network with a softmax on top; float32."""
    rng = np.random.default_rng(0)
    X = np.zeros((T, N, D), np.float32)
    ids = rng.integers(0, D, (T + 1, N))
    np.put_along_axis(X, ids[:-1, :, None], 1, axis=2)
    X.flags.writeable = False
    draw = lambda *shape: (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)
    P = {
        "Wxh": draw(D, H),
        "Whh": draw(H, H),
        "bh": np.zeros(H, np.float32),
        "Why": draw(H, D),
        "by": np.zeros(D, np.float32),
    }
    return X, ids[1:].reshape(-1), P


def bptt_by_hand(X, y, P):
    """Forward and backward through time, step by step, with the pairs of chapters A01 and A02."""
    inputs, outer = backprop.affine_forward(X.reshape(T * N, D), P["Wxh"], P["bh"])
    h, hs = np.zeros((N, H), np.float32), []
    for t in range(T):
        hs.append(h)
        h = neurons.tanh(inputs[t * N : (t + 1) * N] + h @ P["Whh"])
    top = np.concatenate([*hs[1:], h])
    Z, last = backprop.affine_forward(top, P["Why"], P["by"])
    _, dZ = backprop.softmax_ce(Z, y)
    dtop, dWhy, dby = backprop.affine_backward(dZ, last)
    dinputs, dWhh = np.empty_like(inputs), np.zeros_like(P["Whh"])
    dh = np.zeros((N, H), np.float32)
    for t in reversed(range(T)):
        here = slice(t * N, (t + 1) * N)
        da = neurons.tanh_backward(dh + dtop[here], top[here])
        dinputs[here] = da
        dWhh += hs[t].T @ da
        dh = da @ P["Whh"].T
    _, dWxh, dbh = backprop.affine_backward(dinputs, outer, need=(False, True, True))
    return {"Wxh": dWxh, "Whh": dWhh, "bh": dbh, "Why": dWhy, "by": dby}


def bptt_by_graph(X, y, P):
    """The same computation as a graph; nothing but forward is written."""
    V = {name: graph.Var(p) for name, p in P.items()}
    inputs = graph.unstack(affine(X.reshape(T * N, D), V["Wxh"], V["bh"]).reshape(T, N, H))
    h, hs = np.zeros((N, H), np.float32), []
    for t in range(T):
        h = neurons.tanh(inputs[t] + h @ V["Whh"])
        hs.append(h)
    return graph.grad(softmax_ce(affine(graph.concat(hs), V["Why"], V["by"]), y), V)


@row("graph-bptt", peer="HIPS autograd", goal=2)
def graph_bptt() -> Race:
    """BPTT of an Elman network (T 64, batch 32, H 128, 65 characters) through the graph: tokens per second."""
    peer("autograd")
    import autograd
    import autograd.numpy as anp

    X, y, P = rnn_data()
    writable = X.copy()

    def loss(Q):
        inputs = anp.dot(writable.reshape(T * N, D), Q["Wxh"]) + Q["bh"]
        h, hs = np.zeros((N, H), np.float32), []
        for t in range(T):
            h = anp.tanh(inputs[t * N : (t + 1) * N] + anp.dot(h, Q["Whh"]))
            hs.append(h)
        Z = anp.dot(anp.concatenate(hs), Q["Why"]) + Q["by"]
        Z = Z - anp.max(Z, axis=1, keepdims=True)
        logp = Z - anp.log(anp.sum(anp.exp(Z), axis=1, keepdims=True))
        return -anp.mean(logp[np.arange(len(y)), y])

    gradient = autograd.grad(loss)
    return Race(lambda: bptt_by_graph(X, y, P), lambda: gradient(P), T * N, "tokens/s")


@row("graph-overhead-bptt", peer="hand-written backprop", goal=0.5)
def graph_overhead_bptt() -> Race:
    """The same BPTT through the graph against the pairs called by hand: tokens per second."""
    X, y, P = rnn_data()
    return Race(lambda: bptt_by_graph(X, y, P), lambda: bptt_by_hand(X, y, P), T * N, "tokens/s")


def scalar_mlp(kind, width: int = 16, examples: int = 8):
    """Loss and gradients of a small network on scalars, unit by unit; a function and the number of operations."""
    rng = np.random.default_rng(0)
    weights = [[kind(float(w)) for w in row] for row in rng.standard_normal((width, width)) / 4]
    out = [kind(float(w)) for w in rng.standard_normal(width)]
    X = rng.standard_normal((examples, width)).tolist()

    def run() -> float:
        loss = kind(0.0)
        for x in X:
            hidden = []
            for unit in weights:
                total = unit[0] * x[0]
                for w, v in zip(unit[1:], x[1:]):
                    total = total + w * v
                hidden.append(total.relu())
            y = out[0] * hidden[0]
            for w, h in zip(out[1:], hidden[1:]):
                y = y + w * h
            loss = loss + (y + -1.0) * (y + -1.0)
        loss.backward()
        return float(loss.data)

    return run, examples * (width * (2 * width - 1) + width + 2 * width - 1 + 4)


@row("scalar-graph", peer="micrograd's design", goal=1)
def scalar_graph() -> Race:
    """Forward and backward of a network of scalars: operations per second."""
    ours, work = scalar_mlp(graph.Value)
    theirs, _ = scalar_mlp(Scalar)
    return Race(ours, theirs, work, "ops/s", rounds=25)


@row("import", peer="import numpy", goal=0.87)
def import_time() -> Figures:
    """A fresh interpreter that imports the library and uses a function of it, against one that imports NumPy: seconds."""
    import time

    def seconds(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start

    pairs = [(seconds("import course; course.sigmoid"), seconds("import numpy")) for _ in range(31)]
    loaded = "import sys, course; course.sigmoid; sys.exit(any(m in sys.modules for m in ('matplotlib', 'IPython')))"
    subprocess.run([sys.executable, "-c", loaded], check=True)
    return Figures(*(statistics.median(side) for side in zip(*pairs)), "s")
