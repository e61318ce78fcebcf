// Each scenario is a short program that a user of the npm client could have written. It reports what
// it saw as JSON lines; test_npm_clients.py says what it should have seen.

import { connect, load, refusal, subscribe, unsubscribe, until, watch } from './bindings.mjs';

const options = JSON.parse(process.argv[2]);
const client = load(options.prefix);

function report(values) {
  const plain = (_, value) => (typeof value === 'bigint' ? Number(value) : value);
  console.log(JSON.stringify(values, plain));
}

const join = (extra = {}) => connect(client, { ...options, ...extra });

const item = (id, fields = {}) => ({
  id: BigInt(id),
  x: 1.5,
  y: -2.25,
  z: 0,
  hp: 100,
  alive: true,
  name: `item ${id}`,
  ...fields,
});

const ids = view => [...view.iter()].map(row => Number(row.id)).sort((a, b) => a - b);

const scenarios = {
  async identity() {
    const first = await join();
    const again = await join({ token: first.token });
    const stranger = await join();
    report({
      protocol: first.protocol,
      identity: first.identity,
      again: again.identity,
      stranger: stranger.identity,
      keptToken: again.token === first.token,
      anonymousUrlHasToken: first.url.searchParams.has('token'),
      // With a token the client asks for a short-lived one and puts that into the URL.
      exchanged: ![null, first.token].includes(again.url.searchParams.get('token')),
      connections: new Set([first, again, stranger].map(s => s.conn.connectionId.toHexString())).size,
    });
    report({ badToken: await refusal(join({ token: 'not.a.token' })) });
    report({ unknownDatabase: await refusal(join({ database: 'nowhere' })) });
    first.conn.disconnect();
    await first.closed;
    await again.call('noop');
    report({ closeCode: first.closeCode });
  },

  async overlap() {
    const [one, two] = [await join(), await join()];
    await one.call('clearItems');
    await one.call('insertItem', item(1));
    await one.call('insertItem', item(2, { alive: false }));
    const show = row => `${row.id} hp ${row.hp}`;
    const seen = [one, two].map(session => watch(session, 'item', show));
    const overlapping = ['SELECT * FROM item', 'SELECT * FROM item WHERE hp > 50'];
    const wide = await Promise.all([one, two].map(session => subscribe(session, overlapping)));
    const narrow = await Promise.all(
      [one, two].map(session => subscribe(session, ['SELECT * FROM item WHERE alive = true']))
    );
    await one.call('insertItem', item(3));
    await one.call('updateItem', item(3, { hp: 10 }));
    await one.call('updateItem', item(3, { hp: 10, alive: false }));
    await one.call('updateItem', item(3, { hp: 10, alive: false })); // changes nothing
    await one.call('deleteItem', { id: 3n });
    await two.call('noop'); // its answer follows everything before it
    report({ seen: seen.map(events => [...events]) });
    seen.forEach(events => (events.length = 0));
    report({ held: [one, two].map(session => ids(session.conn.db.item)) });
    // Rows stay as long as one subscription has them.
    await Promise.all(wide.map(unsubscribe));
    report({ leftByWide: seen.map(events => [...events]) });
    seen.forEach(events => (events.length = 0));
    await Promise.all(narrow.map(unsubscribe));
    report({ leftByNarrow: seen.map(events => [...events]) });
    seen.forEach(events => (events.length = 0));
    await one.call('insertItem', item(4));
    await two.call('noop');
    report({ afterwards: seen, active: [...wide, ...narrow].some(handle => handle.isActive()) });
  },

  async everything() {
    const session = await join();
    await session.call('clearItems');
    await session.call('seedAccounts', { count: 3, balance: -7n });
    const seen = watch(session, 'account', row => `${row.id}: ${row.balance}`);
    session.conn.subscriptionBuilder().subscribeToAllTables();
    await until(() => session.conn.db.account.count() == 3, 'three accounts');
    await session.call('transfer', { sender: 0, receiver: 1, amount: -5n }).catch(() => {});
    await session.call('seedAccounts', { count: 2, balance: 100n });
    await session.call('transfer', { sender: 0, receiver: 1, amount: 40n });
    const find = id => Number(session.conn.db.account.id.find(id).balance);
    report({ seen: seen.slice(0, 3).sort(), last: seen.slice(-2).sort() });
    report({ balances: [find(0), find(1)], gone: session.conn.db.account.id.find(2) ?? null });
  },

  async errors() {
    const session = await join();
    await session.call('seedAccounts', { count: 2, balance: 10n });
    await session.call('clearItems');
    report({
      funds: await refusal(session.call('transfer', { sender: 0, receiver: 1, amount: 11n })),
      account: await refusal(session.call('transfer', { sender: 0, receiver: 9, amount: 1n })),
      item: await refusal(session.call('deleteItem', { id: 99n })),
      update: await refusal(session.call('updateItem', item(98))),
      empty: await refusal(session.call('sendMessage', { text: '' })),
      reject: await refusal(session.call('reject', { reason: 'because – of “this” 🎲' })),
      unknown: await refusal(session.call('noSuchReducer')),
    });
    await session.call('insertItem', item(1));
    report({ duplicate: (await refusal(session.call('insertItem', item(1, { hp: 1 })))).text });
    await session.call('noop');
  },

  async batch() {
    const [one, two] = [await join(), await join()];
    await one.call('clearItems');
    const counts = [one, two].map(session => {
      const count = { insert: 0, update: 0, delete: 0 };
      session.conn.db.item.onInsert(() => count.insert++);
      session.conn.db.item.onUpdate(() => count.update++);
      session.conn.db.item.onDelete(() => count.delete++);
      return count;
    });
    await Promise.all([one, two].map(session => subscribe(session, ['SELECT * FROM item'])));
    const rows = Array.from({ length: 10_000 }, (_, i) => item(i, { hp: i - 5_000, x: i / 4 }));
    await one.call('insertItems', { items: rows });
    await until(() => counts.every(count => count.insert === 10_000), '10,000 inserts in both');
    const held = [...two.conn.db.item.iter()];
    report({
      count: held.length,
      hp: held.reduce((sum, row) => sum + row.hp, 0),
      x: held.reduce((sum, row) => sum + row.x, 0),
      named: held.every(row => row.name === `item ${row.id}`),
    });
    const late = await join();
    await subscribe(late, ['SELECT * FROM item']);
    report({ late: Number(late.conn.db.item.count()) });
    await two.call('clearItems');
    await until(() => counts.every(count => count.delete === 10_000), '10,000 deletes in both');
    await until(() => late.conn.db.item.count() == 0, 'the late one is empty');
    report({ counts, prefixes: [one, two, late].map(session => [...session.prefixes].sort()) });
  },

  async messages() {
    const [one, two] = [await join(), await join()];
    await Promise.all([one, two].map(session => subscribe(session, ['SELECT * FROM message'])));
    const before = Number(two.conn.db.message.count());
    const got = [];
    two.conn.db.message.onInsert((_, row) => got.push(row));
    const texts = ['first', 'zweite', '第三', '🎲'.repeat(40)];
    for (const text of texts) await one.call('sendMessage', { text });
    await two.call('sendMessage', { text: 'last' });
    await until(() => got.length === 5, 'five messages');
    report({
      before,
      ids: got.map(row => row.id),
      texts: got.map(row => row.text),
      fromOne: got.map(row => row.sender.toHexString() === one.identity),
      micros: got.map(row => row.sent.microsSinceUnixEpoch),
      now: Date.now() * 1000,
    });
  },

  async sqlErrors() {
    const session = await join();
    report({
      unknownTable: await refusal(subscribe(session, ['SELECT * FROM no_such_table'])),
      unknownColumn: await refusal(subscribe(session, ['SELECT * FROM item WHERE colour = 1'])),
      wrongType: await refusal(subscribe(session, ["SELECT * FROM item WHERE hp = 'x'"])),
      projection: await refusal(subscribe(session, ['SELECT id FROM item'])),
      nonsense: await refusal(subscribe(session, ['DELETE EVERYTHING'])),
      oneOfTwo: await refusal(subscribe(session, ['SELECT * FROM item', 'SELECT * FROM nothing'])),
    });
    await session.call('clearItems');
    await subscribe(session, ['SELECT * FROM item']);
    await session.call('insertItem', item(7));
    report({ alive: ids(session.conn.db.item) });
  },

  async queries() {
    const { and, or, toSql } = client.sdk;
    const session = await join();
    await session.call('clearItems');
    const names = ["it's", 'plain', 'other'];
    for (let id = 1; id <= 6; id++) {
      await session.call('insertItem', item(id, { hp: id * 10, alive: id % 2 == 0, name: names[id % 3] }));
    }
    const table = client.query.item;
    const choices = {
      and: table.where(r => and(r.hp.gt(20), r.alive.eq(true))),
      or: table.where(r => or(r.hp.lte(10), r.name.eq("it's"))),
      both: table.where(r => and(or(r.hp.lt(20), r.hp.gte(50)), r.alive.eq(false))),
      id: table.where(r => r.id.eq(4n)),
      twice: table.where(r => r.hp.gt(20)).where(r => r.hp.lt(50)),
    };
    for (const [name, chosen] of Object.entries(choices)) {
      const own = await join();
      const text = toSql(chosen.build ? chosen.build() : chosen);
      await subscribe(own, [text]);
      report({ [name]: { text, ids: ids(own.conn.db.item) } });
      own.conn.disconnect();
    }
  },

  async join() {
    const { toSql } = client.sdk;
    const [one, two] = [await join(), await join()];
    await one.call('clearItems');
    await subscribe(one, ['SELECT * FROM message']);
    const made = [];
    one.conn.db.message.onInsert((_, row) => made.push(row.id));
    for (const text of ['a', 'b', 'c']) await one.call('sendMessage', { text });
    await until(() => made.length === 3, 'three messages');
    const [a, b, c] = made;
    await one.call('insertItem', item(a, { hp: 1 }));
    const joined = client.query.item
      .where(r => r.hp.lt(50))
      .rightSemijoin(client.query.message, (left, right) => left.id.eq(right.id));
    const text = toSql(joined.build ? joined.build() : joined);
    const seen = watch(two, 'message', row => row.text);
    await subscribe(two, [text]);
    await one.call('insertItem', item(b, { hp: 2 })); // b joins
    await one.call('insertItem', item(c)); // c does not: hp 100
    await one.call('updateItem', item(c, { hp: 3 })); // now it does
    await one.call('updateItem', item(a, { hp: 4 })); // still does, its row is the same
    await one.call('deleteItem', { id: BigInt(b) }); // b leaves
    await two.call('noop');
    report({ text, seen, left: [...two.conn.db.message.iter()].map(row => row.text).sort() });
  },

  async pipeline() {
    const [one, two] = [await join(), await join()];
    await one.call('seedAccounts', { count: 2, balance: 1_000n });
    await subscribe(two, ['SELECT * FROM account']);
    const order = [];
    const calls = Array.from({ length: 1_000 }, (_, i) =>
      one.call('transfer', { sender: 0, receiver: 1, amount: 2n }).then(
        () => order.push(i),
        error => order.push(`${i} ${error.message}`)
      )
    );
    await Promise.all(calls);
    await two.call('noop');
    const balances = [...two.conn.db.account.iter()].map(row => [row.id, row.balance]).sort();
    report({ answered: order.length, order: order.slice(498, 503), balances });
  },
};

await scenarios[options.scenario]();
report({ finished: options.scenario });
process.exit(0);
