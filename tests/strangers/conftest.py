"""Repositories of other people, as they would have written them: test_strangers.py copies and runs them elsewhere."""

collect_ignore = ["support_hub"]
