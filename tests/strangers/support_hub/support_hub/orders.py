"""The order database. (A dict for now.)"""

ORDERS = {
    "A-1001": {"item": "blue basket", "status": "shipped", "carrier": "DHL"},
    "A-1002": {"item": "two red baskets", "status": "packed", "carrier": None},
}


def lookup_order(order_id):
    return ORDERS.get(order_id.strip().upper(), {"error": f"no order {order_id}"})
