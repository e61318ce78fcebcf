// The official TypeScript SDK as a peer: `node --expose-gc typescript.mjs FOLDER`, where FOLDER holds
// an installed npm package `spacetimedb`. What it is asked and what it answers: exchange.py.

import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { load } from './bench.mjs';

const MOST_ERRORS = 100;
// Some failures of a handshake the package tells nobody.
const CONNECT_MS = 20_000;
const QUERY = 'SELECT * FROM item';

const say = line => writeSync(1, JSON.stringify(line) + '\n');
// What the package tells belongs to the log.
for (const level of ['debug', 'error', 'info', 'log', 'warn']) {
  console[level] = (...words) => writeSync(2, `${words.join(' ')}\n`);
}

/** Wall and CPU time between two moments, which are told to the harness as they come. */
class Window {
  begin() {
    say({ mark: 'begin' });
    this.start = [process.hrtime.bigint(), process.cpuUsage()];
  }
  end() {
    const used = process.cpuUsage(this.start[1]);
    this.cost = {
      wall_ns: Number(process.hrtime.bigint() - this.start[0]),
      cpu_ns: (used.user + used.system) * 1000,
    };
    say({ mark: 'end' });
  }
}

const rss = () => process.memoryUsage.rss();

function trimmedRss() {
  globalThis.gc?.();
  return rss();
}

function row(id, seed) {
  // The low 16 bits of a product are those of the low 16 bits of its factors.
  const mixed = ((id & 0xffff) * (2654435761 & 0xffff) + (seed & 0xffff) * 40503) % 65536;
  return {
    id: BigInt(id),
    x: mixed / 2,
    y: (mixed ^ 0x5555) / 4,
    z: (mixed ^ 0xaaaa) / 8,
    hp: mixed % 1000,
    alive: mixed % 2 === 0,
    name: `item-${String(id).padStart(7, '0')}`,
  };
}

function digest(rows) {
  const sorted = [...rows].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const hash = createHash('sha256');
  for (const { id, x, y, z, hp, alive, name } of sorted) {
    hash.update(`${id} ${x * 8} ${y * 8} ${z * 8} ${hp} ${alive ? 1 : 0} ${name}\n`);
  }
  return { rows: sorted.length, digest: hash.digest('hex') };
}

/** Offers one protocol only, and notes what was chosen; costs nothing afterwards. */
function socketFor(Socket, protocol, session) {
  return class extends Socket {
    constructor(url, protocols) {
      super(url, [protocols].flat().filter(name => name.startsWith(protocol)));
      this.addEventListener('open', () => (session.protocol = this.protocol.split('.')[0]));
    }
  };
}

function connect(client, request) {
  const session = {};
  globalThis.WebSocket = socketFor(client.Socket, request.protocol, session);
  session.closed = new Promise(resolve => (session.onClosed = resolve));
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no connection came about')), CONNECT_MS);
    session.conn = client.DbConnection.builder()
      .withUri(request.uri)
      [client.named](request.database)
      .withCompression('none')
      .withConfirmedReads(false)
      .withToken(request.token ?? undefined)
      .onConnect(() => {
        clearTimeout(late);
        resolve(session);
      })
      .onConnectError((_, error) => reject(error ?? new Error('the connection failed')))
      .onDisconnect((_, error) => {
        session.onClosed();
        reject(error ?? new Error('the connection was closed'));
      })
      .build();
  });
}

function subscribe({ conn }) {
  return new Promise((resolve, reject) => {
    conn
      .subscriptionBuilder()
      .onApplied(() => resolve())
      .onError(context => reject(context.event ?? new Error('the subscription was refused')))
      .subscribe([QUERY]);
  });
}

function close(session) {
  session.conn.disconnect();
  return session.closed;
}

/** Calls with all of these arguments, kept under way: the end of one begins the next. */
async function drive(lanes, args, seconds) {
  let [begun, ended, limit] = [0, 0, args.length];
  const { errors } = lanes;
  if (errors >= MOST_ERRORS || !limit) return 0;
  const timer = seconds === null ? undefined : setTimeout(() => (limit = begun), seconds * 1000);
  await new Promise(resolve => {
    const next = () => {
      if (begun < limit) lanes.call(args[begun++]);
      else if (ended === begun) resolve();
    };
    lanes.ended = error => {
      ended += 1;
      if (error !== undefined) {
        lanes.first_error ||= String(error.message ?? error).slice(0, 500);
        if (++lanes.errors >= MOST_ERRORS) limit = begun;
      }
      next();
    };
    // In two halves, of which one is with the server while the other is with us.
    const half = lanes.inFlight - Math.floor(lanes.inFlight / 2);
    for (let k = 0; k < half; k++) next();
    setImmediate(() => {
      for (let k = half; k < lanes.inFlight; k++) next();
    });
  });
  clearTimeout(timer);
  return ended - (lanes.errors - errors);
}

async function calls(client, { conn }, request, window) {
  const noop = request.do === 'noop';
  const args = Array.from({ length: request.warmup + request.operations }, (_, k) =>
    noop ? {} : row(request.rows + k, request.seed)
  );
  const lanes = { inFlight: request.in_flight, errors: 0, first_error: '' };
  lanes.call = client.caller(conn, noop ? 'noop' : 'insertItem', error => lanes.ended(error));
  const warmed = await drive(lanes, args.slice(0, request.warmup), null);
  const before = rss();
  window.begin();
  const count = await drive(lanes, args.slice(request.warmup), request.seconds);
  window.end();
  return {
    calls: count,
    all_calls: warmed + count,
    errors: lanes.errors,
    first_error: lanes.first_error,
    rss_before: before,
    rss_after: rss(),
  };
}

async function connects(client, request, window) {
  const times = [];
  let protocol;
  for (let number = -request.warmup; number < request.operations; number++) {
    if (number === 0) window.begin();
    const began = process.hrtime.bigint();
    const session = await connect(client, request);
    if (number >= 0) times.push(Number(process.hrtime.bigint() - began));
    protocol = session.protocol;
    await close(session);
  }
  window.end();
  return { times_ns: times, protocol, ...window.cost };
}

async function perform(client, request) {
  const window = new Window();
  if (request.do === 'connect') return connects(client, request, window);
  const session = await connect(client, request);
  const subscribed = request.subscribed || request.do === 'subscribe';
  if (subscribed && request.do !== 'subscribe') await subscribe(session);
  let found;
  if (request.do === 'noop' || request.do === 'insert') {
    found = await calls(client, session, request, window);
  } else {
    const before = trimmedRss();
    window.begin();
    if (request.do === 'subscribe') await subscribe(session);
    else await new Promise(resolve => setTimeout(resolve, (request.seconds ?? 0) * 1000));
    window.end();
    found = { rss_before: before, rss_after: trimmedRss() };
  }
  if (subscribed) Object.assign(found, digest(session.conn.db.item.iter()));
  await close(session);
  return { ...found, ...window.cost, protocol: session.protocol };
}

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0)); // a peer does not outlive who asked it
lines.once('line', async line => {
  try {
    const client = load(process.argv[2]);
    const result = await perform(client, JSON.parse(line));
    const versions = {
      runtime: `Node ${process.version.slice(1)}`,
      package: `spacetimedb ${client.version}`,
    };
    say({ result: { ...result, versions } });
  } catch (error) {
    say({ error: String(error?.message ?? error).slice(0, 500) });
  }
  process.exit(0);
});
