"""How a collection names its items."""

GROUP = "xdist_group"
OWN = frozenset(("parametrize", "usefixtures", "skip", "skipif", "xfail", "filterwarnings"))
"""Marks that pytest itself gives a meaning to, which say nothing of the kind of test."""

WITH_ARGUMENTS = {"resources": "resource:", "requires": "requires:"}
"""Marks of which each argument is a tag."""


def describe(items):
    """Each item by its id, the length of its scope in bytes, its group, and its tags; what it has not is left out."""
    of_parents = {}
    described = []
    for item in items:
        parent = item.parent
        if parent not in of_parents:
            of_parents[parent] = _read(parent.iter_markers(), (), ()) if parent is not None else ((), ())
        groups, tags = of_parents[parent]
        if item.own_markers:
            groups, tags = _read(item.own_markers, groups, tags)
        nodeid = item.nodeid
        scope = getattr(parent, "nodeid", "") or nodeid
        if not nodeid.startswith(scope):
            scope = nodeid
        length = len(scope) if scope.isascii() else len(scope.encode("utf-8", "replace"))
        if tags:
            described.append([nodeid, length, "_".join(sorted(groups)) if groups else None, sorted(tags)])
        else:
            described.append([nodeid, length, "_".join(sorted(groups))] if groups else [nodeid, length])
    return described


def _read(marks, groups, tags):
    """The groups and tags there were, and those of these marks."""
    for mark in marks:
        name = mark.name
        if name in OWN:
            continue
        if name == GROUP:
            groups = {str(mark.args[0] if mark.args else mark.kwargs.get("name", "default")), *groups}
        elif name in WITH_ARGUMENTS:
            tags = {WITH_ARGUMENTS[name] + str(each) for each in mark.args}.union(tags)
        else:
            tags = {name, *tags}
    return groups, tags
