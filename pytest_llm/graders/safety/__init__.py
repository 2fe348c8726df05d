"""Graders of what should not be said. PYTEST_DONT_REWRITE"""
