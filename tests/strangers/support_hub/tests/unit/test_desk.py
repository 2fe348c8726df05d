from unittest import mock

from support_hub.desk import Desk
from support_hub.retry import GaveUp


def test_other_mail_gets_no_suggestion():
    with mock.patch("support_hub.desk.triage", return_value={"queue": "other"}) as triage:
        ticket = Desk(knowledge=None).receive("Buy cheap watches")
    triage.assert_called_once_with("Buy cheap watches")
    assert ticket.suggestion is None
    assert ticket.urgent is False


def test_no_suggestion_when_the_agent_gives_up(monkeypatch):
    monkeypatch.setattr("support_hub.desk.triage", lambda text: {"queue": "order", "urgent": True})
    monkeypatch.setattr("support_hub.desk.Agent.answer", mock.Mock(side_effect=GaveUp("down")))
    ticket = Desk(knowledge=None).receive("Where is A-1001?")
    assert ticket.urgent
    assert ticket.suggestion is None
