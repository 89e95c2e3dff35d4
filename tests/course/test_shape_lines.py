"""The `Shapes:` lines of the docstrings are executed: what they promise is what the functions return."""

import inspect

import numpy as np
import pytest
from shape_lines import arguments, line_of, modules, size

from course.toolbox.shapes import parse_shapes

FUNCTIONS = {
    f"{module.__name__}.{name}": f
    for module in modules()
    for name, f in vars(module).items()
    if name in getattr(module, "__all__", ())
    and inspect.isfunction(f)
    and f.__module__ == module.__name__
    and line_of(f)
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_line_can_be_read(name):
    ins, _ = parse_shapes(line_of(FUNCTIONS[name]))
    known = inspect.signature(FUNCTIONS[name]).parameters
    assert {e.name for e in ins} <= {*known, "cache"}, (
        f"{name}: the line names arguments that the function does not have"
    )


@pytest.mark.parametrize(
    "name", [n for n in FUNCTIONS if "cache" not in line_of(FUNCTIONS[n]).split("->")[0]]
)
def test_results_have_the_shapes_of_the_line(name):
    f = FUNCTIONS[name]
    args, sizes, outs = arguments(f, np.random.default_rng(0))
    ins, _ = parse_shapes(line_of(f))
    result = f(**{entry.name: arg for entry, arg in zip(ins, args)})
    results = result if isinstance(result, tuple) else (result,)
    for out, value in zip(outs, results):
        if out.sizes is not None:
            assert np.shape(value) == tuple(size(s, sizes) for s in out.sizes), f"{name}: shape of {out.name}"
    assert len(results) >= len(outs)
