"""Reviewing: what differs between two states of the cassettes, and how it is told. PYTEST_DONT_REWRITE"""
