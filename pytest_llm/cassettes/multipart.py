"""Requests in several parts, as files are uploaded, without the boundary that a client draws. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import hashlib

from pytest_llm.schemas import JSON


def parts_of(body: bytes, content_type: str) -> list[JSON] | None:
    """The parts of a body: `{"name", "filename", "type"}` as far as told, and `text`, or `sha256` and `bytes`.

    What a file holds that is no text stays where it is: its digest tells it apart, and its length says what it was.
    None where the content type is not multipart, or the body not what that says.
    """
    if not content_type.lower().startswith("multipart/"):
        return None
    from email.message import Message

    head = Message()
    head["content-type"] = content_type
    boundary = head.get_boundary()
    if not boundary:
        return None
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(errors="replace"))
    if not parts or not parts.pop().startswith(b"--"):
        return None
    found = [_part(part) for part in parts]
    return None if None in found else found


def _part(part: bytes) -> JSON:
    from email import message_from_string
    from email.utils import collapse_rfc2231_value

    told, blank_line, content = part.partition(b"\r\n\r\n")
    if not blank_line or (told and not told.startswith(b"\r\n")):
        return None
    head = message_from_string(told.decode(errors="replace").strip())
    name = head.get_param("name", header="content-disposition")
    facts = {
        "name": None if name is None else collapse_rfc2231_value(name),
        "filename": head.get_filename(),
        "type": head["content-type"],
    }
    return {key: fact for key, fact in facts.items() if fact is not None} | _content(content)


def _content(content: bytes) -> dict[str, JSON]:
    try:
        if b"\0" not in content:
            return {"text": content.decode()}
    except UnicodeDecodeError:
        pass
    return digest_of(content)


def digest_of(content: bytes) -> dict[str, JSON]:
    """What stands in a request for content that is no text: its digest tells it apart, its length says what it was."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
