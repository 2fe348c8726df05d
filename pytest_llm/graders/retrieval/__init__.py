"""Graders of what was found, and of what an answer takes from it. PYTEST_DONT_REWRITE"""
