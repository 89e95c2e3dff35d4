"""A03: a right solution in the letters of the assignment, and wrong changes of it with what they leave of the points."""

RIGHT = """
def topo_order(out):
    order, met, todo = [], set(), [(out, False)]
    while todo:
        node, ready = todo.pop()
        if ready:
            order.append(node)
        elif node not in met:
            met.add(node)
            todo.append((node, True))
            todo.extend((x, False) for x in node.inputs)
    return order

def graph_forward(nodes):
    for node in nodes:
        if node.op is not None:
            node.value = node.op.f(*[x.value for x in node.inputs])
    return nodes[-1].value

def backward_pull(out):
    order = topo_order(out)
    consumers = {node: [] for node in order}
    for node in order:
        for i, x in enumerate(node.inputs):
            consumers[x].append((node, i))
    grads = {out: 1.0}
    for node in reversed(order[:-1]):
        grads[node] = sum(u.op.bprop([x.value for x in u.inputs], i, grads[u]) for u, i in consumers[node])
    return grads

def backward_push(out):
    grads = {out: 1.0}
    for node in reversed(topo_order(out)):
        xs = [x.value for x in node.inputs]
        for i, x in enumerate(node.inputs):
            part = node.op.bprop(xs, i, grads[node])
            grads[x] = grads.get(x, 0.0) + part
    return grads

def unbroadcast(G, shape):
    extra = G.ndim - len(shape)
    G = G.sum(axis=tuple(range(extra)))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return G.sum(axis=ones, keepdims=True) if ones else G

class Add:
    def f(self, *xs):
        return xs[0] + xs[1]
    def bprop(self, xs, i, G):
        return unbroadcast(G, xs[i].shape)

class Mul:
    def f(self, *xs):
        return xs[0] * xs[1]
    def bprop(self, xs, i, G):
        return unbroadcast(G * xs[1 - i], xs[i].shape)

class MatMul:
    def f(self, *xs):
        return xs[0] @ xs[1]
    def bprop(self, xs, i, G):
        A, B = xs
        return G @ B.T if i == 0 else A.T @ G

class Pow:
    def __init__(self, p):
        self.p = p
    def f(self, *xs):
        return xs[0] ** self.p
    def bprop(self, xs, i, G):
        return G * self.p * xs[0] ** (self.p - 1.0)

class Exp:
    def f(self, *xs):
        return np.exp(xs[0])
    def bprop(self, xs, i, G):
        return G * np.exp(xs[0])

class Log:
    def f(self, *xs):
        return np.log(xs[0])
    def bprop(self, xs, i, G):
        return G / xs[0]

class ReLU:
    def f(self, *xs):
        return np.maximum(xs[0], 0)
    def bprop(self, xs, i, G):
        return G * (xs[0] > 0)

class PReLU:
    def f(self, *xs):
        Z, alpha = xs
        return np.where(Z > 0, Z, alpha * Z)
    def bprop(self, xs, i, G):
        Z, alpha = xs
        if i == 0:
            return G * np.where(Z > 0, 1.0, alpha)
        return (G * np.where(Z > 0, 0.0, Z)).sum(axis=0)

class Maxout:
    def __init__(self, k):
        self.k = k
    def f(self, *xs):
        return xs[0].reshape(len(xs[0]), -1, self.k).max(axis=2)
    def bprop(self, xs, i, G):
        groups = xs[0].reshape(len(xs[0]), -1, self.k)
        top = groups.argmax(axis=2)[:, :, None] == np.arange(self.k)
        return (top * G[:, :, None]).reshape(xs[0].shape)

class Pick:
    def __init__(self, ids):
        self.ids = ids
    def f(self, *xs):
        return xs[0][np.arange(len(self.ids)), self.ids]
    def bprop(self, xs, i, G):
        dZ = np.zeros(xs[0].shape)
        dZ[np.arange(len(self.ids)), self.ids] = G
        return dZ

class Sum:
    def __init__(self, axis=None):
        self.axis = axis
    def f(self, *xs):
        return xs[0].sum(axis=self.axis)
    def bprop(self, xs, i, G):
        G = G if self.axis is None else np.expand_dims(G, self.axis)
        return np.broadcast_to(G, xs[0].shape)

class Broadcast:
    def __init__(self, shape):
        self.shape = shape
    def f(self, *xs):
        return np.broadcast_to(xs[0], self.shape)
    def bprop(self, xs, i, G):
        return unbroadcast(G, xs[0].shape)

class SoftmaxCE:
    def __init__(self, y):
        self.y = y
    def f(self, *xs):
        Z = xs[0] - xs[0].max(axis=1, keepdims=True)
        log_p = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
        return -np.mean(log_p[np.arange(len(Z)), self.y])
    def bprop(self, xs, i, G):
        e = np.exp(xs[0] - xs[0].max(axis=1, keepdims=True))
        P = e / e.sum(axis=1, keepdims=True)
        P[np.arange(len(P)), self.y] -= 1
        return G * P / len(P)

class Split:
    def __init__(self, at, axis, part):
        self.at, self.axis, self.part = at, axis, part
    def f(self, *xs):
        return np.split(xs[0], [self.at], axis=self.axis)[self.part]
    def bprop(self, xs, i, G):
        parts = [np.zeros_like(x) for x in np.split(xs[0], [self.at], axis=self.axis)]
        parts[self.part] = G
        return np.concatenate(parts, axis=self.axis)

def node(op, *inputs):
    return Node(op, inputs, op.f(*[x.value for x in inputs]))

def number(c, like):
    return Node(value=np.full(np.shape(like.value), float(c)))

def reduced(g, x):
    have, want = np.shape(g.value), np.shape(x.value)
    while len(have) > len(want):
        g = node(Sum(0), g)
        have = have[1:]
    for axis, n in enumerate(want):
        if n == 1 and have[axis] != 1:
            g = node(Reshape(want), node(Sum(axis), g))
    return g

def rule(n, i, g):
    op, xs = n.op, n.inputs
    x = xs[i]
    if isinstance(op, Add):
        return reduced(g, x)
    if isinstance(op, Mul):
        return reduced(node(Mul(), g, xs[1 - i]), x)
    if isinstance(op, MatMul):
        return node(MatMul(), g, node(Transpose(), xs[1])) if i == 0 else node(MatMul(), node(Transpose(), xs[0]), g)
    if isinstance(op, Pow):
        if op.p == 0:
            return number(0.0, x)
        return node(Mul(), node(Mul(), g, number(op.p, x)), node(Pow(op.p - 1), x))
    if isinstance(op, Exp):
        return node(Mul(), g, n)
    if isinstance(op, Log):
        return node(Mul(), g, node(Pow(-1), x))
    if isinstance(op, Tanh):
        return node(Mul(), g, node(Add(), number(1.0, x), node(Mul(), number(-1.0, x), node(Mul(), n, n))))
    if isinstance(op, ReLU):
        return node(Mul(), g, node(Step(), x))
    if isinstance(op, Sum):
        if op.axis is not None:
            shape = list(np.shape(x.value))
            shape[op.axis] = 1
            g = node(Reshape(tuple(shape)), g)
        return node(Broadcast(np.shape(x.value)), g)
    if isinstance(op, (Step, Reshape)):
        return number(0.0, x) if isinstance(op, Step) else node(Reshape(np.shape(x.value)), g)
    if isinstance(op, Transpose):
        return node(Transpose(), g)
    if isinstance(op, Broadcast):
        return reduced(g, x)
    raise TypeError(f"no rule for {op}")

def build_grad(out, wrt):
    grads = {out: Node(value=np.ones(np.shape(out.value)))}
    for n in reversed(topo_order(out)):
        for i, x in enumerate(n.inputs):
            part = rule(n, i, grads[n])
            grads[x] = node(Add(), grads[x], part) if x in grads else part
    return [grads.get(w) or number(0.0, w) for w in wrt]

class Value:
    __array_ufunc__ = None
    def __init__(self, data, parents=()):
        self.data = np.asarray(data, dtype=float)
        self.parents = parents
        self.grad = np.zeros(self.data.shape)
    def lift(self, other):
        return other if isinstance(other, Value) else Value(other)
    def __add__(self, other):
        other = self.lift(other)
        return Value(self.data + other.data, [(self, lambda G: G), (other, lambda G: G)])
    def __mul__(self, other):
        other = self.lift(other)
        return Value(self.data * other.data, [(self, lambda G: G * other.data), (other, lambda G: G * self.data)])
    def __matmul__(self, other):
        other = self.lift(other)
        return Value(self.data @ other.data, [(self, lambda G: G @ other.data.T), (other, lambda G: self.data.T @ G)])
    def __rmatmul__(self, other):
        return self.lift(other) @ self
    def __pow__(self, p):
        return Value(self.data**p, [(self, lambda G: G * p * self.data ** (p - 1.0))])
    def __radd__(self, other):
        return self + other
    def __rmul__(self, other):
        return self * other
    def __sub__(self, other):
        return self + self.lift(other) * -1
    def __rsub__(self, other):
        return self * -1 + other
    def __truediv__(self, other):
        return self * self.lift(other) ** -1
    def __rtruediv__(self, other):
        return self**-1 * other
    def exp(self):
        e = np.exp(self.data)
        return Value(e, [(self, lambda G: G * e)])
    def log(self):
        return Value(np.log(self.data), [(self, lambda G: G / self.data)])
    def tanh(self):
        t = np.tanh(self.data)
        return Value(t, [(self, lambda G: G * (1 - t * t))])
    def relu(self):
        return Value(np.maximum(self.data, 0), [(self, lambda G: G * (self.data > 0))])
    def sum(self, axis=None):
        back = lambda G: np.broadcast_to(G if axis is None else np.expand_dims(G, axis), self.data.shape)
        return Value(self.data.sum(axis=axis), [(self, back)])
    def backward(self):
        order, met = [], set()
        def visit(v):
            if v not in met:
                met.add(v)
                for parent, _ in v.parents:
                    visit(parent)
                order.append(v)
        visit(self)
        grads = {self: np.ones(self.data.shape)}
        for v in reversed(order):
            for parent, back in v.parents:
                part = unbroadcast(back(grads[v]), parent.data.shape)
                grads[parent] = grads[parent] + part if parent in grads else part
        for v in order:
            v.grad = v.grad + grads[v]
"""

