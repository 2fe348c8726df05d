"""Graders that ask a model. PYTEST_DONT_REWRITE"""
