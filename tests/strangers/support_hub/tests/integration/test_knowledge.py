import pytest


@pytest.mark.parametrize(
    "query, name",
    [("How do I return a basket?", "returns"), ("A handle is broken: warranty?", "warranty")],
)
def test_finds_the_article(knowledge, query, name):
    assert knowledge.search(query)[0][0] == name


def test_models_can_be_listed(openai_client):
    assert [model.id for model in openai_client.models.list()]
