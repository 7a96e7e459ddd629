'use strict';

/*
 * A real Express application on a real session store, for the interop tests:
 *
 *   node app.js --store NAME --table NAME --endpoint URL [--secret TEXT] [--max-age MS] [--rolling]
 *               [--touch-interval MS] [--special-key NAME] [--hash-key NAME] [--prefix TEXT]
 *
 * It listens on a free loopback port, prints {"port": N} once the store is ready, and ends when its
 * standard input closes. Without --max-age the cookie has no expiry, as in express-session itself.
 *
 * The pages are what applications do with a session; /store/METHOD calls the store's own methods,
 * so that a test can compare what they do with what SQL does.
 */

const { parseArgs } = require('node:util');
const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const express = require('express');
const session = require('express-session');

const { values: options } = parseArgs({
  options: {
    store: { type: 'string' },
    table: { type: 'string' },
    endpoint: { type: 'string' },
    secret: { type: 'string', default: 'keyboard cat' },
    'max-age': { type: 'string' },
    rolling: { type: 'boolean', default: false },
    'touch-interval': { type: 'string', default: '0' },
    // connect-dynamodb: a member of the session that becomes an attribute; names of its own.
    'special-key': { type: 'string' },
    'hash-key': { type: 'string' },
    prefix: { type: 'string' },
  },
});

// Each makes its store as that store's documentation has it, and waits until its table is there.
const makers = {
  async 'serverless-dynamodb-session-store'() {
    const { DynamoDBSessionStore } = require('serverless-dynamodb-session-store');
    const client = new DynamoDBClient({ endpoint: options.endpoint });
    const store = new DynamoDBSessionStore({ client, table: options.table });
    await store.onReady();
    return store;
  },
  async 'connect-dynamodb'() {
    const Store = require('connect-dynamodb')(session);
    const client = new DynamoDBClient({ endpoint: options.endpoint });
    const specialKey = options['special-key'];
    const store = new Store({
      client,
      table: options.table,
      hashKey: options['hash-key'],
      prefix: options.prefix,
      specialKeys: specialKey ? [{ name: specialKey, type: 'S' }] : [],
      skipThrowMissingSpecialKeys: true,
    });
    await store.initialize();
    return store;
  },
  'dynamodb-store'() {
    const Store = require('dynamodb-store');
    return new Promise((resolve, reject) => {
      const store = new Store(
        {
          table: { name: options.table },
          touchInterval: Number(options['touch-interval']),
          dynamoConfig: { endpoint: options.endpoint, region: process.env.AWS_REGION },
        },
        (error) => (error ? reject(error) : setImmediate(() => resolve(store))),
      );
    });
  },
};

// Methods beyond express-session's contract, which return a promise instead of calling back.
const promised = new Set(['createTableIfNotExists', 'waitUntilTableExists']);
const takesSession = new Set(['set', 'touch']);

// What express-session would hand to the store: a Session whose cookie is a Cookie.
function revive(store, [sid, content, ...rest]) {
  return [sid, store.createSession({ sessionID: sid, sessionStore: store }, content), ...rest];
}

async function callStore(store, method, args) {
  if (typeof store[method] !== 'function') {
    return { error: `the store has no ${method}`, result: null };
  }
  if (promised.has(method)) {
    return { error: null, result: (await store[method](...args)) ?? null };
  }
  return new Promise((resolve) => {
    const given = takesSession.has(method) ? revive(store, args) : args;
    store[method](...given, (error, result) => {
      resolve({ error: error ? String(error.message ?? error) : null, result: result ?? null });
    });
  });
}

function makeApplication(store) {
  const app = express();
  const maxAge = options['max-age'] === undefined ? null : Number(options['max-age']);
  app.use(express.json({ limit: '1mb' }));

  app.post('/store/:method', async (req, res) => {
    res.json(await callStore(store, req.params.method, req.body));
  });

  app.use(
    session({
      store,
      secret: options.secret,
      resave: false,
      saveUninitialized: false,
      rolling: options.rolling,
      cookie: { maxAge },
    }),
  );
  app.get('/visit', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    res.json({ sid: req.sessionID, views: req.session.views });
  });
  app.post('/login', (req, res) => {
    req.session.passport = { user: req.body.user };
    res.json({ sid: req.sessionID });
  });
  app.post('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({})));
  });
  app.post('/put', (req, res) => {
    Object.assign(req.session, req.body);
    res.json({ sid: req.sessionID });
  });
  app.get('/me', (req, res) => {
    res.json({ sid: req.sessionID, user: req.session.passport?.user ?? null });
  });
  app.get('/raw', (req, res) => {
    res.json(req.session);
  });
  app.use((error, req, res, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    console.error(error);
    res.status(500).json({ error: String(error.message ?? error) });
  });
  return app;
}

async function main() {
  process.stdin.resume();
  process.stdin.on('close', () => process.exit(0));
  const store = await makers[options.store]();
  const server = makeApplication(store).listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ port: server.address().port }));
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
