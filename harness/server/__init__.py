"""The embedded server: tables on SQLite, reducers as transactions, subscriptions, HTTP and WebSocket."""
