// The bench module as `spacetime generate` binds it for the npm package `spacetimedb`, written with
// the package's public API; and what the two generations of that package do differently.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Load an installed package; `folder` is the one that npm installed into. */
export function load(folder) {
  const require = createRequire(join(folder, 'index.js'));
  const sdk = require('spacetimedb');
  const manifest = join(folder, 'node_modules', 'spacetimedb', 'package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const first = version.startsWith('1.');
  const DbConnection = connectionClass(sdk, first ? moduleV1(sdk) : moduleV2(sdk));
  const Socket = globalThis.WebSocket ?? require('undici').WebSocket;
  return {
    version,
    DbConnection,
    Socket,
    named: first ? 'withModuleName' : 'withDatabaseName',
    caller: first ? callerV1 : callerV2,
  };
}

const columns = t => ({
  id: t.u64(),
  x: t.f32(),
  y: t.f32(),
  z: t.f32(),
  hp: t.i32(),
  alive: t.bool(),
  name: t.string(),
});

const row = t => t.row({ ...columns(t), id: t.u64().primaryKey() });
const constraints = [{ name: 'item_id_key', constraint: 'unique', columns: ['id'] }];

function moduleV1(sdk) {
  const indexes = [{ name: 'id', algorithm: 'btree', columns: ['id'] }];
  return remoteModule(sdk, sdk.schema(sdk.table({ name: 'item', indexes, constraints }, row(sdk.t))));
}

function moduleV2(sdk) {
  const indexes = [
    { accessor: 'id', name: 'item_id_idx_btree', algorithm: 'btree', columns: ['id'] },
  ];
  const item = sdk.table({ name: 'item', indexes, constraints }, row(sdk.t));
  return remoteModule(sdk, sdk.schema({ item }));
}

function remoteModule(sdk, tables) {
  const { reducerSchema: reducer } = sdk;
  const reducers = sdk.reducers(reducer('noop', {}), reducer('insert_item', columns(sdk.t)));
  return {
    versionInfo: { cliVersion: '2.0.0' },
    tables: tables.schemaType.tables,
    reducers: reducers.reducersType.reducers,
    ...sdk.procedures(),
  };
}

function connectionClass(sdk, module) {
  return class DbConnection extends sdk.DbConnectionImpl {
    static builder = () =>
      new sdk.DbConnectionBuilder(module, config => new DbConnection(config));
    subscriptionBuilder = () => new sdk.SubscriptionBuilderImpl(this);
  };
}

// A caller begins a call with arguments and later tells `ended` of its end, with an error or without.

/** This generation's calls give promises. */
function callerV2(conn, name, ended) {
  const call = conn.reducers[name];
  const well = () => ended();
  return args => void call(args).then(well, ended);
}

/** This generation reports calls by callback, in the order in which they were made. */
function callerV1(conn, name, ended) {
  conn.reducers[`on${name[0].toUpperCase()}${name.slice(1)}`](({ event }) => {
    if (!event.callerConnectionId?.isEqual(conn.connectionId)) return;
    ended(event.status.tag === 'Committed' ? undefined : new Error(String(event.status.value)));
  });
  return args => conn.reducers[name](args);
}
