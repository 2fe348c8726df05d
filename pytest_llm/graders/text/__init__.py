"""Graders of text. PYTEST_DONT_REWRITE"""
