"""What a project asks of a controller, and of pytest's own reporting, that a worker cannot give it."""

import os

from .options import CONTROLLER_HOOKS

SERVED = ("pytest_cov", "pytest_randomly", "pytest_rerunfailures", "pytest_metadata", "pytest_html", "pytest_timeout", "xdist", "_pytest")
"""Plugins whose controller side callsheet stands in for, or whose loss is told by their option."""

OPTIONS = (
    ("xmlpath", "--junitxml", "callsheet's own is `--junit`, before `--`"),
    ("htmlpath", "--html", "no report is written"),
    ("json_report", "--json-report", "no report is written"),
    ("report_log", "--report-log", "no report is written"),
    ("stepwise", "--stepwise", "where it stopped is not kept"),
    ("usepdb", "--pdb", "a worker has no terminal"),
    ("trace", "--trace", "a worker has no terminal"),
    ("pastebin", "--pastebin", "nothing is sent"),
    ("durations", "--durations", "give it before `--`: callsheet lists the slowest tests itself"),
    ("setupshow", "--setup-show", "a worker has no terminal"),
    ("log_cli_level", "--log-cli-level", "live logs have no terminal"),
)


def names(config, looponfail):
    """Hooks and options without effect here, each with where it is from or why."""
    return _hooks(config) + _options(config, looponfail)


def _hooks(config):
    found = []
    for name in CONTROLLER_HOOKS:
        caller = getattr(config.hook, name, None)
        for impl in caller.get_hookimpls() if caller is not None else ():
            module = getattr(impl.function, "__module__", "") or ""
            if module.split(".")[0] in SERVED:
                continue
            found.append("`%s` in %s" % (name, _origin(config, impl, module)))
    return found


def _origin(config, impl, module):
    path = getattr(impl.plugin, "__file__", None)
    if path and os.path.basename(path) == "conftest.py":
        return os.path.relpath(path, str(config.rootpath))
    return module or impl.plugin_name


def _options(config, looponfail):
    found = []
    for dest, flag, why in OPTIONS:
        if getattr(config.option, dest, None):
            found.append("`%s` (%s)" % (flag, why))
    if looponfail:
        found.append("`--looponfail` (tests are run once)")
    try:
        live = config.getini("log_cli")
    except (KeyError, ValueError):
        live = False
    if live:
        found.append("`log_cli` (live logs have no terminal)")
    return found
