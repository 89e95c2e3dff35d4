"""The other side of `scalar-graph`: one object per number, a closure per operation, a recursive order of nodes."""

from __future__ import annotations

__all__ = ["Scalar"]


class Scalar:
    """A number that remembers its operands and, in a closure, how to pass a gradient to them."""

    def __init__(self, data, operands=()):
        self.data, self.grad = data, 0.0
        self.operands = set(operands)
        self.pass_back = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        out = Scalar(self.data + other.data, (self, other))

        def pass_back():
            self.grad += out.grad
            other.grad += out.grad

        out.pass_back = pass_back
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        out = Scalar(self.data * other.data, (self, other))

        def pass_back():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out.pass_back = pass_back
        return out

    def relu(self):
        """max(0, x)."""
        out = Scalar(self.data if self.data > 0 else 0.0, (self,))

        def pass_back():
            self.grad += (out.data > 0) * out.grad

        out.pass_back = pass_back
        return out

    def backward(self):
        """Visit every node once, consumers first."""
        order, met = [], set()

        def visit(node):
            if node not in met:
                met.add(node)
                for operand in node.operands:
                    visit(operand)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node.pass_back()
