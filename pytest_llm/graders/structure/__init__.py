"""Graders of structured outputs: JSON, numbers, documents, code. PYTEST_DONT_REWRITE"""
