'use strict'
// The page of examples/fpm in headless Chromium: FPM's progress comes over the page's own socket.

const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const net = require('node:net')
const path = require('node:path')
const { launch, slow } = require('./browser.js')
const { root } = require('../clients/php-server.js')

let example, url, browser

before(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}/`
  example = spawn(path.join(root, 'examples/fpm/run'), [port], { stdio: ['ignore', 'ignore', 'inherit'] })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  const ended = new Promise(resolve => example.once('exit', resolve))
  example.kill('SIGTERM')
  assert.equal(await ended, 143)
})

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => probe.once('listening', resolve))
  const { port } = probe.address()
  await new Promise(resolve => probe.close(resolve))
  return String(port)
}

async function openPage(t) {
  const tab = await browser.newPage()
  t.after(() => tab.close())
  tab.setDefaultTimeout(10000 * slow)
  for (let attempt = 0; ; attempt++) {
    try {
      await tab.goto(url)
      break
    } catch (error) {
      // nginx, FPM and Ferrite are still on their way.
      if (attempt === 100) throw error
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
  await tab.getByText('connected', { exact: true }).waitFor()
  return tab
}

test('a page sees the progress of the work that it asked for, and others do not', async t => {
  const [asking, other] = [await openPage(t), await openPage(t)]
  await asking.getByRole('button', { name: 'Do some work' }).click()
  await asking.getByText('{"done":true}').waitFor()
  const progress = tab => tab.locator('progress').evaluate(bar => bar.value)
  await asking.waitForFunction(() => document.querySelector('progress').value === 100)
  assert.equal(await progress(other), 0)
})

test('a wave reaches every open page', async t => {
  const tabs = [await openPage(t), await openPage(t)]
  await tabs[0].getByRole('button', { name: 'Wave' }).click()
  await tabs[0].getByText('{"reached":2}').waitFor()
  for (const tab of tabs) await tab.getByText('somebody waved').waitFor()
})
