"""The parts of `benches/compare.py`; see the README beside it."""
