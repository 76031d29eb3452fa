/** Against rust-libp2p: handshake, muxer, subscriptions, grafts and the control messages of v1.2. */

import { webSockets } from '@libp2p/websockets'

/** The topic every client of that network joins. */
const TOPIC = 'block-header'

export async function rustCases(open, expect) {
  const options = {
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    extraTransports: [webSockets()],
    extraTopics: [TOPIC],
  }
  const first = await open(options)
  const second = await open(options)
  const connections = []
  first.net.host.addEventListener('connection:open', ({ detail }) => connections.push(detail))
  await startClient([first, second])

  const control = (node, kind) => node.frames.some(({ rpc }) => rpc.control?.[kind]?.length > 0)
  await expect('rust: noise and yamux are negotiated', () =>
    connections.some(
      ({ encryption, multiplexer }) => encryption === '/noise' && multiplexer === '/yamux/1.0.0',
    ),
  )
  const peer = connections[0]?.remotePeer
  await expect('rust: it answers our ping', async () => {
    const { ping } = first.net.host.services
    return (await ping.ping(peer).catch(() => -1)) >= 0
  })
  await expect(
    'rust: /meshsub/1.2.0 is negotiated',
    () => first.pubsub.streamsOutbound.get(peer?.toString())?.protocol === '/meshsub/1.2.0',
  )
  await expect('rust: its SUBSCRIBE is understood', () =>
    first.pubsub.getSubscribers(TOPIC).some((subscriber) => peer?.equals(subscriber)),
  )
  await expect('rust: both are in its mesh, by GRAFT either way', () =>
    [first, second].every((node) => node.pubsub.getMeshPeers(TOPIC).includes(peer?.toString())),
  )
  await expect(
    'rust: its GRAFT is understood',
    () => control(first, 'graft') || control(second, 'graft'),
  )
  let count = 0
  await expect('rust: it sends IDONTWANT for what it has', async () => {
    const payload = new Uint8Array(4096).fill(count++)
    await first.pubsub.publish(TOPIC, payload).catch(() => {})
    await new Promise((wake) => setTimeout(wake, 50))
    return control(second, 'idontwant')
  })
  await Promise.all([first.net.close(), second.net.close()])
}

/** Its logs go to the error stream of its worker; what it prints on ours is kept off the result. */
async function startClient(nodes) {
  const { log } = console
  console.log = () => {}
  const { Client, ClientConfiguration } = await import('@nimiq/core')
  const config = new ClientConfiguration()
  config.network('DevAlbatross')
  config.seedNodes(nodes.map(({ net }) => net.addresses[0].replace(/\/p2p\/.*/, '')))
  config.onlySecureWsConnections(false)
  config.logLevel('off')
  await Client.create(config.build())
  console.log = log
}
