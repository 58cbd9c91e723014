"""What third-party plugins need from the side that xdist's controller would be for them."""

import base64
import contextlib
import glob
import os
import re
import signal
import socket
import sys
import zlib
from pathlib import Path


def has_plain_status(config):
    """Whether pytest alone decides the letters of results, so that a plain pass needs no question."""
    for impl in config.hook.pytest_report_teststatus.get_hookimpls():
        if not getattr(impl.function, "__module__", "").startswith("_pytest."):
            return False
    return True


def asks_for_next(config):
    """Whether anything but pytest runs items, and so may look at the next one before the teardown."""
    for impl in config.hook.pytest_runtest_protocol.get_hookimpls():
        if not getattr(impl.function, "__module__", "").startswith("_pytest."):
            return True
    return False


def known_fixtures(session):
    """The fixtures that plugins and conftests have defined so far, each with its name; none where pytest keeps them elsewhere."""
    manager = session._fixturemanager
    for name, found in getattr(manager, "_arg2fixturedefs", {}).items():
        yield from ((name, each) for each in found)
    for kept in ("_arg2node2fixturedefs", "_arg2nodeid2fixturedefs"):
        for name, places in getattr(manager, kept, {}).items():
            yield from ((name, each) for found in places.values() for each in found)


class Pause:
    """Stops the clocks that plugins set on an item while the item waits for its teardown."""

    def __init__(self, config):
        try:
            self._faulthandler = float(config.getini("faulthandler_timeout") or 0) > 0
        except (KeyError, ValueError):
            self._faulthandler = False
        self._timeout = sys.modules.get("pytest_timeout")

    @contextlib.contextmanager
    def around(self, item):
        """The clocks stand still inside."""
        if self._faulthandler:
            import faulthandler

            faulthandler.cancel_dump_traceback_later()
        settings = self._thread_timer(item)
        if settings is not None:
            item.config.hook.pytest_timeout_cancel_timer(item=item)
        left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            yield
        finally:
            if left > 0:
                signal.setitimer(signal.ITIMER_REAL, left, interval)
            if settings is not None:
                item.config.hook.pytest_timeout_set_timer(item=item, settings=settings)

    def _thread_timer(self, item):
        """pytest-timeout's settings, if a thread of it is going to end this process."""
        if self._timeout is None or getattr(item, "cancel_timeout", None) is None:
            return None
        try:
            settings = self._timeout._get_item_settings(item)
        except Exception:  # noqa: BLE001 - another version of the plugin; its clock then runs on
            return None
        if settings.method != "thread" or settings.func_only or not settings.timeout:
            return None
        return settings


def prepare_early(early_config, setup):
    """Before any plugin looks at the options that it can see early."""
    known = early_config.known_args_namespace
    if getattr(known, "cov_source", None):
        # Data of former runs is erased once, by the first worker, and by its age: pytest-cov would erase that of its siblings too.
        setup["cov_append"] = bool(getattr(known, "cov_append", False))
        known.cov_append = True


def identify(config, setup):
    """Tell the session which worker it is."""
    config.workerinput["workerid"] = setup["worker"]
    if setup.get("basetemp"):
        basetemp = config.option.basetemp = os.path.join(setup["basetemp"], "popen-" + setup["worker"])
        factory = getattr(config, "_tmp_path_factory", None)
        if factory is not None:
            # It has looked already.
            factory._given_basetemp = Path(os.path.abspath(basetemp))
    split_log_file(config, setup)


def extend_workerinput(config, setup):
    """The keys that plugins' controller side would have put there."""
    workerinput = config.workerinput
    workerinput["cov_master_host"] = socket.gethostname()
    workerinput["cov_master_topdir"] = os.getcwd()
    workerinput["cov_master_rsync_roots"] = []
    if hasattr(config.option, "randomly_seed"):
        workerinput["randomly_seed"] = _randomly_seed(config, setup)


def _randomly_seed(config, setup):
    wish = config.option.randomly_seed
    if wish == "last":
        wish = _cached_seed(config)
    return wish if isinstance(wish, int) else setup.get("seed", 0)