TOPO = RIGHT[1 : RIGHT.index("\ndef graph_forward")]

# name -> (entry, text, replacement, points that are left of the entry, diagnosis)
# fmt: off
MUTANTS = {
    'push: what arrives is not used': ('backward-push', 'bprop(xs, i, grads[node])', 'bprop(xs, i, np.ones_like(node.value))', 0.0, 'M13'),
    'sum: what arrives is not used': ('value', 'np.broadcast_to(G if axis is None else np.expand_dims(G, axis), self.data.shape)', 'np.ones(self.data.shape)', 4.0, 'M13'),
    'recursion': ('topo-order', TOPO, 'def topo_order(out):\n    order, met = [], set()\n    def visit(n):\n        if n not in met:\n            met.add(n)\n            for x in n.inputs:\n                visit(x)\n            order.append(n)\n    visit(out)\n    return order\n', 3.0, ''),
    'consumers first': ('topo-order', '    return order\n', '    return order[::-1]\n', 1.5, 'M15'),
    'nodes listed twice': ('topo-order', '        elif node not in met:\n            met.add(node)\n', '        else:\n', 3.0, 'M15'),
    'leaves missing': ('topo-order', '            order.append(node)', '            order += [node] * (node.op is not None)', 2.5, ''),
    'breadth first': ('topo-order', TOPO, 'def topo_order(out):\n    queue = [out]\n    for n in queue:\n        queue += [x for x in n.inputs if x not in queue]\n    return queue[::-1]\n', 1.5, 'M15'),
    'out missing': ('topo-order', '    return order\n', '    return order[:-1]\n', 2.5, ''),
    'values not set': ('graph-forward', '            node.value = node.op.f', '            value = node.op.f', 0.0, ''),
    'forward returns nothing': ('graph-forward', '    return nodes[-1].value', '', 1.5, ''),
    'forward returns the first': ('graph-forward', '    return nodes[-1].value', '    return nodes[0].value', 1.5, ''),
    'leaves zeroed': ('graph-forward', '        if node.op is not None:\n', '        node.value = node.value if node.op else np.zeros(3)\n        if node.op is not None:\n', 0.5, ''),
    'pull: first consumer only': ('backward-pull', 'for u, i in consumers[node])', 'for u, i in consumers[node][:1])', 2.5, 'M14'),
    'pull: last consumer only': ('backward-pull', 'for u, i in consumers[node])', 'for u, i in consumers[node][-1:])', 2.5, 'M14'),
    'pull: upstream forgotten': ('backward-pull', 'i, grads[u])', 'i, np.ones_like(u.value))', 0.0, 'M13'),
    'pull: gradient of out is its value': ('backward-pull', 'grads = {out: 1.0}', 'grads = {out: out.value}', 4.0, ''),
    'pull: out missing': ('backward-pull', '    return grads\n\ndef backward_push', '    del grads[out]\n    return grads\n\ndef backward_push', 4.0, ''),
    'pull: recursion without memory': ('backward-pull', '    for node in reversed(order[:-1]):\n        grads[node] = sum(u.op.bprop([x.value for x in u.inputs], i, grads[u]) for u, i in consumers[node])\n', '    def g(n):\n        return 1.0 if n is out else sum(u.op.bprop([x.value for x in u.inputs], i, g(u)) for u, i in consumers[n])\n    grads = {n: g(n) for n in order}\n', 2.5, 'M15'),
    'pull: x times x counted once': ('backward-pull', '            consumers[x].append((node, i))', '            consumers[x] += [(node, i)] * (node not in [u for u, _ in consumers[x]])', 2.5, 'M14'),
    'push: overwritten': ('backward-push', 'grads[x] = grads.get(x, 0.0) + part', 'grads[x] = part', 2.5, 'M14'),
    'push: first kept': ('backward-push', 'grads[x] = grads.get(x, 0.0) + part', 'grads.setdefault(x, part)', 2.5, 'M14'),
    'push: too soon': ('backward-push', '    for node in reversed(topo_order(out)):\n        xs', '    queue = [out]\n    for node in queue:\n        queue += [x for x in node.inputs if x not in queue]\n        xs', 2.5, 'M15'),
    'push: again and again': ('backward-push', '    for node in reversed(topo_order(out)):\n        xs', '    queue = [out]\n    while queue:\n        node = queue.pop()\n        queue += node.inputs\n        xs', 2.5, 'M15'),
    'push: from the inputs': ('backward-push', '    for node in reversed(topo_order(out)):\n        xs = [x.value for x in node.inputs]', '    for node in topo_order(out):\n        grads.setdefault(node, 0.0)\n        xs = [x.value for x in node.inputs]', 0.0, 'M15'),
    'push: no derivatives': ('backward-push', 'part = node.op.bprop(xs, i, grads[node])', 'part = grads[node] * np.ones_like(x.value)', 0.0, 'M12'),
    'push: upstream ignored': ('backward-push', 'part = node.op.bprop(xs, i, grads[node])', 'part = node.op.bprop(xs, i, np.ones_like(node.value))', 0.0, 'M13'),
    'push: gradients not zeroed': ('backward-push', 'def backward_push(out):\n    grads = {out: 1.0}', 'KEPT = {}\ndef backward_push(out):\n    grads = KEPT.setdefault(out, {})\n    grads[out] = 1.0', 4.5, 'M16'),
    'push: leaves only': ('backward-push', '    return grads\n\ndef unbroadcast', '    return {n: g for n, g in grads.items() if n.op is None}\n\ndef unbroadcast', 0.0, ''),
    'push: minus': ('backward-push', 'grads = {out: 1.0}\n    for node in reversed(topo', 'grads = {out: -1.0}\n    for node in reversed(topo', 4.0, 'M01'),
    'unbroadcast: leading axes kept': ('unbroadcast', '    G = G.sum(axis=tuple(range(extra)))\n', '', 1.5, 'M07b'),
    'unbroadcast: ones kept': ('unbroadcast', '    return G.sum(axis=ones, keepdims=True) if ones else G', '    return G', 1.5, 'M07b'),
    'unbroadcast: nothing': ('unbroadcast', '    extra = G.ndim - len(shape)\n', '    return G\n    extra = G.ndim - len(shape)\n', 0.0, 'M07b'),
    'unbroadcast: mean': ('unbroadcast', 'G.sum(axis=tuple(range(extra)))', 'G.mean(axis=tuple(range(extra)))', 1.5, 'M07b'),
    'unbroadcast: keepdims forgotten': ('unbroadcast', 'G.sum(axis=ones, keepdims=True)', 'G.sum(axis=ones)', 1.5, 'M07b'),
    'unbroadcast: in place': ('unbroadcast', '    extra = G.ndim - len(shape)\n', '    extra = G.ndim - len(shape)\n    G += 1.0; G -= 1.0; G[...] = np.round(G, 13)\n', 2.5, 'M25'),
    'Mul: not reduced': ('op-mul', 'unbroadcast(G * xs[1 - i], xs[i].shape)', 'G * xs[1 - i]', 1.0, 'M07b'),
    'Mul: G in place': ('op-mul', '        return unbroadcast(G * xs[1 - i], xs[i].shape)', '        G *= xs[1 - i]\n        return unbroadcast(G, xs[i].shape)', 1.25, 'M25'),
    'Add: upstream ignored': ('op-add', 'unbroadcast(G, xs[i].shape)\n\nclass Mul', 'unbroadcast(np.ones_like(G), xs[i].shape)\n\nclass Mul', 0.25, 'M13'),
    'MatMul: transposed': ('op-matmul', 'G @ B.T if', '(B @ G.T) if', 1.0, 'M06'),
    'MatMul: not transposed': ('op-matmul', 'G @ B.T if', 'G @ B if', 0.25, 'M18'),
    'MatMul: left factor is Bᵀ only': ('op-matmul', 'A.T @ G', 'A.T @ np.ones_like(G)', 1.0, 'M13'),
    'Pow: exponent not lowered': ('op-pow', 'xs[0] ** (self.p - 1.0)', 'xs[0] ** self.p', 0.5, ''),
    'Pow: factor missing': ('op-pow', 'G * self.p * xs[0]', 'G * xs[0]', 0.5, ''),
    'Exp: derivative missing': ('op-exp', 'G * np.exp(xs[0])', 'G', 0.25, 'M12'),
    'Log: base 2': ('op-log', 'return np.log(xs[0])', 'return np.log2(xs[0])', 0.75, 'M04'),
    'Log: times x': ('op-log', 'G / xs[0]', 'G * xs[0]', 0.25, ''),
    'ReLU: upstream masked': ('op-relu', 'G * (xs[0] > 0)', 'G * (G > 0)', 0.25, ''),
    'ReLU: at zero twice': ('op-relu', 'G * (xs[0] > 0)', 'G * ((xs[0] > 0) + 2.0 * (xs[0] == 0))', 0.75, ''),
    'ReLU: derivative missing': ('op-relu', 'G * (xs[0] > 0)', 'G', 0.25, 'M12'),
    'PReLU: alpha not summed': ('op-prelu', '(G * np.where(Z > 0, 0.0, Z)).sum(axis=0)', 'G * np.where(Z > 0, 0.0, Z)', 1.25, 'M07b'),
    'PReLU: alpha averaged': ('op-prelu', '(G * np.where(Z > 0, 0.0, Z)).sum(axis=0)', '(G * np.where(Z > 0, 0.0, Z)).mean(axis=0)', 1.25, 'M07b'),
    'PReLU: alpha ignored': ('op-prelu', 'G * np.where(Z > 0, 1.0, alpha)', 'G * (Z > 0)', 1.5, ''),
    'Maxout: to all': ('op-maxout', 'return (top * G[:, :, None])', 'return (1.0 * np.ones_like(groups) * G[:, :, None])', 0.5, ''),
    'Maxout: interleaved': ('op-maxout', 'xs[0].reshape(len(xs[0]), -1, self.k).max(axis=2)', 'xs[0].reshape(len(xs[0]), self.k, -1).max(axis=1)', 1.5, 'M10'),
    'Maxout: all of the ties': ('op-maxout', 'groups.argmax(axis=2)[:, :, None] == np.arange(self.k)', 'groups == groups.max(axis=2, keepdims=True)', 1.5, ''),
    'Pick: ones': ('op-pick', 'self.ids] = G', 'self.ids] = 1.0', 0.5, 'M13'),
    'Pick: off by one': ('op-pick', 'dZ[np.arange(len(self.ids)), self.ids]', 'dZ[np.arange(len(self.ids)), self.ids - 1]', 0.5, 'M21'),
    'Sum: upstream lost': ('op-sum', 'np.broadcast_to(G, xs[0].shape)\n\nclass Broadcast', 'np.ones_like(xs[0])\n\nclass Broadcast', 0.5, 'M13'),
    'Sum: axis ignored': ('op-sum', 'xs[0].sum(axis=self.axis)', 'xs[0].sum()', 1.5, 'M09'),
    'Sum: keepdims': ('op-sum', 'xs[0].sum(axis=self.axis)', 'xs[0].sum(axis=self.axis, keepdims=True)', 1.5, ''),
    'Sum: divided by N': ('op-sum', 'np.broadcast_to(G, xs[0].shape)\n\nclass Broadcast', 'np.broadcast_to(G, xs[0].shape) / len(xs[0])\n\nclass Broadcast', 0.5, 'M02'),
    'Broadcast: not summed': ('op-broadcast', 'return unbroadcast(G, xs[0].shape)', 'return G', 0.5, 'M07b'),
    'SoftmaxCE: upstream ignored': ('op-softmax-ce', 'G * P / len(P)', 'P / len(P)', 1.0, 'M13'),
    'SoftmaxCE: not divided': ('op-softmax-ce', 'G * P / len(P)', 'G * P', 1.0, 'M02'),
    'SoftmaxCE: no one-hot': ('op-softmax-ce', '        P[np.arange(len(P)), self.y] -= 1\n', '', 1.0, 'M21'),
    'SoftmaxCE: overflow': ('op-softmax-ce', 'Z = xs[0] - xs[0].max(axis=1, keepdims=True)', 'Z = xs[0]', 1.5, 'M23'),
    'SoftmaxCE: overflow backward': ('op-softmax-ce', 'e = np.exp(xs[0] - xs[0].max(axis=1, keepdims=True))', 'e = np.exp(xs[0])', 1.5, 'M23'),
    'Split: other part': ('op-split', 'parts[self.part] = G', 'parts[self.part] = np.ones_like(G)', 0.5, 'M13'),
    'Split: always axis 1': ('op-split', 'np.concatenate(parts, axis=self.axis)', 'np.concatenate(parts, axis=1)', 0.5, ''),
    'Split: part 0 for ever': ('op-split', '[self.at], axis=self.axis)[self.part]', '[self.at], axis=self.axis)[0]', 1.5, ''),
    'build: overwritten': ('build-grad', 'grads[x] = node(Add(), grads[x], part) if x in grads else part', 'grads[x] = part', 0.5, 'M14'),
    'build: numbers': ('build-grad', '        return node(Mul(), g, n)\n    if isinstance(op, Log)', '        return Node(value=g.value * n.value)\n    if isinstance(op, Log)', 3.0, ''),
    'build: broadcast not reduced': ('build-grad', '        return reduced(g, x)\n    if isinstance(op, Mul)', '        return g\n    if isinstance(op, Mul)', 0.5, 'M07b'),
    'build: values not set': ('build-grad', '    return Node(op, inputs, op.f(*[x.value for x in inputs]))', '    return Node(op, inputs, np.zeros(1))', 0.5, ''),
    'build: tanh squared': ('build-grad', 'node(Mul(), n, n))))', 'node(Mul(), x, x))))', 0.5, 'M11'),
    'build: tanh forgotten': ('build-grad', 'return node(Mul(), g, node(Add(), number(1.0, x), node(Mul(), number(-1.0, x), node(Mul(), n, n))))', 'return g', 0.5, 'M12'),
    'build: unused is None': ('build-grad', 'grads.get(w) or number(0.0, w)', 'grads.get(w)', 5.5, ''),
    'build: Pow(0) wrong': ('build-grad', '            return number(0.0, x)\n        return', '            return number(1.0, x)\n        return', 4.0, ''),
    'build: matmul order': ('build-grad', 'node(MatMul(), g, node(Transpose(), xs[1]))', 'node(MatMul(), node(Transpose(), xs[1]), g)', 0.5, ''),
    'forward: values that are there stay': ('graph-forward', '        if node.op is not None:', '        if node.value is None:', 1.0, ''),
    'push: leaves get the last gradient': ('backward-push', 'grads[x] = grads.get(x, 0.0) + part', 'grads[x] = (grads.get(x, 0.0) if x.op else 0.0) + part', 2.5, 'M14'),
    'push: in place': ('backward-push', 'grads[x] = grads.get(x, 0.0) + part', 'grads[x] = part if x not in grads else np.add(grads[x], part, out=grads[x])', 3.5, 'M25'),
    'push: depth first': ('backward-push', '    for node in reversed(topo_order(out)):', '    order, todo = [], [out]\n    while todo:\n        node = todo.pop()\n        if node not in order:\n            order.append(node)\n            todo.extend(reversed(node.inputs))\n    for node in order:', 2.5, 'M15'),
    'value: upstream ignored in log': ('value', 'lambda G: G / self.data)])', 'lambda G: 1 / self.data)])', 4.0, 'M13'),
    'value: along the wrong axis': ('value', 'np.expand_dims(G, axis), self.data.shape)', 'G.sum(), self.data.shape)', 4.0, 'M09'),
    'value: handed on early': ('value', '                for parent, _ in v.parents:\n                    visit(parent)\n                order.append(v)\n', '                order.insert(0, v)\n                for parent, _ in v.parents:\n                    visit(parent)\n', 3.5, 'M15'),
    'value: not transposed': ('value', 'lambda G: G @ other.data.T', 'lambda G: G @ other.data', 1.75, 'M18'),
    'value: overwritten': ('value', 'grads[parent] = grads[parent] + part if parent in grads else part', 'grads[parent] = part', 3.5, 'M14'),
    'value: not accumulated': ('value', 'v.grad = v.grad + grads[v]', 'v.grad = grads[v]', 4.25, 'M16'),
    'value: no array_ufunc': ('value', '    __array_ufunc__ = None\n', '', 4.25, ''),
    'value: no right side': ('value', '    def __radd__(self, other):\n        return self + other\n', '', 4.25, ''),
    'value: rsub wrong': ('value', 'return self * -1 + other', 'return self - other', 4.25, ''),
    'value: not reduced': ('value', 'part = unbroadcast(back(grads[v]), parent.data.shape)', 'part = back(grads[v])', 3.5, 'M07b'),
    'value: tanh at the output': ('value', 'G * (1 - t * t)', 'G * (1 - np.tanh(t) ** 2)', 2.5, 'M11'),
    'value: log without derivative': ('value', 'lambda G: G / self.data)])', 'lambda G: G)])', 4.0, 'M12'),
    'value: relu forgotten': ('value', 'lambda G: G * (self.data > 0))', 'lambda G: G)', 4.0, 'M12'),
    'value: mean': ('value', 'Value(self.data.sum(axis=axis), [(self, back)])', 'Value(self.data.mean(axis=axis), [(self, back)])', 4.0, 'M02'),
    'value: grad None at first': ('value', 'self.grad = np.zeros(self.data.shape)', 'self.grad = None', 1.0, ''),
    'value: visits leaves only once each': ('value', 'for v in reversed(order):\n            for parent', 'for v in order:\n            for parent', 1.0, ''),
    'value: old gradients pushed again': ('value', '        grads = {self: np.ones(self.data.shape)}\n', '        grads = {v: v.grad for v in order if v.grad.any()}\n        grads[self] = np.ones(self.data.shape)\n', 4.25, 'M16'),
}
# fmt: on
