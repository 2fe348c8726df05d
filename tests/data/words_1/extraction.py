"""Two prompts for the same record: one states the rules, the other leaves them to be found out."""

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pytest_llm import Prompt


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    customer: str
    item: str
    quantity: int
    unit_price: float
    currency: Literal["USD", "EUR", "GBP", "JPY"]
    due: str | None = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    priority: Literal["low", "normal", "high"]

    @field_validator("due")
    @classmethod
    def real_date(cls, value: str | None) -> str | None:
        if value is not None:
            dt.date.fromisoformat(value)
        return value


with_rules = Prompt(
    name="with-rules",
    model="orders-tiny",
    system="""\
You turn order e-mails into JSON records.
Write dates as YYYY-MM-DD.
Use three-letter currency codes.
Priority is low, normal or high.
Quantities are integers.
Return only JSON, no other text.
Use exactly these keys: customer, item, quantity, unit_price, currency, due, priority.""",
    user="""\
{{ email }}
{%- if notes %}

Notes:
{%- for note in notes %}
- {{ note }}
{%- endfor %}
{%- endif %}""",
    schema=Order,
    temperature=0.7,
    max_tokens=160,
)

without_rules = with_rules.replace(name="without-rules", system="You turn order e-mails into JSON records.")
