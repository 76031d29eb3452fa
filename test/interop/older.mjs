/** Against the older js set: messages go both ways, and the larger ones too. */

import { gossipsub } from 'old-gossipsub'
import { identify } from 'old-identify'
import { createLibp2p } from 'old-libp2p'
import { noise } from 'old-noise'
import { tcp } from 'old-tcp'
import { yamux } from 'old-yamux'

const TOPIC = '/blocktorch/interop-01010101/receipts/1'

export async function olderCases(open, expect) {
  const ours = await open({})
  const older = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      pubsub: gossipsub({
        globalSignaturePolicy: 'StrictNoSign',
        allowPublishToZeroTopicPeers: true,
      }),
    },
  })
  const heard = []
  older.services.pubsub.subscribe(TOPIC)
  older.services.pubsub.addEventListener('message', ({ detail }) => heard.push(detail.data))
  await ours.net.dial(older.getMultiaddrs()[0].toString())
  await expect('older js: both are in the mesh of the other', () => {
    const theirs = older.services.pubsub.getMeshPeers(TOPIC)
    return theirs.includes(ours.net.self) && ours.net.meshSize('receipts') === 1
  })
  const small = Uint8Array.of(1, 2, 3)
  const large = new Uint8Array(15 * 1024).fill(7)
  for (const { name, bytes } of [
    { name: 'a small', bytes: small },
    { name: 'a large', bytes: large },
  ]) {
    ours.net.publish('receipts', bytes, 'mesh')
    await expect(`older js: it hears ${name} message of ours`, () =>
      heard.some((one) => Buffer.compare(one, bytes) === 0),
    )
    const back = bytes.map((byte) => byte + 1)
    await older.services.pubsub.publish(TOPIC, back)
    await expect(`older js: we hear ${name} message of its`, () =>
      ours.heard.some((one) => Buffer.compare(one.bytes, back) === 0),
    )
  }
  await ours.net.close()
  await older.stop()
}
