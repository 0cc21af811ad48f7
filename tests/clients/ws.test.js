'use strict'
// npm `ws`, a client that nobody here wrote, against a PHP server.

const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const WebSocket = require('ws')
const { PhpServer, within } = require('./php-server.js')

let server, url

before(async () => {
  server = new PhpServer('tests/clients/server.php', ['127.0.0.1:0'])
  url = await server.url()
})

after(async () => {
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
})

/** An open client that keeps what it receives in `inbox` and the answer to its handshake in `answer`. */
async function connect(path = '/', protocols = [], options = {}, base = url) {
  const client = new WebSocket(new URL(path, base), protocols, options)
  client.inbox = []
  client.waiters = []
  client.on('message', (data, binary) => {
    client.inbox.push(binary ? data : data.toString())
    for (const waiter of [...client.waiters]) waiter()
  })
  client.on('upgrade', response => { client.answer = response })
  client.closed = new Promise(resolve => {
    client.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  await within(10, 'the handshake', once(client, 'open'))
  return client
}

/** The first `count` messages, waiting for them if need be. */
function received(client, count = 1) {
  let waiter
  const enough = new Promise(resolve => {
    waiter = () => client.inbox.length >= count && resolve(client.inbox.slice(0, count))
    client.waiters.push(waiter)
    waiter()
  })
  return within(20, `${count} messages`, enough)
    .catch(error => { throw new Error(`${error.message}; there are ${client.inbox.length}`) })
    .finally(() => client.waiters.splice(client.waiters.indexOf(waiter), 1))
}

async function bye(...clients) {
  for (const client of clients) client.close()
  await within(10, 'the close handshakes', Promise.all(clients.map(client => client.closed)))
}

/** The HTTP answer of a handshake that is refused. */
async function refusal(path, options = {}) {
  const client = new WebSocket(new URL(path, url), options)
  client.on('error', () => {})
  const [request, response] = await within(10, 'the refusal', once(client, 'unexpected-response'))
  let body = ''
  for await (const chunk of response) body += chunk
  request.destroy()
  return { status: response.statusCode, body, headers: response.headers }
}

test('a text message comes back as the same text', async () => {
  const client = await connect()
  client.send('Grüße, 世界 👋')
  client.send('')
  assert.deepEqual(await received(client, 2), ['Grüße, 世界 👋', ''])
  await bye(client)
})

test('a binary message comes back as the same bytes', async () => {
  const client = await connect()
  const bytes = Buffer.from(Array.from({ length: 512 }, (_, i) => i & 255))
  client.send(bytes)
  assert.deepEqual(await received(client), [bytes])
  await bye(client)
})

test('a fragmented message arrives as one, with a ping in between', async () => {
  const client = await connect()
  const pong = once(client, 'pong')
  client.send('one ', { fin: false })
  client.ping('between')
  client.send('two ', { fin: false })
  client.send('three', { fin: true })
  assert.deepEqual(await received(client), ['one two three'])
  assert.equal((await within(10, 'the pong', pong))[0].toString(), 'between')
  await bye(client)
})

test('a ping is answered with its own payload', async () => {
  const client = await connect()
  const pong = once(client, 'pong')
  client.ping(Buffer.alloc(125, 7))
  assert.deepEqual((await within(10, 'the pong', pong))[0], Buffer.alloc(125, 7))
  await bye(client)
})

test('the server pings an idle client', async () => {
  const quick = new PhpServer('tests/clients/server.php', ['127.0.0.1:0'], { HEARTBEAT: '0.2' })
  try {
    const client = await connect('/', [], {}, await quick.url())
    await within(10, 'two pings', (async () => {
      await once(client, 'ping')
      await once(client, 'ping')
    })())
    await bye(client)
  } finally {
    await quick.stop()
  }
})

for (const [code, reason] of [[1000, 'done'], [3000, ''], [4999, 'ünï'.repeat(24)]]) {
  test(`the client's close ${code} reaches PHP and is answered with the same code`, async () => {
    const from = server.lines.length
    const client = await connect()
    client.close(code, reason)
    assert.equal((await within(10, 'the close', client.closed)).code, code)
    await server.line(new RegExp(`^closed ${code} ${reason}$`), { from })
  })
}

test('a close without a status is 1005 in PHP', async () => {
  const from = server.lines.length
  const client = await connect()
  client.close()
  assert.equal((await within(10, 'the close', client.closed)).code, 1005)
  await server.line(/^closed 1005 $/, { from })
})

test("PHP's close code and reason reach the client", async () => {
  const client = await connect('/close?code=4001&reason=that%20is%20all')
  client.send('go')
  assert.deepEqual(await within(10, 'the close', client.closed), { code: 4001, reason: 'that is all' })
})

test('a client that vanishes is 1006 in PHP', async () => {
  const from = server.lines.length
  const client = await connect()
  client.terminate()
  await server.line(/^closed 1006 /, { from })
})

test('a message of exactly 1 MiB passes', async () => {
  const client = await connect()
  const data = 'x'.repeat(1024 * 1024)
  client.send(data)
  const [echo] = await received(client)
  assert.ok(echo === data)
  await bye(client)
})

test('one byte more is refused with 1009, and only for that client', async () => {
  const [offender, bystander] = await Promise.all([connect(), connect()])
  offender.on('error', () => {}) // it may be cut off while it still writes
  offender.send('x'.repeat(1024 * 1024 + 1))
  assert.equal((await within(10, 'the close', offender.closed)).code, 1009)
  bystander.send('still here')
  assert.deepEqual(await received(bystander), ['still here'])
  await bye(bystander)
})

test('fragments that add up to more than 1 MiB are refused with 1009', async () => {
  const client = await connect()
  client.on('error', () => {})
  client.send(Buffer.alloc(1024 * 1024), { fin: false })
  client.send(Buffer.alloc(1), { fin: true })
  assert.equal((await within(10, 'the close', client.closed)).code, 1009)
})

test("the client's first subprotocol that the server speaks is agreed on", async () => {
  const client = await connect('/describe', ['other', 'chat.v1', 'chat.v2'])
  assert.equal(client.protocol, 'chat.v1')
  client.send('who am I?')
  assert.equal(JSON.parse((await received(client))[0]).protocol, 'chat.v1')
  await bye(client)
})

test('PHP sees the request, and its headers reach the client', async () => {
  const client = await connect('/describe?name=Zo%C3%AB&list[]=1&list[]=2', [], {
    headers: { Cookie: 'session=abc; theme=dark', 'User-Agent': 'ws test' },
  })
  assert.equal(client.answer.headers['x-greeting'], 'hello')
  client.send('who am I?')
  const seen = JSON.parse((await received(client))[0])
  assert.equal(seen.user, 'Zoë')
  assert.deepEqual(seen.query, { name: 'Zoë', list: ['1', '2'] })
  assert.deepEqual(seen.cookies, { session: 'abc', theme: 'dark' })
  assert.equal(seen.agent, 'ws test')
  assert.match(seen.address, /^127\.0\.0\.1/)
  await bye(client)
})

for (const status of [400, 401, 404, 503]) {
  test(`a handshake that PHP rejects with ${status} is answered with ${status}`, async () => {
    const { status: got, body, headers } = await refusal(`/reject?status=${status}`)
    assert.deepEqual([got, body, headers['x-reason']], [status, 'not today', 'a test'])
  })
}

test('an exception in the handshake is answered with 500, and says nothing of its inside', async () => {
  const { status, body } = await refusal('/throw')
  assert.equal(status, 500)
  assert.doesNotMatch(body, /thrown in the handshake|RuntimeException|\.php/)
})

test('a page of another site is refused with 403, one of the same host is let in', async () => {
  assert.equal((await refusal('/', { origin: 'http://elsewhere.example' })).status, 403)
  const client = await connect('/', [], { origin: `http://${new URL(url).host}` })
  await bye(client)
})

test('200 clients at once: each gets its own messages, in order', async () => {
  const clients = await Promise.all(Array.from({ length: 200 }, () => connect()))
  clients.forEach((client, i) => {
    for (let n = 0; n < 20; n++) client.send(`${i}:${n}`)
  })
  await Promise.all(clients.map(async (client, i) => {
    assert.deepEqual(await received(client, 20), Array.from({ length: 20 }, (_, n) => `${i}:${n}`))
  }))
  await bye(...clients)
  assert.ok(clients.every((client, i) => client.inbox.length === 20), 'nobody got more than its own')
})

test('200 subscribers: each gets what is published, in order and once, the sender nothing', async () => {
  const clients = await Promise.all(Array.from({ length: 200 }, () => connect('/topic?name=news')))
  const [sender, ...readers] = clients
  for (let n = 0; n < 20; n++) sender.send(`news ${n}`)
  await Promise.all(readers.map(async reader => {
    assert.deepEqual(await received(reader, 20), Array.from({ length: 20 }, (_, n) => `news ${n}`))
  }))
  await bye(...clients)
  assert.deepEqual(sender.inbox, [])
  assert.ok(readers.every(reader => reader.inbox.length === 20), 'nothing came twice')
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`on ${signal} every client is told 1001, and the server ends with status 0`, async () => {
    const other = new PhpServer('tests/clients/server.php', ['127.0.0.1:0'])
    try {
      const base = await other.url()
      const clients = await Promise.all(Array.from({ length: 20 }, () => connect('/', [], {}, base)))
      const stopped = other.stop(signal)
      for (const client of clients) {
        assert.equal((await within(15, 'the close', client.closed)).code, 1001)
      }
      assert.deepEqual(await stopped, { code: 0, signal: null })
      assert.equal(other.lines.filter(line => line.startsWith('closed ')).length, 20, 'one close callback each')
    } finally {
      await other.stop('SIGKILL')
    }
  })
}

test('compressed messages come back unchanged with and without context takeover', async () => {
  const messages = ['', 'short', 'Grüße, 世界 👋 '.repeat(500), Buffer.alloc(5000, 255), 'again '.repeat(1000), 'y'.repeat(900000)]
  for (const contextTakeover of [false, true]) {
    const compressing = new PhpServer('tests/clients/server.php', ['127.0.0.1:0'], {
      COMPRESSION: JSON.stringify({ threshold: 0, contextTakeover }),
    })
    const base = await compressing.url()
    for (const perMessageDeflate of [
      { threshold: 0 },
      { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
      { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    ]) {
      const client = await connect('/', [], { perMessageDeflate }, base)
      assert.match(client.extensions, /^permessage-deflate/)
      for (const message of messages) client.send(message)
      assert.deepEqual(await received(client, messages.length), messages)
      client.close()
      await client.closed
    }
    assert.deepEqual(await compressing.stop(), { code: 0, signal: null })
  }
})
