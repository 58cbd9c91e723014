"""How far a hook of a plugin reaches: to one item at a time, or over the items of several files.

Files may be made one by one only if nothing looks at, or changes, the items of several at once. What a hook does with its items is
read from its source; what only some configurations reach is watched in one call without items.
"""

import ast
import inspect
import sys
import types

from .carried import is_carried, source

ITEMS = "items"
SESSION = "session"


class Reach:
    """What a hook may do: `is_wide` if it surely may, else the lines that must never be reached."""

    __slots__ = ("is_wide", "lines", "code")

    def __init__(self, is_wide, lines=(), code=None):
        self.is_wide = is_wide
        self.lines = frozenset(lines)
        self.code = code


def of(function):
    """The reach of a hook's function; without source, or hidden by another one around it, it is wide."""
    plain = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)
    if code is None or hasattr(plain, "__wrapped__") or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return Reach(True)
    names = set(code.co_varnames[: code.co_argcount]) & {ITEMS, SESSION}
    found = source(code)
    if found is None:
        return Reach(True)
    first, tree = found
    reader = _Reader(names)
    for statement in tree.body:
        reader.visit(statement)
    if reader.is_wide or reader.carries() or is_carried(tree, function, reader.is_walk):
        return Reach(True)
    return Reach(False, [line + first - 1 for line in reader.offences], code)


def is_over_items(function):
    """Whether a hook's function, or one of its module that it calls, reads the `items` of anything."""
    plain = getattr(function, "__func__", function)
    if not isinstance(plain, types.FunctionType) or hasattr(plain, "__wrapped__"):
        return True
    return _reads_items(plain, getattr(function, "__self__", None), lambda _object: True, set())


