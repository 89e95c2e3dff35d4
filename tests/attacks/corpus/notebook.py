"""Attacks on the notebook file: metadata, duplicated or deleted cells, bombs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .attack import ATTACKS, Attack

N = "notebook"


def file(name: str, change: Callable[[dict[str, Any]], Any], **more: Any) -> None:
    """An attack on the file itself."""
    ATTACKS.append(Attack(name, N, change=change, **more))


def graded(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade")]


def each(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def apply(notebook: dict[str, Any]) -> None:
        for cell in graded(notebook):
            change(cell)

    return apply


def info(cell: dict[str, Any]) -> dict[str, Any]:
    return cell["metadata"]["nbgrader"]


FORGED_OUTPUT = {
    "output_type": "execute_result",
    "execution_count": 1,
    "metadata": {},
    "data": {"text/plain": "100.0"},
}
file("points raised", each(lambda c: info(c).update(points=1000)))
file(
    "tests end in np.float64(0.0)",
    each(lambda c: c["cell_type"] == "code" and c.update(source="import numpy as np\nnp.float64(0.0)")),
)
file("tests replaced by a number", each(lambda c: c["cell_type"] == "code" and c.update(source="100.0")))
file("tests skipped by tag", each(lambda c: c["metadata"].update(tags=["skip-execution"])))
file("tests made into answers", each(lambda c: info(c).update(solution=True, locked=False)))
file("tests not graded", each(lambda c: info(c).update(grade=False)))
file(
    "tests deleted",
    lambda n: n.update(cells=[c for c in n["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]),
)
file("tests renamed", each(lambda c: info(c).update(grade_id="x" + info(c)["grade_id"])))
file("tests made raw", each(lambda c: c.update(cell_type="raw")))
file("outputs forged", each(lambda c: c.update(outputs=[FORGED_OUTPUT])))
file(
    "answers under the ids of tests",
    lambda n: (
        [
            info(c).update(grade_id="test-" + info(c)["grade_id"])
            for c in n["cells"]
            if info(c).get("solution") and not info(c)["grade"]
        ]
        if all("nbgrader" in c["metadata"] for c in n["cells"])
        else [
            c["metadata"]["nbgrader"].update(grade_id=c["metadata"]["nbgrader"]["grade_id"])
            for c in n["cells"]
            if "nbgrader" in c["metadata"]
        ]
    ),
)
file("every cell twice", lambda n: n.update(cells=[c for c in n["cells"] for _ in range(2)]))
file(
    "the imports replaced",
    lambda n: [
        c.update(source="import os\nos._exit(0)")
        for c in n["cells"]
        if c["metadata"].get("nbgrader", {}).get("grade_id") == "imports"
    ],
)
file(
    "a hundred thousand cells",
    lambda n: n["cells"].extend(
        [
            {
                "cell_type": "code",
                "id": "x",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": "pass",
            }
        ]
        * 100_000
    ),
)
file(
    "an output of sixty megabytes",
    lambda n: n["cells"][3].update(
        outputs=[{"output_type": "stream", "name": "stdout", "text": "x" * 60_000_000}]
    ),
)
file("a bomb of nested lists", lambda n: b'{"cells": ' + b"[" * 10**6 + b"}", status="failed")
file("not JSON", lambda n: b"\x00\xff" * 1000, status="failed")
file("a pickle", lambda n: b"\x80\x04\x95cos\nsystem\n(S'touch /tmp/owned'\ntR.", status="failed")
file("a zip archive", lambda n: b"PK\x03\x04" + b"\x00" * 1000, status="failed")
file(
    "metadata of other types",
    lambda n: (
        n.update(metadata=[1], nbformat="four")
        or [c.update(metadata={"nbgrader": "yes"}) for c in n["cells"][:5]]
    ),
)
file(
    "a kernel of one's own",
    lambda n: n["metadata"].update(
        kernelspec={
            "name": "../../evil",
            "argv": ["rm", "-rf", "/"],
            "display_name": "x",
            "language": "python",
        }
    ),
)
