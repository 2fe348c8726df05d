"""What a cassette file holds, as the exchanges that were recorded. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_llm.cassettes import store
from pytest_llm.cassettes.document import check_unedited, read
from pytest_llm.cassettes.identity import CanonicalRequest
from pytest_llm.cassettes.recorder import Exchange
from pytest_llm.cassettes.staleness import explain_miss
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


def changed_request(before: str, path: Path, identities: Sequence[str]) -> tuple[str, str] | None:
    """What changed in the first of these requests that the cassette did not hold before, in a line and line by line.

    `before` is the text of the file as it was. None where nothing is like it, or a file cannot be read.
    """
    try:
        old, now = read(before, str(path)), store.load(path) or {}
    except CassetteCorrupt:
        return None
    for identity in identities:
        if identity in now and identity not in old:
            request = CanonicalRequest.of(now[identity].request)
            miss = explain_miss(old, request, "1", file_exists=True, answered=identities)
            if miss.kind == "stale":
                return miss.heading, miss.change
    return None
