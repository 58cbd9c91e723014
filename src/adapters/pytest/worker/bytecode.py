"""Test modules are rewritten and compiled once for all workers of a run, where Python keeps no byte code beside them.

Before the imports each worker begins elsewhere in the list and leaves out what others have done. Nothing is executed before its
import, and what has anything to say while it is compiled is left to that.
"""

import hashlib
import marshal
import os
import sys
import warnings

from _pytest.assertion import rewrite

FOLDER = "callsheet-code"
"""Where the code of a run is, below its directory for temporary files."""


class Shared:
    """The code that the workers of this run on this host have in common."""

    def __init__(self, config, place, turn, count):
        self._config = config
        self._place = place
        self._turn = turn
        self._count = max(count, 1)
        self._rewrite = rewrite._rewrite_test

    def install(self):
        """Have pytest look here before it rewrites."""
        rewrite._rewrite_test = self._rewritten

    def ahead(self, paths):
        """Compile these files, but those that others have compiled."""
        start = len(paths) * self._turn // self._count
        for path in paths[start:] + paths[:start]:
            try:
                if _has_byte_code(path):
                    continue
                file = self._file(path)
                if os.path.exists(file):
                    continue
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    code = self._rewrite(path, self._config)[1]
                if not said:
                    self._keep(file, code)
            except Exception:  # noqa: BLE001 - what is wrong with it, its import says
                continue

    def _rewritten(self, path, config):
        """In place of pytest's own; the first of the pair is for the byte code file that nobody writes."""
        if config is not self._config:
            return self._rewrite(path, config)
        try:
            with open(self._file(path), "rb") as file:
                return None, marshal.loads(file.read())
        except (OSError, ValueError, EOFError, TypeError):
            return self._rewrite(path, config)

    def _file(self, path):
        """By name and content, so that a file that has changed meanwhile is another one."""
        digest = hashlib.sha256(os.fsencode(path) + b"\0" + path.read_bytes()).hexdigest()
        return os.path.join(self._place, digest)

    def _keep(self, file, code):
        draft = "%s.%d" % (file, os.getpid())
        with open(draft, "wb") as out:
            out.write(marshal.dumps(code))
        os.replace(draft, file)


def _has_byte_code(path):
    """Whether an earlier run has left some that is not older than the file. If it does not fit all the same, the import sees to it."""
    kept = rewrite.get_cache_dir(path) / (path.name[:-3] + rewrite.PYC_TAIL)
    try:
        return kept.stat().st_mtime >= path.stat().st_mtime
    except OSError:
        return False


def shared(config, setup):
    """What this worker has in common with the others, or None where there is nothing to share."""
    worker, basetemp = setup.get("worker"), setup.get("basetemp")
    state = config.stash.get(rewrite.assertstate_key, None)
    if not (sys.dont_write_bytecode and worker and basetemp) or setup["worker_count"] < 2 or getattr(state, "hook", None) is None:
        return None
    place = os.path.join(basetemp, FOLDER)
    try:
        os.makedirs(place, exist_ok=True)
    except OSError:
        return None
    # A replacement has a higher number and begins anywhere.
    code = Shared(config, place, int(worker[2:]) % setup["worker_count"], setup["worker_count"])
    code.install()
    return code
