/** `tb-cli job cancel ID`: takes an offer back while nobody has been matched to it. */

import { fromHex } from '../../base/bytes.ts'
import { amountOption } from '../amounts.ts'
import type { Job, Status } from '../answers.ts'
import { idArgument } from '../arguments.ts'
import { type Command, report } from '../context.ts'
import { EXIT, fail } from '../failure.ts'
import { isFinal, jobPath } from '../job-watch.ts'
import { signingKey } from '../keys.ts'
import { INCLUSION_MS, submitSigned } from '../submit.ts'
import { until } from '../waiting.ts'
import { signCancelOffer } from '../wallet.ts'

const EXPIRY_BLOCKS = 200
const POLL_MS = 150

export const run: Command = async (context, input) => {
  const job = idArgument(input)
  const client = await context.client()
  const pair = signingKey(context, input)
  const { chain } = await client.get<Status>('/blocktorch/status')
  const signed = signCancelOffer(fromHex(chain.genesisHash, 32), pair, {
    offer: fromHex(job, 32),
    tip: amountOption(input, 'tip', 0n),
    expiryHeight: BigInt(chain.height + EXPIRY_BLOCKS),
  })
  const id = await submitSigned(client, signed)
  const wait = { signal: context.signal, withinMs: INCLUSION_MS, everyMs: POLL_MS }
  const ended = await until({ ...wait, code: 'inclusion_awaited', facts: { id } }, async () => {
    const known = await client.get<Job>(jobPath(job))
    return isFinal(known) || known.state !== 'Offered' ? known : undefined
  })
  if (ended.state !== 'Cancelled') {
    fail(EXIT.rejected, 'job_not_cancelled', { job, state: ended.state })
  }
  report(context, { ok: true, id, job, state: ended.state }, () => `job ${job} cancelled`)
}
