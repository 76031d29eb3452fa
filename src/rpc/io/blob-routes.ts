/** Blobs up and down: bytes in, digest out. Few at once, because each is held in memory whole. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import { fromHex, toHex } from '../../base/bytes.ts'
import { RefusalError, refuse } from '../../base/refusal.ts'
import type { BlobStore, Stored } from '../../compute/io/blob-store.ts'
import { Id } from '../../node/views/json.ts'

export const TRANSFERS_MAX = 4
const PATH = '/blocktorch/blobs'

export interface BlobDoor {
  readonly store: BlobStore['store']
  readonly get: BlobStore['get']
  /** Longest blob that is taken. */
  readonly bytesMax: number
}

export function addBlobRoutes(server: FastifyInstance, blobs: BlobDoor): void {
  let transfers = 0
  const occupy = (reply: FastifyReply): void => {
    if (transfers >= TRANSFERS_MAX) refuse('http_busy', { transfersMax: TRANSFERS_MAX })
    transfers++
    reply.raw.once('close', () => {
      transfers--
    })
  }
  const onRequest = async (_request: FastifyRequest, reply: FastifyReply): Promise<void> =>
    occupy(reply)

  server.addContentTypeParser(
    'application/octet-stream',
    { parseAs: 'buffer', bodyLimit: blobs.bytesMax },
    (_request, body, done) => done(null, body),
  )
  server.route({
    // Uploading is putting content under the name it has: both verbs mean that.
    method: ['POST', 'PUT'],
    url: PATH,
    bodyLimit: blobs.bytesMax,
    onRequest,
    handler: async ({ body }) => {
      if (!(body instanceof Uint8Array)) return refuse('media_type_unknown', { wanted: 'bytes' })
      const bytes = Uint8Array.from(body)
      const stored = await new Promise<Stored>((resolve) => blobs.store(bytes, resolve))
      if (stored.kind === 'refused') throw new RefusalError(stored.refusal)
      return { digest: toHex(stored.digest), bytes: bytes.length }
    },
  })
  server.route<{ Params: { digest: string } }>({
    method: 'GET',
    url: `${PATH}/:digest`,
    onRequest,
    handler: async ({ params }, reply) => {
      const { digest } = params
      if (!Id.safeParse(digest).success) return refuse('query_malformed', { field: 'digest' })
      const bytes = await new Promise<Uint8Array | undefined>((resolve) =>
        blobs.get(fromHex(digest, 32), resolve),
      )
      if (bytes === undefined) return refuse('blob_absent', { digest })
      return reply.type('application/octet-stream').send(Buffer.from(bytes))
    },
  })
}