def is_over_session(function, seen):
    """Whether a fixture's function, or one of its module that it calls, reads `session.items`; those in `seen` do not."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(plain, types.FunctionType):
        return False
    return _reads_items(plain, None, lambda node: getattr(node, "id", getattr(node, "attr", None)) == SESSION, seen)


def _reads_items(function, owner, is_theirs, seen):
    code = function.__code__
    if code in seen:
        return False
    seen.add(code)
    names = set(_names(code))
    if ITEMS in names:
        found = source(code)
        if found is None or any(is_theirs(each) for each in _owners(found[1])):
            return True
    for name in names:
        for helper in (function.__globals__.get(name), inspect.getattr_static(type(owner), name, None)):
            is_near = isinstance(helper, types.FunctionType) and helper.__globals__ is function.__globals__
            if is_near and _reads_items(helper, owner, is_theirs, seen):
                return True
    return False


def _names(code):
    """The names of globals and attributes in a function and in those inside of it, and its texts."""
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, str):
            yield each
        elif hasattr(each, "co_names"):
            yield from _names(each)


def _owners(tree):
    """The objects whose `items` are read, not called."""
    called = {id(each.func) for each in ast.walk(tree) if isinstance(each, ast.Call)}
    for each in ast.walk(tree):
        if isinstance(each, ast.Attribute) and each.attr == ITEMS and id(each) not in called:
            yield each.value
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "getattr":
            if len(each.args) > 1 and isinstance(each.args[1], ast.Constant) and each.args[1].value == ITEMS:
                yield each.args[0]


class _Reader(ast.NodeVisitor):
    """Reads one hook: its items may be walked by plain loops that change one item at a time, and nothing else."""

    def __init__(self, names):
        self._names = names
        self._loops = 0
        self._inner = 0
        self._functions = 0
        self._branches = 0
        self._may_return = False
        self._set_outside = set()
        self._set_inside = set()
        self._read_inside = set()
        self._tests = []
        self._picked = set()
        self._last = 0
        self.offences = set()
        self.is_wide = False

    def carries(self):
        """Whether one item's turn depends on those before it: then it matters which items come together."""
        if self._set_outside & self._set_inside & self._read_inside:
            return True
        return any(names & self._set_inside and line < self._last for line, names in self._tests)

    def _offend(self, node):
        self._last = max(self._last, node.lineno)
        if self._loops or self._functions or not (self._branches or self._may_return):
            self.is_wide = True
        self.offences.add(node.lineno)

    def is_walk(self, iterable):
        """Whether it iterates over the items as they stand, or over those of them that were picked."""
        if not isinstance(iterable, ast.Name):
            return False
        return iterable.id == ITEMS and ITEMS in self._names or iterable.id in self._picked

    def visit_Assign(self, node):
        # `picked = [item for item in items if …]`, as the documentation of pytest-asyncio has it: a loop over them follows.
        value, target = node.value, node.targets[0]
        is_pick = isinstance(value, (ast.ListComp, ast.GeneratorExp)) and len(value.generators) == len(node.targets) == 1
        if not (is_pick and isinstance(target, ast.Name) and self.is_walk(value.generators[0].iter)):
            self.generic_visit(node)
            return
        walk = value.generators[0]
        if ast.dump(value.elt) != ast.dump(walk.target).replace("Store()", "Load()") or target.id in self._set_outside:
            self.generic_visit(node)
            return
        self._loops += 1
        for each in walk.ifs:
            self.visit(each)
        self._loops -= 1
        self._picked.add(target.id)

    # Loops over the items.

    def visit_For(self, node):
        if not self.is_walk(node.iter):
            self._nest(node)
            return
        self._last = max(self._last, node.lineno)
        self._loops += 1
        inner, self._inner = self._inner, 0
        self.visit(node.target)
        for each in node.body:
            self.visit(each)
        self._inner = inner
        self._loops -= 1
        for each in node.orelse:
            self.visit(each)

    def visit_Expr(self, node):
        value = node.value
        if isinstance(value, ast.ListComp) and self.is_walk(value.generators[0].iter):
            self._last = max(self._last, node.lineno)
            self._loops += 1
            for each in [value.elt] + value.generators[0].ifs + value.generators[1:]:
                self.visit(each)
            self._loops -= 1
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Name):
            # `found.append(item)` changes what it is called on, and reads only the rest.
            self._store(value.func.value)
            if value.func.value.id in self._names or value.func.attr == "pytest_deselected":
                self.visit(value.func)
            for each in value.args + value.keywords:
                self.visit(each)
        else:
            self.generic_visit(node)

    def _nest(self, node):
        self._branches += 1
        self._inner += 1
        self.generic_visit(node)
        self._inner -= 1
        self._branches -= 1

    visit_AsyncFor = _nest

    def _branch(self, node):
        self._branches += 1
        if hasattr(node, "test") and not self._loops:
            names = {each.id for each in ast.walk(node.test) if isinstance(each, ast.Name)}
            self._tests.append((node.lineno, names))
        self.generic_visit(node)
        self._branches -= 1

    visit_If = visit_IfExp = visit_Try = visit_BoolOp = visit_Assert = _branch

    def visit_While(self, node):
        self._inner += 1
        self._branch(node)
        self._inner -= 1

    def _leave(self, node):
        self._may_return = True
        if self._loops and not self._functions and (isinstance(node, ast.Return) or not self._inner):
            # What comes after the first such item would be left out once a file, not once.
            self.is_wide = True
        self.generic_visit(node)

    visit_Return = visit_Break = _leave

    def visit_Raise(self, node):
        self._may_return = True
        self.generic_visit(node)

    def _function(self, node):
        self._functions += 1
        self.generic_visit(node)
        self._functions -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    # Names.

    def _store(self, node):
        (self._set_inside if self._loops else self._set_outside).add(node.id)

    def _outer(self, node):
        self._set_outside.update(node.names)

    visit_Global = visit_Nonlocal = _outer

    def visit_AugAssign(self, node):
        if isinstance(node.target, ast.Name) and self._loops:
            self._read_inside.add(node.target.id)
        self.generic_visit(node)

    def visit_Name(self, node):
        if node.id in self._names or node.id in self._picked:
            self._offend(node)
        elif isinstance(node.ctx, ast.Load):
            if self._loops:
                self._read_inside.add(node.id)
        else:
            self._store(node)

    def visit_Subscript(self, node):
        if isinstance(node.value, ast.Name) and not isinstance(node.ctx, ast.Load) and node.value.id not in self._names:
            self._store(node.value)
            self.visit(node.slice)
        else:
            self.generic_visit(node)

    def visit_Call(self, node):
        if isinstance(node.func, ast.Attribute) and node.func.attr == ITEMS:
            # `mapping.items()`, not `session.items`.
            self.visit(node.func.value)
            for each in node.args + node.keywords:
                self.visit(each)
        else:
            self.generic_visit(node)

    def visit_Attribute(self, node):
        if node.attr in (ITEMS, "pytest_deselected"):
            self._offend(node)
        if isinstance(node.value, ast.Name) and node.value.id == SESSION and SESSION in self._names and node.attr == "config":
            return
        self.generic_visit(node)


class Reached(BaseException):
    """Raised in a hook before the line that reaches too far, so that it is not run."""

    def __init__(self, code):
        super().__init__()
        self.code = code


class Watch:
    """While it is entered, the watched hooks stop at the lines that must not be reached."""

    def __init__(self, reaches):
        self._lines = {reach.code: reach.lines for reach in reaches if reach.lines}
        self._before = None

    def __enter__(self):
        if self._lines:
            self._before = sys.gettrace()
            sys.settrace(self._call)
        return self

    def __exit__(self, *_error):
        if self._lines:
            sys.settrace(self._before)

    def _call(self, frame, event, _argument):
        return self._line if frame.f_code in self._lines else None

    def _line(self, frame, event, _argument):
        if event == "line" and frame.f_lineno in self._lines[frame.f_code]:
            raise Reached(frame.f_code)
        return self._line
