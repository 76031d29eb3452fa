/**
 * Yamux that survives a connection which closes under it.
 *
 * Upstream sends a new stream's first frame, and a resumed stream's window, without looking at the
 * connection. If that has closed meanwhile the error is thrown in a microtask or a timer, where
 * nobody can catch it, and the process ends: a peer could end ours by hanging up at the right
 * moment. Frames for a closed connection are dropped instead; its `close` event ends the streams.
 */

import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'

import {
  STREAM_WINDOW_FIRST_BYTES,
  STREAM_WINDOW_LAST_BYTES,
  STREAMS_PER_CONNECTION_MAX,
} from '../profiles.ts'

interface Sender {
  send(data: unknown): boolean
}

export function boundedYamux(): () => StreamMuxerFactory {
  const make = yamux({
    maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
    maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
    // At the top level these two are ignored; only here do they bound a paused stream.
    streamOptions: {
      initialStreamWindowSize: STREAM_WINDOW_FIRST_BYTES,
      maxStreamWindowSize: STREAM_WINDOW_LAST_BYTES,
    },
  })
  return () => {
    const factory = make() as StreamMuxerFactory
    return {
      protocol: factory.protocol,
      createStreamMuxer: (connection) =>
        dropWhenClosed(factory.createStreamMuxer(connection), connection),
    }
  }
}

function dropWhenClosed(muxer: StreamMuxer, connection: MessageStream): StreamMuxer {
  const sender = muxer as unknown as Sender
  const send = sender.send.bind(muxer)
  sender.send = (data) => isWritable(connection) && send(data)
  return muxer
}

function isWritable(connection: MessageStream): boolean {
  return (connection as unknown as { readonly writeStatus: string }).writeStatus === 'writable'
}
