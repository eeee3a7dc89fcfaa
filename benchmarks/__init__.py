"""Speed and memory, measured against floors and peers. Run with `make bench`; never part of the tests."""
