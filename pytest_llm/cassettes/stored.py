"""What a cassette file holds, as the exchanges that were recorded. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from pathlib import Path

from pytest_llm.cassettes import store
from pytest_llm.cassettes.document import check_unedited
from pytest_llm.cassettes.recorder import Exchange
from pytest_llm.errors import CassetteCorrupt


def stored_exchanges(path: Path, shown: str) -> list[Exchange]:
    """Every exchange in a cassette, in the order of the file: by request, then by sample.

    Raises CassetteCorrupt, with the path as `shown`, where the file is gone, damaged or edited.
    """
    entries = store.load(path, shown)
    if entries is None:
        raise CassetteCorrupt("the cassette is gone", where=shown)
    check_unedited(entries.values(), shown)
    return [
        Exchange(identity=entry.identity, request=entry.request, reply=reply, source="replayed")
        for entry in entries.values()
        for reply in sorted(entry.replies.values(), key=lambda one: one.order)
    ]
