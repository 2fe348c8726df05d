"""What keys look like: recordings hide them, and a grader fails an output that holds one. PYTEST_DONT_REWRITE

Each is a shape that the provider documents, or its keys' own beginning. None takes more than one walk over a text.
"""

from __future__ import annotations

from collections.abc import Mapping

# A line break, also as JSON, and JSON within JSON, spell it.
_BREAK = r"(?:\\+[nr]|[\r\n])"
_PRIVATE = r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"

KEY_SHAPES: Mapping[str, str] = {
    "anthropic-key": r"sk-ant-[A-Za-z0-9_-]{16,}",
    # The digit is looked for in 100 characters: of many beginnings in one word, each would look to its end.
    "openai-key": r"sk-(?!ant-)(?:proj-|svcacct-|admin-|or-v1-)?(?=[A-Za-z0-9_-]{0,99}\d)[A-Za-z0-9_-]{20,}",
    "google-key": r"AIza[A-Za-z0-9_-]{35}",
    "groq-key": r"gsk_[A-Za-z0-9]{40,}",
    "xai-key": r"xai-[A-Za-z0-9]{60,}",
    "huggingface-token": r"hf_[A-Za-z0-9]{30,}",
    "github-token": r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}",
    "gitlab-token": r"glpat-[A-Za-z0-9_-]{20,}",
    "npm-token": r"npm_[A-Za-z0-9]{36}",
    "slack-token": r"xox[abprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}",
    "stripe-key": r"[sr]k_live_[A-Za-z0-9]{20,}",
    "aws-key-id": r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    # A header that begins anew within the first part is looked at from there, for the same reason.
    "json-web-token": r"eyJ(?:(?!eyJ)[A-Za-z0-9_-]){8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}",
    # The line that begins a block is no secret alone: prose speaks of it.
    "private-key": rf"-----BEGIN {_PRIVATE}{_BREAK}+(?:[A-Za-z-]{{1,40}}: [^\n\\]{{0,80}}{_BREAK}+){{0,4}}"
    rf"[A-Za-z0-9+/=]{{16,}}(?:{_BREAK}+[A-Za-z0-9+/=]+)*(?:{_BREAK}*-----END {_PRIVATE})?",
}

KEY_BEGINNINGS = (
    "sk-",
    "AIza",
    "gsk_",
    "xai-",
    "hf_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "npm_",
    "xox",
    "xapp-",
    "k_live_",
    "AKIA",
    "ASIA",
    "eyJ",
    "-----BEGIN ",
)
"""One of these is in every text that holds a key; looking for them is fifty times as fast as for the shapes."""
