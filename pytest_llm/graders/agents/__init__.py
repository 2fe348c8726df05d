"""Graders of replies as calls: the tools that were asked for, and how the reply came about. PYTEST_DONT_REWRITE"""
