"""A small web shop: users, catalog, orders, payments, sessions. One asyncio application, used by every arrangement.

Start it with `uvicorn shop.app:app`, with sample_apps/ as the working directory.
"""
