/** The answers of a node, as its own schemas describe them. */

import type { z } from 'zod'

import type { AccountView, ValidatorView as Validator } from '../node/views/accounts.ts'
import type { BlockView } from '../node/views/blocks.ts'
import type { ComputeStatsView } from '../node/views/compute.ts'
import type { ExplainView } from '../node/views/explain.ts'
import type { GovernorView, ParamsView, ProposalView } from '../node/views/governance.ts'
import type { JobDetail, JobView } from '../node/views/jobs.ts'
import type { AskView, ProgramDetail as ProgramSchema, ProgramView } from '../node/views/market.ts'
import type { ReceiptView, SlashView } from '../node/views/receipts.ts'
import type { GenesisView, PeersView, StatusView } from '../node/views/status.ts'

export interface Items<Row> {
  readonly items: readonly Row[]
  readonly next?: string
}

export interface Accepted {
  readonly id: string
  readonly accepted: true
}

export interface Blob {
  readonly digest: string
  readonly bytes: number
}

export type Status = z.infer<typeof StatusView>
export type Peers = z.infer<typeof PeersView>
export type GenesisAnswer = z.infer<typeof GenesisView>
export type Account = z.infer<typeof AccountView>
export type ValidatorRow = z.infer<typeof Validator>
export type Block = z.infer<typeof BlockView>
export type ComputeStats = z.infer<typeof ComputeStatsView>
export type Explanation = z.infer<typeof ExplainView>
export type Governor = z.infer<typeof GovernorView>
export type ParamsAnswer = z.infer<typeof ParamsView>
export type Proposal = z.infer<typeof ProposalView>
export type Job = z.infer<typeof JobDetail>
export type JobRow = z.infer<typeof JobView>
export type Attempt = Job['attempts'][number]
export type Ask = z.infer<typeof AskView>
export type ProgramRow = z.infer<typeof ProgramView>
export type ProgramDetail = z.infer<typeof ProgramSchema>
export type Receipt = z.infer<typeof ReceiptView>
export type Slash = z.infer<typeof SlashView>
