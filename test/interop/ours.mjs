/** Our own node, opened by its own factory, with every gossip frame it hears kept for the cases. */

const silent = () => {}

/** `build` is the folder of the built tree; `options` may add transports, topics and addresses. */
export async function openOurs(build, options) {
  const { openLibp2pNetwork } = await import(new URL('src/p2p/io/libp2p-network.js', build))
  const { PROFILES } = await import(new URL('src/p2p/profiles.js', build))
  const { StatusBody } = await import(new URL('src/p2p/protocols.js', build))
  const { encode } = await import(new URL('src/base/codec.js', build))
  const { generateKeyPair } = await import(
    new URL('../node_modules/@libp2p/crypto/dist/src/keys/index.js', build)
  )
  const genesisHash = new Uint8Array(32).fill(1)
  const net = await openLibp2pNetwork({
    chainId: 'interop-01010101',
    genesisHash,
    // The others speak no status of ours; they are kept for as long as the cases need.
    profile: { ...PROFILES.devnet, handshakeMs: 60_000 },
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    identity: await generateKeyPair('Ed25519'),
    status: () =>
      encode(StatusBody, {
        genesisHash,
        headHeight: 0n,
        headId: new Uint8Array(32),
        finalizedHeight: 0n,
        earliestHeight: 0n,
        version: new Uint8Array(0),
      }),
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    meter: { add: silent, set: silent, observe: silent },
    ...options,
  })
  const { pubsub } = net.host.services
  const frames = []
  const handle = pubsub.handleReceivedRpc.bind(pubsub)
  pubsub.handleReceivedRpc = (from, rpc) => {
    frames.push({ from: from.toString(), rpc })
    return handle(from, rpc)
  }
  const heard = []
  net.onGossip((message, give) => {
    heard.push(message)
    give('accept')
  })
  return { net, pubsub, frames, heard }
}
