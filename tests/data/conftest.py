"""What other tests read and copy; nothing in here is run from here."""

collect_ignore = ["moved_suite", "version_1", "words_1"]
