"""The runtime of generated code: ``from harness.client import typed as _c``.

``harness generate`` writes classes that derive from these. Below it is ``harness.client.Client``,
with the same cache, codecs and calls that everything else here uses.
"""

from __future__ import annotations

from harness.client.typed.calls import Call as Call
from harness.client.typed.calls import ProceduresBase as ProceduresBase
from harness.client.typed.calls import ReducersBase as ReducersBase
from harness.client.typed.calls import call_procedure as call_procedure
from harness.client.typed.calls import call_reducer as call_reducer
from harness.client.typed.connection import ContextBase as ContextBase
from harness.client.typed.connection import DbConnectionBase as DbConnectionBase
from harness.client.typed.connection import Remote as Remote
from harness.client.typed.events import Disconnected as Disconnected
from harness.client.typed.events import ReducerEvent as ReducerEvent
from harness.client.typed.events import SubscribeApplied as SubscribeApplied
from harness.client.typed.events import SubscribeError as SubscribeError
from harness.client.typed.events import Transaction as Transaction
from harness.client.typed.events import UnsubscribeApplied as UnsubscribeApplied
from harness.client.typed.subscribing import SubscriptionBuilder as SubscriptionBuilder
from harness.client.typed.tables import EventTable as EventTable
from harness.client.typed.tables import Index as Index
from harness.client.typed.tables import PkTable as PkTable
from harness.client.typed.tables import Table as Table
from harness.client.typed.tables import TablesBase as TablesBase
from harness.client.typed.tables import UniqueIndex as UniqueIndex
