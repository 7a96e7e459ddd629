'use strict';

/*
 * The same work by AWS's SDK for JavaScript and by the session stores on npm; prints the line of
 * JSON that run_extension.c prints:
 *
 *   node peer.js WORK --endpoint URL [--calls N] [--rows N] [--sids FILE]
 *
 *   scan      paginateScan of all sessions          get          GetCommand of lib-dynamodb
 *   put       BatchWriteCommand, 25 a call          store        serverless-dynamodb-session-store
 *                                                   connect      connect-dynamodb
 *
 * The last three call get, --calls times, with sids from a file of one a line.
 */

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { parseArgs } = require('node:util');
const need = createRequire(path.join(__dirname, '../interop/app.js'));
const { DynamoDBClient, paginateScan } = need('@aws-sdk/client-dynamodb');
const { DynamoDBDocumentClient, GetCommand, BatchWriteCommand } = need('@aws-sdk/lib-dynamodb');

const WARM_UP_CALLS = 50;

const { positionals, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    endpoint: { type: 'string' },
    calls: { type: 'string', default: '1000' },
    rows: { type: 'string', default: '10000' },
    sids: { type: 'string' },
  },
});
const client = new DynamoDBClient({ endpoint: options.endpoint });
const seen = { rows: 0, bytes: 0, calls: 0, p50_us: 0 };

/* Runs `work` between two looks at the clocks. */
async function measure(work) {
  const cpu = process.cpuUsage();
  const begin = process.hrtime.bigint();
  await work();
  seen.wall_s = Number(process.hrtime.bigint() - begin) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  seen.cpu_s = (user + system) / 1e6;
}

function count(text) {
  seen.rows += 1;
  seen.bytes += Buffer.byteLength(text);
}

async function callBySid(get) {
  const sids = fs.readFileSync(options.sids, 'utf8').split('\n').filter(Boolean);
  for (let i = 0; i < WARM_UP_CALLS; i += 1) await get(sids[i % sids.length]);
  Object.assign(seen, { rows: 0, bytes: 0 });
  const times = [];
  await measure(async () => {
    for (let i = 0; i < Number(options.calls); i += 1) {
      const begin = process.hrtime.bigint();
      count(await get(sids[i % sids.length]));
      times.push(Number(process.hrtime.bigint() - begin) / 1e3);
    }
  });
  times.sort((a, b) => a - b);
  seen.calls = times.length;
  seen.p50_us = times[Math.floor(times.length / 2)];
}

/* A store's get by promise; the session comes as an object, and is counted as JSON. */
function getter(store) {
  return (sid) => new Promise((resolve, reject) => {
    store.get(sid, (error, session) => (error ? reject(error) : resolve(JSON.stringify(session))));
  });
}

const works = {
  async scan() {
    await measure(async () => {
      for await (const page of paginateScan({ client }, { TableName: 'sessions' })) {
        for (const item of page.Items) count(item.session_data.S);
        seen.calls += 1;
      }
    });
  },

  async get() {
    const documents = DynamoDBDocumentClient.from(client);
    await callBySid(async (sessionId) => {
      const answer = await documents.send(
        new GetCommand({ TableName: 'sessions', Key: { sessionId } }),
      );
      return answer.Item.session_data;
    });
  },

  async store() {
    const { DynamoDBSessionStore } = need('serverless-dynamodb-session-store');
    const store = new DynamoDBSessionStore({ client, table: 'sessions' });
    await store.onReady();
    await callBySid(getter(store));
  },

  async connect() {
    const Store = need('connect-dynamodb')(need('express-session'));
    await callBySid(getter(new Store({ client, table: 'sessions' })));
  },

  async put() {
    const documents = DynamoDBDocumentClient.from(client);
    const session = JSON.stringify({ cookie: { originalMaxAge: 86400000 }, note: 'x'.repeat(900) });
    await measure(async () => {
      for (let first = 0; first < Number(options.rows); first += 25) {
        const puts = [];
        for (let i = first; i < Math.min(first + 25, Number(options.rows)); i += 1) {
          const Item = {
            sessionId: `put-${i}`,
            session_data: session,
            expireTime: 4102444800000,
            expireTime_TTL: 4102444800,
          };
          puts.push({ PutRequest: { Item } });
        }
        await documents.send(new BatchWriteCommand({ RequestItems: { sessions: puts } }));
        seen.rows += puts.length;
        seen.calls += 1;
      }
    });
  },
};

works[positionals[0]]().then(() => {
  seen.peak_kb = process.resourceUsage().maxRSS;
  console.log(JSON.stringify(seen));
  process.exit(0);
});
