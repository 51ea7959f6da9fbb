"""Publishes orders with Google's own client: publish_orders.py TOPIC FIRST COUNT ARTICLE."""

import json
import sys

from google.cloud import pubsub_v1

topic, first, count, article = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
publisher = pubsub_v1.PublisherClient()
published = []
for number in range(first, first + count):
    line = {"article": article, "quantity": 1, "priceCents": 1999}
    order = {"orderId": f"A-{number}", "customerEmail": "ada@example.com", "lines": [line]}
    published.append(publisher.publish(topic, json.dumps(order).encode(), source="checkout"))
print(len({future.result(timeout=60) for future in published}))
