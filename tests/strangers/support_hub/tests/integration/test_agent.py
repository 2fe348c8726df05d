import pytest

from support_hub import orders
from support_hub.agent import Agent


@pytest.fixture
def agent(knowledge):
    return Agent(knowledge)


class TestAgent:
    def test_order_status(self, agent):
        answer = agent.answer("Where is order A-1001?")
        assert agent.used == ["lookup_order"]
        assert "shipped" in answer

    def test_status_of_a_new_order(self, agent, monkeypatch):
        monkeypatch.setitem(orders.ORDERS, "A-2000", {"item": "lid", "status": "cancelled"})
        assert "cancelled" in agent.answer("Where is order A-2000?")

    def test_quotes_the_article(self, agent):
        answer = agent.answer("How many days do I have to return a basket?")
        assert agent.used == ["search_articles"]
        assert "30 days" in answer


class TestDesk:
    def test_order_mail(self, desk):
        ticket = desk.receive("Where is order A-1002?")
        assert (ticket.queue, ticket.urgent) == ("order", False)
        assert "packed" in ticket.suggestion

    def test_spam(self, desk):
        assert desk.receive("Buy cheap watches").suggestion is None