def _cached_seed(config):
    try:
        from _pytest.cacheprovider import Cache

        return Cache.for_config(config, _ispytest=True).get("randomly_seed", None)
    except Exception:  # noqa: BLE001 - without the cache, the run's own seed is as good
        return None


def configured(config, setup):
    """After all plugins are configured."""
    reruns = sys.modules.get("pytest_rerunfailures")
    if reruns is not None:
        # It looks for xdist's version to know whether a rerun may be reported by a worker. It may.
        reruns.works_with_current_xdist = lambda: True
    if setup.get("worker") == "gw0" and "randomly_seed" in config.workerinput and getattr(config, "cache", None) is not None:
        config.cache.set("randomly_seed", config.workerinput["randomly_seed"])


def cache_directory(config):
    """Where pytest keeps which tests failed, if it does."""
    cache = getattr(config, "cache", None)
    directory = getattr(cache, "_cachedir", None)
    if directory is None or not config.pluginmanager.hasplugin("lfplugin"):
        return None
    return str(directory)


def show_last_words(silence):
    """Let pytest-timeout's thread write its stacks to stderr, before it ends the process."""
    timeout = sys.modules.get("pytest_timeout")
    end = getattr(timeout, "timeout_timer", None)
    if end is None or hasattr(end, "callsheet"):
        return

    def timer(item, settings):
        silence.is_open = True
        try:
            end(item, settings)
        finally:
            silence.is_open = False

    timer.callsheet = True
    timeout.timeout_timer = timer


def split_log_file(config, setup):
    """A log file of its own for each worker: `tests.log` becomes `tests.gw0.log`."""
    option = config.option
    path = getattr(option, "log_file", None)
    if not path:
        try:
            path = config.getini("log_file")
        except (KeyError, ValueError):
            return
    if path:
        stem, suffix = os.path.splitext(path)
        option.log_file = "%s.%s%s" % (stem, setup["worker"], suffix)


def keep_early_coverage(config, setup):
    """Erase what former runs measured, and save what pytest-cov measured before it knew that this is a worker: the imports of the conftests."""
    controller = getattr(config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    cov = getattr(controller, "cov", None)
    if cov is None:
        return
    if setup.get("worker") == "gw0" and not setup.get("cov_append"):
        _erase_older(cov.config.data_file, setup.get("begun", 0))
    cov._warn_no_data = False
    cov._warn_unimported_source = False
    cov._warn_preimported_source = False
    cov.stop()
    cov.save()


def _erase_older(data_file, begun):
    for path in [data_file] + glob.glob(glob.escape(data_file) + ".*"):
        try:
            if os.path.getmtime(path) < begun:
                os.remove(path)
        except OSError:
            pass


def _measured(cov):
    """What this process has measured, for a place that may not see the files of this host: they go."""
    own = re.compile(r"\.(pid)?%d\." % os.getpid())
    data_file = os.path.abspath(cov.config.data_file)
    packed = []
    for path in glob.glob(glob.escape(data_file) + ".*"):
        if own.search(path[len(data_file) :]):
            with open(path, "rb") as file:
                packed.append(base64.b64encode(zlib.compress(file.read())).decode("ascii"))
            os.remove(path)
    return packed


def conclusion(config, session, setup):
    """What is to be concluded once after all workers, or None."""
    plugin = config.pluginmanager.getplugin("_cov")
    if plugin is None or getattr(plugin, "cov_controller", None) is None or getattr(plugin, "_disabled", False):
        return None
    option = config.option
    names = ("cov_source", "cov_report", "cov_config", "cov_branch", "cov_precision", "cov_fail_under", "no_cov_on_fail")
    options = {name: getattr(plugin.options, name, getattr(option, name, None)) for name in names}
    return {
        "pytest_cov": {
            "options": options,
            "topdir": plugin.cov_controller.topdir,
            "measured": _measured(plugin.cov_controller.cov) if setup.get("several_hosts") else [],
            "node": [sys.platform, list(sys.version_info)],
            "failed": bool(session.testsfailed),
            "collect_only": bool(getattr(option, "collectonly", False)),
        }
    }
