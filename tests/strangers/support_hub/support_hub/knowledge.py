"""Search in our help articles, by embeddings."""

import math
from pathlib import Path

from .clients import get_openai
from .retry import with_retries
from .settings import Settings

ARTICLES = Path(__file__).parent.parent / "docs" / "articles"


def _cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / (math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b)))


@with_retries
def embed(texts):
    response = get_openai().embeddings.create(
        model=Settings.from_env().embedding_model, input=list(texts)
    )
    return [d.embedding for d in response.data]


class KnowledgeBase:
    def __init__(self, articles):
        self.names = sorted(articles)
        self.articles = articles
        self._vectors = embed([articles[name] for name in self.names])

    @classmethod
    def from_folder(cls, folder=ARTICLES):
        return cls({p.stem: p.read_text(encoding="utf-8") for p in Path(folder).glob("*.md")})

    def search(self, query, k=1):
        [vector] = embed([query])
        scored = [(_cosine(vector, v), name) for v, name in zip(self._vectors, self.names)]
        return [(name, self.articles[name]) for _, name in sorted(scored, reverse=True)[:k]]
