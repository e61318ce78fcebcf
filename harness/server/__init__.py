"""The embedded server: tables on SQLite, reducers, subscriptions, HTTP, WebSocket."""
