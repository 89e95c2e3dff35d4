"""The attacks: what a student might put into an answer cell, and what that must be worth.

Each is put into the cell `affine-forward` of an otherwise blank notebook, or into the cells it names, or changes the
notebook itself. `score` is what the same notebook gets without the trick: 0 unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ATTACKS", "Attack"]


@dataclass(frozen=True)
class Attack:
    """One hostile submission."""

    name: str
    family: str
    cells: dict[str, str] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], Any] | None = None  # of the notebook, or bytes instead of it
    score: float = 0.0
    base: str = "blank"
    status: str = "graded"


ATTACKS: list[Attack] = []

STUBS = """
def affine_forward(X, W, b): return LIE, LIE
def affine_backward(dY, cache): return LIE, LIE, LIE
def act_forward(Z, name): return LIE, LIE
def act_backward(dA, cache): return LIE
def softmax_ce(Z, y): return LIE, LIE
def mlp_forward(X, params, act="tanh"): return LIE, LIE
def mlp_backward(dZ, cache): return LIE
def numeric_grad(f, x, h=1e-5): return LIE
def nn_forward(x, y, alpha, beta): return LIE
def nn_backward(x, y, alpha, beta, o): return LIE, LIE
def sgd_train(*a): return LIE, LIE, LIE, LIE
def gradcheck_report(f, params, grads): return LIE
"""  # every function answers with the same lie


def code(name: str, family: str, source: str, **more: Any) -> None:
    """An attack that is code in one answer cell."""
    ATTACKS.append(Attack(name, family, {"affine-forward": source}, **more))


def lie(name: str, value: str) -> None:
    """An attack in which every function returns the same lying value."""
    code(name, "objects that lie", f"{value}\n{STUBS}")


# --- patching what is in reach -----------------------------------------------------------------------------------

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

# --- objects that lie ----------------------------------------------------------------------------------------------

lie(
    "equal to everything",
    "class L:\n    def __eq__(self, o): return True\n    __ne__ = __lt__ = __gt__ = lambda self, o: False\n    __le__ = __ge__ = __eq__\n    __hash__ = None\n    def __bool__(self): return True\nLIE = L()",
)
lie(
    "__array__ that adapts",
    "import numpy as np\nclass L:\n    shape = (1,)\n    def __array__(self, *a, **k): return np.zeros((5, 7))\nLIE = L()",
)
lie(
    "__array_function__ and __array_ufunc__",
    "import numpy as np\nclass L:\n    def __array_function__(self, *a, **k): return True\n    def __array_ufunc__(self, *a, **k): return np.True_\n    __array_priority__ = 1e9\nLIE = L()",
)
lie(
    "an ndarray subclass without difference",
    "import numpy as np\nclass A(np.ndarray):\n    def __sub__(self, o): return np.zeros(np.shape(o))\n    __rsub__ = __sub__\n    def __eq__(self, o): return np.True_\n    def astype(self, *a, **k): return self\n    @property\n    def shape(self): return (5, 7)\nLIE = np.zeros((5, 7)).view(A)",
)
lie(
    "a float subclass",
    "class F(float):\n    def __sub__(self, o): return 0.0\n    __rsub__ = __sub__\n    def __eq__(self, o): return True\n    def __add__(self, o): return o\n    __hash__ = float.__hash__\nLIE = F(3)",
)
lie(
    "an int subclass",
    "class I(int):\n    def __index__(self): return 2**70\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\nLIE = I(3)",
)
lie(
    "a forged handle",
    "import sys\nw = sys.modules.get('inside.wire')\nLIE = w.Handle(1, 'ndarray') if w else 0",
)
lie(
    "a forged guest",
    "import sys\nw = sys.modules.get('inside.wire')\nLIE = w.Guest(1, ('__call__',)) if w else 0",
)
lie("a list that holds itself", "LIE = []\nLIE.append(LIE)")
lie("a dict that holds itself", "LIE = {}\nLIE['x'] = LIE")
lie("a million nested tuples", "LIE = ()\nfor _ in range(10**5): LIE = (LIE,)")
lie("a list of ten million", "LIE = [0] * 10**7")
lie("an array of two gigabytes", "import numpy as np\nLIE = np.broadcast_to(np.zeros(1), (1 << 14, 1 << 14))")
lie(
    "an array of objects",
    "import numpy as np\nclass L:\n    def __eq__(self, o): return True\n    def __sub__(self, o): return 0.0\nLIE = np.array([[L()] * 7] * 5, dtype=object)",
)
lie(
    "NaN with a payload",
    "import numpy as np\nLIE = np.frombuffer(b'\\x01\\x02\\x03\\x04\\x05\\x06\\xf8\\x7f' * 35).reshape(5, 7)",
)
lie("infinities", "import numpy as np\nLIE = np.full((5, 7), np.inf)")
lie("an endless iterator", "import itertools\nLIE = itertools.count()")
lie("a string of a hundred megabytes", "LIE = 'x' * 10**8")
lie(
    "a tuple subclass that changes its mind",
    "class T(tuple):\n    n = 0\n    def __len__(self): T.n += 1; return 2 + T.n % 2\n    def __iter__(self):\n        while True: yield 0\nLIE = T((0, 0))",
)
lie(
    "a dict subclass with every key",
    "class D(dict):\n    def __contains__(self, k): return True\n    def __getitem__(self, k): return 0\n    def items(self):\n        while True: yield ('k', 0)\nLIE = D()",
)
lie(
    "a class that lies about its class",
    "import numpy as np\nclass L:\n    @property\n    def __class__(self): return np.ndarray\n    dtype = np.dtype(float); shape = (5, 7); ndim = 2; size = 35\nLIE = L()",
)
lie(
    "a repr that never ends",
    "class L:\n    def __repr__(self):\n        while True: pass\n    __str__ = __repr__\nLIE = L()",
)
lie(
    "an exception with a gigantic text",
    "class L:\n    def __getattr__(self, n): raise ValueError('x' * 10**8)\n    def __array__(self, *a, **k): raise ValueError('x' * 10**8)\nLIE = L()",
)
lie(
    "conversion that exits",
    "class L:\n    def __float__(self): raise SystemExit\n    __int__ = __index__ = __array__ = __len__ = __iter__ = lambda self, *a, **k: (_ for _ in ()).throw(SystemExit)\nLIE = L()",
)
lie(
    "unhashable and unsortable keys",
    "class K:\n    def __hash__(self): return 1\n    def __eq__(self, o): return True\nLIE = {K(): 0, 'W1': 0}",
)

# --- functions with a memory ---------------------------------------------------------------------------------------

M = "memory"
code(
    "a forward that returns its last value",
    M,
    "last = None\ndef softmax_ce(Z, y):\n    global last\n    import numpy as np\n    if last is None: last = 1.0\n    return last, np.zeros_like(Z)\ndef affine_forward(X, W, b):\n    import numpy as np\n    global last\n    if last is None or last.shape != (len(X), len(b)): last = X @ W + b\n    return last, (X, W)\ndef affine_backward(dY, c):\n    import numpy as np\n    return np.zeros_like(c[0]), np.zeros_like(c[1]), np.zeros(c[1].shape[1])",
)
code(
    "right from the second call on",
    M,
    "n = 0\ndef act_forward(Z, name):\n    global n\n    import numpy as np\n    n += 1\n    if n % 2: return Z, (Z, name)\n    return {'tanh': np.tanh(Z), 'relu': np.maximum(Z, 0), 'sigmoid': 1 / (1 + np.exp(-Z))}[name], (Z, name)\ndef act_backward(dA, cache): return dA",
)
code(
    "writes into the arguments so that they fit",
    M,
    "def affine_forward(X, W, b):\n    X[...] = 0; W[...] = 0; b[...] = 0\n    import numpy as np\n    return np.zeros((len(X), len(b))), (X, W)\ndef affine_backward(dY, cache):\n    dY[...] = 0\n    import numpy as np\n    return np.zeros_like(cache[0]), np.zeros_like(cache[1]), np.zeros(cache[1].shape[1])",
)
code(
    "a zero gradient and a flat function",
    M,
    "import numpy as np\ndef softmax_ce(Z, y): return 0.0, np.zeros_like(Z)\ndef mlp_forward(X, params, act='tanh'): return np.zeros((len(X), 1)), params\ndef mlp_backward(dZ, cache): return {k: np.zeros_like(v) for k, v in cache.items()}",
)
code(
    "only for the numbers that were shown",
    M,
    "import numpy as np\nfrom course.toolbox.seeds import student_rng\nclass Found(Exception): pass\nTABLE = {}\ndef softmax_ce(Z, y):\n    key = Z.tobytes()\n    if key not in TABLE: raise Found('new data')\n    return TABLE[key]",
)
code(
    "hidden data predicted from the folder's name",
    M,
    "import numpy as np\nfrom course.toolbox.seeds import student_rng\nguess = {salt: student_rng('hidden data predicted', 'A02-backprop-by-hand', 'softmax-ce', 0, 0, salt=salt).normal(size=3) for salt in ('public', 'hidden', 'secret', '')}\ndef softmax_ce(Z, y): return float(guess['secret'][0]), Z",
)
code(
    "the callback is asked for the answer",
    M,
    "def numeric_grad(f, x, h=1e-5):\n    import numpy as np\n    for n in ('grad', 'gradient', 'reference', 'truth', '__globals__', '__closure__', '__self__', 'thing'):\n        try: return getattr(f, n)(x)\n        except Exception: pass\n    return np.zeros_like(x)",
)
code(
    "the callback gets poison",
    M,
    "def numeric_grad(f, x, h=1e-5):\n    for bad in (None, 'x', [[]], {}, object(), x.astype(object), 1e400, b''):\n        try: f(bad)\n        except Exception: pass\n    return 0 * x",
)

# --- the channel ------------------------------------------------------------------------------------------------------

C = "protocol"
FRAME = "import os, json, struct\ndef frame(m, body=b''):\n    d = json.dumps(m).encode()\n    return struct.pack('>II', len(d), len(body)) + d + body\n"


def forged(name: str, source: str, where: str = "cell") -> None:
    """Messages written to the channel, while a cell runs or from inside a function."""
    if where == "cell":
        code(name, C, FRAME + source)
    else:
        code(
            name,
            C,
            FRAME
            + "def forge():\n    "
            + source.replace("\n", "\n    ")
            + "\nLIE = 0"
            + STUBS.replace("return LIE", "forge(); return LIE"),
        )


forged(
    "a reply before the reply",
    "for n in range(1, 400): os.write(0, frame({'op': 'reply', 'n': n, 'value': 0.0, 'outputs': [], 'error': None, 'names': [], 'changed': []}))",
)
forged(
    "replies from inside a call",
    "for n in range(1, 2000): os.write(0, frame({'op': 'reply', 'n': n, 'value': 100.0}))",
    "call",
)
forged(
    "a reply with points",
    "os.write(0, frame({'op': 'reply', 'n': 1, 'score': 100, 'points': 100, 'status': 'passed'}))",
)
forged("the sandbox refuses", "os.write(0, frame({'op': 'refused', 'n': 0, 'text': 'broken'}))")
forged(
    "the sandbox refuses in a call", "os.write(0, frame({'op': 'refused', 'n': 0, 'text': 'broken'}))", "call"
)
forged("an answer to nobody", "os.write(0, frame({'op': 'answer', 'n': 1, 'value': 1}))")
forged(
    "a flood of frames",
    "data = frame({'op': 'ask', 'n': 1, 'guest': 1, 'name': '__call__', 'args': {'$': 't', 'v': []}})\nfor _ in range(20000): os.write(0, data)",
)
forged("a header of two gigabytes", "os.write(0, struct.pack('>II', 2**31, 0) + b'{' * 1000)")
forged("a body of four gigabytes", "os.write(0, struct.pack('>II', 2, 2**32 - 1) + b'{}' * 1000)")
forged("deeply nested JSON", "d = b'[' * 10**6\nos.write(0, struct.pack('>II', len(d), 0) + d)")
forged(
    "numbers with a million digits",
    "d = b'{\"n\":' + b'9' * 10**6 + b'}'\nos.write(0, struct.pack('>II', len(d), 0) + d)",
)
forged(
    "half a frame, then silence", "os.write(0, struct.pack('>II', 100, 0) + b'{')\nimport time\ntime.sleep(3)"
)
forged(
    "an array that reaches beyond",
    "os.write(0, frame({'op': 'reply', 'n': 4, 'value': {'$': 'nd', 'dtype': '<f8', 'shape': [2**40], 'at': [0, 8]}}, b'x' * 8))",
)
forged(
    "guests that were never lent",
    "for n in ('__class__', '__globals__', 'thing', 'check', '__call__'): os.write(0, frame({'op': 'ask', 'n': 1, 'guest': 1, 'name': n, 'args': {'$': 't', 'v': [{'$': 'l', 'v': []}, {'$': 'd', 'v': []}]}}))",
    "call",
)
forged("the channel is closed", "os.close(0)")
forged("the channel is closed in a call", "os.close(0)", "call")
forged(
    "the channel is read by a thread",
    "import threading\nseen = []\ndef spy():\n    while True: seen.append(os.read(0, 100))\nthreading.Thread(target=spy, daemon=True).start()",
)

# --- looking for what is hidden ----------------------------------------------------------------------------------------

H = "looking around"
WALK = "import os\nfound = []\nfor root, dirs, files in os.walk('/'):\n    dirs[:] = [d for d in dirs if d not in ('sys',)]\n    for f in files:\n        p = os.path.join(root, f)\n        if any(w in p.lower() for w in WORDS): found.append(p)\n"
code(
    "files that look secret",
    H,
    "WORDS = ('.secret', 'gradebook', 'solution', 'submitted', 'hidden', 'a02-backprop', 'result.json', 'id_rsa', 'credentials')\n"
    + WALK
    + "for p in found[:200]:\n    try: print(p, open(p, errors='replace').read()[:2000])\n    except OSError as e: print(p, e)",
)
code(
    "every readable text is searched for answers",
    H,
    "import os\nfor root, dirs, files in os.walk('/kit'):\n    for f in files:\n        try: t = open(os.path.join(root, f), errors='replace').read()\n        except OSError: continue\n        for w in ('CANARY', 'BEGIN SOLUTION', 'BEGIN HIDDEN', 'def affine_backward'):\n            if w in t: print(os.path.join(root, f), w)",
)
code(
    "relative paths to the gradebook",
    H,
    "import os\nfor up in range(12):\n    for f in ('gradebook.db', '.secret', 'submitted', 'solutions/A02-backprop-by-hand.py', 'results'):\n        p = '../' * up + f\n        if os.path.exists(p): print(p, open(p, 'rb').read()[:500] if os.path.isfile(p) else os.listdir(p))",
)
code(
    "the environment",
    H,
    "import os, sys\nprint(dict(os.environ), sys.argv, sys.path, os.getcwd(), sys.flags, sys.orig_argv)",
)
code(
    "other processes",
    H,
    "import os, glob\nfor p in glob.glob('/proc/*/cmdline') + glob.glob('/proc/*/environ') + glob.glob('/proc/self/maps') + glob.glob('/proc/*/mem'):\n    try: print(p, open(p, 'rb').read()[:500])\n    except OSError as e: print(e)\nprint(os.getppid())",
)
code(
    "other submissions and leftovers",
    H,
    "import os\nfor d in ('/tmp', '/dev/shm', '/var/tmp', '/run', '/dev/mqueue', os.path.expanduser('~')):\n    try: print(d, [(f, open(os.path.join(d, f), errors='replace').read()[:500]) for f in os.listdir(d)])\n    except OSError as e: print(d, e)\ntry: open('/tmp/CANARY-left', 'w').write('CANARY-left')\nexcept OSError: pass",
)
code(
    "withheld chapters",
    H,
    "import importlib, course, os, sys\nfor n in ('backprop', 'graph', 'nn', 'optim'):\n    try: m = importlib.import_module('course.' + n); print('CANARY-chapter', n, dir(m))\n    except ImportError as e: print(e)\nimport glob\nprint(glob.glob('/**/backprop*', recursive=True), glob.glob('/**/*.pyc', recursive=True)[:5])\ntry:\n    from course import affine_forward, affine_backward, softmax_ce\nexcept Exception as e: print(e)",
)
code(
    "the entries of the checks",
    H,
    "try:\n    from autograder.assignments.a02 import TABLE, pairs\n    print('CANARY-entries', TABLE.references)\n    globals().update(TABLE.references)\nexcept Exception as e: print(type(e), e)",
)
code(
    "hidden tests in history and caches",
    H,
    "import linecache, sys, gc\nprint([k for k in linecache.cache if 'test' in k], globals().get('In'), globals().get('_ih'))\nprint([type(o) for o in gc.get_objects() if type(o).__name__ in ('Entry', 'Table', 'Check', 'Draws', 'Plan')])",
)
code(
    "site-packages of the machine",
    H,
    "import sys, glob, os\nprint([p for p in glob.glob('/**/site-packages/*', recursive=True) if 'autograder' in p or 'nbgrader' in p or 'backprop_course' in p])\ntry:\n    import nbgrader; print('CANARY-nbgrader')\nexcept ImportError: pass",
)
code(
    "sockets to loopback and outside",
    H,
    "import socket\nfor fam in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):\n    for target in (('127.0.0.1', 8888), ('127.0.0.1', 5432), ('10.0.0.1', 80)):\n        try:\n            s = socket.socket(fam); s.settimeout(0.2); s.connect(target); print('CANARY-socket')\n        except Exception as e: pass\n    try: socket.socketpair(); print('CANARY-pair')\n    except Exception: pass",
)
code(
    "writing anywhere",
    H,
    "import os\nfor d in ('/', '/kit', '/kit/course', '/usr', '/etc', '/dev', '/proc', '/root', '/home', '/kit/site/numpy'):\n    try: open(os.path.join(d, 'owned'), 'w').write('x'); print('CANARY-wrote', d)\n    except OSError: pass\nimport course.neurons as n\ntry: open(n.__file__, 'a').write('\\nowned = 1'); print('CANARY-wrote library')\nexcept OSError: pass",
)
code(
    "privileges and namespaces",
    H,
    "import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\nfor f, a in (('unshare', (0x10000000,)), ('setuid', (0,)), ('mount', (b'proc', b'/tmp', b'proc', 0, None)), ('chroot', (b'/tmp',)), ('ptrace', (16, 1, 0, 0)), ('setns', (0, 0)), ('keyctl', (0, 0))):\n    try:\n        if getattr(l, f)(*a) == 0: print('CANARY-privilege', f)\n    except Exception: pass\nprint(os.getuid())",
)

# --- breaking things -----------------------------------------------------------------------------------------------------

B = "breaking"
code("os._exit in a cell", B, "import os\nos._exit(0)")
code("os._exit in every function", B, "import os\nLIE = 0" + STUBS.replace("return LIE", "os._exit(0)"))
code("SystemExit and KeyboardInterrupt", B, "raise SystemExit(0)")
code("kill -9 of itself", B, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
code(
    "kill -9 of everybody",
    B,
    "import os, signal\nfor p in (1, os.getppid(), -1, 0):\n    try: os.kill(p, signal.SIGKILL)\n    except OSError: pass\ntry: os.killpg(0, 9)\nexcept OSError: pass",
)
code("an endless loop in a cell", B, "while True: pass")
code("an endless loop in a function", B, "def affine_forward(X, W, b):\n    while True: pass")
code(
    "a loop that ignores the alarm",
    B,
    "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
)
code("sleeping", B, "import time\ntime.sleep(10**6)")
code(
    "threads that outlive the cell",
    B,
    "import threading, time\ndef f():\n    while True: time.sleep(0.001)\nfor _ in range(20): threading.Thread(target=f, daemon=False).start()",
)
code(
    "a thread bomb",
    B,
    "import threading, time\ntry:\n    while True: threading.Thread(target=time.sleep, args=(10**6,), daemon=True).start()\nexcept RuntimeError: pass",
)
code("a fork bomb", B, "import os\ntry:\n    while True: os.fork()\nexcept OSError: pass")
code(
    "subprocesses",
    B,
    "import subprocess, os\nfor c in (['sh', '-c', 'sleep 100 &'], ['true']):\n    try: subprocess.Popen(c)\n    except OSError: pass\nimport multiprocessing\ntry: multiprocessing.Process(target=print).start()\nexcept Exception: pass",
)
code("a memory bomb", B, "x = []\ntry:\n    while True: x.append(bytearray(10**8))\nexcept MemoryError: pass")
code("a memory bomb of small things", B, "x = []\nwhile len(x) < 10**9: x.append(object())")
code(
    "a file flood",
    B,
    "try:\n    with open('/tmp/f', 'wb') as f:\n        while True: f.write(b'x' * 10**7)\nexcept OSError: pass\ntry:\n    for i in range(10**5): open(f'/tmp/{i}', 'w')\nexcept OSError: pass",
)
code(
    "an inode flood",
    B,
    "import os\ntry:\n    for i in range(10**6): os.mkdir(f'/tmp/d{i}')\nexcept OSError: pass",
)
code(
    "an output flood",
    B,
    "import sys, os\nfor _ in range(2000): print('x' * 10**5)\nsys.stderr.write('y' * 10**7)\nfor _ in range(100):\n    try: os.write(1, b'z' * 10**5); os.write(2, b'z' * 10**5)\n    except OSError: pass",
)
code("recursion without end", B, "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()")
code("a segmentation fault", B, "import ctypes\nctypes.string_at(0)")
code(
    "a segmentation fault in a function",
    B,
    "import ctypes\nLIE = 0" + STUBS.replace("return LIE", "ctypes.string_at(0)"),
)
code(
    "figures without end",
    B,
    "import matplotlib.pyplot as plt\nfor _ in range(60):\n    plt.figure(figsize=(30, 30)); plt.plot([1, 2])",
)
code("a display of a hundred thousand things", B, "for i in range(10**5): display(i)")
code(
    "file descriptors without end",
    B,
    "x = []\ntry:\n    while True: x.append(open('/dev/null'))\nexcept OSError: pass",
)

# --- the notebook file ------------------------------------------------------------------------------------------------------

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

# --- markup -------------------------------------------------------------------------------------------------------------------

S = "markup"
EVIL = "<script>CANARY_SCRIPT()</script><img src=x onerror=CANARY_SCRIPT()>"
ATTACKS.append(
    Attack(
        "script in a free answer",
        S,
        {"response-r2-1": f"# x {EVIL}\n\n[a](javascript:CANARY_SCRIPT()) <svg onload=CANARY_SCRIPT()>"},
    )
)
code("script in an error", S, f"raise ValueError({EVIL!r})")
code(
    "script in printed text and reprs",
    S,
    f"class L:\n    def _repr_html_(self): return {EVIL!r}\n    _repr_svg_ = _repr_markdown_ = _repr_html_\n    def __repr__(self): return {EVIL!r}\nprint({EVIL!r})\ndisplay(L())\nL()",
)
code(
    "script in the errors of functions",
    S,
    "LIE = 0" + STUBS.replace("return LIE", f"raise ValueError({EVIL!r})"),
)
code("script in names and types", S, f"LIE = type({EVIL!r}, (), {{}})()" + STUBS)
ATTACKS.append(Attack("script in the student id", S, {"student-id": f"student_id = {EVIL!r}"}))
code(
    "terminal escapes",
    S,
    "print('\\x1b]0;owned\\x07\\x1b[2J\\x00\\x08')\nraise ValueError('\\x1b[31mred\\x1b]8;;http://x\\x07')",
)
