"""From pytest's reports to what the protocol carries: text, letters, captured output."""

import io
from pathlib import Path

from _pytest._io import TerminalWriter
from _pytest.pathlib import bestrelpath

SECTION_CAP = 1 << 20
"""The most characters of one captured section, and of one failure's text times four, that are sent."""

SECTIONS_CAP = 8 << 20
"""The most characters of captured output that one report carries."""


def cut(text, cap=SECTION_CAP):
    """The text, without its middle when it is longer than the cap."""
    if len(text) <= cap:
        return text
    head = text[: cap // 2]
    tail = text[-(cap - len(head)) :]
    return "%s\n[... %d characters left out by callsheet ...]\n%s" % (head, len(text) - cap, tail)


class Renderer:
    """Renders with the run's colour and width and the project's options."""

    def __init__(self, config, color, columns):
        self._color = color
        self._columns = columns
        self._start = Path(str(config.invocation_params.dir))
        option = config.option
        self._show = getattr(option, "showcapture", "all")
        self._highlight = getattr(option, "code_highlight", "yes") == "yes"
        self._style = getattr(option, "tbstyle", "auto")
        self._xfail_tb = getattr(option, "xfail_tb", False)

    def phase(self, index, report, category, letter, word):
        """The `report` event for a phase of item `index`."""
        failed = report.failed and not hasattr(report, "wasxfail")
        brief = self._brief(report)
        if brief and (report.skipped or hasattr(report, "wasxfail")) and word:
            word = "%s (%s)" % (word, one_line(brief))
        headline, text, sections = self._shown(report, failed)
        return {
            "t": "report",
            "i": index,
            "phase": report.when,
            "category": category,
            "letter": letter,
            "word": word,
            "failed": failed,
            "headline": headline,
            "text": text,
            "brief": one_line(brief),
            "location": self._location(report),
            "sections": sections,
            "d": report.duration,
        }

    def _shown(self, report, failed):
        """Headline, text and sections of the failure by `--tb`; without a headline the text, if any, stands alone."""
        if failed and self._style == "no":
            return "", "", []
        if failed and self._style == "line" and report.when == "call":
            crash = getattr(report.longrepr, "reprcrash", None)
            return "", cut(str(report.longrepr)[:50] if crash is None else str(crash)), []
        foretold = hasattr(report, "wasxfail")
        wants_text = self._xfail_tb if foretold else report.outcome not in ("passed", "skipped")
        text = self._text(report) if wants_text else ""
        return report.head_line or "test session", text, self.sections(report)

    def collect(self, report):
        """The `collect` event for a collector that did not pass."""
        text = ""
        if report.failed:
            writer = self._writer()
            report.toterminal(writer)
            for title, content in self.sections(report):
                writer.sep("-", title)
                writer.line(content.rstrip("\n"))
            text = cut(writer._file.getvalue(), 4 * SECTION_CAP)
        return {
            "t": "collect",
            "id": report.nodeid,
            "failed": report.failed,
            "text": text,
            "brief": one_line(self._brief(report)),
            "location": self._location(report),
        }

    def sections(self, report, only=None):
        """Captured output as `--show-capture` asks for it; with `only`, that phase's."""
        if self._show == "no":
            return []
        left = SECTIONS_CAP
        sections = []
        for title, content in report.sections:
            if self._show not in ("all", None) and self._show not in title:
                continue
            if only is not None and only not in title:
                continue
            content = cut(content, max(min(SECTION_CAP, left), 1024))
            left -= len(content)
            sections.append([title, content])
        return sections

    def warning(self, message, nodeid):
        """Location and text of a warning as pytest's summary shows it."""
        from _pytest.warnings import warning_record_to_str

        path = "%s:%s" % (self._relative(message.filename), message.lineno)
        return path, cut(warning_record_to_str(message))

    def _text(self, report):
        writer = self._writer()
        report.toterminal(writer)
        return cut(writer._file.getvalue(), 4 * SECTION_CAP)

    def _writer(self):
        writer = TerminalWriter(io.StringIO())
        writer.hasmarkup = self._color
        writer.fullwidth = self._columns
        writer.code_highlight = self._highlight
        return writer

    def _brief(self, report):
        """Why, in pytest's words: the crash message, or the reason of a skip or an expected failure."""
        if hasattr(report, "wasxfail"):
            reason = str(report.wasxfail or "")
            return reason[len("reason: ") :] if reason.startswith("reason: ") else reason
        longrepr = report.longrepr
        if report.skipped and isinstance(longrepr, tuple):
            reason = str(longrepr[2])
            if reason == "Skipped":
                return ""
            return reason[len("Skipped: ") :] if reason.startswith("Skipped: ") else reason
        if isinstance(longrepr, str):
            return longrepr
        crash = getattr(longrepr, "reprcrash", None)
        if crash is not None:
            return str(crash.message)
        # A collection error has text alone; its last line says why.
        is_of_collection = report.failed and getattr(report, "when", None) == "collect"
        lines = str(longrepr or "").strip().splitlines() if is_of_collection else []
        return lines[-1].lstrip("E ") if lines else ""

    def _location(self, report):
        longrepr = report.longrepr
        if report.skipped and isinstance(longrepr, tuple) and len(longrepr) == 3:
            path, line = self._relative(longrepr[0]), longrepr[1]
            keywords = getattr(report, "keywords", {})
            if getattr(report, "when", None) == "setup" and "skip" in keywords and "pytestmark" not in keywords:
                # pytest folds what a mark skips by file, whatever the line.
                return path
            return path if line is None else "%s:%s" % (path, line)
        crash = getattr(longrepr, "reprcrash", None)
        if crash is not None:
            return "%s:%s" % (self._relative(crash.path), crash.lineno)
        return ""

    def _relative(self, path):
        path = Path(str(path))
        if not path.is_absolute():
            return str(path)
        try:
            return bestrelpath(self._start, path)
        except (OSError, ValueError):
            return str(path)


def one_line(text):
    """The first line, as pytest's short summary has it."""
    return text.split("\n", 1)[0] if text else ""
