"""The record that every benchmark reads out of a reply."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    customer: str
    item: str
    quantity: int
    unit_price: float
    currency: Literal["USD", "EUR", "GBP", "JPY"]
    due: str | None = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    priority: Literal["low", "normal", "high"]
    note: str
