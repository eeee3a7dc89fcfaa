"""Policies: what a gate demands, as dated data files, and the judging of a result by one.

A policy shows evidence for what its sources ask. It is no legal advice, and no verdict says that a law is met.

``load`` reads policies, ``additions`` lays the configuration over one, ``judge`` judges ``facts`` by it; ``baseline``
and ``lock`` hold what an earlier run knew. This module imports none of them: a rule reads locks, and loads no gate.
"""
