"""Crates whose tests are run: one is written, the others come from the registry, by cargo. All below a directory of the caller's."""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from compare.suites import must

# name: version. Their published sources hold their tests.
CRATES = {"itertools": "0.13.0", "serde_json": "1.0.154", "regex": "1.11.1"}


def package(place, name, body):
    place.mkdir(parents=True, exist_ok=True)
    (place / "Cargo.toml").write_text("[package]\nname = \"%s\"\nversion = \"0.0.0\"\nedition = \"2021\"\n%s\n[workspace]\n" % (name, body))
    (place / "src").mkdir(exist_ok=True)
    return place


def trivial(home):
    """1,000 tests that assert that a number is itself."""
    place = package(home / "crates/thousand", "thousand", "")
    tests = "".join("    #[test]\n    fn t%03d() {\n        assert_eq!(%d, %d);\n    }\n" % (n, n, n) for n in range(1000))
    text, file = "#[cfg(test)]\nmod tests {\n%s}\n" % tests, place / "src/lib.rs"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
    return place


def source(home, name):
    """The published source of a crate, copied once to where it can be built."""
    place = home / "crates" / name
    if not (place / ".complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        fetch = package(home / "crates/fetch" / name, "fetch", "[dependencies]\n%s = \"=%s\"" % (name, CRATES[name]))
        (fetch / "src/lib.rs").touch()
        packages = json.loads(must(["cargo", "metadata", "--format-version", "1", "--quiet"], cwd=fetch))["packages"]
        [manifest] = [each["manifest_path"] for each in packages if each["name"] == name]
        shutil.copytree(Path(manifest).parent, place)
        # It is a workspace of its own here, whatever stands above it.
        with open(place / "Cargo.toml", "a", encoding="utf-8") as file:
            if "[workspace]" not in (place / "Cargo.toml").read_text():
                file.write("\n[workspace]\n")
        (place / ".complete").touch()
    return place
