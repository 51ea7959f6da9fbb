"""Reserves stock for every paid order. The gateway verifies the pushes and keeps duplicates away."""

import os
from typing import Annotated
from urllib.parse import quote

import httpx
from fastapi import FastAPI, Header, Response
from pydantic import Base64Bytes, BaseModel, Field, ValidationError

# Without it a warehouse of two articles stands in.
WAREHOUSE = os.environ.get("WAREHOUSE_URL")
IN_MEMORY = {"lantern", "teapot"}


class Line(BaseModel):
    article: str = Field(min_length=1, max_length=64)
    quantity: int = Field(ge=1, le=999)
    priceCents: int = Field(ge=0)


class Order(BaseModel):
    orderId: str = Field(min_length=1, max_length=64)
    customerEmail: str
    lines: list[Line] = Field(min_length=1, max_length=100)


class Message(BaseModel):
    data: Base64Bytes = b""


class Push(BaseModel):
    """The body of a push: https://cloud.google.com/pubsub/docs/push."""

    message: Message
    subscription: str
    deliveryAttempt: int | None = None


app = FastAPI()
client = httpx.AsyncClient()


@app.post("/orders")
async def reserve_stock(
    push: Push,
    idempotency_key: Annotated[str, Header()],
    pushgate_time_left_ms: Annotated[int, Header()],
) -> Response:
    try:
        order = Order.model_validate_json(push.message.data)
    except ValidationError as error:
        # Places and rules, without the values, since the reason reaches the log.
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in error.errors())
        return dead_letter("payload does not fit: " + "; ".join(faults))
    if WAREHOUSE is None:
        unknown = [number for number, line in enumerate(order.lines, 1) if line.article not in IN_MEMORY]
        return no_such_article(unknown[0]) if unknown else Response(status_code=204)
    try:
        # A later run of the same message has the same key, so that the warehouse reserves once.
        answer = await client.post(
            f"{WAREHOUSE}/reservations",
            json=order.model_dump(),
            headers={"Idempotency-Key": idempotency_key},
            timeout=pushgate_time_left_ms / 1000,
        )
    except httpx.HTTPError as error:
        return retry(f"the warehouse cannot be reached: {type(error).__name__}")
    if answer.status_code == 422:
        return no_such_article(answer.json()["line"])
    if not answer.is_success:
        return retry(f"the warehouse answered {answer.status_code}")
    return Response(status_code=204)


def retry(reason: str) -> Response:
    """Delivers the message again, after the back-off of its subscription."""
    return Response(status_code=503, headers={"pushgate-reason": quote(reason, safe=" ")})


def no_such_article(line: int) -> Response:
    return dead_letter(f"the warehouse has no such article as in line {line}")


def dead_letter(reason: str) -> Response:
    """Gives the message to a person, with the reason."""
    headers = {"pushgate-outcome": "dead-letter", "pushgate-reason": quote(reason, safe=" ")}
    return Response(status_code=422, headers=headers)
