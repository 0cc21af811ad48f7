// npm ws, for benches/load: NODE_PATH=target/npm/node_modules node benches/servers/ws.mjs [PORT]
//
// What comes on /echo goes back, what comes on /publish goes to everybody on /subscribe. The first line printed
// is the address; port 0, the default, takes a free one.

import { createRequire } from 'node:module'

// An import would not look at NODE_PATH.
const { WebSocketServer } = createRequire(import.meta.url)('ws')

const subscribers = new Set()
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  maxPayload: 16 * 1024 * 1024,
  perMessageDeflate: false,
})

server.on('connection', (socket, request) => {
  // A client that breaks off is no concern of the others.
  socket.on('error', () => {})
  if (request.url === '/subscribe') {
    subscribers.add(socket)
    socket.on('close', () => subscribers.delete(socket))
  } else if (request.url === '/publish') {
    socket.on('message', (data, binary) => {
      for (const subscriber of subscribers) subscriber.send(data, { binary })
    })
  } else {
    socket.on('message', (data, binary) => socket.send(data, { binary }))
  }
})

server.on('listening', () => console.log(`127.0.0.1:${server.address().port}`))
