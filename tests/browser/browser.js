'use strict'
// Headless Chromium, wherever it is.

const { execFileSync } = require('node:child_process')
const { chromium } = require('playwright-core')

const slow = Number(process.env.FERRITE_TEST_SLOW || 1)

function findBrowser() {
  for (const name of [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome']) {
    if (!name) continue
    try {
      return execFileSync('sh', ['-c', 'command -v -- "$0"', name], { encoding: 'utf8' }).trim()
    } catch {}
  }
  throw new Error('no Chromium; scripts/setup --tests installs it, or CHROMIUM names one')
}

async function launch() {
  return chromium.launch({
    executablePath: findBrowser(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    timeout: 30000 * slow,
  })
}

module.exports = { launch, slow }
