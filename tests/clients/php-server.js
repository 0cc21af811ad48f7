'use strict'
// Starts a PHP script with the extension and waits for what it prints.

const { spawn } = require('node:child_process')
const { createInterface } = require('node:readline')
const path = require('node:path')

const root = path.resolve(__dirname, '../..')
const slow = Number(process.env.FERRITE_TEST_SLOW || 1)

/** The promise, or an error that says what was waited for. */
function within(seconds, what, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${seconds * slow} s`)), seconds * slow * 1000)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

class PhpServer {
  /** Runs `php -n -d extension=… script args…`, `script` being relative to the repository. */
  constructor(script, args = [], env = {}) {
    const php = process.env.FERRITE_PHP || process.env.PHP || 'php'
    const extension = process.env.FERRITE_EXT || path.join(root, 'target/release/libferrite.so')
    this.lines = []
    this.waiting = []
    this.process = spawn(php, ['-n', '-d', `extension=${extension}`, path.join(root, script), ...args], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.exited = new Promise(resolve => {
      this.process.on('error', error => resolve({ error }))
      this.process.on('close', (code, signal) => resolve({ code, signal }))
    })
    for (const stream of [this.process.stdout, this.process.stderr]) {
      createInterface({ input: stream }).on('line', line => {
        this.lines.push(line)
        for (const check of [...this.waiting]) check()
      })
    }
  }

  /** The first match among the lines printed from line number `from` on, waiting for it if need be. */
  line(pattern, { from = 0, seconds = 10 } = {}) {
    let check
    const found = new Promise((resolve, reject) => {
      check = () => {
        const match = this.lines.slice(from).map(line => line.match(pattern)).find(Boolean)
        if (match) resolve(match)
      }
      this.waiting.push(check)
      check()
      this.exited.then(how => {
        check()
        reject(new Error(`ended with ${JSON.stringify(how)} before printing ${pattern}:\n${this.lines.join('\n')}`))
      })
    })
    return within(seconds, `a line like ${pattern} from the server`, found).catch(error => {
      throw new Error(`${error.message}\nit printed:\n${this.lines.join('\n')}`)
    }).finally(() => this.waiting.splice(this.waiting.indexOf(check), 1))
  }

  /** The address it listens on. */
  async url() {
    return (await this.line(/(wss?(?:\+unix)?:\/\/\S+)/))[1]
  }

  /** Ends it in an orderly way and returns its exit code. */
  async stop(signal = 'SIGTERM') {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill(signal)
    try {
      return await within(20, 'the end of the server', this.exited)
    } finally {
      if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL')
    }
  }
}

module.exports = { PhpServer, within, root }
