"""Types whose JSON Schemas versions of pydantic write differently; as a script, it prints what the installed one writes.

python tests/pydantic_samples.py > tests/data/schemas_of_pydantic/2.14.4.json
"""

import datetime as dt
import decimal
import enum
import json
import sys
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Kind(enum.Enum):
    INVOICE = "invoice"


class Level(enum.IntEnum):
    ONLY = 1


class Colour(enum.Enum):
    """A colour."""

    RED = "red"
    GREEN = "green"


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


class Share(float, enum.Enum):
    HALF = 0.5
    ALL = 1.0


class Mixed(enum.Enum):
    NUMBER = 1
    TEXT = "x"
    NOTHING = None


class Literals(BaseModel):
    text: Literal["x"]
    number: Literal[1]
    truth: Literal[True]
    nothing: Literal[None]  # noqa: PYI061 - as old code has it
    member: Literal[Colour.RED]
    perhaps: Literal["x"] | None = None
    default: Literal["v"] = "v"
    several: list[Literal["z"]]
    many: Literal["a", "b"]
    mixed: Literal["a", 1]
    either: Literal["a"] | Literal[2]  # noqa: PYI030 - one value each


class Enums(BaseModel):
    """Enumerations, with docstrings."""

    kind: Kind
    level: Level = Level.ONLY
    colour: Colour = Field(description="the hue")
    number: Number = Field(Number.ONE, title="N")
    share: Share
    mixed: Mixed | None


class Inner(BaseModel):
    """An inner model."""

    x: int = Field(description="an x")


class Nested(BaseModel):
    one: Inner = Field(description="one of them")
    another: Inner = Inner(x=1)
    several: list[Inner] = []
    by_name: dict[str, Inner]
    perhaps: Inner | None = None


class Tree(BaseModel):
    left: "Tree | None" = None
    children: "list[Tree]" = []


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog", "wolf"]


class Pets(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]


class Optionals(BaseModel):
    a: int | None
    b: str | None = None
    c: int | str | None = 3


class Bounds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: Annotated[int, Field(ge=1, le=10)]
    rate: Annotated[float, Field(gt=0, lt=1, multiple_of=0.1)]
    code: Annotated[str, Field(min_length=1, max_length=3, pattern="^a")]
    items: Annotated[list[int], Field(min_length=1, max_length=3)]


class Dates(BaseModel):
    day: dt.date = dt.date(2020, 1, 1)
    at: dt.datetime
    time: dt.time
    span: dt.timedelta


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")

    mapping: dict
    named: dict[str, Any]
    several: list[dict[str, Any]]
    counts: dict[str, int]
    whatever: Any


class Money(BaseModel):
    amount: decimal.Decimal
    price: Annotated[decimal.Decimal, Field(ge=0, max_digits=5, decimal_places=2)]


class Keyed(BaseModel):
    literals: dict[Literal["a", "b"], int]
    colours: dict[Colour, int]


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    value: T


TYPES: dict[str, Any] = {
    one.__name__: one
    for one in (Literals, Enums, Nested, Tree, Pets, Optionals, Bounds, Dates, Anything, Money, Keyed, Kind, Colour)
} | {"Box": Box[list[Colour]], "Literal": Literal["x"], "list": list[Cat], "union": Cat | Dog}

REAL_DIFFERENCES = ("Money", "Keyed")
"""Types of which some versions accept other values: numbers in texts, and keys of dicts."""


def schemas() -> dict[str, Any]:
    """Return the JSON Schemas that the installed version of pydantic writes."""
    return {name: TypeAdapter(one).json_schema() for name, one in TYPES.items()}


if __name__ == "__main__":
    json.dump(schemas(), sys.stdout, indent=1, sort_keys=True)
