"""The client: an asyncio shell over ``protocol``, the row cache, subscriptions, and HTTP."""
