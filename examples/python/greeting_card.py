"""Writes a card with a greeting for each customer, by the order's note. CARD_DIR is where the cards go."""

import hashlib
import os

import millrace


def handle(event):
    order = event["data"]
    name = order.get("customer", {}).get("name")
    if not name:
        raise millrace.Permanent("the order names no customer")
    # The name comes of the event, so an event that comes twice writes the same file again.
    path = os.path.join(os.environ.get("CARD_DIR", "."), hashlib.sha256(event["event_id"].encode()).hexdigest() + ".txt")
    with open(path + ".part", "w", encoding="utf-8") as card:
        card.write("Dear %s,\nthank you for your order.\n%s\n" % (name, order.get("notes", "")))
    os.replace(path + ".part", path)
    return "card for " + name


millrace.run(handle)
