"""What the turn of one item leaves behind: then it matters which items come together, or that all came before the first test.

A hook that takes notes in an object that outlives its call has seen some files only when somebody reads them. What it keeps in the
item itself, or drops at the end of the item's turn, concerns nobody else. In doubt it is kept.
"""

import ast
import builtins
import copy
import inspect
import textwrap
import types

TURN, CALL, OUTER, MODULE = "turn", "call", "outer", "module"
"""Whom the value of a name belongs to: this item's turn, this call of the hook, everybody; or it is a module."""

CHANGING = frozenset(
    "add append appendleft extend extendleft insert update setdefault pop popleft popitem remove discard clear sort reverse put".split()
)

HARMLESS = frozenset(
    "debug info warning warn error exception critical log write write_line write_sep line flush addinivalue_line".split()
)
"""Methods whose trace is for people, or the same each time."""

WAYS_OUT = ("config", "session")
"""Attributes of an item that all items share."""


def is_carried(tree, function, walks):
    """Whether the hook with this source keeps something beyond an item's turn; `walks` tells what iterates over its items."""
    turns = _Turns(getattr(function, "__func__", function), walks, getattr(function, "__self__", None), set())
    turns.parameters(tree, {})
    for each in tree.body:
        turns.visit(each)
    return turns.is_kept or turns.leaks()


def source(code):
    """The first line and the tree of a function; None if they can not be had."""
    try:
        lines, first = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    is_it = isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)) and tree.name == code.co_name
    return (first, tree) if is_it else None


