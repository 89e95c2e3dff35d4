"""Rules that hold for the library as a whole: what imports what, what is exported, what is documented, what loads."""

import ast
import importlib
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shape_lines import modules

import course
from course.toolbox.errors import MissingChapter, MissingPackage

ROOT = Path(course.__file__).parent
ORDER = list(course.CHAPTERS)
PRESENT = [c for c in ORDER if importlib.util.find_spec(f"course.{c}")]


def chapter_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path):
    """Every module that a file imports by a statement."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports in full"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "course")


def test_a_chapter_imports_only_the_toolbox_and_earlier_chapters():
    for path in sorted(ROOT.rglob("*.py")):
        here = chapter_of(path)
        for name in imports(path):
            parts = name.split(".")
            assert parts[0] not in ("autograder", "nbgrader", "solutions", "notebooks", "tests"), (
                f"{path.name}: {name}"
            )
            assert parts[0] != "IPython", f"{path.name} imports IPython by a statement"
            if parts[0] != "course" or len(parts) == 1:
                continue
            if here in ("toolbox", "__init__"):
                assert parts[1] == "toolbox", f"{here} imports {name}"
            elif parts[1] != here and parts[1] != "toolbox":
                assert ORDER.index(parts[1]) < ORDER.index(here), f"chapter {here} reaches forward to {name}"


def test_every_chapter_has_its_place_in_the_order():
    found = {chapter_of(p) for p in ROOT.rglob("*.py")} - {"__init__", "toolbox"}
    assert found <= set(ORDER)


@pytest.mark.parametrize("module", modules(), ids=lambda m: m.__name__)
def test_exported_names_exist_are_sorted_and_documented(module):
    names = getattr(module, "__all__", None)
    if names is None:
        assert module.__name__ in ("course.toolbox", "course.toolbox.corpora")
        return
    assert list(names) == sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert module.__doc__
    for name in names:
        try:
            thing = getattr(module, name)
        except MissingPackage:  # PyTorch's subclasses exist only with PyTorch
            continue
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert inspect.getdoc(thing), f"{module.__name__}.{name} has no docstring"
        if inspect.isclass(thing) and thing.__module__ == module.__name__:
            for method, f in vars(thing).items():
                if inspect.isfunction(f) and not method.startswith("_"):
                    assert inspect.getdoc(getattr(thing, method)), (
                        f"{module.__name__}.{name}.{method} has no docstring"
                    )


def test_names_that_the_assignments_use_are_offered():
    for chapter in PRESENT:
        module = importlib.import_module(f"course.{chapter}")
        assert set(course.CHAPTERS[chapter].split()) <= set(module.__all__), chapter


def run(code: str, *path: Path) -> str:
    search = ";".join(f"sys.path.insert(0, {str(p)!r})" for p in path) or "pass"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys;{search}\n{code}"],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_no_chapter_no_matplotlib_no_ipython():
    code = "import course; print(*[m for m in sys.modules if m.split('.')[0] in ('matplotlib', 'IPython', 'numpy', 'torch')])"
    assert run(code) == ""
    chapters = ", ".join(f"course.{c}" for c in PRESENT)
    code = f"import course; ({chapters},); print(*[m for m in ('matplotlib', 'IPython', 'torch') if m in sys.modules])"
    assert run(code) == ""


def test_dir_lists_names_and_each_can_be_had():
    names = dir(course)
    assert {"sigmoid", "softmax_ce", "toolbox", "neurons"} <= set(names)
    for name in names:
        try:
            assert getattr(course, name) is not None
        except MissingPackage:
            assert name in ("MyReLU", "RNNLMTorch")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A copy of the library as it is handed out for A02: without the chapters of A02 and later."""
    folder = tmp_path_factory.mktemp("bundle")
    shutil.copytree(ROOT, folder / "course", ignore=shutil.ignore_patterns("__pycache__"))
    for chapter in ORDER[ORDER.index("backprop") :]:
        shutil.rmtree(folder / "course" / chapter, ignore_errors=True)
        (folder / "course" / f"{chapter}.py").unlink(missing_ok=True)
    return folder


def test_a_copy_without_later_chapters_works_and_says_what_it_lacks(bundle):
    code = """
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in repr(f).lower()]  # a copy that stands alone
import course
assert course.__file__.startswith(sys.path[0]), course.__file__
assert course.sigmoid(0) == 0.5 and "softmax" in dir(course) and "softmax_ce" not in dir(course)
try:
    from course import NGram
except ImportError as error:
    print(error)
try:
    course.graph
except course.MissingChapter as error:
    print(error)
"""
    code = code.replace("course.MissingChapter", "ImportError")
    first, second = run(code, bundle).splitlines()
    assert first.startswith(
        "course.NGram belongs to the chapter 'ngram', which this copy of the library does not hold"
    )
    assert second.startswith("course.graph belongs to the chapter 'graph'")


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no name 'sigmoidd'"):
        course.sigmoidd  # noqa: B018
    assert not hasattr(course, "no_such_name")
    assert issubclass(MissingChapter, ImportError)
