'use strict'
// The chat page in headless Chromium, against the chat example.

const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { launch, slow } = require('./browser.js')
const { PhpServer, within, root } = require('../clients/php-server.js')

const pictures = path.join(process.env.CARGO_TARGET_DIR || path.join(root, 'target'), 'screenshots')

let server, url, browser

before(async () => {
  await startChat('0')
  browser = await launch()
  fs.mkdirSync(pictures, { recursive: true })
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

/** Starts the chat example; a second start takes the port of the first. */
async function startChat(port, env) {
  server = new PhpServer('examples/chat/server.php', [port], env)
  url = (await server.line(/Open (https?:\/\/\S+)/))[1]
}

/** A person in a tab of their own (own session), who has joined the room; `watch` gets the tab before that. */
async function person(t, name, room = 'lobby', options = {}, watch = async tab => {}) {
  const context = await browser.newContext(options)
  t.after(() => context.close())
  const tab = await context.newPage()
  tab.setDefaultTimeout(10000 * slow)
  tab.problems = []
  tab.on('pageerror', error => tab.problems.push(error.message))
  await watch(tab)
  await tab.goto(`${url}#${room}`)
  await tab.getByLabel('Your name').fill(name)
  await tab.getByRole('button', { name: 'Join' }).click()
  await tab.getByRole('status').filter({ hasText: /^Connected$/ }).waitFor()
  await tab.getByRole('heading', { name: `# ${room}` }).waitFor()
  return tab
}

async function say(tab, text) {
  await tab.getByLabel('Message', { exact: true }).fill(text)
  await tab.getByRole('button', { name: 'Send' }).click()
}

/** Waits until the page shows exactly these texts in this order. */
async function shows(tab, selector, expected) {
  await tab.waitForFunction(
    ([selector, expected]) => JSON.stringify([...document.querySelectorAll(selector)].map(node => node.textContent)) === expected,
    [selector, JSON.stringify(expected)],
  ).catch(async error => {
    const seen = await tab.locator(selector).allTextContents()
    throw new Error(`${selector} shows ${JSON.stringify(seen)}, not ${JSON.stringify(expected)}: ${error.message.split('\n')[0]}`)
  })
}

const said = (tab, expected) => shows(tab, '#log .text', expected)
const here = (tab, expected) => shows(tab, '#people .person', expected)

test('two tabs talk, a third in another room does not see them, and who is here is right', async t => {
  const ada = await person(t, 'Ada')
  await here(ada, ['Ada'])
  const bob = await person(t, 'Bob')
  const eve = await person(t, 'Eve', 'attic')
  await here(ada, ['Ada', 'Bob'])
  await here(bob, ['Ada', 'Bob'])
  await here(eve, ['Eve'])

  await say(ada, 'Hello Bob')
  await said(bob, ['Hello Bob'])
  await say(bob, 'Hello Ada 👋')
  await said(ada, ['Hello Bob', 'Hello Ada 👋'])
  await shows(ada, '#log .name', ['Ada', 'Bob'])
  assert.match(await ada.locator('#log time').first().getAttribute('datetime'), /^\d{4}-\d\d-\d\dT/)

  // Eve's own message comes back after all that was said before: had she seen more, it would be there.
  await say(eve, 'Anybody?')
  await said(eve, ['Anybody?'])
  await ada.screenshot({ animations: 'disabled', path: path.join(pictures, 'chat-light.png') })

  // Eve moves into the lobby by the list of rooms; her empty room goes away.
  await eve.getByRole('button', { name: /^# lobby/ }).click()
  await here(eve, ['Ada', 'Bob', 'Eve'])
  await here(ada, ['Ada', 'Bob', 'Eve'])
  await shows(ada, '#rooms .count', ['3 people'])
  await said(eve, [])
  await say(eve, 'Now I am here')
  await said(ada, ['Hello Bob', 'Hello Ada 👋', 'Now I am here'])

  await bob.context().close()
  await here(ada, ['Ada', 'Eve'])
  assert.deepEqual([...ada.problems, ...eve.problems], [])
})

test('HTML in a message stays text, and two people may have one name', async t => {
  const one = await person(t, 'Sam', 'twins')
  const two = await person(t, 'Sam', 'twins')
  await here(one, ['Sam', 'Sam'])
  const attack = '<img src=x onerror="window.harmed = 1"><script>window.harmed = 1</script> & <b>bold</b>'
  await say(one, attack)
  await said(two, [attack])
  assert.equal(await two.locator('#log .text *').count(), 0)
  assert.equal(await two.evaluate(() => window.harmed), undefined)
})

test('a new room can be opened on a telephone, in the dark', async t => {
  const ada = await person(t, 'Ada', 'lobby', { viewport: { width: 390, height: 780 }, colorScheme: 'dark', hasTouch: true })
  await ada.getByRole('button', { name: 'Rooms and people' }).click()
  await ada.getByLabel('Name of another room').fill('cellar')
  await ada.getByRole('button', { name: 'Go to this room' }).click()
  await ada.getByRole('heading', { name: '# cellar' }).waitFor()
  await say(ada, 'dark in here')
  await said(ada, ['dark in here'])
  assert.ok(await ada.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the screen')
  await ada.screenshot({ animations: 'disabled', path: path.join(pictures, 'chat-dark-mobile.png') })
})

test('a tab shows that the server has gone, and comes back to its room when it is there again', async t => {
  const ada = await person(t, 'Ada', 'harbour')
  await say(ada, 'before')
  await said(ada, ['before'])

  assert.deepEqual(await server.stop(), { code: 0, signal: null })
  await ada.getByRole('status').filter({ hasText: /^Disconnected$/ }).waitFor()
  assert.ok(await ada.getByRole('button', { name: 'Send' }).isDisabled())
  await ada.getByLabel('Message', { exact: true }).fill('a draft')
  await ada.screenshot({ animations: 'disabled', path: path.join(pictures, 'chat-disconnected.png') })

  const before = url
  await startChat(new URL(url).port)
  assert.equal(url, before)
  await within(60, 'the tab to come back', ada.getByRole('status').filter({ hasText: /^Connected$/ }).waitFor({ timeout: 60000 * slow }))
  await here(ada, ['Ada'])
  assert.equal(await ada.getByLabel('Message', { exact: true }).inputValue(), 'a draft')
  await ada.getByRole('button', { name: 'Send' }).click()
  await said(ada, ['before', 'a draft'])
  const bob = await person(t, 'Bob', 'harbour')
  await here(ada, ['Ada', 'Bob'])
  await here(bob, ['Ada', 'Bob'])
})

test('with two workers the tabs talk, and neither a reload nor a killed worker is seen', async t => {
  await server.stop()
  await startChat('0', { FERRITE_WORKERS: '2' })
  const names = ['Ada', 'Bob', 'Cid', 'Dot']
  const tabs = []
  for (const name of names) tabs.push(await person(t, name, 'works'))
  const expected = []
  const round = async () => {
    for (const [place, tab] of tabs.entries()) {
      await say(tab, `${names[place]} ${expected.length}`)
      expected.push(`${names[place]} ${expected.length}`)
      for (const each of tabs) await said(each, expected)
    }
  }
  for (const tab of tabs) await here(tab, names)
  await round()

  const workers = () => fs.readFileSync(`/proc/${server.process.pid}/task/${server.process.pid}/children`, 'utf8').trim()
  server.process.kill('SIGHUP')
  await server.line(/generation 2 serves/)
  await round()
  process.kill(Number(workers().split(' ')[0]), 'SIGKILL')
  await round()
  for (const tab of tabs) await here(tab, names)

  await tabs.pop().context().close()
  for (const tab of tabs) await here(tab, names.slice(0, 3))
  await shows(tabs[0], '#rooms .count', ['0 people', '3 people'])
  const [ada] = tabs
  await ada.getByRole('button', { name: /^# lobby/ }).click()
  await here(ada, ['Ada'])
  await here(tabs[1], ['Bob', 'Cid'])
  await shows(ada, '.you', ['you'])
  assert.deepEqual(tabs.flatMap(tab => tab.problems), [])
})

test('the chat works over wss with compression', async t => {
  await server.stop()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ferrite-chat-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const [certificate, key] = ['localhost.pem', 'localhost.key'].map(name => path.join(folder, name))
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '2', '-keyout', key, '-out', certificate, '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' })
  await startChat('0', { TLS_CERTIFICATE: certificate, TLS_KEY: key })
  assert.match(url, /^https:/)

  const options = { ignoreHTTPSErrors: true }
  let handshake
  const ada = await person(t, 'Ada', 'lobby', options, async tab => {
    const session = await tab.context().newCDPSession(tab)
    await session.send('Network.enable')
    session.on('Network.webSocketCreated', ({ url }) => { handshake = { url } })
    session.on('Network.webSocketHandshakeResponseReceived', ({ response }) => { handshake.headers = response.headers })
  })
  const bob = await person(t, 'Bob', 'lobby', options)
  await here(bob, ['Ada', 'Bob'])
  const long = 'all work and no play '.repeat(90).trim()
  await say(ada, long)
  await said(bob, [long])
  await say(bob, 'Hello Ada 👋')
  await said(ada, [long, 'Hello Ada 👋'])
  assert.match(handshake.url, /^wss:/)
  assert.match(handshake.headers['Sec-WebSocket-Extensions'], /permessage-deflate/)
  assert.deepEqual([...ada.problems, ...bob.problems], [])
})
