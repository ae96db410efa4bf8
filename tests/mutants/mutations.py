"""One-line faults, made of a module's syntax tree: what a tired programmer writes."""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult,
}  # fmt: skip
NAMES = {
    "min": "max", "max": "min", "mean": "median", "median": "mean", "argmax": "argmin",
    "argmin": "argmax", "any": "all", "all": "any", "floor": "ceil", "first": "last",
    "last": "first", "amax": "amin", "amin": "amax", "head": "tail", "tail": "head",
    "zeros": "ones", "ones": "zeros", "train": "eval", "eval": "train", "sin": "cos", "cos": "sin",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """`id` names the fault by function and content, so that it survives moved lines."""

    id: str
    path: str
    line: int
    original: str
    place: int  # of the changed node among `_nodes`
    changed: ast.AST

    @property
    def source(self) -> str:
        return ast.unparse(_Replace(self.place, self.changed).visit(ast.parse(self.original)))


def mutants(path: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    tree = ast.parse(source)
    seen: Counter[str] = Counter()
    for place, (node, function) in enumerate(_nodes(tree)):
        for change, changed in _changes(node):
            before = ast.unparse(node)
            name = f"{path}:{function}:{change}:{before} → {ast.unparse(changed)}"
            if before == ast.unparse(changed):
                continue
            seen[name] += 1
            name = name if seen[name] == 1 else f"{name} ({seen[name]})"
            yield Mutant(name, path, node.lineno, source, place, changed)


def _is_said(node: ast.AST) -> bool:
    """Text for people, and types: no number depends on them."""
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    said = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)
    return docstring or isinstance(node, said)


def _nodes(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """The expressions and statements that may be changed, and the function that each is in."""

    def below(node: ast.AST, function: str) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
        if _is_said(node):
            return
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            function = f"{function}.{node.name}".lstrip(".")
        if isinstance(node, ast.expr | ast.stmt):
            yield node, function
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "bases", "ctx"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from below(child, function)

    yield from below(tree, "")


class _Replace(ast.NodeTransformer):
    """The node at a place of `_nodes`, in a copy of the tree."""

    def __init__(self, place: int, changed: ast.AST):
        self.place, self.changed = place, changed

    def visit(self, tree: ast.AST) -> ast.AST:
        target = [node for node, _ in _nodes(tree)][self.place]
        for node in ast.walk(tree):
            for field, value in ast.iter_fields(node):
                if value is target:
                    setattr(node, field, self.changed)
                elif isinstance(value, list) and any(item is target for item in value):
                    value[:] = [self.changed if item is target else item for item in value]
        return ast.fix_missing_locations(tree)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """(kind, changed copy) of one node."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            yield "comparison", _with(node, ops=[COMPARISONS[type(operator)]()])
        case ast.BinOp(op=operator) if type(operator) in ARITHMETIC:
            if not isinstance(node.left, ast.Constant | ast.JoinedStr) or _number(node.left):
                yield "arithmetic", _with(node, op=ARITHMETIC[type(operator)]())
        case ast.BoolOp(op=operator):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield "logic", _with(node, op=other)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "sign", copy.deepcopy(operand)
        case ast.Constant(value=bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant() if _number(node):
            value = node.value
            yield "constant", ast.Constant(value + 1 if isinstance(value, int) else value * 2)
        case ast.Attribute(attr=name) if name in NAMES:
            yield "name", _with(node, attr=NAMES[name])
        case ast.Name(id=name) if name in ("min", "max", "any", "all"):
            yield "name", ast.Name(NAMES[name], ast.Load())
        case ast.Dict(values=[first, second, *rest]) if len({*map(ast.dump, (first, second))}) == 2:
            yield "swap", _with(node, values=[second, first, *rest])
        case ast.Tuple(elts=[first, second, *rest], ctx=ast.Load()) if not _names(node):
            yield "swap", _with(node, elts=[second, first, *rest])
        case ast.Expr(value=ast.Call()):
            yield "statement", ast.Pass()
    if isinstance(node, ast.Call):
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in (None, "strict", "check"):
                kept = node.keywords[:place] + node.keywords[place + 1 :]
                yield "keyword", _with(node, keywords=kept)
        if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
            yield "swap", _with(node, args=[node.args[1], node.args[0], *node.args[2:]])


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(changed, name, copy.deepcopy(value))
    return changed


def _names(node: ast.Tuple) -> bool:
    """A list of words: their order seldom matters."""
    return all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in node.elts)


def _number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)
