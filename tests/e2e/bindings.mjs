// The bench module as `spacetime generate` would bind it, for both generations of the npm client,
// written with their public API; and one way to drive both, so that each scenario is told once.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { createBrotliDecompress } from 'node:zlib';

const LIMIT_MS = 60_000; // bounds liveness only

/** Load an installed client; `prefix` is the folder that npm installed into. */
export function load(prefix) {
  const require = createRequire(join(prefix, 'index.js'));
  const sdk = require('spacetimedb');
  const manifest = join(prefix, 'node_modules', 'spacetimedb', 'package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const first = version.startsWith('1.');
  const Plain = globalThis.WebSocket ?? require('undici').WebSocket;
  offerBrotli();
  return first ? bindV1(sdk, version, Plain) : bindV2(sdk, version, Plain);
}

/** The client decompresses by the runtime's streams, and Node before 24 has none for Brotli. */
function offerBrotli() {
  const Native = globalThis.DecompressionStream;
  try {
    new Native('brotli');
  } catch {
    globalThis.DecompressionStream = class {
      constructor(format) {
        return format === 'brotli' ? Duplex.toWeb(createBrotliDecompress()) : new Native(format);
      }
    };
  }
}

function columns(t) {
  const item = {
    id: t.u64().primaryKey(),
    x: t.f32(),
    y: t.f32(),
    z: t.f32(),
    hp: t.i32(),
    alive: t.bool(),
    name: t.string(),
  };
  const account = { id: t.u32().primaryKey(), balance: t.i64() };
  const message = {
    id: t.u64().primaryKey(),
    sender: t.identity(),
    sent: t.timestamp(),
    text: t.string(),
  };
  return { item, account, message };
}

function reducers(sdk) {
  const { t, reducerSchema: reducer } = sdk;
  const item = () => ({
    id: t.u64(),
    x: t.f32(),
    y: t.f32(),
    z: t.f32(),
    hp: t.i32(),
    alive: t.bool(),
    name: t.string(),
  });
  return sdk.reducers(
    reducer('noop', {}),
    reducer('insert_item', item()),
    reducer('insert_items', { items: t.array(t.object('Item', item())) }),
    reducer('update_item', item()),
    reducer('delete_item', { id: t.u64() }),
    reducer('clear_items', {}),
    reducer('seed_accounts', { count: t.u32(), balance: t.i64() }),
    reducer('transfer', { sender: t.u32(), receiver: t.u32(), amount: t.i64() }),
    reducer('send_message', { text: t.string() }),
    reducer('reject', { reason: t.string() }),
    reducer('no_such_reducer', {})
  );
}

function remoteModule(sdk, tables) {
  return {
    versionInfo: { cliVersion: '2.0.0' },
    tables: tables.schemaType.tables,
    reducers: reducers(sdk).reducersType.reducers,
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

function bindV2(sdk, version, Plain) {
  const rows = columns(sdk.t);
  const bound = name =>
    sdk.table(
      {
        name,
        indexes: [
          { accessor: 'id', name: `${name}_id_idx_btree`, algorithm: 'btree', columns: ['id'] },
        ],
        constraints: [{ name: `${name}_id_key`, constraint: 'unique', columns: ['id'] }],
      },
      sdk.t.row(rows[name])
    );
  const tables = sdk.schema({
    item: bound('item'),
    account: bound('account'),
    message: bound('message'),
  });
  const DbConnection = connectionClass(sdk, remoteModule(sdk, tables));
  const call = (session, name, args) => session.conn.reducers[name](args);
  const query = sdk.makeQueryBuilder(tables.schemaType);
  return { sdk, version, Plain, DbConnection, call, query, named: 'withDatabaseName' };
}

function bindV1(sdk, version, Plain) {
  const rows = columns(sdk.t);
  const bound = name =>
    sdk.table(
      {
        name,
        indexes: [{ name: 'id', algorithm: 'btree', columns: ['id'] }],
        constraints: [{ name: `${name}_id_key`, constraint: 'unique', columns: ['id'] }],
      },
      sdk.t.row(rows[name])
    );
  const tables = sdk.schema(bound('item'), bound('account'), bound('message'));
  const DbConnection = connectionClass(sdk, remoteModule(sdk, tables));
  const query = sdk.makeQueryBuilder(tables.schemaType);
  return { sdk, version, Plain, DbConnection, call: callV1, query, named: 'withModuleName' };
}

/** This generation reports results by callback, to be matched by connection and order. */
function callV1(session, name, args) {
  const { conn } = session;
  if (!session.waiting.has(name)) {
    session.waiting.set(name, []);
    conn.reducers[`on${name[0].toUpperCase()}${name.slice(1)}`](context => {
      const { callerConnectionId, status } = context.event;
      if (!callerConnectionId?.isEqual(conn.connectionId)) return;
      const { resolve, reject } = session.waiting.get(name).shift();
      // Row callbacks of this message run after the reducer's.
      const failed = Object.assign(new Error(status.value), { name: status.tag });
      setImmediate(() => (status.tag === 'Committed' ? resolve() : reject(failed)));
    });
  }
  return new Promise((resolve, reject) => {
    session.waiting.get(name).push({ resolve, reject });
    conn.reducers[name](args);
  });
}

/** What the sockets saw, which the clients do not tell. */
function recordingSocket(Plain, session, protocol) {
  return class extends Plain {
    constructor(url, protocols) {
      const offered = [protocols].flat().filter(name => !protocol || name.startsWith(protocol));
      super(url, offered);
      session.url = new URL(url);
      this.addEventListener('open', () => (session.protocol = this.protocol));
      this.addEventListener('close', event => (session.closeCode = event.code));
      this.addEventListener('message', event => {
        session.prefixes.add(new Uint8Array(event.data)[0]);
      });
    }
  };
}

/** Connect, and give the session once the server has said who we are. */
export async function connect(client, options) {
  const { uri, token, compression = 'none', protocol, confirmed = false } = options;
  const session = {
    client,
    waiting: new Map(),
    prefixes: new Set(),
    closed: new Promise(resolve => (options.onClosed = resolve)),
  };
  const connected = new Promise((resolve, reject) => {
    globalThis.WebSocket = recordingSocket(client.Plain, session, protocol);
    const builder = client.DbConnection.builder()
      .withUri(uri)
      [client.named](options.database ?? 'bench')
      .withCompression(compression)
      .withToken(token)
      .onConnect((conn, identity, given) => {
        Object.assign(session, { identity: identity.toHexString(), token: given });
        resolve();
      })
      .onConnectError((_, error) => reject(error))
      .onDisconnect(() => {
        options.onClosed();
        reject(new Error('closed before it was connected'));
      });
    if (confirmed !== null) builder.withConfirmedReads(confirmed);
    session.conn = builder.build();
  });
  await within(connected, 'connecting');
  session.call = (name, args = {}) => within(client.call(session, name, args), name);
  return session;
}

/** Subscribe, and give the handle once it is applied. */
export function subscribe(session, queries) {
  let handle;
  const applied = new Promise((resolve, reject) => {
    handle = session.conn
      .subscriptionBuilder()
      .onApplied(() => resolve(handle))
      .onError(context => reject(context.event))
      .subscribe(queries);
  });
  return within(applied, `subscribing to ${queries}`);
}

export function unsubscribe(handle) {
  return within(new Promise(resolve => handle.unsubscribeThen(resolve)), 'unsubscribing');
}

/** Every row event of a table, in order, as short words. */
export function watch(session, table, show) {
  const events = [];
  const view = session.conn.db[table];
  view.onInsert((_, row) => events.push(`insert ${show(row)}`));
  view.onDelete((_, row) => events.push(`delete ${show(row)}`));
  view.onUpdate?.((_, before, after) => events.push(`update ${show(before)} to ${show(after)}`));
  return events;
}

/** The text of the error that a promise ends with, and what kind it is. */
export async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return { kind: error.name, text: String(error.message ?? error) };
  }
  throw new Error('this was to be refused, and was not');
}

/** Wait until a condition holds. */
export async function until(condition, what) {
  const deadline = Date.now() + LIMIT_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer: ${what}`)), LIMIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
