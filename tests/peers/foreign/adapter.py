"""The adapter of the client by hand, whose calls give futures."""

from __future__ import annotations

from tiny_client import Connection


class Adapter:
    name = "by hand"
    requires = ("websockets",)
    protocols = ("v1",)

    def connect(self, uri, database, token):
        self.connection = Connection(uri, database, token)

    def call(self, reducer, args):
        return self.connection.call(reducer, args)

    def subscribe(self, queries):
        for query in queries:
            self.connection.subscribe(query)

    def rows(self, table):
        return self.connection.rows()

    def close(self):
        self.connection.close()
