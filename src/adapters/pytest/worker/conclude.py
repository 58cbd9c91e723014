"""What is done once, after all workers: pytest-cov's data combined and reported, by its own engine.

Reads one JSON list of the workers' `conclude` objects from standard input, writes one JSON object to standard output:
`text` for people and `failure`, a sentence or null.
"""

import argparse
import base64
import inspect
import io
import json
import os
import sys
import zlib


class Stream(io.StringIO):
    """What pytest-cov takes for pytest's terminal: of a given width."""

    def __init__(self, columns):
        super().__init__()
        self._columns = columns

    def sep(self, sign, title):
        """A line with the title in the middle, as pytest draws it."""
        fill = sign * max((self._columns - len(title) - 2) // 2, 1)
        line = "%s %s %s" % (fill, title, fill)
        self.write((line + sign if len(line) < self._columns else line) + "\n")


class Node:
    """A worker as pytest-cov's engine wants to see it."""

    class Info:
        """Its platform."""

        def __init__(self, platform, version):
            self.platform = platform
            self.version_info = tuple(version)

    def __init__(self, platform, version):
        self.workeroutput = {"cov_worker_node_id": "worker"}
        self.gateway = self
        self.id = "worker"
        self._info = self.Info(platform, version)

    def _rinfo(self):
        return self._info


def coverage(requests, columns):
    """Combine and report; returns the text and the reason to fail, if any."""
    from coverage.misc import CoverageException
    from pytest_cov import engine

    here = os.getcwd()
    # Of a worker on this host, if there is one.
    first = next((request for request in requests if os.path.realpath(request["topdir"]) == os.path.realpath(here)), requests[0])
    options = argparse.Namespace(**first["options"])
    # Erasing was the first worker's duty; here it would take all that was measured.
    options.cov_append = True
    topdir = first["topdir"] if os.path.isdir(first["topdir"]) else here
    os.chdir(topdir)
    stream = Stream(columns)
    master = _controller(engine.DistMaster, options)
    master.start()
    _unpack(requests, os.path.abspath(master.cov.config.data_file))
    elsewhere = sorted({request["topdir"] for request in requests} - {topdir})
    if elsewhere:
        master.combining_cov.config.paths["callsheet-hosts"] = [topdir] + elsewhere
    for request in requests:
        master.testnodedown(Node(*request["node"]), None)
    master.finish()
    failed = any(request["failed"] for request in requests)
    limit = options.cov_fail_under
    if not (options.cov_report or limit) or (failed and options.no_cov_on_fail):
        return "", None
    try:
        total = master.summary(stream)
    except CoverageException as error:
        stream.write("\nWARNING: Failed to generate report: %s\n\n" % error)
        total = 0
    failure = None
    if limit is not None and not any(request["collect_only"] for request in requests):
        failure = _shortfall(total, limit, options.cov_precision)
        if limit > 0:
            missed = total < limit
            stream.write(
                "%sRequired test coverage of %s%% %s. Total coverage: %.2f%%\n"
                % ("FAIL " if missed else "", limit, "not reached" if missed else "reached", total)
            )
    text = stream.getvalue()
    if text:
        heading = Stream(columns)
        heading.sep("=", "tests coverage")
        text = heading.getvalue() + text
    return text, failure


def _unpack(requests, data_file):
    """Puts the files of other hosts beside those that were measured here."""
    parts = [part for request in requests for part in request.get("measured", [])]
    for number, part in enumerate(parts):
        with open("%s.callsheet.%d.%06d" % (data_file, os.getpid(), number), "wb") as file:
            file.write(zlib.decompress(base64.b64decode(part)))


def _controller(kind, options):
    """The engine's controller; before pytest-cov 5 it took its options one by one."""
    if "options" in inspect.signature(kind.__init__).parameters:
        return kind(options, None, None)
    config = argparse.Namespace(option=argparse.Namespace(rsyncdir=[]))
    return kind(options.cov_source, options.cov_report, options.cov_config, options.cov_append, options.cov_branch, config)


def _shortfall(total, limit, precision):
    """pytest-cov's sentence for a total below the limit."""
    from coverage.results import should_fail_under

    precision = precision or 0
    if not should_fail_under(total, limit, precision):
        return None
    try:
        from coverage.results import display_covered

        shown = display_covered(total, precision)
    except ImportError:
        shown = "%.*f" % (precision, total)
    return "Coverage failure: total of %s is less than fail-under=%.*f" % (shown, precision, limit)


def main():
    """Do what the workers asked for."""
    columns = int(os.environ.get("COLUMNS") or 80)
    requests = [each["pytest_cov"] for each in json.load(sys.stdin) if "pytest_cov" in each]
    # What the engine or a report prints itself must not come between.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    text, failure = "", None
    if requests:
        text, failure = coverage(requests, columns)
    json.dump({"text": text, "failure": failure}, out)
    out.close()
