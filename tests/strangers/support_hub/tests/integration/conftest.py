import pytest

from support_hub.clients import get_anthropic, get_openai
from support_hub.knowledge import KnowledgeBase


@pytest.fixture(scope="session")
def openai_client():
    return get_openai()


@pytest.fixture(scope="session")
def anthropic_client():
    return get_anthropic()


@pytest.fixture(scope="session")
def knowledge():
    return KnowledgeBase.from_folder()


@pytest.fixture(scope="class")
def desk(knowledge):
    from support_hub.desk import Desk

    return Desk(knowledge)
