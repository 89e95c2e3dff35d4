"""Attacks by objects that lie about what they are."""

from __future__ import annotations

from .attack import STUBS, code


def lie(name: str, value: str) -> None:
    """An attack in which every function returns the same lying value."""
    code(name, "objects that lie", f"{value}\n{STUBS}")


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
