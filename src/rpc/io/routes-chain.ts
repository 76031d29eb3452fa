/** Routes about the node and the chain: status, peers, blocks, accounts, governance. */

import { z } from 'zod'

import { refuse } from '../../base/refusal.ts'
import type { Queries } from '../../node/queries.ts'
import {
  AccountView,
  accountView,
  ProviderList,
  providersView,
  SupplyView,
  supplyView,
  ValidatorList,
  validatorsView,
} from '../../node/views/accounts.ts'
import { BlockList, BlocksQuery, BlockView, blockView } from '../../node/views/blocks.ts'
import { ExplainView, explainView } from '../../node/views/explain.ts'
import {
  GovernorView,
  governorView,
  ParamsView,
  ProposalList,
  ProposalView,
  paramsView,
  proposalsView,
  proposalView,
} from '../../node/views/governance.ts'
import { Id, ListQuery } from '../../node/views/json.ts'
import {
  GenesisView,
  genesisView,
  HealthView,
  healthView,
  PeersView,
  peersView,
  StatusView,
  statusView,
} from '../../node/views/status.ts'
import { refusalEntry } from '../refusal-tables.ts'
import { perHead } from './per-head.ts'
import { found, type Route, route } from './route.ts'

const ById = z.object({ id: Id })
const HEIGHT_DIGITS_MAX = 15
const ByHeightOrId = z.object({
  id: z.union([Id, z.string().regex(new RegExp(`^\\d{1,${HEIGHT_DIGITS_MAX}}$`))]),
})

const supply = perHead((queries) => supplyView(queries.ledger.state))
const governor = perHead(governorView)

export const CHAIN_ROUTES: readonly Route[] = [
  route('/healthz', 'whether the node can be used', { answer: HealthView }, ({ queries }) =>
    healthView(queries),
  ),
  route(
    '/blocktorch/status',
    'who the node is and where its chain stands',
    { answer: StatusView },
    ({ queries }) => statusView(queries),
  ),
  route('/blocktorch/peers', 'connected peers', { answer: PeersView }, ({ queries }) =>
    peersView(queries),
  ),
  route(
    '/blocktorch/genesis',
    'what a newcomer needs to join',
    { answer: GenesisView },
    ({ queries }) => genesisView(queries),
  ),
  route(
    '/blocktorch/blocks',
    'blocks, newest first, from a height downwards',
    { query: BlocksQuery, answer: BlockList },
    ({ queries }, { query }) => blockList(queries, query),
  ),
  route(
    '/blocktorch/blocks/:id',
    'a block by height or id',
    { params: ByHeightOrId, answer: BlockView },
    ({ queries }, { params }) => blockAt(queries, params.id),
  ),
  route(
    '/blocktorch/accounts/:id',
    'balance, nonce and roles of an account',
    { params: ById, answer: AccountView },
    ({ queries }, { params }) => accountView(queries, params.id),
  ),
  route(
    '/blocktorch/supply',
    'what each class of money holds, and whether it adds up',
    { answer: SupplyView },
    ({ queries }) => supply(queries),
  ),
  route(
    '/blocktorch/validators',
    'validators and their standing',
    { query: ListQuery, answer: ValidatorList },
    ({ queries }, { query }) => validatorsView(queries, query),
  ),
  route(
    '/blocktorch/providers',
    'providers, their bonds and reputation',
    { query: ListQuery, answer: ProviderList },
    ({ queries }, { query }) => providersView(queries, query),
  ),
  route(
    '/blocktorch/governor/status',
    'gates, proposals under way, and the timeline',
    { answer: GovernorView },
    ({ queries }) => governor(queries),
  ),
  route(
    '/blocktorch/gov/params',
    'values in force with their bounds',
    { answer: ParamsView },
    ({ queries }) => paramsView(queries),
  ),
  route(
    '/blocktorch/gov/proposals',
    'proposals, newest first',
    { query: ListQuery, answer: ProposalList },
    ({ queries }, { query }) => proposalsView(queries.ledger.state, query),
  ),
  route(
    '/blocktorch/gov/proposals/:id',
    'a proposal and its tally',
    { params: ById, answer: ProposalView },
    ({ queries }, { params }) =>
      found(proposalView(queries.ledger.state, params.id), 'id_unknown', params.id),
  ),
  route(
    '/blocktorch/explain/:id',
    'why something is in the state it is in',
    { params: ById, answer: ExplainView },
    ({ queries }, { params }) =>
      found(
        explainView(queries.ledger.state, params.id, (reason) => refusalEntry(reason)?.remedy),
        'id_unknown',
        params.id,
      ),
  ),
]

async function blockList(queries: Queries, { from, limit }: z.output<typeof BlocksQuery>) {
  const head = queries.ledger.head.height
  const wanted = from === undefined ? head : BigInt(from)
  const top = wanted < head ? wanted : head
  const items: z.infer<typeof BlockView>[] = []
  let height = top
  for (; height > 0n && items.length < limit; height--) {
    const view = await blockOf(queries, height)
    if (view !== undefined) items.push(view)
  }
  return height > 0n ? { items, next: String(height) } : { items }
}

async function blockAt(queries: Queries, id: string): Promise<z.infer<typeof BlockView>> {
  const isHeight = id.length <= HEIGHT_DIGITS_MAX
  const height = isHeight ? BigInt(id) : await queries.history.heightOf(id)
  const view = height === undefined ? undefined : await blockOf(queries, height)
  if (view === undefined || (!isHeight && view.id !== id)) return refuse('block_unknown', { id })
  return view
}

async function blockOf(
  queries: Queries,
  height: bigint,
): Promise<z.infer<typeof BlockView> | undefined> {
  const { history } = queries
  const stored = await history.readBlock(height)
  if (stored === undefined) return undefined
  const events = (await history.readEvents(height))?.events ?? []
  return blockView(queries, { stored, next: await history.readBlock(height + 1n), events })
}
