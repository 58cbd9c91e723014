"""From a bare interpreter to a finished session, whatever happens on the way."""

import os
import sys
import traceback

from .channel import Channel, read_setup


def main():
    """Run one session; ends the process."""
    setup = read_setup()
    if "worker" in setup:
        channel = Channel.from_environment()
    else:
        from .collected import Collected

        channel = Collected()
    sys.argv[:] = ["-c"]

    from _pytest.config import ConftestImportFailure, _prepareconfig
    import pytest

    from . import options
    from .plugin import Worker

    os.environ["PYTEST_VERSION"] = pytest.__version__
    worker = Worker(channel, setup)
    if "worker" not in setup:
        channel.begin()
    output = {}
    code = None
    try:
        args = (["-s"] if setup.get("live_output") else []) + list(setup["args"])
        config = _prepareconfig(args, [Entry(), options, worker])
        worker.adopt(config)
        output = config.workeroutput
        try:
            code = int(config.hook.pytest_cmdline_main(config=config) or 0)
        finally:
            config._ensure_unconfigure()
        if not worker.is_ready:
            worker.tell_stop("pytest did not begin a session with these arguments", code, "usage")
    except pytest.UsageError as error:
        code = 4
        worker.tell_stop(_named("\n".join(str(each) for each in error.args)), code, "usage")
    except ConftestImportFailure as error:
        code = 4
        worker.tell_stop(_conftest_failure(error), code, "usage")
    except pytest.exit.Exception as error:
        code = 2 if error.returncode is None else error.returncode
        worker.tell_stop(str(error.msg), code, "exit")
    except KeyboardInterrupt:
        code = 2
        worker.tell_stop("KeyboardInterrupt", code, "interrupt")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        worker.tell_stop("SystemExit: %s" % (error.code,), code, "internal")
    except Exception:
        code = 3
        worker.tell_stop(traceback.format_exc(), code, "internal")
    worker.channel.send({"t": "finished", "exit_code": int(code), "output": output, "conclude": worker.conclude})
    sys.exit(0)


class Entry:
    """Registered first, so that xdist is kept out before any plugin is looked for."""

    def pytest_addhooks(self, pluginmanager):
        from . import options

        options.block(pluginmanager)


def _named(text):
    """The text of argparse, which takes `-c` for the program's name."""
    if text.startswith("usage: -c "):
        text = text.replace("usage: -c ", "usage: pytest ", 1).replace("\n-c: error: ", "\npytest: error: ", 1)
    return text


def _conftest_failure(error):
    """pytest's own words for a conftest that cannot be imported."""
    from _pytest._code import ExceptionInfo
    from _pytest.config import filter_traceback

    cause = getattr(error, "cause", None) or error.excinfo[1]
    info = ExceptionInfo.from_exc_info((type(cause), cause, cause.__traceback__))

    def is_of_the_project(entry):
        return filter_traceback(entry) and "importlib" not in str(entry.path).split(os.sep)

    info.traceback = info.traceback.filter(is_of_the_project)
    text = info.getrepr(style="short", chain=False) if info.traceback else info.exconly()
    return "ImportError while loading conftest '%s'.\n%s" % (error.path, text)
