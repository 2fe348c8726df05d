"""From an e-mail to what a colleague sees."""

from dataclasses import dataclass

from .agent import Agent
from .retry import GaveUp
from .triage import triage


@dataclass
class Ticket:
    text: str
    queue: str
    urgent: bool
    suggestion: str = None


class Desk:
    def __init__(self, knowledge):
        self.knowledge = knowledge

    def receive(self, text):
        sorted_ = triage(text)
        ticket = Ticket(text=text, queue=sorted_["queue"], urgent=bool(sorted_.get("urgent")))
        if ticket.queue != "other":
            try:
                ticket.suggestion = Agent(self.knowledge).answer(text)
            except GaveUp:
                pass  # a colleague will write it
        return ticket