class _Turns(ast.NodeVisitor):
    """Reads one function; `_depth` is above 0 in what is done for one item."""

    def __init__(self, function, walks, owner, seen):
        self._globals = getattr(function, "__globals__", {})
        self._owner = owner
        self._walks = walks
        self._seen = seen
        self._names = {}
        self._declared = set()
        self._depth = 0
        self._changed = set()
        self._loaded = set()
        self._conditions = []
        self.is_kept = False

    def parameters(self, tree, given):
        """What the function was given; everybody's unless it is known."""
        of = tree.args
        for each in of.posonlyargs + of.args + of.kwonlyargs + [of.vararg, of.kwarg]:
            if each is not None:
                self._names[each.arg] = given.get(each.arg, OUTER)

    def leaks(self):
        """Whether what was noted in turns goes on from there."""
        return bool(self._changed & self._loaded) or any(names & self._changed for names in self._conditions)

    # Whose a value is.

    def _whose(self, node):
        """What a function has just made is this turn's, or this call's."""
        if isinstance(node, ast.Name):
            return self._of_name(node.id)
        if isinstance(node, ast.Attribute):
            whose = self._whose(node.value)
            return OUTER if whose == MODULE or whose == TURN and node.attr in WAYS_OUT else whose
        if isinstance(node, (ast.Subscript, ast.Starred, ast.NamedExpr, ast.Await)):
            return self._whose(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not self._is_of_module(node.func):
            return self._whose(node.func.value)
        parts = node.values if isinstance(node, ast.BoolOp) else getattr(node, "elts", [])
        if isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
        found = {self._whose(each) for each in parts} or {TURN if self._depth else CALL}
        return next(each for each in (OUTER, MODULE, CALL, TURN) if each in found)

    def _of_name(self, name):
        if name in self._names:
            return self._names[name]
        return MODULE if isinstance(self._globals.get(name, getattr(builtins, name, None)), types.ModuleType) else OUTER

    def _is_of_module(self, node):
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and self._of_name(node.id) == MODULE

    # Turns.

    def _is_walk(self, iterable):
        """Whether it iterates over items: all of them, or those that were picked."""
        return self._walks(iterable) or isinstance(iterable, ast.Name) and iterable.id in self._changed

    def visit_For(self, node):
        is_walk = self._is_walk(node.iter)
        if not is_walk:
            self.visit(node.iter)
        self._depth += is_walk
        self._bind(node.target, TURN if is_walk else self._whose(node.iter))
        for each in node.body:
            self.visit(each)
        self._depth -= is_walk
        for each in node.orelse:
            self.visit(each)

    visit_AsyncFor = visit_For

    def _comprehension(self, node):
        is_walk = self._is_walk(node.generators[0].iter)
        self._depth += is_walk
        for place, each in enumerate(node.generators):
            self._bind(each.target, TURN if is_walk and place == 0 else self._whose(each.iter))
        self.generic_visit(node)
        self._depth -= is_walk

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_FunctionDef(self, node):
        # It may be called in a turn.
        self._names[node.name] = CALL
        self._depth += 1
        self.parameters(node, {each.arg: TURN for each in node.args.args})
        for each in node.body:
            self.visit(each)
        self._depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node):
        if not self._depth:
            # If it depends on what was noted in turns, what it does is as if done there.
            branch = copy.copy(self)
            branch._names, branch._seen, branch._changed = dict(self._names), set(self._seen), set()
            branch.is_kept, branch._depth = False, 1
            leaves = any(isinstance(each, ast.Return) for part in node.body for each in ast.walk(part))
            for each in node.body + node.orelse:
                branch.visit(each)
            if branch.is_kept or leaves:
                self._conditions.append({each.id for each in ast.walk(node.test) if isinstance(each, ast.Name)})
            loaded = set(self._loaded)
            self.visit(node.test)
            self._loaded = loaded
        else:
            self.visit(node.test)
        for each in node.body + node.orelse:
            self.visit(each)

    # Names.

    def visit_Import(self, node):
        for each in node.names:
            self._names[(each.asname or each.name).split(".")[0]] = MODULE

    visit_ImportFrom = visit_Import

    def _declare(self, node):
        self._names.update(dict.fromkeys(node.names, OUTER))
        self._declared.update(node.names)

    visit_Global = visit_Nonlocal = _declare

    def visit_Name(self, node):
        if not isinstance(node.ctx, ast.Load):
            self._store(node)
        elif not self._depth:
            self._loaded.add(node.id)

    def _store(self, node):
        if self._depth:
            self._changed.add(node.id)
            self.is_kept = self.is_kept or node.id in self._declared

    def _bind(self, target, whose):
        for each in ast.walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                self._store(each)
                before = self._names.get(each.id)
                # What it was before the turn it may be again in the next one.
                self._names[each.id] = before if before in (OUTER, CALL) and whose in (TURN, CALL) else whose
            elif isinstance(each, (ast.Attribute, ast.Subscript)) and not isinstance(each.ctx, ast.Load):
                self._change(each.value, False)

    def visit_Assign(self, node):
        self.visit(node.value)
        is_shared = len(node.targets) > 1 and any(isinstance(each, (ast.Attribute, ast.Subscript)) for each in node.targets)
        for each in node.targets:
            self._bind(each, OUTER if is_shared else self._whose(node.value))

    def visit_AnnAssign(self, node):
        if node.value is not None:
            self.visit_NamedExpr(node)

    def visit_NamedExpr(self, node):
        self.visit(node.value)
        self._bind(node.target, self._whose(node.value))

    def visit_withitem(self, node):
        self.visit(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, self._whose(node.context_expr))

    # Changes.

    def visit_AugAssign(self, node):
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self._store(node.target)
            is_shared = node.target.id in self._declared
        else:
            is_shared = self._whose(node.target.value) == OUTER
            self._change(node.target.value, True)
        # Outside of turns it counts calls: one a file.
        self.is_kept = self.is_kept or is_shared

    def visit_Delete(self, node):
        for each in node.targets:
            if isinstance(each, (ast.Attribute, ast.Subscript)):
                self._change(each.value, False)

    def _change(self, node, is_used):
        """Something of this value is changed, and what was there before is used."""
        whose = self._whose(node)
        if not self._depth or whose == TURN:
            return
        self.is_kept = self.is_kept or whose != CALL or is_used
        self._changed.update(each.id for each in ast.walk(node) if isinstance(each, ast.Name))

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Call):
            self._call(node.value, False)
        else:
            self.visit(node.value)

    def visit_Call(self, node):
        self._call(node, True)

    def _call(self, node, is_used):
        func = node.func
        if isinstance(func, ast.Attribute):
            self._method(node, func, is_used)
        elif isinstance(func, ast.Name):
            if func.id in ("setattr", "delattr", "next") and node.args:
                self._change(node.args[0], func.id == "next")
            if func.id not in self._names:
                self._enter(self._globals.get(func.id), node, [])
        else:
            self.visit(func)
        for each in node.args + node.keywords:
            self.visit(each)

    def _method(self, node, func, is_used):
        whose = self._whose(func.value)
        is_own = isinstance(func.value, ast.Name) and func.value.id == "self" and self._owner is not None
        helper = inspect.getattr_static(type(self._owner), func.attr, None) if is_own else None
        if func.attr in CHANGING:
            self._change(func.value, is_used)
            # `registry().add(item)`: what is changed and dropped is known elsewhere.
            is_made = isinstance(func.value, ast.Call) and isinstance(func.value.func, ast.Name)
            self.is_kept = self.is_kept or bool(is_made and self._depth and not is_used)
        elif isinstance(helper, types.FunctionType):
            self._enter(helper, node, [OUTER])
        elif not is_used and whose == OUTER and func.attr not in HARMLESS:
            self.is_kept = self.is_kept or bool(self._depth)
        if not (func.attr in CHANGING and isinstance(func.value, ast.Name)):
            self.visit(func.value)

    def _enter(self, helper, node, first):
        """Read a function of the same module that is called in a turn."""
        if not self._depth or not isinstance(helper, types.FunctionType) or helper.__globals__ is not self._globals:
            return
        found = source(helper.__code__)
        if found is None:
            self.is_kept = True
            return
        tree = found[1]
        names = [each.arg for each in tree.args.posonlyargs + tree.args.args]
        given = dict(zip(names, first + [self._whose(each) for each in node.args]))
        given.update((each.arg, self._whose(each.value)) for each in node.keywords if each.arg)
        call = (helper.__code__, tuple(sorted(given.items())))
        if call in self._seen:
            return
        self._seen.add(call)
        turns = _Turns(helper, lambda _iterable: False, self._owner, self._seen)
        turns._depth = 1
        turns.parameters(tree, given)
        for each in tree.body:
            turns.visit(each)
        self.is_kept = self.is_kept or turns.is_kept
