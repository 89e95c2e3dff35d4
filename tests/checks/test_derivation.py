"""Derivations: what is read, what follows, what slipped, and what bad input gets."""

from __future__ import annotations

import time

import numpy as np
import pytest

from autograder.checks.derivation import check_derivation, latex, parse, symbols
from autograder.checks.errors import ExpressionError, UsageError

UNIT = {"a": "unit", "y": "unit"}
MATRICES = {"W": (3, 5), "d": (3,), "z": (5,), "g": (5,), "G": (4, 3)}


def one(line: str, truth: object, variables: dict) -> object:
    return check_derivation([line], truth, variables)


def test_every_right_inference_earns_its_credit() -> None:
    lines = ["-(y/a - (1-y)/(1-a))", "-(y*(1-a) - (1-y)*a)/(a*(1-a))", "(a - y)/(a*(1-a))"]
    report = check_derivation(lines, "(a - y)/(a*(1-a))", UNIT, given="-y/a + (1-y)/(1-a)")
    assert report.credit == [True, True, True]
    assert report.first_wrong is None and report.ok and report.slip == ""


def test_one_slip_is_charged_once() -> None:
    lines = ["-(y/a + (1-y)/(1-a))", "-(y*(1-a) + (1-y)*a)/(a*(1-a))"]
    report = check_derivation(lines, "(a - y)/(a*(1-a))", UNIT, given="-y/a + (1-y)/(1-a)")
    assert report.credit == [False, True]
    assert report.first_wrong == 0 and report.slip.startswith("sign")


def test_a_line_that_returns_to_the_truth_after_a_slip_is_credited() -> None:
    report = check_derivation(["a + y", "a - y"], "a - y", UNIT, given="-(y - a)")
    assert report.credit == [False, True]


@pytest.mark.parametrize("line", ["(a-y)", "a - y", "a-y  ", "dz = a - y"])
def test_the_same_tree_earns_nothing(line: str) -> None:
    report = check_derivation([line], "a - y", UNIT, given="a - y")
    assert report.credit == [False]
    assert report.first_wrong is None
    assert "same as the line before" in report.messages[0]


def test_the_answer_itself_is_right_when_nothing_is_given() -> None:
    assert one("a - y", "a - y", UNIT).credit == [True]


@pytest.mark.parametrize(
    ("line", "truth", "variables", "kind"),
    [
        ("y - a", "a - y", UNIT, "sign"),
        ("-(y/a + (1-y)/(1-a))", "-(y/a - (1-y)/(1-a))", UNIT, "sign"),
        ("2*(a - y)", "a - y", UNIT, "factor"),
        ("(a - y)*a", "(a - y)*a*(1 - a)", UNIT, "factor"),
        ("a", "a - y", UNIT, "missing term"),
        ("a*(1 - y)", "a*(1 - a)", UNIT, "wrong variable"),
        ("sum(W[j,k]*d[k] for k)", "W.T @ d", MATRICES, "wrong index"),
        ("sum(W[k,j]*d[j] for k)", "W.T @ d", MATRICES, "wrong index"),
        ("W @ d", "W.T @ d", MATRICES, "missing transpose"),
        ("W.T @ G.T", "G @ W", MATRICES, "missing transpose"),
        ("sigma(a)", "tanh(a)", UNIT, "wrong function"),
    ],
)
def test_the_slip_is_named(line: str, truth: str, variables: dict, kind: str) -> None:
    report = one(line, truth, variables)
    assert report.credit == [False] and report.first_wrong == 0
    assert report.slip.startswith(kind), report.slip


@pytest.mark.parametrize(
    ("line", "truth", "variables", "kinds"),
    [
        ("g - G[0] @ W.T", "g + G[0] @ W", MATRICES, ("transpose", "sign")),
        ("(a + y)*(1 - a)", "(a - y)*(1 - a**2)", UNIT, ("sign", "factor")),
        ("-a*y*(1 - y)", "a*y*(1 - a)", UNIT, ("sign", "wrong variable")),
    ],
)
def test_two_slips_of_which_each_is_known_are_named(
    line: str, truth: str, variables: dict, kinds: tuple
) -> None:
    slip = one(line, truth, variables).slip
    assert all(f"{kind}: " in slip for kind in kinds) and "; and " in slip, slip


@pytest.mark.parametrize(
    ("line", "truth"),
    [
        ("sum(W[k,j]*d[k] for k)", "W.T @ d"),
        ("sum(W[i,u]*d[i] for i in range(3))", "d @ W"),
        ("d[k]*z[j]", "outer(d, z)"),
        ("sum(G[n,k]*W[k,j] for k)", "G @ W"),
        ("sum(sum(G[n,k]*W[k,j] for k) for j)", "sum(G @ W, axis=1)"),
        ("(W.T @ d)*g", "sum(W[k,j]*d[k] for k)*g[j]"),
        ("(W > 0)*W", "relu(W)"),
        ("[W > 0]*W", "max(0, W)"),
        ("sum((k == 2)*d[k] for k)", "d[2]"),
        ("z*(sum(z*g)*ind(z > 0))", "(z @ g)*relu(z)"),
    ],
)
def test_index_sums_matrices_and_indicators_say_the_same(line: str, truth: str) -> None:
    report = one(line, truth, MATRICES)
    assert report.ok, report


