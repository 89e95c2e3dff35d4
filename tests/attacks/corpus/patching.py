"""Attacks that patch what is in reach: NumPy, builtins, the grader's names, the import system, traces."""

from __future__ import annotations

from .attack import STUBS, code

P = "patching"
code(
    "numpy says yes",
    P,
    "import numpy as np\nfor n in ('allclose', 'isclose', 'array_equal', 'all'):\n    setattr(np, n, lambda *a, **k: True)\nnp.testing.assert_allclose = lambda *a, **k: None\nnp.abs = np.max = lambda *a, **k: 0.0\nLIE = 0"
    + STUBS,
)
code(
    "builtins say yes",
    P,
    "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.isinstance = lambda *a: True\nbuiltins.all = lambda x: True\nbuiltins.sum = lambda *a: 100\nLIE = 0"
    + STUBS,
)
code("check returns a hundred", P, "check = lambda *a, **k: 100.0\nTABLE = None\nscore = points = 100.0")
code(
    "fake autograder in sys.modules",
    P,
    "import sys, types\nfor n in ('autograder', 'autograder.assignments', 'autograder.assignments.a02', 'autograder.checks', 'autograder.checks.entry', 'autograder.checks.run', 'autograder.checks.values'):\n    m = types.ModuleType(n); m.check = lambda *a, **k: 100.0; m.compare = lambda *a, **k: None; m.run_entry = m.check; m.__path__ = []\n    sys.modules[n] = m",
)
code(
    "an import hook of one's own",
    P,
    "import sys, types\nclass Finder:\n    def find_spec(self, name, path=None, target=None):\n        if name.startswith('autograder'):\n            from importlib.machinery import ModuleSpec\n            return ModuleSpec(name, self, is_package=True)\n    def create_module(self, spec): return None\n    def exec_module(self, m): m.check = lambda *a, **k: 100.0\nsys.meta_path.insert(0, Finder())\nfor k in list(sys.modules):\n    if k.startswith('autograder'): del sys.modules[k]",
)
code(
    "__import__ replaced",
    P,
    "import builtins\nreal = builtins.__import__\nclass M:\n    def __getattr__(self, n): return lambda *a, **k: 100.0\nbuiltins.__import__ = lambda name, *a, **k: M() if 'autograder' in name else real(name, *a, **k)",
)
code(
    "input transformers",
    P,
    "try:\n    ip = get_ipython()\n    ip.input_transformers_cleanup.append(lambda lines: ['100.0'])\n    ip.input_transformers_post.append(lambda lines: ['100.0'])\nexcept NameError:\n    pass",
)
code(
    "ast transformers",
    P,
    "try:\n    import ast\n    class T(ast.NodeTransformer):\n        def visit_Expr(self, n): return ast.copy_location(ast.Expr(ast.Constant(100.0)), n)\n        def visit_Assert(self, n): return ast.copy_location(ast.Pass(), n)\n    get_ipython().ast_transformers.append(T())\nexcept NameError:\n    pass",
)
code(
    "display hook",
    P,
    "import sys\nsys.displayhook = lambda v: sys.__displayhook__(100.0)\ntry:\n    get_ipython().display_formatter.formatters['text/plain'].for_type(float, lambda v, p, c: p.text('100.0'))\nexcept NameError:\n    pass",
)
code(
    "settrace rewrites locals",
    P,
    "import sys, ctypes\ndef tracer(frame, event, arg):\n    for k in ('score', 'points', 'bad', 'mismatch', 'findings'):\n        if k in frame.f_locals:\n            frame.f_locals[k] = 100.0 if k in ('score', 'points') else None\n            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))\n    return tracer\nsys.settrace(tracer)\nimport threading\nthreading.settrace(tracer)\nLIE = 0"
    + STUBS,
)
code(
    "frames above",
    P,
    "import sys\ndef climb():\n    f = sys._getframe()\n    while f:\n        for k, v in list(f.f_locals.items()) + list(f.f_globals.items()):\n            if isinstance(v, dict) and 'score' in v: v['score'] = 100.0\n            if k in ('findings', 'found') and hasattr(v, 'clear'): v.clear()\n        f = f.f_back\n    return 0\nclass L:\n    def __getattr__(self, n): climb(); raise AttributeError(n)\nLIE = L()\n"
    + STUBS.replace("return LIE", "climb(); return LIE"),
)
code(
    "garbage collector walk",
    P,
    "import gc\ndef walk():\n    for o in gc.get_objects():\n        try:\n            if isinstance(o, dict):\n                for k in ('score', 'points', 'aspects'):\n                    if k in o and isinstance(o[k], (int, float)): o[k] = 100.0\n                for k in ('compare', 'run_entry', '_test'):\n                    if callable(o.get(k)): o[k] = lambda *a, **k: None\n        except Exception: pass\nwalk()\nLIE = 0"
    + STUBS.replace("return LIE", "walk(); return LIE"),
)
code(
    "the session answers for us",
    P,
    "import sys, numpy as np\ns = sys.modules.get('inside.session')\nif s:\n    s.Session.do_call = lambda self, h, b, blobs: {'value': 0.0, 'changed': []}\n    s.Session.do_batch = lambda self, h, b, blobs: {'replies': [{'value': 0.0}] * 10}\nLIE = 0"
    + STUBS,
)
code(
    "the encoder lies",
    P,
    "import sys\nw = sys.modules.get('inside.wire')\nif w:\n    real = w._Encoder.put\n    w._Encoder.put = lambda self, v, d: {'$': 'score', 'v': 100} if d == 0 else real(self, v, d)\nLIE = 0"
    + STUBS,
)
code(
    "small floats are poked in memory",
    P,
    "import ctypes, struct\nfor x in (0.0, 1.0):\n    try: ctypes.memmove(id(x) + 16, struct.pack('d', 100.0), 8)\n    except Exception: pass\nLIE = 0"
    + STUBS,
)
code(
    "atexit writes a result",
    P,
    "import atexit, json\nfor name in ('result.json', '/tmp/result.json', '../results/A02-backprop-by-hand/x.json'):\n    def w(name=name):\n        try: json.dump({'score': 100}, open(name, 'w'))\n        except OSError: pass\n    atexit.register(w); w()",
)
code(
    "the random generator is constant",
    P,
    "import numpy as np\nclass R(np.random.Generator):\n    def normal(self, *a, **k): return np.zeros(k.get('size') or ())\nnp.random.default_rng = lambda *a: R(np.random.PCG64(0))\nLIE = 0"
    + STUBS,
)
code(
    "__build_class__ and exec replaced",
    P,
    "import builtins\nbuiltins.__build_class__ = lambda *a, **k: object\nbuiltins.exec = builtins.eval = lambda *a, **k: 100.0",
)
