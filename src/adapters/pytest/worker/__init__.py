"""callsheet's pytest worker: one real pytest session, driven over private file descriptors.

docs/worker-protocol.md says what is spoken. Standard library and pytest only; Python 3.8 and pytest 7.0 are enough.
"""
