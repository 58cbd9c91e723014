"""Test modules that have no byte code are rewritten and compiled once for all workers of a run.

Before the imports each worker begins elsewhere in the list and leaves out what others have done. What is compiled is kept where
pytest looks for it, or, where Python is to keep no byte code beside the files, for this run only. Nothing is executed before its
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


class Ahead:
    """Compiles before the imports what nobody has compiled yet, and keeps it in pytest's own cache."""

    def __init__(self, config, turn, count):
        self._config = config
        self._turn = turn
        self._count = max(count, 1)
        self._rewrite = rewrite._rewrite_test

    def compile(self, paths):
        """Compile these files, but those that others have compiled."""
        start = len(paths) * self._turn // self._count
        for path in paths[start:] + paths[:start]:
            try:
                if _has_byte_code(path) or self._is_kept(path) or not self._can_keep(path):
                    continue
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    compiled = self._rewrite(path, self._config)
                if not said:
                    self._keep(path, *compiled)
            except Exception:  # noqa: BLE001 - what is wrong with it, its import says
                continue

    def _is_kept(self, path):
        return rewrite._read_pyc(path, _byte_code_of(path)) is not None

    def _can_keep(self, path):
        folder = rewrite.get_cache_dir(path)
        return rewrite.try_makedirs(folder) and os.access(folder, os.W_OK)

    def _keep(self, path, source, code):
        rewrite._write_pyc(self._config.stash[rewrite.assertstate_key], code, source, _byte_code_of(path))


class AheadOfRun(Ahead):
    """Keeps what is compiled for the workers of this run on this host alone."""

    def __init__(self, config, turn, count, place):
        super().__init__(config, turn, count)
        self._place = place
        rewrite._rewrite_test = self._rewritten

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

    def _is_kept(self, path):
        return os.path.exists(self._file(path))

    def _can_keep(self, path):
        return True

    def _keep(self, path, _source, code):
        file = self._file(path)
        draft = "%s.%d" % (file, os.getpid())
        with open(draft, "wb") as out:
            out.write(marshal.dumps(code))
        os.replace(draft, file)


def _byte_code_of(path):
    return rewrite.get_cache_dir(path) / (path.name[:-3] + rewrite.PYC_TAIL)


def _has_byte_code(path):
    """Whether there is some that is not older than the file. If it does not fit all the same, the import sees to it."""
    try:
        return _byte_code_of(path).stat().st_mtime >= path.stat().st_mtime
    except OSError:
        return False


def ahead(config, setup):
    """What compiles before the imports in this worker, or None where there is nobody to share with."""
    worker, basetemp, count = setup.get("worker"), setup.get("basetemp"), setup["worker_count"]
    state = config.stash.get(rewrite.assertstate_key, None)
    if not worker or count < 2 or getattr(state, "hook", None) is None:
        return None
    # A replacement has a higher number and begins anywhere.
    turn = int(worker[2:]) % count
    if not sys.dont_write_bytecode:
        return Ahead(config, turn, count)
    if not basetemp:
        return None
    place = os.path.join(basetemp, FOLDER)
    try:
        os.makedirs(place, exist_ok=True)
    except OSError:
        return None
    return AheadOfRun(config, turn, count, place)
