"""Answers questions, with tools."""

import json

from . import orders
from .clients import get_openai
from .retry import with_retries
from .settings import Settings

MAX_TURNS = 5

SYSTEM = """\
You are the support agent of {shop}.
Look orders up before you say anything about them, and articles before you quote a rule.
Answer in one or two sentences."""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "lookup_order",
            "description": "Status of an order",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string", "description": "such as A-1001"}},
                "required": ["order_id"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "search_articles",
            "description": "Search the help articles",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}},
                "required": ["query"],
            },
        },
    },
]


class TooManyTurns(RuntimeError):
    pass


class Agent:
    def __init__(self, knowledge):
        self.knowledge = knowledge
        self.used = []

    @with_retries
    def _ask(self, messages):
        return get_openai().chat.completions.create(
            model=Settings.from_env().chat_model, temperature=0, messages=messages, tools=TOOLS
        )

    def _run_tool(self, call):
        arguments = json.loads(call.function.arguments)
        self.used.append(call.function.name)
        if call.function.name == "lookup_order":
            return json.dumps(orders.lookup_order(arguments["order_id"]))
        if call.function.name == "search_articles":
            return "\n\n".join(text for _, text in self.knowledge.search(arguments["query"]))
        return "unknown tool"

    def answer(self, question):
        shop = Settings.from_env().shop_name
        messages = [
            {"role": "system", "content": SYSTEM.format(shop=shop)},
            {"role": "user", "content": question},
        ]
        for _ in range(MAX_TURNS):
            message = self._ask(messages).choices[0].message
            if not message.tool_calls:
                return message.content
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                messages.append(
                    {"role": "tool", "tool_call_id": call.id, "content": self._run_tool(call)}
                )
        raise TooManyTurns(question)
