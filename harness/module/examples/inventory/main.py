"""An inventory: stock in stores, who holds what, and views of it that clients subscribe to.

    harness start --data-dir ./data
    harness publish inventory -m harness.module.examples.inventory
    harness build harness.module.examples.inventory.stock     # its tables and reducers alone

``stock`` has the tables and the reducers. It compiles to WebAssembly. ``views`` has what
SpacetimeDB's servers of 1.x do not know, and runs on the server of ``harness start``: what is mine,
what runs out, what each store is worth, where a thing is to be had, and a procedure that fills up
what has run out.
"""

from . import stock as stock
from . import views as views
