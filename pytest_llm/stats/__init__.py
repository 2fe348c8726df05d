"""Rates, their intervals and tests of their differences: the standard library only. PYTEST_DONT_REWRITE

What users need of it has its public names in `pytest_llm.gates`; every file is imported where it is used.
"""
