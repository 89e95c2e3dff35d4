"""Rules of the house that a machine can hold: who may import whom, what is installed, what is committed."""

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import course

KIT = Path(__file__).parent.parent
PACKAGES = ("course", "autograder")
MODULES = sorted(p for package in PACKAGES for p in (KIT / package).rglob("*.py"))
LONG: dict[str, str] = {}  # files over 400 lines, and why


def name_of(path):
    parts = path.relative_to(KIT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path, *, top_level=False):
    """Absolute names of the project's modules that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    nodes = tree.body if top_level else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = (
                ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            )
            module = ".".join(filter(None, [base, node.module or ""]))
            found |= {module} | {f"{module}.{a.name}" for a in node.names}
    return found


def roots(path):
    return {name.split(".")[0] for name in imports_of(path)}


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[len(KIT.parts)] == "course"], ids=name_of)
def test_the_library_knows_nothing_of_grader_and_notebooks(path):
    assert not roots(path) & {"autograder", "nbgrader", "nbformat", "nbconvert", "solutions", "tests"}


@pytest.mark.parametrize(
    "path", sorted((KIT / "autograder" / "sandbox" / "inside").glob("*.py")), ids=name_of
)
def test_what_runs_inside_the_sandbox_knows_the_standard_library_numpy_and_course_only(path):
    outside = {r for r in roots(path) if r not in sys.stdlib_module_names | {"numpy", "matplotlib", "course"}}
    reaching = {
        n
        for n in imports_of(path)
        if n.startswith("autograder") and not n.startswith("autograder.sandbox.inside")
    }
    assert outside <= {"autograder"} and not reaching


def test_the_line_tracer_that_is_shipped_inside_stands_alone():
    path = KIT / "autograder" / "checks" / "linetrace.py"
    assert roots(path) <= sys.stdlib_module_names | {"numpy"}


@pytest.mark.parametrize("path", [p for p in MODULES if "checks" in p.parts], ids=name_of)
def test_checks_need_neither_nbgrader_nor_the_pipeline(path):
    names = imports_of(path)
    assert not roots(path) & {"nbgrader", "nbformat", "nbconvert"}
    assert not [n for n in names if re.match(r"autograder\.(grading|report|release|cli)", n)]


@pytest.mark.parametrize("path", [p for p in MODULES if "assignments" in p.parts], ids=name_of)
def test_entries_use_no_chapter_that_their_assignment_withholds(path):
    """On a student's machine the chapter of the assignment and all later ones are missing."""
    table = re.findall(r"(?m)^    ([a-z0-9, ]+?) +A(\d\d) ", course.__doc__)
    number = {chapter: int(k) for chapters, k in table for chapter in chapters.split(", ")}
    assert set(number) == set(course.CHAPTERS)
    own = next((int(m[1]) for part in path.parts if (m := re.match(r"a(\d\d)", part))), 0)
    used = {n.split(".")[1] for n in imports_of(path) if n.startswith("course.")} - {"toolbox"}
    assert not {c for c in used if number[c] >= own}


def test_workers_and_the_students_check_start_without_nbgrader():
    code = (
        "import sys, autograder.grading.work, autograder.grading.local, autograder.assignments.a02;"
        "print([m for m in ('nbgrader', 'nbformat', 'nbconvert', 'IPython', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_whoever_hands_out_the_work_is_light_and_loads_of_nbgrader_what_it_needs():
    code = (
        "import sys, autograder.cli, autograder.screen, autograder.grading.pipeline;"
        "print([m for m in ('numpy', 'nbgrader', 'nbformat', 'sqlalchemy') if m in sys.modules]);"
        "from autograder.lean import leave_out; leave_out(); leave_out();"
        "import nbgrader.api, nbgrader.preprocessors, nbgrader.plugins;"
        "print([m for m in ('jupyter_server', 'rfc3987_syntax.syntax_helpers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["[]", "[]"]


def test_no_cycle_of_imports():
    graph = {}
    known = {name_of(p) for p in MODULES}
    for path in MODULES:
        graph[name_of(path)] = {
            n for n in imports_of(path, top_level=True) if n in known and n != name_of(path)
        }
    state = {}

    def visit(node, trail):
        if state.get(node) == "done":
            return
        assert state.get(node) != "open", " -> ".join([*trail, node])
        state[node] = "open"
        for following in sorted(graph[node]):
            # a package's __init__ is loaded with its modules; that is no cycle of ours
            if not (node.startswith(following + ".") or following.startswith(node + ".")):
                visit(following, [*trail, node])
        state[node] = "done"

    for node in sorted(graph):
        visit(node, [])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_has_one_subject_and_a_docstring(path):
    text = path.read_text(encoding="utf-8")
    name = str(path.relative_to(KIT))
    assert ast.get_docstring(ast.parse(text)), f"{name} says not what it is"
    assert text.count("\n") <= 400 or name in LONG, f"{name} has {text.count(chr(10))} lines"


def test_exported_names_exist_and_are_sorted():
    for path in MODULES:
        exported = re.search(r"(?m)^__all__ = \[(.*?)\]", path.read_text(encoding="utf-8"), re.DOTALL)
        if exported is None or "inside" in path.parts or path.name == "__main__.py":
            continue
        if name_of(path) == "course.bridge" and importlib.util.find_spec("torch") is None:
            continue  # its classes are made when PyTorch is there
        names = re.findall(r'"([^"]+)"', exported[1])
        module = importlib.import_module(name_of(path))
        assert names == sorted(
            names, key=lambda n: (not n.isupper(), not n[0].isupper(), n)
        ) or names == sorted(names), name_of(path)
        assert [n for n in names if not hasattr(module, n)] == [], name_of(path)


def ranges(lines):
    found = {}
    for line in lines:
        match = re.match(r"\s*([A-Za-z0-9_-]+)\s*([<>=!~0-9.,*]*)", line.split(";")[0].split("#")[0])
        found[match[1].lower()] = match[2]
    return found


def test_conda_and_pip_name_the_same_dependencies_and_ranges():
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    pip = ranges(project["dependencies"] + [d for e in ("grade", "lab", "dev") for d in extras[e]])
    lines = re.findall(r"(?m)^  - ([a-z].*)$", (KIT / "environment.yml").read_text())
    conda = ranges(x for x in lines if not x.startswith(("conda-forge", "pip", "python>", "bubblewrap")))
    assert conda == pip
    assert f"python{project['requires-python']}" in (KIT / "environment.yml").read_text()


def test_the_committed_release_is_what_the_sources_give(tmp_path):
    from autograder.release.notebooks import build
    from autograder.release.source import assignments, load

    names = assignments(KIT / "solutions")
    assert names
    for name in names:
        _, fresh = build(load(KIT / "solutions", name), tmp_path / "solutions", tmp_path / "notebooks")
        committed = KIT / "notebooks" / name / f"{name}.ipynb"
        assert committed.read_bytes() == fresh.read_bytes(), f"{name} is stale: run make build"


def test_no_text_source_stands_where_nbgrader_would_copy_it():
    assert not list((KIT / "solutions").glob("*/*.py"))
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=KIT, check=False, capture_output=True, text=True
    ).stdout.split()
    assert not [
        t for t in tracked if re.match(r"(submitted|autograded|feedback|work|build)/|.*\.db$|\.secret$", t)
    ]