def test_printed_letters_can_be_used() -> None:
    assert one("σ(a)·(1 − σ(a))", "sigmoid(a) - sigmoid(a)^2", {"a": "real"}).ok


def test_a_difference_that_cancellation_hides_is_seen() -> None:
    assert not one("log(exp(x) + 1e-12)", "x", {"x": "real"}).ok
    assert one("(exp(x) - exp(-x))/(exp(x) + exp(-x))", "tanh(x)", {"x": "real"}).ok
    assert one("((1 + x*1e-9) - 1)*1e9", "x", {"x": "real"}).ok


def test_the_truth_may_be_a_function() -> None:
    assert one("2*x*exp(x**2)", lambda x: 2 * x * np.exp(x * x), {"x": "real"}).ok
    assert not one("x*exp(x**2)", lambda x: 2 * x * np.exp(x * x), {"x": "real"}).ok


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("(((a)", "not closed"),
        ("a)", "closing bracket"),
        ("__import__('os').system('true')", "Quotation"),
        ("__import__(os)", "no function"),
        ("a" * 1_000_000, "1000000 characters"),
        ("9**9**9", "power in an exponent"),
        ("9**999999", "exponent"),
        ("1/0", "division by zero"),
        ("log(a - a)", "division by zero"),
        ("b - y", "b is not known"),
        ("yy - a", "Did you mean y"),
        ("sigmod(a)", "Did you mean"),
        ("2a", "missing"),
        ("a.__class__", "transpose"),
        ("lambda: 1", "lambda"),
        ("[a for a in y]", "list"),
        ("{1: 2}", "dict"),
        ("a if y else 1", "if"),
        ("-" * 1999 + "a", "too long"),
        ("(" * 60 + "a" + ")" * 60, "nested"),
        ("1e999", "too large"),
        ("", "empty"),
        ("True", "True"),
        ("a[0]", "axes"),
        ("a = y = a", "more than one ="),
        ("exp()", "takes 1 argument"),
        ("max()", "at least one"),
        ("exp(a, y)", "takes 1 argument"),
        ("sum(a for k)", "square brackets"),
        ("a % y", "%"),
        ("a < y < 1", "single comparisons"),
        ("a\x00b", "cannot be read"),
        ("a;b", "cannot be read"),
        ("a € y", "cannot be read"),
        ("exp(exp(exp(exp(40*a + 50))))", "finite"),
    ],
)
def test_bad_input_gets_a_clear_sentence_within_a_second(line: str, words: str) -> None:
    started = time.perf_counter()
    report = one(line, "a - y", UNIT)
    assert time.perf_counter() - started < 1.0
    assert report.credit == [False] and report.first_wrong == 0
    assert words in report.messages[0], report.messages[0]
    assert len(report.messages[0]) < 300


def test_an_unreadable_line_does_not_spoil_the_next() -> None:
    report = check_derivation(["-(y - a)", "a -", "a - y"], "a - y", UNIT)
    assert report.credit == [True, False, True] and report.first_wrong == 1


def test_what_is_not_a_string_is_said_so() -> None:
    assert "string" in one(None, "a", UNIT).messages[0]  # type: ignore[arg-type]


def test_usage_errors_are_the_instructors() -> None:
    with pytest.raises(UsageError, match="truth"):
        one("a", "a +", UNIT)
    with pytest.raises(UsageError, match="kind"):
        one("a", "a", {"a": "whole"})


def test_latex_of_what_was_typed() -> None:
    assert latex(parse("(a-y)/(a*(1-a))")) == r"\frac{a - y}{a \cdot \left(1 - a\right)}"
    assert latex(parse("sum(w[k,j]*delta[k] for k)")) == r"\sum_{k} {w}_{k,j} \cdot {\delta}_{k}"
    assert latex(parse("G @ B.T")) == r"G\, B^{\top}"
    assert latex(parse("(z>0)*exp(-x)**2")) == r"\left(z > 0\right) \cdot \exp\left(-x\right)^{2}"
    assert check_derivation(["a-y", "a -"], "a-y", UNIT).latex == ["a - y", ""]


def test_symbols_are_those_of_the_line() -> None:
    assert symbols("sum(w[k,j]*delta[k] for k) + sigmoid(x1)") == {
        "sum",
        "w",
        "k",
        "j",
        "delta",
        "sigmoid",
        "sigma",
        "x1",
    }
    assert symbols("a +") == frozenset()


def test_parse_raises_one_sentence() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("a +* y")
    assert caught.value.text.endswith((".", "?"))


def test_sympy_proves_what_numbers_suggest() -> None:
    pytest.importorskip("sympy")
    report = check_derivation(
        ["1/(1+exp(-x)) - 1/(1+exp(-x))**2"], "exp(-x)/(1+exp(-x))**2", {"x": "real"}, prove=True
    )
    assert report.proved == [True]
    assert check_derivation(["W.T @ d"], "W.T @ d", MATRICES, prove=True).proved == [None]


def test_report_reads_line_by_line() -> None:
    text = str(check_derivation(["a + y", "a-y"], "a - y", UNIT))
    assert "line 1" in text and "first wrong: line 1" in text
